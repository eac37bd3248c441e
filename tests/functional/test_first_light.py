"""One school's database, one broker above it, the ministry: what is in the school is at the ministry."""
import kit
import school as s


def same_values(tier, school):
    for dataset in school.datasets:
        for key, expected in school.records(dataset).items():
            assert tier.fields(dataset, school.code, key) == expected, (tier.org, dataset, key)


def test_first_light(small):
    world = small("s01", datasets=s.ALL, pupils=15, share={
        "school": {"share": "all"}, "class": {"share": "all"}, "enrolment": {"share": "all"},
        "pupil": {"share": ["key", "identity", "contact", "statistic", "health", "id_papers", "welfare"]},
        "term_result": {"share": ["key", "study", "statistic", "remark"]}}).start()
    school, agent = world.schools["s01"], world.agents["s01"]
    world.wait_settled()
    for tier in world.tiers:
        same_values(tier, school)

    changed = school.sql("SELECT id, ma_hs FROM hoc_sinh ORDER BY id LIMIT 3")
    with school.connect() as db:
        db.execute("UPDATE hoc_sinh SET ho_ten = 'Đặng Thị Ánh Tuyết', sdt_cha = NULL WHERE id = ?",
                   (changed[0]["id"],))
        db.execute("DELETE FROM hoc_sinh WHERE id = ?", (changed[1]["id"],))
        arrived = school.insert(db)
    for tier in world.tiers:
        kit.wait_until(lambda: tier.fields("pupil", "s01", changed[0]["ma_hs"])["full_name"] == "Đặng Thị Ánh Tuyết",
                       f"the correction is at {tier.org}")
        world.wait_settled(tier)
        same_values(tier, school)
        gone = [r for r in tier.records("pupil", "s01") if r["key"] == changed[1]["ma_hs"]]
        assert [r["state"] for r in gone] == ["deleted"]
        shown = tier.show("pupil", "s01", f"id:{gone[0]['id']}")
        values = [f for g in shown["groups"] if g["shown"] for f in g["fields"]]
        assert [f["name"] for f in values] == ["pupil_code"], "a deletion carries the natural key alone"
    assert f"{school.prefix}{arrived:05d}" in world.bo.keys("pupil", "s01")

    receipts_of_both_tiers(agent)
    assert world.bo.ask("held_list") == world.so.ask("held_list") == agent.ask("held_list") == []
    for node in (agent, *world.tiers):
        assert node.stop() == 0, node.log_tail()


def receipts_of_both_tiers(agent):
    """The agent keeps only receipts whose signature and chain it has checked."""
    def confirmed():
        school = agent.row("school")
        newest = {r["tier"]: r["batch_seq"] for r in school["receipts"]}
        return newest == {"bo": school["batch_seq"], "79": school["batch_seq"]} and school
    school = kit.wait_until(confirmed, lambda: f"receipts of both tiers: {agent.row('school')}")
    assert school["outbox"] == 0 and school["state"] == "ok"
    assert {r["form"] for r in school["receipts"]} == {"whole"}


def test_an_untouched_school_sends_nothing(small):
    world = small("s01").start()
    world.wait_settled()
    agent = world.agents["s01"]
    before = agent.row("school")["batch_seq"]
    scan = agent.row("table")["ended_ms"]
    kit.wait_until(lambda: agent.row("table")["ended_ms"] > scan, "another scan")
    assert agent.row("school")["batch_seq"] == before
    assert agent.row("table")["fault"]["code"] == "none"
