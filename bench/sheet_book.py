#!/usr/bin/python3
"""A workbook for bench_sheet: sheet_book.py FILE [ROWS [COLUMNS]] [--inline]; names, codes, dates, marks."""
import datetime
import sys

import xlsxwriter

FAMILY = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Đặng", "Bùi", "Đỗ", "Vũ", "Dương"]
GIVEN = ["Ánh", "Bình", "Cường", "Dũng", "Giang", "Hạnh", "Khánh", "Lộc", "Phượng", "Sơn", "Tuyết", "Yến"]


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    rows, columns = int(args[1]) if len(args) > 1 else 6000, int(args[2]) if len(args) > 2 else 72
    book = xlsxwriter.Workbook(args[0], {"constant_memory": "--inline" in sys.argv})
    sheet = book.add_worksheet("Danh sách")
    date = book.add_format({"num_format": "dd/mm/yyyy"})
    for r in range(rows + 1):
        for c in range(columns):
            if r == 0:
                sheet.write_string(r, c, f"Cột {c + 1}")
            elif c % 4 == 0:
                sheet.write_string(r, c, f"999{r * 100 + c:09}")
            elif c % 4 == 1:
                sheet.write_string(r, c, f"{FAMILY[(r + c) % 10]} Thị {GIVEN[(r * 7 + c) % 12]}")
            elif c % 4 == 2:
                sheet.write_datetime(r, c, datetime.datetime(2010, 1, 1) + datetime.timedelta((r * 31 + c) % 3000), date)
            else:
                sheet.write_number(r, c, (r * 13 + c) % 101 / 10)
    book.close()


main()
