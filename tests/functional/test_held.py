"""What people do about held records: look, reject, retry; only where the record was held."""
import copy
import json
import time

import kit
import pytest
from school import School
from test_new_dataset import CLUB, MAPPING

STRICT = copy.deepcopy(CLUB)
STRICT["rules"] = [
    {"number": 1, "id": "not_too_many", "severity": "error", "field": "members", "check": "members <= 100",
     "text": {"vi": "Câu lạc bộ {name} đông quá", "en": "Club {name} is too large"}},
    {"number": 2, "id": "is_open", "severity": "blocks", "field": "open", "check": "open",
     "text": {"vi": "Câu lạc bộ {name} đóng cửa", "en": "Club {name} is closed"}}]
ROWS = [("CLB1", "Bóng đá", "05/09/2020", 25, "Có", None), ("CLB2", "Vẽ", "2021", 300, "Có", None),
        ("CLB3", "Cờ", "2021", 8, "Không", None)]


@pytest.fixture(scope="module")
def world(programs):
    """The brokers know rules of which the school's agent has not heard."""
    from conftest import Small
    with kit.Country(programs) as country:
        made = Small(country, ("s01",), pupils=3).start()
        made.wait_settled()
        with made.schools["s01"].connect() as db:
            db.execute("CREATE TABLE clb (ma TEXT, ten TEXT, lap TEXT, so_tv INTEGER, mo TEXT, phi REAL)")
            db.executemany("INSERT INTO clb VALUES (?, ?, ?, ?, ?, ?)", ROWS)
        agent = made.agents["s01"]
        for node in (*made.tiers, agent):
            kit.write_yaml(node.dir / "datasets/club.yaml", CLUB if node is agent else STRICT)
        kit.set_route(made.so, {"pupil": {"share": "all"}, "club": {"share": "all"}}, version=2)
        kit.change_yaml(agent.dir / "agent.yaml", lambda y: y["schools"][0]["tables"].append(MAPPING))
        for node in (*made.tiers, agent):
            assert node.reload(), node.log_tail()
        yield made


def held(node, *args):
    return node.json("held", "list", *args)["held"]


def wait_codes(world, codes):
    for tier in world.tiers:
        kit.wait_until(lambda: [h["reason"]["code"] for h in held(tier)] == codes,
                       lambda: f"{tier.org}: {held(tier)}\n{tier.log_tail()}")


def said_everywhere(world, why, by):
    """Who rejected and why: at the broker that holds it and at the school, across kills; nowhere else, in no log."""
    agent = world.agents["s01"]

    def said(node):
        return [{k: v for k, v in h["rejected"].items() if k != "ms"} for h in held(node) if h.get("rejected")]
    wanted = [{"org": "79", "name": "Đơn vị 79", "by": by, "why": why}]
    for restarts in range(2):
        for node in (world.so, agent):
            kit.wait_until(lambda: said(node) == wanted, lambda: f"{node.org}: {held(node)}")
            assert f"Đơn vị 79 từ chối: {why} ({by})" in node.cli("held", "list").stdout
        if restarts == 0:
            for node in (agent, world.so):
                node.kill()
            for node in (world.so, agent):
                node.start()
    at = held(world.so)[0]["rejected"]["ms"]
    assert [h["rejected"]["ms"] for h in held(agent)] == [at] and abs(at / 1000 - time.time()) < 3600
    assert said(world.bo) == []
    for node in (*world.tiers, agent):
        assert why not in node.log() and by not in node.log()


def test_decisions(world):
    wait_codes(world, ["broken_rule"])
    assert held(world.so, "--code", "unknown_code") == []
    here, above = (held(tier)[0] for tier in (world.so, world.bo))
    assert here["rule"]["id"] == "not_too_many" and here["field"] == "members"
    assert "{name}" in here["rule"]["vi"] and "Vẽ" not in json.dumps(here, ensure_ascii=False)
    assert here["here"] and not above["here"] and above["tier"] == "79"
    assert world.so.json("held", "show", here["key"])["held"][0]["totals"] == {
        "merged": 2, "held": 1, "merged_with_it": 3}

    done = world.bo.cli("held", "retry", above["key"])
    assert done.returncode == 1 and "79" in done.stdout, done.stdout
    assert world.so.cli("held", "reject", here["key"]).returncode == 2  # a reason is needed
    assert world.so.cli("held", "reject", here["key"], "--reason", "quá đông", "--by", "cô Lan").returncode == 0
    wait_codes(world, ["rejected"])
    said_everywhere(world, "quá đông", "cô Lan")
    done = world.so.cli("--json", "held", "retry", "--all")
    assert done.returncode == 1
    assert json.loads(done.stdout)["decided"][0]["reason"]["code"] == "broken_rule"
    wait_codes(world, ["broken_rule"])

    assert not held(world.so)[0].get("rejected")
    kit.wait_until(lambda: [h["rejected"] for h in held(world.agents["s01"])] == [None], "the word is taken back")
    assert world.so.cli("held", "reject", held(world.so)[0]["key"], "--reason", "vẫn đông").returncode == 0
    wait_codes(world, ["rejected"])
    world.schools["s01"].sql("UPDATE clb SET so_tv = 30 WHERE ma = 'CLB2'")
    wait_codes(world, [])
    kit.wait_until(lambda: held(world.agents["s01"]) == [], "a later version merged: nothing is said any more")
    world.schools["s01"].sql("UPDATE clb SET so_tv = 300 WHERE ma = 'CLB2'")
    wait_codes(world, ["broken_rule"])

    row = world.so.row("holds")
    assert row["held"] == 1 and row["by_code"] == {"broken_rule": 1}
    assert "broken_rule 1" in world.so.cli("status").stdout


def test_a_rule_changes(world):
    """The entry broker's rule goes: its hold heals by itself, and the tier above follows although it keeps the rule."""
    wait_codes(world, ["broken_rule"])
    kit.write_yaml(world.so.dir / "datasets/club.yaml", {**STRICT, "rules": STRICT["rules"][1:]})
    assert world.so.reload(), world.so.log_tail()
    wait_codes(world, [])
    for tier in world.tiers:
        assert tier.keys("club", "s01") == ["CLB1", "CLB2", "CLB3"]


def test_warnings(world):
    def listed(*args):
        return world.so.json("warning", "list", *args)["warnings"]

    kit.wait_until(lambda: len(listed("--blocks")) == 1, lambda: str(listed()))
    one = listed()[0]
    assert one["rule"]["id"] == "is_open" and not one["accepted"]
    assert listed("--counts")[0]["open"] == 1
    assert world.bo.json("warning", "list") == {"warnings": []}
    accept = ("warning", "accept", "club", one["record_id"])
    assert world.so.cli(*accept, "no_such_rule", "--reason", "x").returncode == 2
    assert world.so.cli(*accept, "1", "--reason", "x").returncode == 1
    assert world.so.cli(*accept, "is_open", "--reason", "đang sửa", "--by", "thầy An").returncode == 0
    assert listed()[0]["by"] == "thầy An" and listed("--counts")[0]["accepted"] == 1
    world.schools["s01"].sql("UPDATE clb SET so_tv = 9 WHERE ma = 'CLB3'")
    kit.wait_until(lambda: not listed()[0]["accepted"], "a new version is warned about anew")
    world.schools["s01"].sql("UPDATE clb SET mo = 'Có' WHERE ma = 'CLB3'")
    kit.wait_until(lambda: listed() == [] and listed("--counts") == [], "a good version ends the warning")


def test_a_word_from_two_tiers_up(country):
    """bo - 79 - 79-1 - s01: only 79 does not know the dataset, holds for that, and rejects."""
    for code, kind, under in (("bo", "ministry", None), ("79", "province", "bo"), ("79-1", "commune", "79"),
                              ("s01", "school", "79-1")):
        country.org(code, kind, under=under)
    country.found()
    share = {"club": {"share": "all"}}
    bo = country.broker("bo")
    so = country.broker("79", parent=bo)
    commune = country.broker("79-1", parent=so, ca="79")
    school = School(country.dir / "s01.db", "s01", pupils=1, datasets=())
    with school.connect() as db:
        db.execute("CREATE TABLE clb (ma TEXT, ten TEXT, lap TEXT, so_tv INTEGER, mo TEXT, phi REAL)")
        db.executemany("INSERT INTO clb VALUES (?, ?, ?, ?, ?, ?)", ROWS[:1])
    agent = country.agent("s01", commune, "79", [{**school.entry(), "tables": [MAPPING]}])
    for node in (commune, agent):
        kit.write_yaml(node.dir / "datasets/club.yaml", CLUB)
    kit.set_route(commune, share)
    for node in (bo, so, commune, agent):
        node.start()
    kit.wait_until(lambda: [h["reason"]["code"] for h in held(so)] == ["await_definition"], lambda: held(so))
    assert held(commune) == []
    assert so.cli("held", "reject", held(so)[0]["key"], "--reason", "chưa thu loại này", "--by", "Phòng CNTT").returncode == 0
    kit.wait_until(lambda: [(h["tier"], h["rejected"]["why"]) for h in held(agent) if h["rejected"]] ==
                   [("79", "chưa thu loại này")], lambda: f"{held(agent)}\n{commune.log_tail()}")
    for node in (so, commune, agent):
        assert "chưa thu loại này" not in node.log()
