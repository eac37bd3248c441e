"""The ministry's definitions and code lists travel down: nodes below start without any file of a dataset."""
import json
import shutil

import kit

BOOK = {
    "dataset": "book", "number": 78, "version": 1, "title": {"vi": "Sách", "en": "Book"},
    "natural_key": ["book_code"],
    "groups": {"key": {"number": 1, "owner": "record"}, "about": {"number": 2, "owner": "record"}},
    "fields": {
        "book_code": {"number": 1, "group": "key", "type": "text", "max": 20, "required": True},
        "label": {"number": 2, "group": "about", "type": "text", "max": 100, "required": True},
        "colour": {"number": 3, "group": "about", "type": "code", "max": 10, "list": "colour"},
    },
}
PAGES = {"number": 4, "group": "about", "type": "integer", "min": 1}
MAPPING = {"dataset": "book", "every": "1s", "query": "SELECT * FROM sach", "key": "ma",
           "fields": {"book_code": "ma", "label": "ten", "colour": "mau"}}
COLOURS = {"DO": "Đỏ", "XANH": "Xanh"}


def write_directory(where, book=BOOK, colours=COLOURS, many=0):
    """What is to be published; many: codes of a long second list."""
    shutil.rmtree(where, ignore_errors=True)
    (where / "datasets").mkdir(parents=True)
    (where / "codelists").mkdir()
    kit.write_yaml(where / "datasets/book.yaml", book)
    lists = {"colour": {"title": {"vi": "Màu", "en": "Colour"}}}
    lines = ["code,vi,en"] + [f"{code},{vi}," for code, vi in colours.items()]
    (where / "codelists/colour.csv").write_text("\n".join(lines) + "\n", "utf-8")
    if many:
        lists["place"] = {"title": {"vi": "Xã", "en": "Commune"}}
        rows = [f"{i:05d},Xã {i},,2025-07-01" for i in range(many)]
        (where / "codelists/place.csv").write_text("\n".join(["code,vi,en,valid_from", *rows]) + "\n", "utf-8")
    kit.write_yaml(where / "codelists/lists.yaml", {"lists": lists})
    return where


def forget_files(node):
    """No dataset, no list, and no word of a directory for them."""
    for name in ("datasets", "codelists", "profiles"):
        shutil.rmtree(node.dir / name, ignore_errors=True)
    name = "agent.yaml" if (node.dir / "agent.yaml").exists() else "broker.yaml"
    kit.change_yaml(node.dir / name, lambda y: [y.get("files", {}).pop(k, None)
                                                for k in ("datasets", "codelists", "profiles")])


def publish(world, where, *more, expect=0):
    done = world.bo.cli("--json", "dictionary", "publish", where, "--by", "Vụ thử nghiệm", "--reason", "thử", *more)
    assert done.returncode == expect, f"{done.returncode}\n{done.stdout}{done.stderr}\n{world.bo.log_tail()}"
    return json.loads(done.stdout)


def nodes_of(world):
    return [*world.tiers, *world.agents.values()]


def applied(node):
    return node.row("dictionary")["applied"]


def wait_applied(world, version):
    for node in nodes_of(world):
        kit.wait_until(lambda: applied(node) == version,
                       lambda: f"version {version} at {node.dir.name}: {node.row('dictionary')}\n{node.log_tail()}")


def books(tier):
    return sorted(r["key"] for r in tier.records("book", "s01") if r["state"] == "live")


def waiting_world(small, rows):
    """Nothing but the ministry's directory knows a dataset; the school's agent already reads books."""
    world = small("s01", pupils=3)
    with world.schools["s01"].connect() as db:
        db.execute("CREATE TABLE sach (ma TEXT, ten TEXT, mau TEXT)")
        db.executemany("INSERT INTO sach VALUES (?, ?, ?)", rows)
    kit.set_route(world.so, {"book": {"share": "all"}})
    kit.change_yaml(world.agents["s01"].dir / "agent.yaml", lambda y: y["schools"][0].update(tables=[MAPPING]))
    for node in nodes_of(world):
        forget_files(node)
    return world.start()


def test_definitions_travel_down(small):
    world = waiting_world(small, [("S1", "Toán", "DO"), ("S2", "Văn", "XANH")])
    agent = world.agents["s01"]
    assert [applied(node) for node in nodes_of(world)] == [0, 0, 0]
    where = write_directory(world.country.dir / "pub", many=14000)

    shown = publish(world, where, "--dry-run")
    assert not shown["outcome"]["published"]
    assert [r for r in shown["rows"] if r["kind"] == "codes" and r["list"] == "place"][0]["added"] == 14000
    assert applied(world.bo) == 0
    refused = world.so.cli("dictionary", "publish", where, "--by", "Sở", "--reason", "thử")
    assert refused.returncode == 4

    version = publish(world, where)["outcome"]["version"]
    assert version >= 15  # 14,000 codes do not fit fewer batches
    wait_applied(world, version)
    for tier in world.tiers:
        kit.wait_until(lambda: books(tier) == ["S1", "S2"], lambda: world.story(tier))
    again = publish(world, where)["outcome"]
    assert (again["changes"], again["published"], again["version"]) == (0, False, version)

    readers = {r["org"]: r["held"] for r in world.so.ask("dictionary_status") if r["kind"] == "reader"}
    kit.wait_until(lambda: {r["org"]: r["held"] for r in world.so.ask("dictionary_status")
                            if r["kind"] == "reader"} == {"s01": version}, f"the province knows of {readers}")
    assert world.so.cli("dictionary", "status").returncode == 0

    for node in nodes_of(world):  # what is in force comes from the store, not from the link
        node.kill()
    agent.start()
    assert applied(agent) == version
    world.so.start()
    assert applied(world.so) == version
    world.bo.start()
    assert applied(world.bo) == version
    world.schools["s01"].sql("INSERT INTO sach VALUES ('S3', 'Sử', 'DO')")
    for tier in world.tiers:
        kit.wait_until(lambda: books(tier) == ["S1", "S2", "S3"], lambda: world.story(tier))


def test_a_list_heals_what_was_held(small):
    world = waiting_world(small, [("S1", "Toán", "DO"), ("S2", "Văn", "HONG")])
    where = write_directory(world.country.dir / "pub")
    wait_applied(world, publish(world, where)["outcome"]["version"])
    for tier in world.tiers:
        kit.wait_until(lambda: books(tier) == ["S1"], lambda: world.story(tier))
        kit.wait_until(lambda: len(tier.ask("held_list")) == 1, lambda: world.story(tier))
    write_directory(where, colours={**COLOURS, "HONG": "Hồng"})
    wait_applied(world, publish(world, where)["outcome"]["version"])
    for tier in world.tiers:
        kit.wait_until(lambda: books(tier) == ["S1", "S2"], lambda: world.story(tier))
        kit.wait_until(lambda: tier.ask("held_list") == [], lambda: world.story(tier))


def test_versions_of_a_dataset_in_flight_at_once(small):
    world = waiting_world(small, [("S1", "Toán", "DO")])
    where = write_directory(world.country.dir / "pub")
    wait_applied(world, publish(world, where)["outcome"]["version"])
    kit.wait_until(lambda: books(world.bo) == ["S1"], lambda: world.story(world.bo))

    world.bo.stop()  # the ministry is away: what the school sends meanwhile was written by the old definition
    world.schools["s01"].sql("INSERT INTO sach VALUES ('S2', 'Văn', 'XANH')")
    kit.wait_until(lambda: books(world.so) == ["S1", "S2"], lambda: world.story(world.so))
    world.so.stop()
    world.bo.start()
    write_directory(where, book={**BOOK, "version": 2, "fields": {**BOOK["fields"], "pages": PAGES}})
    version = publish(world, where)["outcome"]["version"]
    assert books(world.bo) == ["S1"]
    world.so.start()
    wait_applied(world, version)
    kit.wait_until(lambda: books(world.bo) == ["S1", "S2"], lambda: world.story(world.bo))

    agent = world.agents["s01"]
    world.schools["s01"].sql("ALTER TABLE sach ADD COLUMN trang INTEGER")
    world.schools["s01"].sql("UPDATE sach SET trang = 100 WHERE ma = 'S2'")
    kit.change_yaml(agent.dir / "agent.yaml",
                    lambda y: y["schools"][0]["tables"][0]["fields"].update(pages="trang"))
    assert agent.reload(), agent.log_tail()
    for tier in world.tiers:
        kit.wait_until(lambda: tier.fields("book", "s01", "S2").get("pages") == "100", lambda: world.story(tier))
        assert tier.ask("held_list") == []


def test_what_would_break_records_is_refused(small):
    world = waiting_world(small, [("S1", "Toán", "DO")])
    where = write_directory(world.country.dir / "pub")
    version = publish(world, where)["outcome"]["version"]
    wait_applied(world, version)

    other_type = {**BOOK["fields"], "label": {**BOOK["fields"]["label"], "type": "integer"}}
    other_type["label"].pop("max")
    write_directory(where, book={**BOOK, "version": 2, "fields": other_type})
    publish(world, where, expect=4)
    write_directory(where, book={**BOOK, "dataset": "tome"})
    (where / "datasets/book.yaml").rename(where / "datasets/tome.yaml")
    publish(world, where, expect=4)
    write_directory(where, book={**BOOK, "natural_key": ["book_cod"]})
    publish(world, where, expect=2)
    write_directory(where, book={**BOOK, "number": 40000})
    publish(world, where, expect=2)
    for node in nodes_of(world):
        assert applied(node) == version


def test_local_files_only_add(small):
    world = waiting_world(small, [("S1", "Toán", "DO")])
    so = world.so
    own = {**BOOK, "dataset": "shelf", "number": 40000}
    own["fields"] = {k: v for k, v in BOOK["fields"].items() if k != "colour"}
    (so.dir / "datasets").mkdir()
    kit.write_yaml(so.dir / "datasets/shelf.yaml", own)
    where = write_directory(world.country.dir / "pub")
    version = publish(world, where)["outcome"]["version"]
    wait_applied(world, version)
    for tier in world.tiers:
        kit.wait_until(lambda: books(tier) == ["S1"], lambda: world.story(tier))

    kit.write_yaml(so.dir / "datasets/shelf.yaml", {**own, "dataset": "book"})  # a published name
    write_directory(where, colours={**COLOURS, "HONG": "Hồng"})
    newer = publish(world, where)["outcome"]["version"]
    kit.wait_until(lambda: "fault" in so.row("dictionary"), lambda: f"{so.row('dictionary')}\n{so.log_tail()}")
    assert applied(so) == version and so.row("dictionary")["held"] == newer
    assert so.cli("status", "--check").returncode == 1
    kit.wait_until(lambda: applied(world.agents["s01"]) == newer, "the school below has it all the same")
    kit.write_yaml(so.dir / "datasets/shelf.yaml", own)
    assert so.reload(), so.log_tail()
    assert applied(so) == newer and "fault" not in so.row("dictionary")


TOME = {**BOOK, "dataset": "tome", "number": 79,
        "fields": {k: v for k, v in BOOK["fields"].items() if k != "colour"}}
TOMES = {"dataset": "tome", "every": "1s", "query": "SELECT * FROM bo_sach", "key": "ma",
         "fields": {"book_code": "ma", "label": "ten"}}


def test_a_school_ahead_of_its_province(small):
    """The province cannot use a publication that its school uses: what it does not know waits, and goes on by itself."""
    world = waiting_world(small, [("S1", "Toán", "DO")])
    so, agent = world.so, world.agents["s01"]
    where = write_directory(world.country.dir / "pub")
    wait_applied(world, publish(world, where)["outcome"]["version"])
    kit.wait_until(lambda: books(world.bo) == ["S1"], lambda: world.story(world.bo))

    (so.dir / "datasets").mkdir()
    kit.write_yaml(so.dir / "datasets/tome.yaml", {**TOME, "number": 40000})  # the name of what comes
    kit.write_yaml(where / "datasets/tome.yaml", TOME)
    version = publish(world, where)["outcome"]["version"]
    kit.wait_until(lambda: "fault" in so.row("dictionary"), lambda: so.log_tail())
    kit.wait_until(lambda: applied(agent) == version, lambda: agent.log_tail())
    with world.schools["s01"].connect() as db:
        db.execute("CREATE TABLE bo_sach (ma TEXT, ten TEXT)")
        db.execute("INSERT INTO bo_sach VALUES ('T1', 'Tuyển tập')")
    kit.change_yaml(agent.dir / "agent.yaml", lambda y: y["schools"][0]["tables"].append(TOMES))
    assert agent.reload(), agent.log_tail()
    world.schools["s01"].sql("INSERT INTO sach VALUES ('S2', 'Văn', 'XANH')")
    kit.wait_until(lambda: [h["reason"]["code"] for h in so.ask("held_list")] == ["await_definition"],
                   lambda: world.story(so))
    for tier in world.tiers:  # and nothing else waits with it
        kit.wait_until(lambda: books(tier) == ["S1", "S2"], lambda: world.story(tier))

    (so.dir / "datasets/tome.yaml").unlink()
    assert so.reload(), so.log_tail()
    kit.wait_until(lambda: so.ask("held_list") == [], lambda: world.story(so))
    assert so.keys("tome", "s01") == ["T1"] and applied(so) == version
