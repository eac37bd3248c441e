"""A broker without room: refused with store_full, nothing acknowledged, and on again when there is room."""
import kit

SHARE = {"pupil": {"share": ["key", "identity", "contact", "statistic", "health"]}}


def fresh_and_linked(node):
    """The broker's state was read from its store anew, and the link upward did not suffer from it."""
    return node["batches"] == 0 and node["parent"]["up"]


def test_store_full(small):
    world = small("s01", "s02", pupils=10, share=SHARE).start()
    world.wait_settled()
    school, agent = world.schools["s01"], world.agents["s01"]
    acked = agent.row("school")["acked_seq"]
    world.so.stop()
    size = (world.so.dir / "store/data.mdb").stat().st_size
    world.so.file_limit = size + 64 * 1024
    world.so.start()
    with school.connect() as db:
        for _ in range(1500):
            school.insert(db)
    kit.wait_until(lambda: world.so.running() and world.so.row("node")["store_full"] >= 1,
                   lambda: f"the store is full\n{world.story(world.so)}")
    assert world.so.log_count("store_full") >= 1
    kit.wait_until(lambda: fresh_and_linked(world.so.row("node")), seconds=30,
                   what=lambda: f"the link upward is back: {world.so.row('node')}")
    held = world.so.counts()[("s01", "pupil")]
    row = agent.row("school")
    assert row["outbox"] > 0 and row["batch_seq"] > row["acked_seq"] >= acked, "kept, not acknowledged"
    assert held < school.count("pupil")
    at_entry = world.so.row("origin", org="s01")
    assert at_entry["batch_seq"] == row["acked_seq"] or agent.row("school")["acked_seq"] == at_entry["batch_seq"]

    world.so.stop()
    world.so.file_limit = None
    world.so.start()
    world.wait_settled()
    assert world.so.row("origin", org="s01")["epoch"] == 1
    kit.wait_until(lambda: agent.row("school")["outbox"] == 0, "everything is acknowledged")
