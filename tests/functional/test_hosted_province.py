"""A Sở with 1,600 hosted schools: installed from lists, every school's workbook at every tier, recounted from the files."""
import warnings

import pytest

import kit
import province

SCHOOLS, PUPILS, SAMPLE = 1600, 12, 20


@pytest.fixture
def so(country):
    return province.Province(country, SCHOOLS, PUPILS)


def test_a_province_of_schools_with_only_excel(so, tmp_path):
    codes = (so.host.dir / "codes.csv").read_text("utf-8").splitlines()
    assert len(codes) == SCHOOLS + 1
    assert so.country.programs.run("conf", "check", so.host.dir).returncode == 0
    so.start()
    for number, code in enumerate(so.codes):
        so.host.hand_in(code, f"{code}.xlsx", so.book(number, tmp_path).read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = {code: province.recount(tmp_path / f"{code}.xlsx") for code in so.codes}
    truth = {code: len(file) for code, file in files.items()}
    assert sum(truth.values()) == SCHOOLS * PUPILS

    def counts(tier):
        return {org: n for (org, dataset), n in tier.counts().items() if dataset == "pupil"}
    for tier in so.tiers:
        kit.wait_until(lambda: counts(tier) == truth,
                       lambda: f"{tier.org}: {sum(counts(tier).values())}\n{so.host.log_tail()}", 300)
        for code in so.codes[::SCHOOLS // SAMPLE]:
            assert tier.keys("pupil", code) == sorted(files[code])
            key, (name, born, _) = next(iter(files[code].items()))
            shown = tier.fields("pupil", code, key)
            assert (shown["full_name"], shown["birth_date"]) == (name, born)
    held = {(r["org"], r["dataset"]) for r in so.so.ask("held_list")}
    # Without a list of classes every enrolment waits for its class: told, and counted apart.
    assert held == {(code, "enrolment") for code in so.codes}
    assert sum(n for (_, dataset), n in so.bo.counts().items() if dataset == "enrolment") == 0
