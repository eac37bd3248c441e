"""Views that hold many schools: each school gets its own file, and from there on everything is as with files."""
import copy
import csv
import os
import signal
from pathlib import Path

import pytest

import kit
from views_kit import Views, nameless

CODES = ("t01", "t02", "t03", "t04")
# Takes a while, so that somebody can come in between; the number says how long.
SLOW = ("SELECT * FROM v_hoc_sinh WHERE (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        "SELECT count(*) FROM n) > 0")


@pytest.fixture
def views(country):
    return lambda codes=CODES, **more: Views(country, codes, **more)


# ---- the whole way

def test_two_views_reach_the_ministry(views):
    world = views().start()
    for name, rows in (("hoc-sinh", 8 * 4), ("lop", 2 * 4)):
        row = world.first(name)
        assert (row["fault"]["code"], row["rows"], row["schools"], row["delivered"]) == ("none", rows, 4, 4), row
        assert row["not_served"] == [] and row["last_good_ms"] >= row["started_ms"] > 0
    world.wait_same()
    for code in CODES:
        name = world.wait_read(code, 1)
        upload = world.host.upload(code, name)
        assert upload["state"] == "done" and upload["found"] == [], upload
        with open(world.host.inbox(code) / ".kept" / name, encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file))
        assert table[1:] == [[str(v) if v is not None else "" for v in r] for r in
                             world.db.sql('SELECT * FROM v_hoc_sinh WHERE "Mã trường" = ?', code)]
    text = world.host.cli("status").stdout
    assert "khung nhìn hoc-sinh: đọc tốt" in text and "32 dòng, 4 trường, giao 4 tệp" in text
    assert "view lop: good reading" in world.host.cli("--lang", "en", "status").stdout
    assert not list((world.host.dir / "inbox/.views").glob("*.run"))


def test_awkward_values_arrive_as_they_are(views):
    names = ["=SUM(A1:A9) Nguyễn", 'Trần "Bé", An', "Lê;Thị|Bình", "O'Hara 𠮷 Thị", '"', "=", "ab" * 60]
    world = views(names=names).start()
    world.wait_same()
    assert {f["full_name"] for f in world.db.pupils("t01").values()} > set(names)


def test_only_what_changed_is_delivered(views):
    world = views().start()
    world.wait_same()
    world.first()
    before = world.batches()
    row = world.read()
    assert (row["fault"]["code"], row["rows"], row["delivered"]) == ("none", 32, 0)
    assert all(len(world.kept(code)) == 1 and not world.lying(code) for code in CODES) and world.batches() == before

    with world.db.change() as db:
        db.execute("UPDATE hs SET ten = 'Đổi Tên' WHERE truong = 't02' AND ma = (SELECT min(ma) FROM hs WHERE truong = 't02')")
        world.db.add(db, "t03", 2)
    assert world.read()["delivered"] == 2
    world.wait_same()
    after = world.batches()
    assert [code for code in CODES if after[code] != before[code]] == ["t02", "t03"]
    table = world.table("t02", world.wait_read("t02", 2))
    assert (table["rows"], table["changed"], table["same"], table["ended"]) == (8, 1, 7, 0)

    # Started again the agent knows what it delivered; without its memory it delivers once more, and makes no version.
    world.host.restart()
    assert world.first()["delivered"] == 0 and world.row()["rows"] == 34
    state = world.host.dir / "inbox/.views/hoc-sinh.state"
    for n, spoil in enumerate((state.unlink, lambda: state.write_text("lienthong-view 1 1 2 3\nt01 nonsense\n"))):
        world.host.stop()
        spoil()
        world.host.start()
        assert world.first()["delivered"] == 4 and world.host.log_count("view_state_lost") == n
        for code, before in zip(CODES, (1, 2, 2, 1)):
            assert world.table(code, world.wait_read(code, before + 1 + n))["same"] == len(world.db.pupils(code))
    assert world.batches() == after


# ---- guards

def test_an_emptied_school_is_asked_about(views):
    world = views().start()
    world.wait_same()
    world.first()
    before = world.db.pupils("t02")
    with world.db.change() as db:
        db.execute("DELETE FROM hs WHERE truong = 't02'")
    row = world.read()
    assert (row["delivered"], row["schools"], row["fault"]["code"]) == (1, 3, "none")
    name = world.wait_read("t02", 2)
    upload = world.host.wait_upload("t02", name, "waiting")
    assert world.table("t02", name)["fault"]["code"] == "emptied"
    assert (world.host.inbox("t02") / ".kept" / name).read_text("utf-8-sig").count("\n") == 1
    assert upload["waiting"] and world.so.keys("pupil", "t02") == sorted(before)
    assert world.host.cli("status", "--check").returncode == 1

    assert world.read()["delivered"] == 0, "asked once"
    world.host.act("t02", name, "confirm")
    world.host.wait_upload("t02", name, "done")
    world.wait_same()
    with world.db.change() as db:
        world.db.add(db, "t02", 3)
    assert world.read()["delivered"] == 1
    world.wait_same()


def test_what_goes_back_as_it_was_is_asked_about(views):
    """As of every file that says again what an older one said."""
    world = views().start()
    world.wait_same()
    world.first()
    before = world.db.sql("SELECT ten FROM hs WHERE ma = '9990000001'")
    for n, name in enumerate(("Đổi Tên", before[0][0])):
        with world.db.change() as db:
            db.execute("UPDATE hs SET ten = ? WHERE ma = '9990000001'", (name,))
        assert world.read()["delivered"] == 1
        last = world.wait_read("t01", n + 2)
    world.host.wait_upload("t01", last, "waiting")
    assert world.table("t01", last)["fault"]["code"] == "restored"
    world.host.act("t01", last, "confirm")
    world.host.wait_upload("t01", last, "done")
    world.wait_same()


# ---- who is not served here

def test_codes_not_served_are_told(views):
    world = views()
    with world.db.change() as db:
        world.db.add(db, "zz-88", 3)
        world.db.add(db, "zz-99", 1)
        world.db.add(db, "Nguyễn Văn A", 2)
    world.start()
    row = world.first()
    assert (row["rows"], row["schools"], row["delivered"], row["fault"]["code"]) == (32, 4, 4, "none")
    assert row["not_served"] == [{"org": "zz-88", "rows": 3}, {"org": "zz-99", "rows": 1}] and row["not_served_rows"] == 6
    assert world.host.cli("status", "--check").returncode == 1
    line = next(x for x in world.host.cli("status").stdout.splitlines() if "khung nhìn hoc-sinh" in x)
    assert "6 dòng của đơn vị không chạy thay ở đây: zz-88 (3) zz-99 (1)" in line and "Nguyễn" not in line
    log = world.host.log()
    assert "not_served=2 not_served_rows=6" in log and "zz-" not in log
    world.wait_same()


# ---- faults

def broken(world, code, detail, name="hoc-sinh"):
    """A reading that fails delivers nothing and says why, in `status` and for a monitor."""
    before = {c: (world.kept(c), world.lying(c)) for c in CODES}
    row = world.read(name)
    assert row["fault"]["code"] == code and detail in row["detail"], row
    assert {c: (world.kept(c), world.lying(c)) for c in CODES} == before
    assert row["todo"]["vi"] and row["todo"]["en"] and row["last_good_ms"] < row["started_ms"]
    shown = next(x for x in world.host.cli("status").stdout.splitlines() if f"khung nhìn {name}" in x)
    assert f"({code})" in shown and row["todo"]["vi"] in shown
    assert world.host.cli("status", "--check").returncode == 1
    assert row["faults_in_a_row"] > 0
    return row


def test_a_broken_view_delivers_nothing_and_recovers(views):
    world = views().start()
    world.wait_same()
    world.first()
    with world.db.change() as db:
        world.db.add(db, "t01", 1)
        world.db.add(db, "t04", 1)
        db.execute("PRAGMA legacy_alter_table = ON")  # The view keeps asking for hs.
        db.execute("ALTER TABLE hs RENAME TO hs2")
    assert broken(world, "missing_table", "hs")["faults_in_a_row"] == 1
    assert world.row("lop")["fault"]["code"] == "none"
    with world.db.change() as db:
        db.execute("PRAGMA legacy_alter_table = ON")
        db.execute("ALTER TABLE hs2 RENAME TO hs")
        db.execute("INSERT INTO hs (truong, ma) VALUES (NULL, '9990000000')")
    broken(world, "no_org", "Mã trường")
    with world.db.change() as db:
        db.execute("UPDATE hs SET truong = ' ' WHERE truong IS NULL")
    broken(world, "no_org", "Mã trường")
    with world.db.change() as db:
        db.execute("DELETE FROM hs WHERE truong = ' '")
        db.execute("UPDATE hs SET ten = CAST(x'4EFF' AS TEXT) WHERE ma = '9990000033'")
    broken(world, "bad_text", "t01: Họ và tên")
    with world.db.change() as db:
        db.execute("UPDATE hs SET ten = ? WHERE ma = '9990000033'", ("x" * 40000,))
    broken(world, "truncated", "t01: Họ và tên")
    with world.db.change() as db:
        db.execute("UPDATE hs SET ten = 'Lành Lặn' WHERE ma = '9990000033'")
    os.rename(world.db.path, world.db.path + ".x")
    assert broken(world, "unreachable", "csdl.db")["faults_in_a_row"] == 6
    os.rename(world.db.path + ".x", world.db.path)
    row = world.read()
    assert (row["fault"]["code"], row["delivered"], row["faults_in_a_row"]) == ("none", 2, 0)
    world.wait_same()


def test_a_column_that_is_not_there(views, country):
    world = views()
    kit.change_yaml(world.host.dir / "agent.yaml", lambda y: y["hosted"]["views"][0].update(org_from="ma_truong"))
    world.start()
    row = world.first()
    assert (row["fault"]["code"], row["detail"], row["last_good_ms"]) == ("missing_column", "ma_truong", 0)
    kit.change_yaml(world.host.dir / "agent.yaml", lambda y: y["hosted"]["views"][0].update(org_from="mã trường"))
    assert world.host.reload() and world.first()["fault"]["code"] == "none"
    world.wait_same()


def test_a_query_that_does_not_end(views):
    world = views(queries={"hoc-sinh": SLOW.format(10**12), "lop": "SELECT * FROM v_lop"})
    kit.change_yaml(world.host.dir / "agent.yaml", lambda y: y["hosted"]["views"][0]["source"].update(scan_seconds=1))
    world.start()
    row = world.first()
    # The agent's clock, or the limit of processor time: whichever is first.
    assert (row["fault"]["code"], row["detail"]) in (("timeout", ""), ("child_failed", "signal 24")), row
    assert world.first("lop")["fault"]["code"] == "none" and row["delivered"] == 0


def test_over_the_limit_of_a_file(views):
    world = views(limits={"upload_mib": 1}, queries={"hoc-sinh": "SELECT * FROM v_hoc_sinh"})
    with world.db.change() as db:
        db.execute("DELETE FROM lop")
    world.start()
    world.wait_same()
    world.first()
    assert world.host.cli("status", "--check").returncode == 0
    with world.db.change() as db:
        db.executemany("INSERT INTO hs (truong, ma, ten) VALUES ('t03', ?, ?)",
                       [(f"999{i:07d}", "x" * 1000) for i in range(5000, 6100)])
    broken(world, "too_many_rows", "t03: > 1 MiB")


def test_an_inbox_that_is_gone_harms_only_its_school(views):
    world = views().start()
    world.wait_same()
    world.first()
    box = world.host.inbox("t02")
    box.rename(box.parent / "away")
    with world.db.change() as db:
        for code in CODES:
            world.db.add(db, code, 1)
    row = world.read()
    assert row["fault"]["code"] == "not_written" and "t02" in row["detail"]
    world.wait_same("t01", "t03", "t04")
    (box.parent / "away").rename(box)
    assert world.read()["delivered"] == 1
    world.wait_same()


def test_changing_statements_are_refused(views):
    world = views()
    kit.change_yaml(world.host.dir / "agent.yaml",
                    lambda y: y["hosted"]["views"][0].update(query="DELETE FROM hs"))
    world.host.start(wait=False)
    assert world.host.process.wait(kit.PATIENCE_S) != 0
    assert "khung nhìn hoc-sinh: câu truy vấn" in world.host.log()


# ---- files that nobody has read yet, and files that were

def test_an_unread_file_is_replaced(views):
    world = views()
    world.host.start()  # Without its broker no school may send yet: files lie.
    world.first()
    names = {code: [n for n in world.lying(code) if n.startswith("hoc-sinh")] for code in CODES}
    assert all(len(n) == 1 for n in names.values())
    with world.db.change() as db:
        for code in CODES[:3]:
            world.db.add(db, code, 1)
        db.execute("DELETE FROM hs WHERE truong = 't03'")
    assert world.read()["delivered"] == 3
    assert {code: [n for n in world.lying(code) if n.startswith("hoc-sinh")] for code in CODES} == names
    assert nameless(33) in (world.host.inbox("t01") / names["t01"][0]).read_text("utf-8-sig")
    for tier in world.tiers:
        tier.start()
    world.wait_same()
    assert all(len(world.kept(code)) == 1 for code in CODES)


def test_few_files_are_kept(views):
    world = views(codes=("t01",), pupils=12).start()
    world.wait_same()
    with world.db.change() as db:
        db.execute("CREATE TABLE hs2 AS SELECT * FROM hs")
        db.execute("DELETE FROM hs WHERE id > 2")
    world.first()
    assert world.read()["delivered"] == 1
    waiting = world.wait_read("t01", 2)
    world.host.wait_upload("t01", waiting, "waiting")
    (world.host.inbox("t01") / ".kept/hoc-sinh-ghi-chu.csv").write_text("not ours")
    with world.db.change() as db:
        db.execute("INSERT INTO hs SELECT * FROM hs2 WHERE id > 2")
    for i in range(8):
        with world.db.change() as db:
            db.execute("UPDATE hs SET ten = ? WHERE id = 5", (f"Tên Thứ {i}",))
        assert world.read()["delivered"] == 1
        kit.wait_until(lambda: not world.lying("t01") and world.kept("t01")[-1] != waiting, "it is read")
    kept = world.kept("t01")
    assert waiting in kept and len(kept) <= 5 + 1 + 1, kept  # the newest, the one just read, the one that waits
    assert (world.host.inbox("t01") / ".kept/hoc-sinh-ghi-chu.csv").exists()
    assert (world.host.inbox("t01") / ".kept" / waiting).exists()
    world.wait_same()


# ---- killed in the middle

def children_of(pid):
    out = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        out += [int(p) for p in (task / "children").read_text().split()]
    return out


def capture_of(world):
    """Process id of the child that reads the view, as long as there is one."""
    found = [p for p in children_of(world.host.process.pid) if "capture" in Path(f"/proc/{p}/cmdline").read_text()]
    return found[0] if found and world.row()["state"] == "reading" else None


def test_a_killed_child_is_a_fault(views):
    world = views(queries={"hoc-sinh": SLOW.format(6_000_000), "lop": "SELECT * FROM v_lop"})
    world.start()
    child = kit.wait_until(lambda: capture_of(world), lambda: f"a child reads {world.row()}")
    os.kill(child, signal.SIGKILL)
    row = world.first()
    assert (row["fault"]["code"], row["detail"], row["delivered"]) == ("child_failed", "signal 9", 0)
    assert all(not n.startswith("hoc-sinh") for code in CODES for n in world.lying(code) + world.kept(code))
    assert not (world.host.dir / "inbox/.views/hoc-sinh.run").exists()
    assert world.read()["fault"]["code"] == "none"
    world.wait_same()


def test_the_agent_killed_while_a_view_is_read(views):
    world = views(queries={"hoc-sinh": SLOW.format(6_000_000), "lop": "SELECT * FROM v_lop"})
    world.start()
    child = kit.wait_until(lambda: capture_of(world), lambda: f"a child reads {world.row()}")
    os.kill(world.host.process.pid, signal.SIGKILL)
    kit.wait_until(lambda: not Path(f"/proc/{child}").exists(), "the child dies with the agent")
    world.host.kill()
    leftover = world.host.dir / "inbox/.views/hoc-sinh.run"
    assert leftover.is_dir()
    (leftover / "0").write_text("half a fi")
    world.host.start()
    assert world.first()["fault"]["code"] == "none" and not leftover.exists()
    world.wait_same()


def files_of(world, code):
    box = world.host.inbox(code)
    return {p.stat().st_ino for where in (box, box / ".kept") for p in where.glob("hoc-sinh-*.csv")}


def is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_agent_killed_while_files_are_delivered(views):
    codes = tuple(f"t{n:03d}" for n in range(24))
    world = views(codes=codes, pupils=3).start()
    world.wait_same()
    world.first()
    for turn in range(3):
        with world.db.change() as db:
            db.execute("UPDATE hs SET ten = ten || 'x'")
        before = {code: files_of(world, code) for code in codes}
        world.host.cli("source", "scan", "hoc-sinh")

        def some_came():
            return sum(not files_of(world, code) <= before[code] for code in codes) > 6 * turn
        kit.wait_until(some_came, lambda: f"files come\n{world.host.log_tail()}")
        group = world.host.process.pid
        world.host.kill()
        kit.wait_until(lambda: is_gone(group), "what it started is gone, too")
        for code in codes:
            for name in world.lying(code):
                text = (world.host.inbox(code) / name).read_text("utf-8-sig")
                assert text.endswith("\n") and text.count("\n") in (3, 4), "no half file"
        world.host.start()
        assert world.first()["fault"]["code"] == "none"
    world.wait_same()
    assert world.read()["delivered"] == 0


# ---- a process that lies

LIAR = """#!/usr/bin/python3
import os, struct, sys
head = sys.stdin.buffer.read(4)
body = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
if body[:4] != b"LCV1":
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, head + body)
        os._exit(0)
    os.dup2(read, 0)
    os.execv({real!r}, [{real!r}])
size, = struct.unpack_from(">I", body, 4)
where = body[8:8 + size].decode()

def row(org, n, served, cells=1):
    code = org.encode()
    out = bytes([1, 0]) + struct.pack(">II", n, len(code)) + code + struct.pack(">H", cells)
    out += struct.pack(">I", 0 if served else 0xFFFFFFFF) * cells
    sys.stdout.buffer.write(struct.pack(">I", len(out)) + out)

def made(n, content="a"):
    open(os.path.join(where, str(n)), "w").write(content)
{lie}
end = bytes([2, 0, 0, 0]) + bytes(8)
sys.stdout.buffer.write(struct.pack(">I", len(end)) + end + struct.pack(">IB", 1, 3))
"""
LIES = {
    "somebody else's school": ("row('zz', 1, True)", "child_failed"),
    "a school twice": ("made(0); row('t01', 1, True); row('t01', 1, True)", "child_failed"),
    "more cells": ("row('t01', 1, True, 2)", "child_failed"),
    "a long code": ("row('x' * 36, 1, False)", "child_failed"),
    "too many codes": ("[row(f'z{i}', 1, False) for i in range(1001)]", "child_failed"),
    "a file that is not there": ("made(0); row('t01', 1, True); row('t02', 1, True)", "not_written"),
    "a link": ("os.symlink('/etc/hostname', where + '/0'); row('t01', 1, True)", "not_written"),
    "a second name": ("made('x'); os.link(where + '/x', where + '/0'); row('t01', 1, True)", "not_written"),
    "a directory": ("os.mkdir(where + '/0'); row('t01', 1, True)", "not_written"),
    "a file too large": ("made(0, 'a' * 1048577); row('t01', 1, True)", "not_written"),
}


def test_a_lying_child_delivers_nothing(views, country):
    program = country.dir / "liar"
    real = str(country.programs.agent.parents[1] / "capture/lienthong-capture")
    country.programs = copy.copy(country.programs)
    country.programs.env = {"LIENTHONG_CAPTURE": str(program)}

    def tell(lie):
        (country.dir / "liar.new").write_text(LIAR.format(real=real, lie=lie))
        (country.dir / "liar.new").chmod(0o755)
        (country.dir / "liar.new").rename(program)
    tell("")
    world = views(queries={"hoc-sinh": "SELECT * FROM v_hoc_sinh"}, limits={"upload_mib": 1})
    world.host.start()
    assert (world.first()["fault"]["code"], world.row()["schools"]) == ("none", 0)
    for what, (lie, fault) in LIES.items():
        tell(lie)
        row = world.read()
        assert (row["fault"]["code"], row["delivered"]) == (fault, 0), (what, row)
        assert not any(world.lying(code) for code in CODES), what
    tell("os.mkdir(where + '/x'); made('x/y'); made(0); row('t01', 1, True)")
    assert world.read()["delivered"] == 1 and len(world.lying("t01")) == 1
