"""Bad and odd files of one province's schools, handed in all at once: what is said of each, and that all good rows
arrive at every tier while the bad ones wait (cases: bad_files.py)."""
import hashlib
import json
import os

import pytest

import bad_files
import kit
import school as s
from test_uploads import Hosted

GROUPS = {"pupil": {"share": ["key", "identity", "contact", "statistic", "health", "id_papers", "welfare"]}}
ODD_NAMES = [b"..xlsx", b"...xlsx", b" .xlsx", b"-rf.xlsx", b"a;reboot.xlsx", b"$(id).xlsx", b"%2e%2e%2fb.xlsx",
             b"..\\b.xlsx", b"con.xlsx", b"a\nb.xlsx", b"\xff\xfe.xlsx", b"<b>.xlsx", b"a.xlsx.exe", b"xlsx",
             "Danh sách".encode(), b"c" * 240 + b".xlsx"]


class World:
    """A school for each case, one whose files are always good, one for odd names; all files handed in."""

    def __init__(self, country):
        self.codes = {name: f"c{i:02}" for i, name in enumerate(bad_files.CASES)}
        self.cases = {name: make(s.Workbook(self.codes[name], pupils=4)) for name, make in bad_files.CASES.items()}
        self.hosted = Hosted(country, (*self.codes.values(), "good", "names"))
        kit.set_route(self.hosted.so, GROUPS)
        self.hosted.start()
        self.host, self.tiers = self.hosted.host, self.hosted.tiers
        for turn in (0, 1):
            earlier = {name: case.before[turn] for name, case in self.cases.items() if len(case.before) > turn}
            for name, (file, content) in earlier.items():
                self.host.hand_in(self.codes[name], file, content)
            for name, (file, _) in earlier.items():
                self.host.wait_upload(self.codes[name], file)
        for name, case in self.cases.items():
            self.host.hand_in(self.codes[name], case.name, case.content)


@pytest.fixture(scope="module")
def world(programs):
    with kit.Country(programs) as country:
        yield World(country)


def said(found):
    return [(f["row"], f["column"], f["severity"]) for f in found]


@pytest.mark.parametrize("name", bad_files.CASES)
def test_file(world, name):
    case, code = world.cases[name], world.codes[name]
    upload = world.host.wait_upload(code, case.name, "done", "refused", "waiting")
    assert upload["state"] == case.state, upload
    assert upload["sha256"] == hashlib.sha256(case.content).hexdigest()
    faults = [upload["fault"], *(t["fault"] for t in upload["tables"])]
    assert {f["code"] for f in faults if f} == ({case.fault} if case.fault else set()), upload
    for words in case.detail:
        assert words in upload["detail"]["vi"] and upload["detail"]["en"], upload["detail"]
    found = sorted(upload["found"], key=lambda f: f["row"])
    assert said(found) == [(t.row, t.column, t.severity) for t in case.told], upload["found"]
    for finding, told in zip(found, case.told):
        for words in told.words:
            assert words in finding["text"]["vi"] and finding["text"]["en"], finding
        assert finding["text"]["vi"].isprintable()
    world.hosted.wait_holds(code, case.good)


def test_everything_else_went_on(world):
    book = s.Workbook("good", pupils=12)
    world.host.wait_upload("good", world.host.hand_in("good", "a.xlsx", book.xlsx()))
    world.hosted.wait_holds("good", s.recount(book.xlsx()))


def test_every_tier_has_the_recount_and_nothing_else(world):
    test_everything_else_went_on(world)
    wanted = {(world.codes[n], "pupil"): len(c.good) for n, c in world.cases.items() if c.good}
    for tier in world.tiers:
        kit.wait_until(lambda: {k: n for k, n in tier.counts().items() if k[0] not in ("good", "names")} == wanted,
                       lambda: f"{tier.org} counts {wanted}: {tier.counts()}")


def test_names_of_files_are_only_names(world):
    """Each gets one of ours; what begins with a point is left where it lies."""
    taken = [name for name in ODD_NAMES if name[:1] != b"."]
    book, box = s.Workbook("names", pupils=3), os.fsencode(world.host.inbox("names"))
    for name in ODD_NAMES:
        with open(os.path.join(box, b".tmp"), "wb") as file:
            file.write(book.xlsx())
        os.rename(os.path.join(box, b".tmp"), os.path.join(box, name))
    kit.wait_until(lambda: len(world.host.uploads("names")) == len(taken) and
                   all(u["state"] == "done" for u in world.host.uploads("names")),
                   lambda: f"{os.listdir(box)} {world.host.row('school', org='names')['inbox']}")
    for upload in world.host.uploads("names"):
        assert upload["id"].isascii() and not set(upload["id"]) & set("/\\%$;<>'\"\n "), upload["id"]
        assert upload["id"].strip(".")
    assert {name for name in os.listdir(box) if name.endswith(b"xlsx")} == set(ODD_NAMES) - set(taken)
    assert [p for p in world.host.dir.parent.rglob("*reboot*")] == []
    world.hosted.wait_holds("names", s.recount(book.xlsx()))
