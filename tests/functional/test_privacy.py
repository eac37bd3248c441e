"""No pupil in any log line, status, error, listing of holds, or file name."""
import json
import os

import kit
from school import TABLES

NAME, PHONE, CODE, NOTE, ADDRESS = "Quách Thị Mật Danh", "0000777333", "99977733377", "bệnh hiếm gặp XYZZY", "12 ngõ Bí Mật"
PLANTED = (NAME, PHONE, CODE, NOTE, ADDRESS, "Mật Danh", "777333", "XYZZY", "31/02/2015")


def plant(school):
    """A good row, a row that does not fit, two with one key, and a source that fails."""
    with school.connect() as db:
        db.execute("INSERT INTO hoc_sinh VALUES (501, ?, ?, '01/02/2015', 'Nữ', '01', ?, NULL, 2)", (CODE, NAME, PHONE))
        db.execute("INSERT INTO hoc_sinh VALUES (502, ?, ?, '31/02/2015', ?, '01', ?, NULL, 2)",
                   (CODE + "2", NAME, ADDRESS, PHONE))
        db.execute("INSERT INTO hoc_sinh VALUES (503, ?, ?, '03/02/2015', 'Nữ', '01', ?, NULL, 2)",
                   (CODE, NAME + " Hai", PHONE))
        db.execute("INSERT INTO ket_qua VALUES (501, ?, '2026', '1', 5.5, 6, 7, 'T', ?)", (CODE, NOTE))
        db.execute("INSERT INTO ket_qua VALUES (502, ?, '2026', '9', 55, 66, 77, ?, ?)", (CODE + "2", NOTE, NOTE))


def spellings(text):
    """As it is, as a query string or JSON might write it, and in other encodings."""
    raw = text.encode()
    return {raw, json.dumps(text)[1:-1].encode(), raw.hex().encode(), text.encode("utf-16-le"), raw.upper()}


def found_in(where, data):
    return [(where, word) for word in PLANTED for form in spellings(word) if form in data]


def test_no_personal_data_leaks(small):
    world = small("s01", "s02", pupils=5, datasets=("pupil", "term_result"))
    nodes = [*world.tiers, *world.agents.values()]
    for node in nodes:
        node.log_level = "debug"
    world.start()
    school, agent = world.schools["s01"], world.agents["s01"]
    plant(school)
    kit.wait_until(lambda: CODE in world.bo.keys("pupil", "s01") and len(world.so.ask("held_list")) >= 3,
                   lambda: f"planted: {world.so.ask('held_list')} {world.story(world.so)}")
    said = []
    for _ in range(2):  # with rows held, then with a source that fails
        for node in nodes:
            said += [(f"{node.dir.name} {args}", node.cli(*args)) for args in (
                ("--json", "status"), ("status",), ("--json", "held", "list"), ("held", "list"), ("--json", "counts"),
                ("status", "--check"))]
        school.sql(f"ALTER TABLE {TABLES['pupil'].table} RENAME COLUMN ngay_sinh TO ngay")
        agent.ask("scan", org="s01")
        kit.wait_until(lambda: agent.row("table", dataset="pupil")["fault"]["code"] == "missing_column" or
                       agent.ask("scan", org="s01") and False, "the fault is seen")
        school.sql("ALTER TABLE hoc_sinh RENAME COLUMN ngay TO ngay_sinh")
    said.append(("wrong key", world.bo.cli("record", "show", "pupil", "s02", CODE)))
    said.append(("other org", world.agents["s02"].cli("--json", "status")))
    for node in nodes:
        node.kill() if node is world.so else node.stop()
    world.so.start()
    world.so.stop()

    leaks = [leak for what, done in said for leak in found_in(what, (done.stdout + done.stderr).encode())]
    for folder, _, files in os.walk(world.country.dir):
        for file in files:
            leaks += found_in("a file's name", os.path.join(folder, file).encode())
            if file.endswith(".log"):
                with open(os.path.join(folder, file), "rb") as log:
                    leaks += found_in(file, log.read())
    assert not leaks
    assert all(node.log() for node in nodes), "there were logs to look at"
    assert NAME.encode() in (world.so.dir / "store/data.mdb").read_bytes(), "the search finds what is there"
