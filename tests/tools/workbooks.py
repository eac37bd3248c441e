"""Workbooks as schools' programs export them, with synthetic pupils (codes 999...), and what stands in them.

A workbook is written straight as XML in a zip, the shape Excel saves, so that thousands are made in seconds;
rows are lists of cells: str, int, float, date, None.

  workbooks.py pupils FILE --school CODE [--pupils N] [--seed N] [--header-rows 1|3]
"""
import argparse
import datetime
import random
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).resolve().parent))
import country as makes  # noqa: E402

SCHOOL_YEAR = str(makes.SCHOOL_YEAR)
HEADERS = ["STT", "Mã học sinh", "Họ và tên", "Ngày sinh", "Giới tính", "Dân tộc", "Số định danh cá nhân", "Khối",
           "Tên lớp", "Ngày vào lớp", "Hình thức vào lớp", "Trạng thái", "Chỗ ở hiện nay", "Họ tên cha", "Năm sinh cha",
           "Nghề nghiệp cha", "Điện thoại cha"]
CLASS_HEADERS = ["Năm học", "Mã lớp", "Tên lớp học", "Khối", "Mã GVCN", "Sĩ số"]
EPOCH = datetime.date(1899, 12, 30)

TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" \
ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" \
ContentType="application/xml"/><Override PartName="/xl/workbook.xml" \
ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{sheets}<Override \
PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"""
RELS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" \
Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>\
</Relationships>"""
STYLES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font/></fonts><fills \
count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs \
count="2"><xf numFmtId="0" xfId="0"/><xf numFmtId="14" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>"""
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def column_name(index):
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


def cell_xml(ref, value):
    if value is None:
        return ""
    if isinstance(value, datetime.date):
        return f'<c r="{ref}" s="1"><v>{(value - EPOCH).days}</v></c>'
    if isinstance(value, (int, float)):
        return f'<c r="{ref}"><v>{value!r}</v></c>'
    return f'<c r="{ref}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def sheet_xml(rows):
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(cell_xml(f"{column_name(c)}{number}", value) for c, value in enumerate(row))
        if cells:
            lines.append(f'<row r="{number}">{cells}</row>')
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<worksheet {MAIN}><sheetData>{"".join(lines)}</sheetData></worksheet>'


def write(path, sheets):
    """sheets: {name: rows}, or rows of the only one."""
    sheets = sheets if isinstance(sheets, dict) else {"Sheet1": sheets}
    numbers = range(1, len(sheets) + 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        z.writestr("[Content_Types].xml", TYPES.format(sheets="".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" '
            'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>' for n in numbers)))
        z.writestr("_rels/.rels", RELS)
        z.writestr("xl/workbook.xml", f'<?xml version="1.0" encoding="UTF-8"?>\n<workbook {MAIN} xmlns:r="{R}"><sheets>' + "".join(
            f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in zip(numbers, sheets)) +
            "</sheets></workbook>")
        z.writestr("xl/_rels/workbook.xml.rels",
                   '<?xml version="1.0" encoding="UTF-8"?>\n<Relationships '
                   'xmlns="http://schemas.openxmlformats.org/package/2006/relationships">' + "".join(
                       f'<Relationship Id="rId{n}" Type="{R}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers) +
                   f'<Relationship Id="rIdS" Type="{R}/styles" Target="styles.xml"/></Relationships>')
        z.writestr("xl/styles.xml", STYLES)
        for n, rows in zip(numbers, sheets.values()):
            z.writestr(f"xl/worksheets/sheet{n}.xml", sheet_xml(rows))
    return path


# ---- pupils

def national_id(number, i, sex, year):
    """12 digits of the unassigned province 999: century and sex, year of birth, a running number."""
    return f"999{(2 if year >= 2000 else 0) + (sex == 'Nữ')}{year % 100:02d}{(number * 1000 + i) % 10**6:06d}"


def pupils(number, count, grades=range(6, 10), seed=makes.SEED):
    """Rows under HEADERS: at most 1,000. @p number: of the school, below 10,000; goes into the codes."""
    rng = random.Random(f"{seed}-{number}")
    out = []
    for i in range(count):
        grade = grades[i * len(grades) // count]
        sex = rng.choice(["Nam", "Nữ"])
        born = datetime.date(makes.SCHOOL_YEAR - grade - 5, rng.randint(1, 12), rng.randint(1, 28))
        out.append([i + 1, f"999{number * 1000 + i:07d}", makes.person(rng, sex), born.strftime("%d/%m/%Y"), sex, "Kinh",
                    national_id(number, i, sex, born.year), grade, f"{grade}A{1 + i % 2}", "05/09/2026", "Lên lớp",
                    "Đang học", f"{rng.randint(1, 300)} {rng.choice(makes.STREETS)}", makes.person(rng, "Nam"),
                    born.year - rng.randint(22, 40), rng.choice(makes.JOBS), makes.phone(rng)])
    return out


def classes(rows):
    """Rows under CLASS_HEADERS for the classes that pupils' rows name."""
    sizes = {}
    for row in rows:
        key = row[HEADERS.index("Tên lớp")], row[HEADERS.index("Khối")]
        sizes[key] = sizes.get(key, 0) + 1
    return [[SCHOOL_YEAR, name, name, grade, f"GV{name}", n] for (name, grade), n in sorted(sizes.items())]


def titled(headers, rows, school="", header_rows=1):
    """As a program prints it: titles above, and with three header rows a group over the father's columns."""
    if header_rows == 1:
        return [["DANH SÁCH HỌC SINH", None, school], [], headers, *rows]
    first = [h.removesuffix(" cha") if h.endswith(" cha") else h for h in headers]
    groups = ["Cha" if h.endswith(" cha") else None for h in headers]
    start = groups.index("Cha")
    top = [*headers[:start], "Cha"]
    return [["DANH SÁCH HỌC SINH", None, school], top, [*([None] * start), *first[start:]],
            [f"({i + 1})" for i in range(len(headers))], *rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["pupils", "classes"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--school", default="")
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--pupils", type=int, default=300)
    parser.add_argument("--seed", type=int, default=makes.SEED)
    parser.add_argument("--header-rows", type=int, default=1, choices=[1, 3])
    args = parser.parse_args()
    rows = pupils(args.number, args.pupils, seed=args.seed)
    if args.kind == "classes":
        write(args.file, [CLASS_HEADERS, *classes(rows)])
    else:
        write(args.file, titled(HEADERS, rows, args.school, args.header_rows))


if __name__ == "__main__":
    main()
