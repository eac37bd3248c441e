"""Files through the real capture program: what openpyxl and csv wrote is what comes out."""
import csv
import datetime
import zipfile

import openpyxl
import pytest

import capture_pipe as pipe

PUPILS = [["Mã học sinh", "Mã HS"], ["Họ và tên"], ["Ngày sinh"], ["Điện thoại", None]]


@pytest.fixture
def capture(programs):
    return programs.env["LIENTHONG_CAPTURE"]


def book(path, rows, name="Sheet1", others=()):
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = name
    for row in rows:
        sheet.append(row)
    for other, content in others:
        more = made.create_sheet(other)
        for row in content:
            more.append(row)
    made.save(path)
    return path


def split(found):
    rows = [m for m in found if m["kind"] == "row"]
    ends = [m for m in found if m["kind"] == "table_end"]
    assert found[-1]["kind"] == "end"
    return rows, ends


def test_a_workbook_under_titles_in_another_order(capture, tmp_path):
    path = book(tmp_path / "a.xlsx", [
        ["SỞ GIÁO DỤC VÀ ĐÀO TẠO"], [], ["STT", "Họ và tên", "Mã HS", "Ngày sinh"],
        ["(1)", "(2)", "(3)", "(4)"],
        [1, "Nguyễn Văn An", 9990000001, datetime.date(2014, 9, 5)],
        [], [2, "Trần Thị Bình", "9990000002", "1/2/2014"], ["Tổng cộng", None, None, None]])
    rows, ends = split(pipe.read_file(capture, path, [pipe.table(PUPILS)]))
    assert [(r["row"], r["cells"]) for r in rows] == [
        (5, ["9990000001", "Nguyễn Văn An", "2014-09-05", None]),
        (7, ["9990000002", "Trần Thị Bình", "1/2/2014", None])]
    assert ends == [{"kind": "table_end", "table": 0, "fault": "none", "correction": False, "vi": "", "en": ""}]


def test_the_sheet_moved_and_headers_repeat(capture, tmp_path):
    path = book(tmp_path / "a.xlsx", [["Hướng dẫn"]], "HD", [("Danh sách", [
        ["Mã HS", "Họ và tên", "Ngày sinh"], ["9990000001", "A", "2014"], ["Mã HS", "Họ và tên", "Ngày sinh"],
        ["9990000002", "B", "2014"]])])
    rows, _ = split(pipe.read_file(capture, path, [pipe.table(PUPILS, sheet=1)]))
    assert [r["cells"][0] for r in rows] == ["9990000001", "9990000002"]


@pytest.mark.parametrize("rows, words", [
    ([["Mã HS", "Họ và tên", "Ngày snh"], ["1", "A", "2014"]], 'thiếu cột "Ngày sinh"; có phải là "Ngày snh" ở ô C1'),
    ([["Mã HS", "Họ và tên", "Ngày sinh", "Mã HS"], ["1", "A", "2014", "2"]], "hai cột cùng tiêu đề"),
    ([["Điểm", "Môn"], [8.5, "Toán"]], "thiếu cột"),
])
def test_wrong_headers_refuse_the_file(capture, tmp_path, rows, words):
    found, ends = split(pipe.read_file(capture, book(tmp_path / "a.xlsx", rows), [pipe.table(PUPILS)]))
    assert found == []
    assert ends[0]["fault"] == "wrong_file" and words in ends[0]["vi"] and ends[0]["en"]


def test_where_the_columns_are_is_told_before_the_rows(capture, tmp_path):
    path = book(tmp_path / "a.xlsx", [
        ["DANH SÁCH"], [], ["STT", "Thông tin chung", None, None, "Lớp"], [None, "HỌ VÀ  TÊN *", "Mã HS", "Ngày sinh", None],
        [1, "A", "9990000001", "2014", "6A"]])
    found = pipe.read_file(capture, path, [pipe.table(PUPILS, header_rows=2), pipe.table([["Lớp"]], number=1)])
    assert [m["kind"] for m in found] == ["headers", "row", "table_end", "headers", "row", "table_end", "end"]
    assert found[0]["headers"] == [(3, "Mã HS"), (2, "HỌ VÀ TÊN *"), (4, "Ngày sinh"), None]  # under one title
    assert found[3]["headers"] == [(5, "Lớp")]


def test_a_file_is_taken_whole_or_not_at_all(capture, tmp_path):
    path = book(tmp_path / "a.xlsx", [["Mã HS", "Họ và tên", "Ngày sinh"]] + [[str(9990000000 + i), "A", "2014"]
                                                                             for i in range(4000)])
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        cut = tmp_path / "cut.xlsx"
        cut.write_bytes(whole[:size])
        rows, ends = split(pipe.read_file(capture, cut, [pipe.table(PUPILS)]))
        assert rows == [] and ends[0]["fault"] == "bad_file" and ends[0]["vi"], size


def test_the_kind_of_file(capture, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Mã HS;Họ và tên;Ngày sinh\n9990000001;A;2014\n", encoding="utf-8-sig")
    rows, _ = split(pipe.read_file(capture, path, [pipe.table(PUPILS)]))
    assert rows[0]["cells"] == ["9990000001", "A", "2014", None] and rows[0]["row"] == 2
    _, ends = split(pipe.read_file(capture, path, [pipe.table(PUPILS)], kinds=("xlsx",)))
    assert ends[0]["fault"] == "wrong_file" and "csv" in ends[0]["vi"] and "xlsx" in ends[0]["vi"]


def test_many_schools_and_many_tables(capture, tmp_path):
    path = book(tmp_path / "a.xlsx", [["Mã trường", "Mã HS", "Họ và tên", "Ngày sinh", "Lớp"],
                                      ["79000001", "9990000001", "A", "2014", "6A"],
                                      ["79000002", "9990000002", "B", "2014", "6B"]])
    tables = [pipe.table(PUPILS, number=0, org=["Mã trường"]),
              pipe.table([["Mã HS"], ["Lớp"]], number=1, org=["Mã trường"]),
              pipe.table([["Mã lớp"], ["Tên lớp"]], number=2, part=1)]
    rows, ends = split(pipe.read_file(capture, path, tables))
    assert [(r["table"], r["org"], r["cells"][0]) for r in rows] == [
        (0, "79000001", "9990000001"), (0, "79000002", "9990000002"),
        (1, "79000001", "9990000001"), (1, "79000002", "9990000002")]
    assert [(e["table"], e["fault"], e["correction"]) for e in ends] == [
        (0, "none", False), (1, "none", False), (2, "none", True)]


def test_cells_without_a_value_are_no_value(capture, tmp_path):
    path = book(tmp_path / "a.xlsx", [["Mã HS", "Họ và tên", "Ngày sinh"], ["9990000001", "=1+1", "#N/A"]])
    rows, _ = split(pipe.read_file(capture, path, [pipe.table(PUPILS)]))
    assert rows[0]["cells"][1].startswith("\x1a")  # a formula that was never calculated


def test_the_answer_workbook_comes_back(capture, tmp_path):
    head = [["Thông tin chung", None, None, "Cha", None], ["Mã HS", "Họ và tên", "Ngày sinh", "Họ tên", "Điện thoại"]]
    path = book(tmp_path / "a.xlsx", head + [[9990000001, "A", datetime.date(2014, 9, 5), "C", "0900"],
                                             [9990000002, "B", "31/02/2014", "D", "=1+1"],
                                             [9990000003, "E", "2014", "F", None]])
    one = pipe.table(PUPILS, header_rows=2)
    out = tmp_path / "answer.xlsx"
    _, ends = split(pipe.write_answer(capture, path, out, one, [(4, "Hàng 4 · Ngày sinh: không có ngày này")]))
    assert ends[0]["fault"] == "none"
    sheet = openpyxl.load_workbook(out).active
    lines = [list(r) for r in sheet.iter_rows(values_only=True)]
    assert lines[0][0] == "Lỗi" and lines[1][1:4] == ["Mã HS", "Họ và tên", "Ngày sinh"]
    assert lines[2][:4] == ["Hàng 4 · Ngày sinh: không có ngày này", 9990000002, "B", "31/02/2014"]
    assert len(lines) == 3 and sheet["F3"].data_type != "f"
    rows, ends = split(pipe.read_file(capture, out, [one]))
    assert [(r["row"], r["cells"][:3]) for r in rows] == [(3, ["9990000002", "B", "31/02/2014"])]
    assert ends[0]["correction"]
    again = tmp_path / "again.xlsx"
    split(pipe.write_answer(capture, out, again, one, [(3, "vẫn sai")]))
    lines = [list(r) for r in openpyxl.load_workbook(again).active.iter_rows(values_only=True)]
    assert lines[2][:3] == ["vẫn sai", 9990000002, "B"]


def test_hostile_names_and_bombs(capture, tmp_path):
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", "<Types/>")
        z.writestr("../../etc/passwd", "x")
        z.writestr("xl/workbook.xml", b" " * 200_000_000)
    rows, ends = split(pipe.read_file(capture, bomb, [pipe.table(PUPILS)]))
    assert rows == [] and ends[0]["fault"] == "bad_file"


def test_six_thousand_rows_come_out_as_they_went_in(capture, tmp_path):
    made = openpyxl.Workbook(write_only=True)
    sheet = made.create_sheet()
    names = ["Mã HS", "Họ và tên", "Ngày sinh"] + [f"Cột {i}" for i in range(69)]
    sheet.append(names)
    for i in range(6000):
        sheet.append([9990000000 + i, f"Học sinh {i}", f"{i % 28 + 1}/9/2014"] + [i * 72 + c for c in range(69)])
    path = tmp_path / "big.xlsx"
    made.save(path)
    wanted = [[n] for n in names]
    rows, _ = split(pipe.read_file(capture, path, [pipe.table(wanted)]))
    with open(tmp_path / "out.csv", "w", newline="") as f:
        csv.writer(f).writerows(r["cells"] for r in rows)
    read = openpyxl.load_workbook(path, read_only=True).worksheets[0].iter_rows(min_row=2, values_only=True)
    assert [r["cells"] for r in rows] == [[str(v) for v in line] for line in read]
