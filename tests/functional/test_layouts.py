"""Every layout of config/profiles, all columns, in one and three header rows, by three makers: each field of each
record at the ministry is what the generator wrote (layouts.py)."""
import json

import pytest

import kit
import layouts
from test_uploads import Hosted

FIXTURES = kit.SOURCE / "tests/fixtures/layouts"
DEEP = ("pupils-c1", "results", "results-primary", "staff")
FILES = [(layout, deep) for layout in DEEP for deep in (False, True)] + [("class-list", False), ("classes", False)]
MAKERS = ("xlsxwriter", "excel_xml", "libreoffice")
CASES = [(*file, maker) for file in FILES for maker in MAKERS] + [("results-primary", True, "libreoffice_xls")]
FIRST = {"pupils-c1": ("classes",), "results": ("class-list",), "results-primary": ("class-list",)}


def made(layout, deep, maker):
    """Name, contents, and truth of a file."""
    if maker.startswith("libreoffice"):
        name = f"{layout}-{3 if deep else 1}"
        file = FIXTURES / f"{name}.{'xls' if maker.endswith('xls') else 'xlsx'}"
        return file.name, file.read_bytes(), json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    content = getattr(layouts, f"by_{maker}")(*layouts.sheet(layout, deep))
    return f"{layout}.xlsx", content, layouts.truth(layout, deep)


class World:
    """A school for each file; those whose records refer to others hand these in first."""

    def __init__(self, country):
        self.codes = {case: f"l{i:02}" for i, case in enumerate(CASES)}
        self.hosted = Hosted(country, tuple(self.codes.values()))
        rows = "".join(f"{code},{'+'.join((*FIRST.get(case[0], ()), case[0]))}\n" for case, code in self.codes.items())
        (self.hosted.host.dir / "schools.csv").write_text(f"org,profile\n{rows}", "utf-8")
        kit.set_route(self.hosted.so, layouts.share())
        self.hosted.start()
        self.bo, self.host = self.hosted.bo, self.hosted.host
        first = {code: FIRST[case[0]][0] for case, code in self.codes.items() if case[0] in FIRST}
        for code, layout in first.items():
            self.host.hand_in(code, "first.xlsx", layouts.by_xlsxwriter(*layouts.sheet(layout, False)))
        for code in first:
            self.host.wait_upload(code, "first.xlsx")
        for case, code in self.codes.items():
            self.host.hand_in(code, *made(*case)[:2])


@pytest.fixture(scope="module")
def world(programs):
    with kit.Country(programs) as country:
        yield World(country)


def test_layouts_have_their_width():
    for layout, width in layouts.WIDTH.items():
        for deep in (False, True):
            assert len(layouts.columns(layout, deep)) == width


def items_sorted(fields, wanted):
    return {name: sorted(fields.get(name, "").split("; ")) if isinstance(value, list) else fields.get(name)
            for name, value in wanted.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{3 if c[1] else 1}-{c[2]}")
def test_layout(world, case):
    code, (name, _, truth) = world.codes[case], made(*case)
    upload = world.host.wait_upload(code, name)
    assert [f for f in upload["found"] if f["severity"] in ("error", "question")] == [], upload["found"]
    for record, wanted in truth.items():
        dataset, key = record.split(" ", 1)
        kit.wait_until(lambda: key in world.bo.keys(dataset, code),
                       lambda: f"{key}: {world.bo.keys(dataset, code)} {world.bo.ask('held_list')} {upload}")
        assert items_sorted(world.bo.fields(dataset, code, key), wanted) == wanted
        got = set(world.bo.fields(dataset, code, key))
        assert got == set(wanted), "nothing was made up"
