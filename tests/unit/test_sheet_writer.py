#!/usr/bin/python3
"""The workbook that test_sheet_writer left behind, as openpyxl sees it."""
import datetime
import sys

import openpyxl

WANTED = [("s", 'Dòng 7, cột "Ngày sinh": nhập dạng ngày/tháng/năm\nThí dụ 05/09/2012'), ("s", "0012345678901"),
          ("s", "=1+1"), ("s", "{=SUM(A1)}"), ("s", "https://example.vn/?a=1&b=<2>"), ("s", "@SUM(A1)"), ("s", "-1"),
          ("s", "true"), ("n", 8.4), ("n", 7912345678), ("n", -5e-7), ("d", datetime.datetime(2012, 9, 5)),
          ("d", datetime.datetime(2012, 9, 5, 7, 30, 15)), ("s", "2012-02-31"), ("s", "1899-05-06"), ("b", True), ("b", False),
          ("s", "#N/A"), ("n", None), ("n", None), ("s", None), ("s", " hai đầu "), ("s", None)]


def main():
    book = openpyxl.load_workbook(sys.argv[1])
    assert book.sheetnames == ["Lỗi"], book.sheetnames
    sheet = book["Lỗi"]
    assert sheet.freeze_panes == "A3", sheet.freeze_panes
    assert sheet["A1"].font.b and sheet["A1"].alignment.wrap_text
    assert not sheet["B3"].font.b and sheet["A3"].alignment.wrap_text
    assert sheet["A3"].fill.fgColor.rgb == "FFFFF2CC", sheet["A3"].fill.fgColor.rgb
    assert sheet.column_dimensions["A"].width > 40
    assert sheet["B3"].number_format == "@" and sheet["L3"].number_format == "dd/mm/yyyy"
    cells = list(sheet[3])
    assert len(cells) == len(WANTED), len(cells)
    for cell, (kind, value) in zip(cells, WANTED):
        assert cell.data_type == kind, (cell.coordinate, cell.data_type, kind)
        assert value is None or cell.value == value, (cell.coordinate, cell.value, value)


main()
