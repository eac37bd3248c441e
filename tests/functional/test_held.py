"""What people do about held records: look, reject, retry; only where the record was held."""
import copy
import json

import kit
import pytest
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
    done = world.so.cli("--json", "held", "retry", "--all")
    assert done.returncode == 1
    assert json.loads(done.stdout)["decided"][0]["reason"]["code"] == "broken_rule"
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
