"""Fixtures: the programs of $LTH_BUILD (default: build), a country, the usual small country."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
for beside in ("golden", "tools"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / beside))

import kit  # noqa: E402
from school import School  # noqa: E402


@pytest.fixture(scope="session")
def programs():
    build = Path(os.environ.get("LTH_BUILD", kit.SOURCE / "build"))
    found = kit.Programs.built(build)
    for program in (found.broker, found.agent, found.cli):
        assert program.exists(), f"{program} is not built: set LTH_BUILD to a build directory"
    return found


@pytest.fixture
def country(programs):
    with kit.Country(programs) as made:
        yield made


class Small:
    """Ministry `bo`, province `79`, and schools below it, each with an agent of its own."""

    def __init__(self, country, schools, share=None, pupils=12, datasets=("pupil",), every="1s"):
        self.country = country
        country.org("bo", "ministry")
        country.org("79", "province", under="bo")
        for code in schools:
            country.org(code, "school", under="79")
        country.found()
        self.bo = country.broker("bo")
        self.so = country.broker("79", parent=self.bo, share=share or {d: {"share": "all"} for d in datasets})
        self.schools, self.agents = {}, {}
        for code in schools:
            school = School(country.dir / f"{code}.db", code, pupils=pupils, datasets=datasets)
            self.schools[code] = school
            self.agents[code] = country.agent(code, self.so, "79", [school.entry(every)])
        self.tiers = [self.bo, self.so]

    def start(self):
        for node in (*self.tiers, *self.agents.values()):
            node.start()
        return self

    def expected(self):
        return {k: v for s in self.schools.values() for k, v in s.counts().items()}

    def settled(self, tier):
        """Does this tier hold exactly what the school databases do, by count and by key?"""
        return tier.counts() == self.expected() and all(
            tier.keys(d, s.code) == s.keys(d) for s in self.schools.values() for d in s.datasets)

    def wait_settled(self, *tiers):
        for tier in tiers or self.tiers:
            kit.wait_until(lambda: self.settled(tier), lambda: self.story(tier))

    def wait_settled_of(self, code):
        school = self.schools[code]
        for tier in self.tiers:
            kit.wait_until(lambda: all(tier.keys(d, code) == school.keys(d) for d in school.datasets),
                           lambda: self.story(tier))

    def story(self, tier):
        nodes = [*self.tiers, *self.agents.values()]
        logs = "\n".join(f"--- {n.dir.name}\n{n.log_tail(12)}" for n in nodes)
        held = tier.counts() if tier.running() else "is not running"
        return f"{tier.dir.name} holds {self.expected()}, it has {held}\n{logs}"


@pytest.fixture
def small(country):
    return lambda *schools, **more: Small(country, schools, **more)
