"""A sixth dataset, invented while everything runs: a file in every node's datasets/, SIGHUP, a mapping."""
import shutil

import kit

CLUB = {
    "dataset": "club", "number": 77, "version": 1, "title": {"vi": "Câu lạc bộ", "en": "Club"},
    "natural_key": ["club_code"],
    "groups": {"key": {"number": 1, "owner": "record"}, "plan": {"number": 2, "owner": "record"},
               "money": {"number": 3, "owner": "record", "sensitive": True}},
    "fields": {
        "club_code": {"number": 1, "group": "key", "type": "text", "max": 20, "required": True},
        "name": {"number": 2, "group": "plan", "type": "text", "max": 100, "required": True},
        "founded": {"number": 3, "group": "plan", "type": "date", "precision": ["day", "month", "year"]},
        "members": {"number": 4, "group": "plan", "type": "integer", "min": 0, "max": 500},
        "open": {"number": 5, "group": "plan", "type": "bool"},
        "fee": {"number": 6, "group": "money", "type": "decimal", "digits": 8, "scale": 2},
    },
}
MAPPING = {
    "dataset": "club", "every": "1s", "query": "SELECT * FROM clb", "key": "ma",
    "fields": {"club_code": "ma", "name": "ten", "founded": {"from": "lap", "as": "date_vn"}, "members": "so_tv",
               "open": {"from": "mo", "as": "bool_vn"}, "fee": "phi"},
}
ROWS = [("CLB1", "Bóng đá", "05/09/2020", 25, "Có", 50000.5), ("CLB2", "Vẽ", "2021", 12, "Không", None)]
SHOWN = {"CLB1": {"club_code": "CLB1", "name": "Bóng đá", "founded": "2020-09-05", "members": "25", "open": "true"},
         "CLB2": {"club_code": "CLB2", "name": "Vẽ", "founded": "2021", "members": "12", "open": "false"}}
FEE = {"CLB1": {"fee": "50000.50"}, "CLB2": {}}


def test_sixth_dataset(small):
    world = small("s01", pupils=3).start()
    world.wait_settled()
    with world.schools["s01"].connect() as db:
        db.execute("CREATE TABLE clb (ma TEXT, ten TEXT, lap TEXT, so_tv INTEGER, mo TEXT, phi REAL)")
        db.executemany("INSERT INTO clb VALUES (?, ?, ?, ?, ?, ?)", ROWS)

    agent = world.agents["s01"]
    for node in (*world.tiers, agent):
        kit.write_yaml(node.dir / "datasets/club.yaml", CLUB)
    kit.set_route(world.so, {"pupil": {"share": "all"}, "club": {"share": "all"}}, version=2)
    kit.change_yaml(agent.dir / "agent.yaml", lambda y: y["schools"][0]["tables"].append(MAPPING))
    for node in (*world.tiers, agent):
        assert node.reload(), node.log_tail()

    for tier, more in ((world.so, FEE), (world.bo, {"CLB1": {}, "CLB2": {}})):
        kit.wait_until(lambda: tier.counts().get(("s01", "club")) == 2,
                       lambda: f"clubs at {tier.org}: {tier.counts()} {world.story(tier)}")
        for key, fields in SHOWN.items():
            assert tier.fields("club", "s01", key) == {**fields, **more[key]}

    world.schools["s01"].sql("DELETE FROM clb WHERE ma = 'CLB2'")
    for tier in world.tiers:
        kit.wait_until(lambda: tier.keys("club", "s01") == ["CLB1"], f"the deletion is at {tier.org}")
    proto = world.bo.cli("dataset", "proto", "club", world.bo.dir / "datasets")
    assert proto.returncode == 0 and "club_code" in proto.stdout


def test_a_wrong_dataset_changes_nothing(small):
    world = small("s01", pupils=3).start()
    world.wait_settled()
    for node in (world.so, world.agents["s01"]):
        wrong = {**CLUB, "natural_key": ["club_cod"]}
        kit.write_yaml(node.dir / "datasets/club.yaml", wrong)
        assert not node.reload()
        assert node.running() and "club.yaml" in node.log()
    world.schools["s01"].touch(3)
    world.wait_settled()
    for node in (world.so, world.agents["s01"]):
        shutil.copy(node.dir / "datasets/pupil.yaml", node.dir / "datasets/twice.yaml")
        assert not node.reload()
