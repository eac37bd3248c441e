"""An agent whose store is lost, old, or copied: noticed before anything is sent; nothing doubled or lost."""
import shutil

import kit


def epoch(world, code="s01"):
    return world.agents[code].row("school")["epoch"]


def wait_equal(world):
    world.wait_settled()
    school = world.schools["s01"]
    for tier in world.tiers:
        kit.wait_until(lambda: values(tier, school), lambda: world.story(tier))
        rows = tier.records("pupil", "s01")
        live = [r["key"] for r in rows if r["state"] == "live"]
        assert len(live) == len(set(live)) and len({r["id"] for r in rows}) == len(rows)
    assert world.bo.ask("held_list") == world.so.ask("held_list") == []


def values(tier, school):
    return all(tier.fields("pupil", school.code, key) == expected
               for key, expected in school.records("pupil").items())


SHARE = {"pupil": {"share": ["key", "identity", "contact", "statistic", "health"]}}


def test_lost_store(small):
    world = small("s01", pupils=30, share=SHARE).start()
    world.wait_settled()
    ids = {r["key"]: r["id"] for r in world.bo.records("pupil", "s01")}
    agent, school = world.agents["s01"], world.schools["s01"]
    agent.stop()
    shutil.rmtree(agent.dir / "store")
    with school.connect() as db:  # while it was away: one left, one came, one changed
        gone, changed = (r["id"] for r in db.execute("SELECT id FROM hoc_sinh ORDER BY id LIMIT 2").fetchall())
        db.execute("DELETE FROM hoc_sinh WHERE id = ?", (gone,))
        db.execute("UPDATE hoc_sinh SET ho_ten = 'Tên Mới Sau Khi Cài Lại' WHERE id = ?", (changed,))
        school.insert(db)
    agent.start()
    wait_equal(world)
    kit.wait_until(lambda: epoch(world) == 2, "a new epoch was granted")
    again = {r["key"]: r["id"] for r in world.bo.records("pupil", "s01") if r["state"] == "live"}
    assert all(ids[key] == again[key] for key in ids.keys() & again.keys()), "records keep their identity"
    school.touch(5)
    wait_equal(world)


def test_old_store_is_noticed_before_anything_is_sent(small):
    world = small("s01", pupils=20, share=SHARE).start()
    world.wait_settled()
    agent, school = world.agents["s01"], world.schools["s01"]
    agent.stop()
    shutil.copytree(agent.dir / "store", agent.dir / "backup")
    agent.start()
    for _ in range(2):
        before = agent.row("school")["batch_seq"]
        school.touch(4)
        school.sql("UPDATE hoc_sinh SET dan_toc = '02' WHERE id = (SELECT min(id) FROM hoc_sinh)"
                   if before % 2 else "UPDATE hoc_sinh SET dan_toc = '03' WHERE id = (SELECT min(id) FROM hoc_sinh)")
        kit.wait_until(lambda: agent.row("school")["batch_seq"] > before, "another batch")
    wait_equal(world)
    agent.stop()
    shutil.rmtree(agent.dir / "store")
    shutil.copytree(agent.dir / "backup", agent.dir / "store")
    school.touch(3)
    agent.start()
    kit.wait_until(lambda: epoch(world) == 2, lambda: world.story(world.so))
    wait_equal(world)
    assert world.so.row("origin", org="s01")["state"] == "ok", "no position was used twice"
    assert world.so.row("node")["rejected"] == 0, "noticed before sending"
    for tier in world.tiers:
        assert tier.log_count("fork") == 0


def test_clone(small):
    """Two processes with one identity and one store's copies: fenced or frozen, never doubled."""
    world = small("s01", "s02", pupils=15, share=SHARE).start()
    world.wait_settled()
    agent, school = world.agents["s01"], world.schools["s01"]
    agent.stop()
    twin = world.country.copy_of(agent, "a-twin")
    agent.start()
    twin.start()
    for _ in range(4):
        before = agent.row("school")["batch_seq"], twin.row("school")["batch_seq"]
        school.touch(3)
        kit.wait_until(lambda: (agent.row("school")["batch_seq"], twin.row("school")["batch_seq"]) != before or
                       stopped(agent, twin, world), lambda: world.story(world.so))
    seen = kit.wait_until(lambda: stopped(agent, twin, world), lambda: f"{world.story(world.so)}\n{twin.log_tail()}")
    assert seen & {"fenced", "fork", "frozen"}, seen
    for tier in world.tiers:
        keys = tier.keys("pupil", "s01")
        assert len(keys) == len(set(keys)), "no double records"
    world.schools["s02"].touch(2)
    world.wait_settled_of("s02")
    twin.stop()
    if world.so.row("origin", org="s01")["state"] == "ok":  # fenced: the one that is left goes on
        agent.restart()
        wait_equal(world)


def stopped(*nodes_and_world):
    """Codes by which a node of the two, or their broker, says that something is wrong."""
    *nodes, world = nodes_and_world
    rows = [r for n in nodes for r in n.rows("school")] + world.so.rows("origin", org="s01")
    return {r["refusal"]["code"] for r in rows if "refusal" in r}
