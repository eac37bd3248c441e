"""Two pupils of one school with one identity number: one is held, its clerk is told who has it, and every tier is equal
once it is corrected."""
import io

import openpyxl
import pytest

import kit
import school as s
from test_uploads import Hosted

NUMBERS = ("999217000001", "999217000002", "999217000003", "999217000004")
NUMBER = "Số định danh cá nhân"


@pytest.fixture
def world(country):
    return Hosted(country, ("t01", "t02")).start()


def with_numbers(code, numbers):
    book = s.Workbook(code, pupils=len(numbers))
    book.headers.append(NUMBER)
    for row, number in zip(book.rows, numbers):
        row.update({NUMBER: number, "Giới tính": "Nam"})
    return book


def hand_in(world, code, name, book):
    world.host.hand_in(code, name, book.xlsx())
    return world.host.wait_upload(code, name)


def told(world, code, name):
    return [f for f in world.host.upload(code, name)["found"] if f["code"] == "not_unique"]


def wait_told(world, code, name, n):
    kit.wait_until(lambda: len(told(world, code, name)) == n, lambda: world.host.upload(code, name))
    return told(world, code, name)


def wait_numbers(world, code, book, without=()):
    """Every tier has these pupils; the number is too sensitive for the route, and yet the Bộ follows."""
    good = {key: fields for key, fields in s.recount(book.xlsx()).items() if key not in without}
    for tier in world.tiers:
        kit.wait_until(lambda: [h["reason"]["code"] for h in tier.ask("held_list") if h["org"] == code] ==
                       ["not_unique"] * len(without), lambda: (tier.org, tier.ask("held_list")))
    world.wait_holds(code, good)
    for row in book.rows:
        key = row["Mã học sinh"]
        if key in good:
            assert world.so.fields("pupil", code, key)["national_id"] == row[NUMBER]
            assert world.bo.fields("pupil", code, key).get("national_id") is None


def test_one_is_held_told_and_corrected(world):
    book = with_numbers("t01", (NUMBERS[0], NUMBERS[1], NUMBERS[0], NUMBERS[3]))
    first, _, twin, _ = [row["Mã học sinh"] for row in book.rows]
    hand_in(world, "t01", "1.xlsx", book)
    (asked,) = [f for f in world.host.upload("t01", "1.xlsx")["found"] if f["severity"] == "question"]
    assert asked["row"] == 4, asked  # one number speaks for the first pupil: the clerk says that it is another one
    done = world.host.cli("upload", "answer", "t01", "1.xlsx", "--dataset", "pupil", "--hash", asked["hash"], "--record", "new",
                          "--reason", "Hai học sinh", "--by", "Văn thư")
    assert done.returncode == 0, done.stderr
    wait_numbers(world, "t01", book, [twin])
    (found,) = wait_told(world, "t01", "1.xlsx", 1)
    assert (found["row"], found["column"], found["tier"], found["rule"]) == (4, NUMBER, "79", "national_id_once"), found
    assert found["text"]["vi"].startswith(f"Trùng số định danh với học sinh {first}."), found
    assert found["text"]["en"].startswith(f"The identification number is that of pupil {first}."), found
    (held,) = world.so.ask("held_list")
    assert held["rule"]["id"] == "national_id_once" and first not in str(held) and NUMBERS[0] not in str(held)
    (shown,) = world.so.json("held", "show", held["key"])["held"]
    assert shown["other"] == next(r["id"] for r in world.so.records("pupil", "t01") if r["key"] == first)

    other = with_numbers("t02", NUMBERS[:2])  # another school is another matter: a transfer
    hand_in(world, "t02", "1.xlsx", other)
    wait_numbers(world, "t02", other)

    answers = openpyxl.load_workbook(world.host.json("upload", "answers", "t01", "1.xlsx")["path"])
    sheet = answers.active
    headers = [c.value for c in sheet[1]]
    assert sheet.max_row == 2 and first in sheet["A2"].value, sheet["A2"].value
    sheet.cell(2, headers.index(NUMBER) + 1).value = NUMBERS[2]
    content = io.BytesIO()
    answers.save(content)
    world.host.hand_in("t01", "2.xlsx", content.getvalue())
    world.host.wait_upload("t01", "2.xlsx")
    book.rows[2][NUMBER] = NUMBERS[2]
    wait_numbers(world, "t01", book)
    wait_told(world, "t01", "1.xlsx", 0)
    for node in (*world.tiers, world.host):
        for word in (*NUMBERS, first, twin):
            assert word not in node.log(), (node.org, word)


def test_the_held_one_is_taken_when_the_other_gives_the_number_up(world):
    book = with_numbers("t01", (NUMBERS[0], NUMBERS[1]))
    hand_in(world, "t01", "1.xlsx", book)
    wait_numbers(world, "t01", book)
    book.rows[1][NUMBER] = NUMBERS[0]
    twin = book.rows[1]["Mã học sinh"]
    hand_in(world, "t01", "2.xlsx", book)
    wait_told(world, "t01", "2.xlsx", 1)
    assert world.so.fields("pupil", "t01", twin)["national_id"] == NUMBERS[1]  # as it was
    world.so.kill()
    world.so.start()
    book.rows[0][NUMBER] = NUMBERS[3]
    hand_in(world, "t01", "3.xlsx", book)
    wait_numbers(world, "t01", book)
    wait_told(world, "t01", "2.xlsx", 0)
