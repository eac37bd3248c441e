"""A reload changes what may change while a broker runs, and refuses the rest whole."""
import kit


def test_a_broker_keeps_its_parent_until_it_is_restarted(small):
    world = small("s01", pupils=3).start()
    world.wait_settled()
    routes, parents = (world.so.dir / "routes.yaml").read_text("utf-8"), []
    kit.change_yaml(world.so.dir / "broker.yaml", lambda y: parents.append(y.pop("parent")))
    kit.change_yaml(world.so.dir / "routes.yaml", lambda y: y.update(routes=[]))
    assert not world.so.reload(), world.so.log_tail()
    world.bo.stop()
    kit.wait_until(lambda: world.so.log_count("parent_down") == 1, "the link upward is down")
    world.bo.start()
    kit.wait_until(lambda: world.so.running() and world.so.row("node")["parent"]["up"],
                   lambda: f"the link upward is back\n{world.so.log_tail()}")
    kit.change_yaml(world.so.dir / "broker.yaml", lambda y: y.update(parent=parents[0]))
    (world.so.dir / "routes.yaml").write_text(routes, "utf-8")
    assert world.so.reload(), world.so.log_tail()
    world.schools["s01"].touch(2)
    world.wait_settled()
