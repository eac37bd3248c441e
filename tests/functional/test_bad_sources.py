"""Sources that fail in every way seen at schools: said with a code, nothing deleted, the others go on."""
import contextlib
import hashlib
import os
import sqlite3

import pytest

import kit
from school import TABLES

PUPILS = 8
WRITES = 400


@pytest.fixture(scope="module")
def world(programs):
    """Two schools; s01 is the one that fails, in one table, while its other table and s02 go on."""
    from conftest import Small
    with kit.Country(programs) as country:
        made = Small(country, ("s01", "s02"), pupils=PUPILS, datasets=("class", "pupil")).start()
        made.wait_settled()
        yield made


@pytest.fixture
def bad(world):
    """A test leaves its school healed: everything equal again, no hold, no fault."""
    yield world
    wait_healed(world)


def table(world, dataset="pupil"):
    return world.agents["s01"].row("table", org="s01", dataset=dataset)


def scan(world):
    """Read s01 now, whatever its back-off says."""
    world.agents["s01"].ask("scan", org="s01")


def fault(world, dataset="pupil"):
    scan(world)
    return table(world, dataset)["fault"]["code"]


def wait_fault(world, code, dataset="pupil"):
    kit.wait_until(lambda: fault(world, dataset) == code,
                   lambda: f"fault {code}: {table(world, dataset)}\n{world.agents['s01'].log_tail()}")
    return table(world, dataset)


def wait_healed(world):
    kit.wait_until(lambda: fault(world) == fault(world, "class") == "none",
                   lambda: f"no fault: {table(world)}\n{world.agents['s01'].log_tail()}")
    world.wait_settled()
    for node in (*world.tiers, *world.agents.values()):
        kit.wait_until(lambda: node.ask("held_list") == [], lambda: f"no hold: {node.ask('held_list')}")


def held_state(world):
    return {t.org: (t.keys("pupil", "s01"), t.keys("class", "s01")) for t in world.tiers}


def others_go_on(world, same_school=True):
    """A change of s02, and of s01's other table, arrives while s01's pupils fail."""
    world.schools["s02"].touch(2)
    name = f"Lớp đổi tên {os.urandom(4).hex()}"
    if same_school:
        world.schools["s01"].sql("UPDATE lop SET ten_lop = ? WHERE id = 1", name)
        scan(world)
    world.wait_settled_of("s02")
    if same_school:
        key = world.schools["s01"].keys("class")[0]
        kit.wait_until(lambda: all(t.fields("class", "s01", key)["name"] == name for t in world.tiers),
                       lambda: f"the other table goes on: {world.story(world.bo)}")


def test_missing_table(bad):
    before = held_state(bad)
    bad.schools["s01"].sql("ALTER TABLE hoc_sinh RENAME TO hoc_sinh_cu")
    row = wait_fault(bad, "missing_table")
    assert "hoc_sinh" in row["detail"]
    others_go_on(bad)
    assert {k: v[0] for k, v in held_state(bad).items()} == {k: v[0] for k, v in before.items()}
    bad.schools["s01"].sql("ALTER TABLE hoc_sinh_cu RENAME TO hoc_sinh")


def test_missing_column(bad):
    before = held_state(bad)
    bad.schools["s01"].sql("ALTER TABLE hoc_sinh RENAME COLUMN ngay_sinh TO ngay_thang_nam_sinh")
    row = wait_fault(bad, "missing_column")
    assert "ngay_sinh" in row["detail"]
    others_go_on(bad)
    assert held_state(bad) == before
    bad.schools["s01"].sql("ALTER TABLE hoc_sinh RENAME COLUMN ngay_thang_nam_sinh TO ngay_sinh")


def test_null_key(bad):
    school = bad.schools["s01"]
    before = school.keys("pupil")
    with school.connect() as db:
        db.execute("UPDATE hoc_sinh SET id = NULL WHERE id = (SELECT min(id) FROM hoc_sinh)")
        new = school.insert(db)
    wait_fault(bad, "null_key")
    wanted = sorted([*before, f"{school.prefix}{new:05d}"])
    for tier in bad.tiers:  # the good rows of the same table arrive, the bad one deletes nothing
        kit.wait_until(lambda: tier.keys("pupil", "s01") == wanted, lambda: f"{wanted}: {bad.story(tier)}")
    others_go_on(bad)
    school.sql("UPDATE hoc_sinh SET id = 1000 WHERE id IS NULL")


def test_duplicate_key(bad):
    school = bad.schools["s01"]
    before = held_state(bad)
    first, second = (r["id"] for r in school.sql("SELECT id FROM hoc_sinh ORDER BY id LIMIT 2"))
    school.sql("UPDATE hoc_sinh SET id = ? WHERE id = ?", first, second)
    wait_fault(bad, "duplicate_key")
    others_go_on(bad)
    assert set(held_state(bad)["bo"][0]) == set(before["bo"][0])
    with school.connect() as db:
        db.execute("UPDATE hoc_sinh SET id = ? WHERE rowid = (SELECT max(rowid) FROM hoc_sinh WHERE id = ?)",
                   (second, first))


def test_vanished_file(bad):
    before, path = held_state(bad), bad.schools["s01"].path
    os.rename(path, path + ".away")
    try:
        wait_fault(bad, "unreachable")
        others_go_on(bad, same_school=False)
        assert held_state(bad) == before
        assert not os.path.exists(path), "looking for a file does not make one"
    finally:
        os.rename(path + ".away", path)


def test_not_a_database(bad):
    before, path = held_state(bad), bad.schools["s01"].path
    os.rename(path, path + ".away")
    try:
        with open(path, "wb") as out:
            out.write(b"no database at all\n" * 1000)
        wait_fault(bad, "unreachable")
        assert held_state(bad) == before
    finally:
        os.rename(path + ".away", path)


def test_locked_file(bad):
    before = held_state(bad)
    writer = sqlite3.connect(bad.schools["s01"].path, isolation_level=None)
    with contextlib.closing(writer):
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("DELETE FROM hoc_sinh")
        wait_fault(bad, "locked")
        others_go_on(bad, same_school=False)
        assert held_state(bad) == before
        writer.execute("ROLLBACK")


def corrupt_a_page(path, table_name):
    """Spoil a leaf page of the table in its middle; the bytes that were there."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        size = db.execute("PRAGMA page_size").fetchone()[0]
        pages = [row[0] for row in db.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table_name,))]
    assert len(pages) >= 3, "the table must have pages in its middle"
    at = (pages[len(pages) // 2] - 1) * size
    with open(path, "r+b") as file:
        file.seek(at)
        good = file.read(size)
        file.seek(at)
        file.write(b"\xa5" * size)
    return at, good


def test_corrupt_page_in_mid_scan(bad):
    school = bad.schools["s01"]
    with school.connect() as db:
        for _ in range(150):
            school.insert(db)
    scan(bad)
    bad.wait_settled()
    before = held_state(bad)
    at, good = corrupt_a_page(school.path, "hoc_sinh")
    try:
        wait_fault(bad, "incomplete")
        assert held_state(bad) == before
        bad.schools["s02"].touch(1)
        bad.wait_settled_of("s02")
    finally:
        with open(school.path, "r+b") as file:
            file.seek(at)
            file.write(good)


def test_a_value_too_long_to_be_read_whole(bad):
    before, school = held_state(bad), bad.schools["s01"]
    row = school.sql("SELECT id, ho_ten FROM hoc_sinh ORDER BY id LIMIT 1")[0]
    school.sql("UPDATE hoc_sinh SET ho_ten = ? WHERE id = ?", "Á" * 300_000, row["id"])
    said = wait_fault(bad, "truncated")
    assert said["detail"] == "ho_ten"
    others_go_on(bad)
    assert {k: v[0] for k, v in held_state(bad).items()} == {k: v[0] for k, v in before.items()}
    school.sql("UPDATE hoc_sinh SET ho_ten = ? WHERE id = ?", row["ho_ten"], row["id"])


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_scans_change_nothing_and_never_fail_the_schools_program(bad):
    school = bad.schools["s01"]
    before, seen = digest(school.path), table(bad)["ended_ms"]
    scan(bad)
    kit.wait_until(lambda: table(bad)["ended_ms"] > seen, "a scan")
    assert digest(school.path) == before
    with contextlib.closing(sqlite3.connect(school.path, timeout=0, isolation_level=None)) as db:
        for i in range(WRITES):  # "database is locked" would be an exception here
            if i % 10 == 0:
                scan(bad)
            db.execute("UPDATE hoc_sinh SET khoi = 1 + khoi % 3 WHERE id = (SELECT max(id) FROM hoc_sinh)")


def held_at(node, **where):
    return [h for h in node.ask("held_list") if all(h.get(k) == v for k, v in where.items())]


@pytest.mark.parametrize("column, wrong, field", [("ngay_sinh", "31/02/2015", "birth_date"),
                                                  ("ngay_sinh", "2015-13-04", "birth_date"),
                                                  ("gioi_tinh", "Trai", "sex")])
def test_wrong_values_are_held(bad, column, wrong, field):
    school, agent = bad.schools["s01"], bad.agents["s01"]
    row = school.sql("SELECT id, ma_hs, ho_ten FROM hoc_sinh ORDER BY id LIMIT 1")[0]
    good = school.sql(f"SELECT {column} AS v FROM hoc_sinh WHERE id = ?", row["id"])[0]["v"]
    last = {t.org: t.fields("pupil", "s01", row["ma_hs"]) for t in bad.tiers}
    school.sql(f"UPDATE hoc_sinh SET {column} = ?, ho_ten = 'Tên Chưa Đúng' WHERE id = ?", wrong, row["id"])
    for node in (agent, bad.so):
        hold = kit.wait_until(lambda: held_at(node, org="s01", dataset="pupil"), lambda: bad.story(bad.so))[0]
        assert hold["reason"]["code"] == "invalid_at_source" and hold["tier"] == "79"
        assert hold["reason"]["vi"] and hold["reason"]["en"]
    assert table(bad)["invalid"] == 1 and table(bad)["fault"]["code"] == "none"
    others_go_on(bad)
    for tier in bad.tiers:  # the last good version stays
        assert tier.fields("pupil", "s01", row["ma_hs"]) == last[tier.org]
        assert len(tier.keys("pupil", "s01")) == school.count("pupil")
    assert bad.so.row("origin", org="s01")["held"] == 1
    shown = bad.so.cli("--json", "held", "show", str(hold_of(bad.so)["accept_no"]), str(hold_of(bad.so)["index"]))
    assert shown.returncode == 0 and '"invalid_at_source"' in shown.stdout
    school.sql(f"UPDATE hoc_sinh SET {column} = ?, ho_ten = ? WHERE id = ?", good, row["ho_ten"], row["id"])


def hold_of(node):
    return node.ask("held_list")[0]


def test_two_rows_with_one_natural_key(bad):
    school, agent = bad.schools["s01"], bad.agents["s01"]
    row = school.sql("SELECT * FROM hoc_sinh ORDER BY id LIMIT 1")[0]
    school.sql("INSERT INTO hoc_sinh SELECT 2000, ma_hs, 'Người Thứ Hai', ngay_sinh, gioi_tinh, dan_toc, sdt_cha, "
               "chieu_cao, khoi FROM hoc_sinh WHERE id = ?", row["id"])
    expected = TABLES["pupil"].fields_of(row)
    for node in (agent, bad.so):
        holds = kit.wait_until(lambda: held_at(node, org="s01", dataset="pupil"), lambda: bad.story(bad.so))
        assert [h["reason"]["code"] for h in holds] == ["invalid_at_source"]
    assert table(bad)["invalid"] == 1, table(bad)
    for tier in bad.tiers:
        assert tier.fields("pupil", "s01", row["ma_hs"])["full_name"] == expected["full_name"]
        assert tier.keys("pupil", "s01").count(row["ma_hs"]) == 1
    others_go_on(bad)
    school.sql("DELETE FROM hoc_sinh WHERE id = 2000")
