"""A school year of one clerk: files in the order in which people really hand them in, on real programs."""
import contextlib
import io
import os
import signal

import openpyxl
import pytest

import kit
import school as s
from test_uploads import Hosted, counts_of, with_the_day_of_entry


@pytest.fixture
def world(country):
    return Hosted(country, ("t01",)).start()


def take(world, name, content, state="done"):
    return world.host.wait_upload("t01", world.host.hand_in("t01", name, content), state)


def of_class(book, name):
    return s.xlsx_of([book.headers] + [[r[h] for h in book.headers] for r in book.rows if r["Lớp"] == name])


def letters(i):
    return chr(65 + i // 676) + chr(97 + i // 26 % 26) + chr(97 + i % 26)


def two_classes(pupils=20):
    book = s.Workbook("t01", pupils=pupils)
    for i, row in enumerate(book.rows):
        row["Lớp"], row["Họ và tên"] = ("3A", "3B")[i % 2], f"Nguyễn Văn {letters(i)}"
    return book


def record_of(world, row):
    return next(r["id"] for r in world.bo.records("pupil", "t01") if r["key"] == row["Mã học sinh"])


def test_enrolments_follow_a_code_that_came_late(world):
    """Half of the pupils get their real codes: they stay who they are, and so do their enrolments."""
    book = two_classes()
    with_the_day_of_entry(book)
    real = [row["Mã học sinh"] for row in book.rows]
    for i, row in enumerate(book.rows[:10]):
        row["Mã học sinh"] = f"TAM-{i}"

    def held():  # for want of their classes, which no file has brought
        return {r["record_id"] for r in world.so.ask("held_list") if r["dataset"] == "enrolment"}

    take(world, "1.xlsx", book.xlsx())
    world.wait_holds("t01", s.recount(book.xlsx()))
    kit.wait_until(lambda: len(held()) == 20, held)
    before = held()
    for row, code in zip(book.rows, real):
        row["Mã học sinh"] = code
    take(world, "2.xlsx", book.xlsx())
    for dataset in ("pupil", "enrolment"):
        assert counts_of(world.table("t01", "2.xlsx", dataset)) == {"rows": 20, "changed": 10, "same": 10}, dataset
    world.wait_holds("t01", s.recount(book.xlsx()))
    assert held() == before
    take(world, "3.xlsx", book.xlsx())
    assert counts_of(world.table("t01", "3.xlsx", "enrolment")) == {"rows": 20, "same": 20}


def test_a_pupil_who_changes_class_in_two_files(world):
    book = two_classes()
    take(world, "all.xlsx", book.xlsx())
    world.wait_holds("t01", s.recount(book.xlsx()))
    mover = book.rows[0]
    record = record_of(world, mover)
    mover["Lớp"] = "3B"
    waiting = take(world, "3a.xlsx", of_class(book, "3A"), "waiting")
    assert world.table("t01", "3a.xlsx")["fault"]["code"] == "may_be_elsewhere"
    assert world.table("t01", "3a.xlsx")["gone"] == 1 and waiting["waiting"]
    assert world.host.cli("status", "--check").returncode == 1
    take(world, "3b.xlsx", of_class(book, "3B"))
    world.wait_holds("t01", s.recount(book.xlsx()))
    world.host.act("t01", "3a.xlsx", "confirm")
    world.host.wait_upload("t01", "3a.xlsx")
    assert "ended" not in counts_of(world.table("t01", "3a.xlsx"))
    world.wait_holds("t01", s.recount(book.xlsx()))
    assert record_of(world, mover) == record


def test_the_same_list_in_other_clothes_makes_no_version(world):
    book = two_classes()
    take(world, "a.xlsx", book.xlsx())
    batches = world.host.row("school", org="t01")["batch_seq"]
    book.rows.sort(key=lambda row: row["Họ và tên"])
    take(world, "sorted.xlsx", book.xlsx())
    book.headers = book.headers[::-1]
    take(world, "columns.xlsx", book.xlsx())
    take(world, "text.csv", book.csv())
    take(world, "headers.xlsx", s.xlsx_of([["DANH SÁCH HỌC SINH"], [], *book.cells()]))
    for name in ("sorted.xlsx", "columns.xlsx", "text.csv", "headers.xlsx"):
        assert counts_of(world.table("t01", name)) == {"rows": 20, "same": 20}, name
    assert world.host.row("school", org="t01")["batch_seq"] == batches


def test_an_answer_workbook_without_its_first_column_ends_nobody(world):
    book = two_classes(8)
    good = dict(book.rows[0])
    book.rows[0]["Ngày sinh"] = "31/02/2017"
    take(world, "a.xlsx", book.xlsx())
    done = world.host.json("upload", "answers", "t01", "a.xlsx")
    answer = openpyxl.load_workbook(done["path"])
    sheet = answer.active
    sheet.delete_cols(1)
    column = [c.value for c in sheet[1]].index("Ngày sinh") + 1
    sheet.cell(2, column).value = good["Ngày sinh"]
    out = io.BytesIO()
    answer.save(out)
    corrected = take(world, "sua.xlsx", out.getvalue())
    assert corrected["found"] == [] and "ended" not in counts_of(world.table("t01", "sua.xlsx"))
    book.rows[0].update(good)
    world.wait_holds("t01", s.recount(book.xlsx()))
    again = take(world, "sua2.xlsx", out.getvalue())
    assert counts_of(world.table("t01", "sua2.xlsx")) == {"rows": 1, "same": 1}, again


def test_an_emptied_sheet_confirmed_ends_all(world):
    book = two_classes()
    take(world, "a.xlsx", book.xlsx())
    world.wait_holds("t01", s.recount(book.xlsx()))
    take(world, "empty.xlsx", s.xlsx_of([book.headers]), "waiting")
    assert world.table("t01", "empty.xlsx")["gone"] == 20
    assert "20 trong 20 bản ghi đã biết" in world.host.cli("upload", "show", "t01", "empty.xlsx").stdout
    world.host.act("t01", "empty.xlsx", "confirm")
    world.host.wait_upload("t01", "empty.xlsx")
    world.wait_holds("t01", {})


def test_an_old_file_handed_in_once_more_waits(world):
    book = two_classes()
    old = book.xlsx()
    take(world, "a.xlsx", old)
    book.rows[0]["Họ và tên"] = "Nguyễn Văn Mới"
    left = book.rows.pop()
    take(world, "b.xlsx", book.xlsx())
    world.wait_holds("t01", s.recount(book.xlsx()))
    upload = take(world, "c.xlsx", old, "waiting")
    table = world.table("t01", "c.xlsx")
    assert table["fault"]["code"] == "restored" and table["old"] == 2, upload
    world.wait_holds("t01", s.recount(book.xlsx()))
    world.host.act("t01", "c.xlsx", "withdraw")
    world.host.wait_upload("t01", "c.xlsx", "withdrawn")
    world.wait_holds("t01", s.recount(book.xlsx()))
    assert left["Mã học sinh"] not in world.bo.keys("pupil", "t01")


def test_a_word_about_an_old_file_turns_nothing_back(world):
    book = two_classes()
    full = book.xlsx()
    take(world, "full.xlsx", full)
    short = s.Workbook("t01", pupils=1)
    short.headers, short.rows = book.headers, [dict(r) for r in book.rows[:8]]
    take(world, "short.xlsx", short.xlsx(), "waiting")
    book.rows[0]["Họ và tên"] = "Nguyễn Văn Mới"
    fresh = dict(book.rows[0], **{"Mã học sinh": f"{book.prefix}77777", "Họ và tên": "Lê Thị Mới"})
    book.rows.append(fresh)
    take(world, "new.xlsx", book.xlsx())
    world.wait_holds("t01", s.recount(book.xlsx()))
    world.host.act("t01", "short.xlsx", "confirm")
    world.host.wait_upload("t01", "short.xlsx")
    assert "ended" not in counts_of(world.table("t01", "short.xlsx")), "all of them stand in a newer file"
    world.wait_holds("t01", s.recount(book.xlsx()))


def test_the_codes_of_a_whole_school_on_one_day(world):
    book = s.Workbook("t01", pupils=1)
    plain = book.rows[0]
    book.rows = [dict(plain, **{"Mã học sinh": f"TAM-{i}", "Họ và tên": f"Nguyễn Văn {letters(i)}" + " Nguyễn" * 15}) for i in range(6000)]
    take(world, "august.xlsx", book.xlsx())
    assert counts_of(world.table("t01", "august.xlsx")) == {"rows": 6000, "fresh": 6000}
    for i, row in enumerate(book.rows):
        row["Mã học sinh"] = f"{book.prefix}{i:05d}"
    take(world, "september.xlsx", book.xlsx())
    assert counts_of(world.table("t01", "september.xlsx")) == {"rows": 6000, "changed": 6000}
    expected = sorted(row["Mã học sinh"] for row in book.rows)
    for tier in world.tiers:
        kit.wait_until(lambda: tier.keys("pupil", "t01") == expected, lambda: world.story(tier, "t01")[-2000:])


def test_one_file_of_many_schools_and_one_that_is_missing(country):
    codes = tuple(f"t{n:02d}" for n in range(1, 13))
    world = Hosted(country, codes, hosted={"carrier": {"inbox": "common", "profile": "pupils-c1"}})
    inbox = world.host.dir / "common"
    (inbox / ".in").mkdir(parents=True)
    world.start()
    books = {code: s.Workbook(code, pupils=4, org_column=True) for code in codes}

    def hand_in(name, of):
        content = s.xlsx_of([books["t01"].headers] + [row for code in of for row in books[code].cells()[1:]])
        (inbox / ".in" / name).write_bytes(content)
        (inbox / ".in" / name).rename(inbox / name)
        kit.wait_until((inbox / ".kept" / f"{name}.json").exists, world.host.log_tail)
        return content

    first = hand_in("1.xlsx", codes)
    for code in codes:
        world.wait_holds(code, s.recount(first, code))
    for code in codes:
        books[code].rows[0]["Họ và tên"] = "Nguyễn Văn Mới"
    second = hand_in("2.xlsx", codes[:-1])
    for code in codes[:-1]:
        world.wait_holds(code, s.recount(second, code))
    world.wait_holds(codes[-1], s.recount(first, codes[-1]))
    assert [u["id"] for u in world.host.uploads(codes[-1])] == ["1.xlsx"]


def test_a_reader_that_is_killed_reads_again(world):
    book = two_classes(2000)
    stopped = world.host.process.pid
    name = world.host.hand_in("t01", "a.xlsx", book.xlsx())
    children = lambda: [int(p) for p in open(f"/proc/{stopped}/task/{stopped}/children").read().split()]  # noqa: E731
    for child in kit.wait_until(children, "it is being read"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    world.host.wait_upload("t01", name)
    world.wait_holds("t01", s.recount(book.xlsx()))
    assert world.host.log_count("capture_failed") == 1
