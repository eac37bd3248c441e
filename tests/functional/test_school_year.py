"""A school year of one clerk: files in the order in which people really hand them in, on real programs."""
import io

import openpyxl
import pytest

import kit
import school as s
from test_uploads import Hosted, counts_of


@pytest.fixture
def world(country):
    return Hosted(country, ("t01",)).start()


def take(world, name, content, state="done"):
    return world.host.wait_upload("t01", world.host.hand_in("t01", name, content), state)


def of_class(book, name):
    return s.xlsx_of([book.headers] + [[r[h] for h in book.headers] for r in book.rows if r["Lớp"] == name])


def two_classes(pupils=20):
    book = s.Workbook("t01", pupils=pupils)
    for i, row in enumerate(book.rows):
        row["Lớp"], row["Họ và tên"] = ("3A", "3B")[i % 2], f"{row['Họ và tên']} {chr(65 + i // 26)}{chr(97 + i % 26)}"
    return book


def record_of(world, row):
    return next(r["id"] for r in world.bo.records("pupil", "t01") if r["key"] == row["Mã học sinh"])


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
    book.rows = [dict(plain, **{"Mã học sinh": f"TAM-{i}", "Họ và tên": f"Nguyễn Văn {chr(65 + i // 676)}"
                                f"{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}" + " Nguyễn" * 15}) for i in range(6000)]
    take(world, "august.xlsx", book.xlsx())
    assert counts_of(world.table("t01", "august.xlsx")) == {"rows": 6000, "fresh": 6000}
    for i, row in enumerate(book.rows):
        row["Mã học sinh"] = f"{book.prefix}{i:05d}"
    take(world, "september.xlsx", book.xlsx())
    assert counts_of(world.table("t01", "september.xlsx")) == {"rows": 6000, "changed": 6000}
    expected = sorted(row["Mã học sinh"] for row in book.rows)
    for tier in world.tiers:
        kit.wait_until(lambda: tier.keys("pupil", "t01") == expected, lambda: world.story(tier, "t01")[-2000:])
