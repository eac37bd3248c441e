"""Random kill -9 of every program while rows change: in the end every tier equals the schools."""
import contextlib
import os
import random
import signal
import threading
from pathlib import Path

import kit
from school import School

SEED = int(os.environ.get("LTH_SEED", "20260905"))
KILL_FOR_S = float(os.environ.get("LTH_KILL_S", "60"))
CALM_S = (0.2, 1.2)
CAPTURE = 0.25  # of the kills hit a capture child
DATASETS = ("class", "pupil", "term_result")
SHARE = {"pupil": {"share": ["key", "identity", "contact", "statistic", "health"]}, "class": {"share": "all"},
         "term_result": {"share": ["key", "study", "statistic", "remark"]}}


class Tree:
    """bo - 79 - 79-1 - s01, s02; 79 hosts s03 and s04 in one process; bo - 46 - s46."""

    def __init__(self, country):
        for code, kind, under in (
                ("bo", "ministry", None), ("79", "province", "bo"), ("79-1", "district", "79"),
                ("46", "province", "bo"), ("s01", "school", "79-1"), ("s02", "school", "79-1"),
                ("s03", "school", "79"), ("s04", "school", "79"), ("s46", "school", "46")):
            country.org(code, kind, under=under)
        country.found()
        self.bo = country.broker("bo")
        self.p79 = country.broker("79", parent=self.bo, share=SHARE)
        self.d1 = country.broker("79-1", parent=self.p79, ca="79", share=SHARE)
        self.p46 = country.broker("46", parent=self.bo, share=SHARE)
        self.schools = {code: School(country.dir / f"{code}.db", code, pupils=15, seed=SEED, datasets=DATASETS)
                        for code in ("s01", "s02", "s03", "s04", "s46")}
        entry = {code: school.entry() for code, school in self.schools.items()}
        self.agents = [country.agent("s01", self.d1, "79", [entry["s01"]]),
                       country.agent("s02", self.d1, "79", [entry["s02"]]),
                       country.agent("79", self.p79, "79", [entry["s03"], entry["s04"]], hosts=("s03", "s04")),
                       country.agent("s46", self.p46, "46", [entry["s46"]])]
        self.tiers = {self.bo: tuple(self.schools), self.p79: ("s01", "s02", "s03", "s04"), self.d1: ("s01", "s02"),
                      self.p46: ("s46",)}
        self.nodes = [*self.tiers, *self.agents]


def capture_children(agent):
    """Process ids of what the agent started for its scans."""
    out = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == agent.process.pid and "lienthong-captu" in name:
            out.append(int(stat.parent.name))
    return out


def kill_one(rng, tree, killed):
    if rng.random() < CAPTURE:
        agent = rng.choice(tree.agents)
        for pid in capture_children(agent):
            with contextlib.suppress(ProcessLookupError):  # done in the meantime
                os.kill(pid, signal.SIGKILL)
                killed["capture"] = killed.get("capture", 0) + 1
        return
    node = rng.choice(tree.nodes)
    node.kill()
    killed[node.dir.name] = killed.get(node.dir.name, 0) + 1
    node.start(wait=False)


def assert_nothing_died_by_itself(tree):
    for node in tree.nodes:
        assert node.running(), f"{node.dir.name} ended with {node.process.poll()}\n{node.log_tail()}"


def equal(tier, schools):
    """Counts, keys without duplicates, and nothing of other schools."""
    expected = {k: n for s in schools for k, n in s.counts().items()}
    if tier.counts() != expected:
        return False
    for school in schools:
        for dataset in school.datasets:
            rows = tier.records(dataset, school.code)
            live = sorted(r["key"] for r in rows if r["state"] == "live")
            if live != school.keys(dataset) or len({r["id"] for r in rows}) != len(rows):
                return False
    return True


def same_values(tier, school):
    return all(tier.fields(dataset, school.code, key) == fields
               for dataset in school.datasets for key, fields in school.records(dataset).items())


def same_chain(tree, tier, code):
    """Every tier stands where the school's own chain does, in one piece."""
    agent = next(a for a in tree.agents if a.row("school", org=code))
    own, there = agent.row("school", org=code), tier.row("origin", org=code)
    return (there["state"], there["epoch"], there["batch_seq"]) == ("ok", own["epoch"], own["batch_seq"])


def story(tree):
    return "\n".join(f"--- {n.dir.name}\n{n.log_tail(8)}" for n in tree.nodes)


def test_kills(country):
    rng, killed = random.Random(SEED), {}
    tree = Tree(country)
    for node in tree.nodes:
        node.start()
    calm = threading.Event()
    end = os.times().elapsed + KILL_FOR_S
    while os.times().elapsed < end:
        for school in tree.schools.values():
            if rng.random() < 0.7:
                school.touch(rng.randint(1, 4))
        kill_one(rng, tree, killed)
        calm.wait(rng.uniform(*CALM_S))
        assert_nothing_died_by_itself(tree)
    assert len(killed) >= 3 or KILL_FOR_S < 20, f"kills reached too few programs: {killed}"
    print(f"seed {SEED}, killed {killed}")

    for tier, codes in tree.tiers.items():
        schools = [tree.schools[c] for c in codes]
        kit.wait_until(lambda: equal(tier, schools),
                       lambda: f"{tier.org} equals its schools: {tier.counts()}\n{story(tree)}", 2 * kit.PATIENCE_S)
        for school in schools:
            kit.wait_until(lambda: same_values(tier, school) and same_chain(tree, tier, school.code),
                           lambda: f"values and chain of {school.code} at {tier.org}\n{story(tree)}")
        assert tier.ask("held_list") == []
    for agent in tree.agents:
        assert agent.ask("held_list") == []
        for school in agent.rows("school"):
            assert school["state"] == "ok" and school["epoch"] == 1, "a kill costs no epoch"
    for code, by in (("s01", "school"), ("s03", "host")):
        shown = tree.bo.show("pupil", code, tree.schools[code].keys("pupil")[0])["provenance"]
        assert shown["verified"] and shown["signed_by"] == by
    for node in tree.nodes:
        assert node.stop() == 0, node.log_tail()
