"""Workbooks of every layout in config/profiles, all columns filled, and what must come of each row.

Headers are taken from the profiles and values from the datasets and code lists, as the YAML and CSV files stand;
nothing is asked of the programs under test. Three makers write the same cells: libxlsxwriter, the XML that Excel
saves (workbooks.py), and LibreOffice (tests/fixtures/layouts, made by its make.py).
"""
import csv
import datetime
import io
import zlib
from functools import cache

import xlsxwriter
import yaml

import kit
import workbooks

ROWS = 3
LEAVER = 2  # this row's pupil left school
WIDTH = {"pupils-c1": 72, "staff": 72, "results": 35}
TODAY = "2026-09-05"
BORN = (datetime.date(2012, 9, 5), datetime.date(2012, 10, 6), datetime.date(2012, 11, 7))
NAMES = ("Nguyễn Văn An", "Trần Thị Bình", "Lê Hữu Cường")
SEX = ("1", "2", "1")
PUPILS = [f"99901{i:05}" for i in range(ROWS)]
NOT_IN_GRADE_8 = {"Lịch sử", "Địa lí", "Giáo dục kinh tế và pháp luật", "Vật lí", "Hóa học", "Sinh học",
                  "Giáo dục quốc phòng và an ninh", "Tiếng dân tộc thiểu số"}
UNWRITTEN = object()
FIXED = {
    "pupil_code": PUPILS, "full_name": NAMES, "sex": SEX, "birth_date": BORN,
    "national_id": ("999212000001", "999312000002", "999212000003"), "nationality": ("VN",) * 3,
    "status": ("01", "01", "05"), "grade": (8, 8, 8), "school_year": ("2026",) * 3, "term": ("3",) * 3,
    "start": (datetime.date(2026, 9, 5),) * 3, "end": (UNWRITTEN, UNWRITTEN, datetime.date(2026, 10, 1)),
    "leave_reason": (UNWRITTEN, UNWRITTEN, "01"), "exit_reason": (UNWRITTEN, UNWRITTEN, "01"),
    "exit_type": (UNWRITTEN, UNWRITTEN, "04"), "class_code": ("8A1", "8A2", "8A1"), "poor": (True, False, False),
    "near_poor": (False, True, False), "residence_commune": ("26740", "00004", "26740"),
    "height_cm": (121.5, 130.0, 141.25 - 0.25), "weight_kg": (30.5, 31.0, 41.5), "birth_year": (1980, 1981, 1982),
    "pupil_email": ("a@mau.edu.vn", "b@mau.edu.vn", "c@mau.edu.vn"), "average": (8.5, 7.0, 6.5),
    "days_absent": (1, 2, 0),
    "staff_code": ("9990000001", "9990000002", "9990000003"),
    "email": ("a@mau.edu.vn", "b@mau.edu.vn", "c@mau.edu.vn"),
    "insurance_no": ("9990000001", "9990000002", "9990000003"),
    "class_size": (40, 41, 42), "sessions_per_week": (5, 6, 5)}
BY_PROFILE = {
    "staff": {"birth_date": tuple(d.replace(year=d.year - 25) for d in BORN),
              "main_subject": ("TOAN", "VAN", "TIN_HOC"),
              "national_id": ("999087000001", "999187000002", "999087000003"),
              "staff_group": ("2", "2", "2"), "staff_position": ("GV", "GV", "GV"),
              "hired": (datetime.date(2010, 9, 1),) * 3, "joined": (datetime.date(2012, 9, 1),) * 3},
    "class-list": {"status": ("01", "02", "06")},
    "classes": {"class_code": ("8A1", "8A2", "8A3"), "name": ("8A1", "8A2", "8A3")},
    "results": {"level": ("Đ", "CĐ", "Đ")},
    "results-primary": {"level": ("T", "H", "C"), "grade": (4, 4, 4)}}


def load(folder, name):
    return yaml.safe_load((kit.SOURCE / "config" / folder / f"{name}.yaml").read_text("utf-8"))


@cache
def profile(name):
    return load("profiles", name)


@cache
def dataset(name):
    return load("datasets", name)


@cache
def codes(name):
    """Code -> title of those in force."""
    with open(kit.SOURCE / f"config/codelists/{name}.csv", encoding="utf-8", newline="") as file:
        return {r["code"]: r["vi"] for r in csv.DictReader(file)
                if (r["valid_from"] or "0") <= TODAY <= (r["valid_to"] or "9")}


def share():
    """Every group of every dataset goes up, whoever owns it."""
    sets = ("pupil", "enrolment", "class", "staff", "term_result")
    return {d: {"share": [g for g, about in dataset(d)["groups"].items() if about["owner"] == "record"]} for d in sets}


# ---- what stands in a cell, and what is made of it

def pick(things, *of):
    return sorted(things)[zlib.crc32(" ".join(map(str, of)).encode()) % len(things)]


def value_of(layout, name, field, row, of=""):
    """The value of a field in a row: str, int, float, bool, date, or UNWRITTEN."""
    fixed = BY_PROFILE.get(layout, {}).get(name, FIXED.get(name))
    if fixed is not None:
        return fixed[row]
    kind = field["type"]
    if kind == "code":
        return pick(codes(field["list"]), name, row, of)
    if kind == "bool":
        return row % 2 == 0
    if kind == "date":
        return datetime.date(2020, 1 + row, 15)
    if kind == "decimal":
        return (zlib.crc32(f"{name}{of}{row}".encode()) % 40 + 50) / 10
    if kind == "integer":
        return max(field.get("min", 0), row + 1)
    words = field["title"]["vi"] if field.get("max", 0) >= 100 else name.upper()
    return f"{words} {of[:10]} {row + 1}".replace("  ", " ")[:field["max"]]


def written(field, value, row):
    """As people write it; codes by title or code, dates as text or as dates, decimals with a comma or as numbers."""
    if value is UNWRITTEN:
        return None
    kind = field["type"]
    if kind == "code":
        by_title = row == 0 and field["list"] not in ("commune", "subject_level", "ability_level")
        return codes(field["list"])[value] if by_title else value
    if kind == "bool":
        return ("Có", "x")[row // 2] if value else "Không"
    if kind == "date":
        return value.strftime("%d/%m/%Y") if row == 0 else value
    if kind == "decimal":
        return f"{value}".replace(".", ",") if row == 0 else value
    return value


def shown(field, value):
    """As a node shows it."""
    kind = field["type"]
    if kind == "bool":
        return "true" if value else "false"
    if kind == "decimal":
        return f"{value:.{field['scale']}f}"
    return str(value)


# ---- columns

class Column:
    """A header, and the cell below it in each row."""

    def __init__(self, header, cells=(None,) * ROWS):
        self.path, self.cells = header.split(" / "), cells


def aliases(spec):
    if isinstance(spec, dict):
        spec = spec.get("from", [])
    return spec if isinstance(spec, list) else [spec]


def cells_of(layout, name, field, of=""):
    return [written(field, value_of(layout, name, field, r, of), r) for r in range(ROWS)]


def item_columns(layout, items, fields, deep):
    for item in items:
        of = next(spec["const"] for spec in item.values() if isinstance(spec, dict) and "const" in spec)
        for name, spec in item.items():
            if names := [] if isinstance(spec, dict) and "const" in spec else aliases(spec):
                yield header_of(names, deep), cells_of(layout, name, fields[name], of)


def header_of(names, deep):
    """With several header rows a name of several parts if there is one, else one of a single part."""
    parted = [n for n in names if " / " in n]
    plain = [n for n in names if " / " not in n]
    return (parted or plain)[0] if deep else (plain or parted)[0]


def columns(layout, deep):
    """All columns of the layout, then those that nothing reads up to its width."""
    out = {}
    for table in profile(layout)["tables"]:
        about = dataset(table["dataset"])["fields"]
        for name, spec in {**table["columns"], **table.get("also", {})}.items():
            if isinstance(spec, dict) and "items" in spec:
                for header, cells in item_columns(layout, spec["items"], about[name]["items"], deep):
                    out.setdefault(header, Column(header, cells))
            elif isinstance(spec, list) or "from" in spec:
                header = header_of(aliases(spec), deep)
                field = about.get(name, {"type": "text", "max": 20, "title": {"vi": name}})
                out.setdefault(header, Column(header, cells_of(layout, name, field)))
    found = list(out.values())
    if layout == "classes":  # one column is code and name
        found = [c for c in found if c.path != ["Lớp"]]
    room = WIDTH.get(layout, len(found) + 2)
    if layout == "results":
        found = [c for c in found if c.path[-1] not in NOT_IN_GRADE_8]
    return [Column("STT", [1, 2, 3])] + found + [
        Column(f"Cột khác {i}", ["không đọc"] * ROWS) for i in range(room - len(found) - 1)]


def truth(layout, deep):
    """(dataset, key) -> field -> text, of the columns that columns() kept."""
    kept = {" / ".join(c.path) for c in columns(layout, deep)}
    out = {}
    for table in profile(layout)["tables"]:
        about = dataset(table["dataset"])
        for row in range(ROWS):
            fields = {}
            for name, spec in table["columns"].items():
                fields[name] = text_of(layout, name, spec, about["fields"][name], row, deep, kept)
            fields = {k: v for k, v in fields.items() if v}
            key = "/".join(fields[k] for k in about["natural_key"])
            out[f"{table['dataset']} {key}"] = fields
    return out


def text_of(layout, name, spec, field, row, deep, kept):
    if isinstance(spec, dict) and "items" in spec:
        items = [item_text(layout, item, field["items"], row, deep, kept) for item in spec["items"]]
        return sorted(i for i in items if i)
    if isinstance(spec, dict) and "const" in spec:
        return spec["const"]
    value = value_of(layout, name, field, row)
    there = header_of(aliases(spec), deep) in kept
    return shown(field, value) if there and value is not UNWRITTEN else None


def item_text(layout, item, fields, row, deep, kept):
    of = next(spec["const"] for spec in item.values() if isinstance(spec, dict) and "const" in spec)
    parts, any_value = {}, False
    for name, spec in item.items():
        if isinstance(spec, dict) and "const" in spec:
            parts[name] = spec["const"]
        elif header_of(aliases(spec), deep) in kept:
            parts[name] = shown(fields[name], value_of(layout, name, fields[name], row, of))
            any_value = True
    order = sorted(parts, key=lambda n: fields[n]["number"])
    return ", ".join(f"{n}={parts[n]}" for n in order) if any_value else None


# ---- sheets

def sheet(layout, deep):
    """Rows of cells and merged areas (row, column, row, column from 0): a title, headers in one row or three."""
    cols = columns(layout, deep)
    body = [[c.cells[r] for c in cols] for r in range(ROWS)]
    if not deep:
        return [["DANH SÁCH"], [], [" / ".join(c.path) for c in cols], *body], [(0, 0, 0, 5)]
    heads, merged = [[None] * len(cols) for _ in range(3)], []
    for i, c in enumerate(cols):
        last = len(c.path) - 1
        begins = i == 0 or cols[i - 1].path[0] != c.path[0] or last == 0
        if last == 0 or begins:
            heads[0][i] = c.path[0]
        for level in range(1, last + 1):
            heads[level][i] = c.path[level]
        if last < 2:
            merged.append((last, i, 2, i))
    for i, c in enumerate(cols):
        n = i
        while len(c.path) > 1 and heads[0][i] and n + 1 < len(cols) and heads[0][n + 1] is None:
            n += 1
        if n > i:
            merged.append((0, i, 0, n))
    return [*heads, *body], merged


def by_xlsxwriter(rows, merged):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page, day = book.add_worksheet("Danh sách"), book.add_format({"num_format": "dd/mm/yyyy"})
    for area in merged:
        page.merge_range(*area, "")
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, datetime.date):
                page.write_datetime(r, c, datetime.datetime.combine(value, datetime.time()), day)
            elif isinstance(value, str):
                page.write_string(r, c, value)
            elif value is not None:
                page.write_number(r, c, value)
    book.close()
    return out.getvalue()


def by_excel_xml(rows, merged):
    """Merged areas are left out: the reader must do with headers whose neighbours are only empty."""
    out = io.BytesIO()
    workbooks.write(out, rows)
    return out.getvalue()
