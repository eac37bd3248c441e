"""Files as schools really hand them in, each with what must come of it.

A case is made for one school of its own. What must arrive is read again from the very bytes of the
file, by openpyxl, csv, html.parser or ElementTree, and never asked of the programs under test.
"""
import csv
import datetime
import html
import html.parser
import io
import sys
import unicodedata
import xml.etree.ElementTree
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl

import school as s
import workbooks

SHEETS = Path(__file__).resolve().parents[1] / "fixtures/sheets"
LAYOUTS = SHEETS.parent / "layouts"
sys.path.append(str(SHEETS))

import vietnamese  # noqa: E402

SHEET = "xl/worksheets/sheet1.xml"
CASES = {}
FIELDS = {"Mã học sinh": "pupil_code", "Họ và tên": "full_name", "Ngày sinh": "birth_date", "Giới tính": "sex",
          "Dân tộc": "ethnic", "Số định danh cá nhân": "national_id", "Chiều cao": "height_cm", "Khối": "grade",
          "Trạng thái": "status", "Mã xã": "residence_commune"}


class Told:
    """One thing said of one row: where, how grave, and words that must be in the sentence."""

    def __init__(self, row, column, *words, severity="error"):
        self.row, self.column, self.words, self.severity = row, column, words, severity


class Case:
    """A file, and what must come of it: good rows by key, what is said, why it is refused."""

    def __init__(self, name, content, good=None, told=(), state="done", fault=None, detail=(), before=()):
        self.name, self.content, self.good, self.told = name, content, good or {}, list(told)
        self.state, self.fault, self.detail, self.before = state, fault, detail, before


def case(make):
    CASES[make.__name__] = make
    return make


def refused(name, content, fault, *words):
    return Case(name, content, state="refused", fault=fault, detail=words)


# ---- reading again

def text_of(value):
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.strftime("%d/%m/%Y")
    return "" if value is None else str(value).strip()


def field_of(header, text):
    """Canonical text of a good cell."""
    if header == "Ngày sinh":
        return "-".join(part.zfill(2) for part in reversed(text.replace("-", "/").replace(".", "/").split("/")))
    if header == "Giới tính":
        return s.SEX[text]
    if header == "Dân tộc":
        return s.ETHNIC[text]
    if header == "Chiều cao":
        return f"{float(text.replace(',', '.')):.1f}"
    return unicodedata.normalize("NFC", text)


def recount(rows, top=1, without=()):
    """Pupil code -> fields, of the rows below row @p top but those whose numbers are in @p without."""
    headers = [text_of(h) for h in rows[top - 1]]
    out = {}
    for number, cells in enumerate(rows[top:], top + 1):
        row = {h: text_of(v) for h, v in zip(headers, cells) if h in FIELDS and text_of(v)}
        if row and number not in without:
            out[row["Mã học sinh"]] = {FIELDS[h]: field_of(h, text) for h, text in row.items()}
    return out


def xlsx_rows(content, sheet=0):
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    return [list(row) for row in book.worksheets[sheet].iter_rows(values_only=True)]


def csv_rows(content, delimiter=",", encoding="utf-8-sig"):
    return list(csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=delimiter))


class HtmlRows(html.parser.HTMLParser):
    """Cells of the only table."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.rows, self.open = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag):
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1] += data


def xml2003_rows(content):
    name = "{urn:schemas-microsoft-com:office:spreadsheet}"
    root = xml.etree.ElementTree.fromstring(content)
    return [[cell.findtext(f"{name}Data") for cell in row.iter(f"{name}Cell")] for row in root.iter(f"{name}Row")]


# ---- making

def with_column(book, header, values):
    """The workbook's cells with one more column."""
    return [row + [value] for row, value in zip(book.cells(), [header, *values])]


def put(rows, row, header, value):
    """Row as Excel numbers it, of a table whose headers are in row 1."""
    rows[row - 1][rows[0].index(header)] = value
    return rows


def csv_of(rows, delimiter=",", encoding="utf-8", end="\r\n"):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue().encode(encoding)


def sheet_of(rows, merged=(), change=None):
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    for area in merged:
        book.active.merge_cells(area)
    if change:
        change(book)
    book.save(out)
    return out.getvalue()


def html_of(rows, entities=False):
    def cell(text):
        return "".join(f"&#{ord(c)};" if entities and ord(c) > 127 else escape(c) for c in text)
    lines = "".join("<tr>" + "".join(f"<td>{cell(text_of(v))}</td>" for v in row) + "</tr>" for row in rows)
    return f'<html><head><meta charset="utf-8"></head><body><table>{lines}</table></body></html>'.encode()


def xml2003_of(rows):
    lines = "".join("<Row>" + "".join(f'<Cell><Data ss:Type="String">{escape(text_of(v))}</Data></Cell>' for v in row) +
                    "</Row>" for row in rows)
    return ('<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'
            '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
            'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="Sheet1"><Table>'
            f"{lines}</Table></Worksheet></Workbook>").encode()


def replaced_part(content, part, change):
    """The workbook with one part of its package changed; change(None) makes a new one."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
        if part not in old.namelist():
            new.writestr(part, change(None))
    return out.getvalue()


# ---- the shape of the table

@case
def ragged_rows(book):
    """Empty cells at the end of a line are not written; one line has a cell too many."""
    lines = csv_of(book.cells()).decode().splitlines()
    lines[1] = lines[1].rsplit(",", 1)[0]
    lines[2] = ",".join(lines[2].split(",")[:4])
    lines[3] += ",,thừa"
    content = "\r\n".join(lines).encode()
    return Case("lop.csv", content, recount(csv_rows(content), without=[3]), [Told(3, "Dân tộc", "Thiếu Dân tộc")])


@case
def two_columns_of_one_header(book):
    return refused("a.xlsx", s.xlsx_of(with_column(book, "Ngày sinh", ["1/1/2017"] * 4)), "wrong_file",
                   'hai cột cùng tiêu đề "Ngày sinh"', "C1", "G1", "bỏ một cột")


@case
def an_almost_right_header(book):
    rows = put(book.cells(), 1, "Ngày sinh", "Ngay sinhh")
    return refused("a.xlsx", s.xlsx_of(rows), "wrong_file", 'thiếu cột "Ngày sinh"', '"Ngay sinhh" ở ô C1')


@case
def an_almost_right_header_of_a_column_that_may_lack(book):
    """Unread it would be lost without a word."""
    rows = with_column(book, "Số định dan cá nhân", [f"9990170{i:05}" for i in range(4)])
    return refused("a.xlsx", s.xlsx_of(rows), "wrong_file", '"Số định danh cá nhân"', '"Số định dan cá nhân" ở ô G1')


@case
def an_almost_right_header_of_a_table_that_may_lack(book):
    """Without its column no enrolment would be read, and nobody told."""
    rows = [row + [v] for row, v in zip(with_column(book, "Khối", [3] * 4), ["Ngày vào lơp", *["05/09/2026"] * 4])]
    return refused("a.xlsx", s.xlsx_of(rows), "wrong_file", 'thiếu cột "Ngày vào lớp"', '"Ngày vào lơp" ở ô H1')


@case
def merged_cells(book):
    """A title over all columns; one ethnic group merged down over three pupils: two of them have none."""
    rows = book.cells()
    content = sheet_of([["DANH SÁCH HỌC SINH"], *rows], ["A1:F1", "E3:E5"])
    return Case("a.xlsx", content, recount(xlsx_rows(content), top=2, without=[4, 5]),
                [Told(4, "Dân tộc", "Thiếu Dân tộc"), Told(5, "Dân tộc", "Thiếu Dân tộc")])


@case
def formulas_with_stored_values(book):
    def calculate(sheet):
        start = sheet.index(b'<c r="D3"')
        end = sheet.index(b"</c>", start)
        return sheet[:start] + '<c r="D3" t="str"><f>IF(1=1,"Nữ","")</f><v>Nữ</v>'.encode() + sheet[end:]
    content = replaced_part(book.xlsx(), SHEET, calculate)
    return Case("a.xlsx", content, recount(xlsx_rows(content)))


@case
def formulas_without_stored_values(book):
    content = s.xlsx_of(put(book.cells(), 3, "Dân tộc", "=A1&B1"))
    return Case("a.xlsx", content, recount(xlsx_rows(content), without=[3]),
                [Told(3, "Dân tộc", "công thức", "mở tệp bằng Excel", "lưu lại")])


@case
def error_values(book):
    content = s.xlsx_of(put(book.cells(), 4, "Ngày sinh", "#N/A"))
    return Case("a.xlsx", content, recount(xlsx_rows(content), without=[4]),
                [Told(4, "Ngày sinh", "ô báo lỗi #N/A", "gõ thẳng giá trị")])


@case
def a_sheet_that_moved(book):
    def move(made):
        made.active.title = "Danh sách mới"
        made.create_sheet("Hướng dẫn", 0).append(["Điền vào trang sau"])
        made.create_sheet("Ẩn", 0).sheet_state = "hidden"
    content = sheet_of(book.cells(), change=move)
    return Case("a.xlsx", content, recount(xlsx_rows(content, 2)))


@case
def columns_in_another_order_with_others_between(book):
    rows = [[None, *reversed(row), "x"] for row in book.cells()]
    rows[0] = ["Ghi chú", *rows[0][1:], "Chữ ký"]
    content = s.xlsx_of(rows)
    return Case("a.xlsx", content, recount(xlsx_rows(content)))


@case
def three_rows_of_headers(book):
    names = book.cells()[0] + ["Họ tên", "Năm sinh"]
    rows = [["TRƯỜNG TIỂU HỌC"], [*names[:-2], "Cha", None], [*[None] * (len(names) - 2), *names[-2:]],
            [f"({i})" for i in range(1, 9)]] + [row + ["Trần Văn Cha", 1980] for row in book.cells()[1:]]
    content = sheet_of(rows, ["G2:H2", *(f"{c}2:{c}3" for c in "ABCDEF")])
    good = recount([names] + xlsx_rows(content)[4:])
    for fields in good.values():
        fields.update(guardians="relation=1, name=Trần Văn Cha, birth_year=1980")
    return Case("a.xlsx", content, good)


@case
def formatted_but_empty_to_the_last_row(book):
    content = s.xlsx_of(book.cells())
    empty = "".join(f'<row r="{n}"><c r="A{n}" s="0"/></row>' for n in range(6, 1_048_577)).encode()
    content = replaced_part(content, SHEET, lambda xml: xml.replace(
        b"</sheetData>", empty + b"</sheetData>"))
    return Case("a.xlsx", content, recount(book.cells()))


@case
def numbers_titles_and_a_signature_below(book):
    """A line of sums and who signed stand below the pupils, in columns that are read."""
    rows = [[i, *row] for i, row in enumerate(book.cells())]
    rows[0][0] = "STT"
    rows += [[], ["Tổng cộng: 4 học sinh"], [None, None, None, None, "Ngày 5 tháng 9 năm 2026"],
             [None, None, None, None, "Hiệu trưởng"]]
    content = s.xlsx_of(rows)
    good = recount(xlsx_rows(content)[:5])
    return Case("a.xlsx", content, good)


# ---- the file

@case
def a_password(book):
    return refused("a.xlsx", (SHEETS / "password.xlsx").read_bytes(), "bad_file", "mật khẩu", "bỏ mật khẩu")


@case
def a_password_of_the_old_kind(book):
    return refused("a.xls", (SHEETS / "password.xls").read_bytes(), "bad_file", "bỏ mật khẩu")


@case
def a_cut_workbook(book):
    content = book.xlsx()
    return refused("a.xlsx", content[:len(content) * 2 // 3], "bad_file", "bị cắt hoặc hỏng", "lưu lại")


@case
def a_cut_page(book):
    content = html_of(book.cells())
    return refused("a.xls", content[:len(content) * 2 // 3], "bad_file", "bị cắt hoặc hỏng")


@case
def nothing(book):
    return refused("a.xlsx", b"", "bad_file", "tệp rỗng")


@case
def only_blanks(book):
    return refused("a.csv", b"\xef\xbb\xbf \r\n\r\n", "bad_file", "tệp rỗng")


@case
def macros(book):
    """Read, never run: a workbook that says it has macros, with their part."""
    content = replaced_part(book.xlsx(), "[Content_Types].xml", lambda xml: xml.replace(
        b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        b"application/vnd.ms-excel.sheet.macroEnabled.main+xml"))
    content = replaced_part(content, "xl/vbaProject.bin", lambda _: b"\xd0\xcf\x11\xe0" + bytes(2000))
    return Case("lop3.xlsm", content, recount(book.cells()))


@case
def a_bomb(book):
    def swell(xml):
        row = b'<row r="6"><c r="A6" t="inlineStr"><is><t>' + b"A" * (200 << 20) + b"</t></is></c></row>"
        return xml.replace(b"</sheetData>", row + b"</sheetData>")
    return refused("a.xlsx", replaced_part(book.xlsx(), SHEET, swell), "bad_file", "phình")


@case
def a_letter(book):
    return refused("thu.docx", (SHEETS / "text.docx").read_bytes(), "bad_file", "không phải tệp Excel hay CSV",
                   "Lưu dưới dạng .xlsx")


@case
def a_picture_of_the_list(book):
    return refused("lop.pdf", b"%PDF-1.7\n1 0 obj<<>>endobj", "bad_file", "không phải tệp Excel hay CSV",
                   "Lưu dưới dạng .xlsx")


@case
def a_page_saved_as_xls(book):
    content = html_of(book.cells(), entities=True)
    return Case("lop.xls", content, recount(HtmlRows(content.decode()).rows))


@case
def xml_saved_as_xls(book):
    content = xml2003_of(book.cells())
    return Case("lop.xls", content, recount(xml2003_rows(content)))


@case
def another_schools_file(book):
    rows = [["Mã trường", *book.cells()[0]]] + [["khac", *row] for row in book.cells()[1:]]
    return refused("a.xlsx", s.xlsx_of(rows), "wrong_file", "đơn vị khác")


# ---- text

@case
def commas(book):
    content = csv_of(book.cells())
    return Case("a.csv", content, recount(csv_rows(content)))


@case
def semicolons_with_a_mark(book):
    content = csv_of(with_column(book, "Chiều cao", ["121,5", "99", "101,0", "130,25"]), ";", "utf-8-sig")
    return Case("a.csv", content, recount(csv_rows(content, ";"), without=[5]),
                [Told(5, "Chiều cao", "130,25", "nhiều nhất 1 chữ số")])


@case
def tabs_in_utf16(book):
    content = csv_of(book.cells(), "\t", "utf-16")
    return Case("a.txt", content, recount(csv_rows(content, "\t", "utf-16")))


@case
def utf16_without_a_mark(book):
    content = csv_of(book.cells(), "\t", "utf-16-le")
    return Case("a.csv", content, recount(csv_rows(content, "\t", "utf-16-le")))


@case
def line_ends_in_cells(book):
    rows = with_column(book, "Nơi sinh", ["Xã Một\r\nTỉnh Mẫu", "Xã Hai\nTỉnh Mẫu", "", ""])
    content = csv_of(rows, end="\n")
    good = recount(csv_rows(content))
    for row, place in zip(book.rows, ("Xã Một\nTỉnh Mẫu", "Xã Hai\nTỉnh Mẫu")):
        good[row["Mã học sinh"]]["birthplace"] = place
    return Case("a.csv", content, good)


@case
def names_taken_apart(book):
    """NFD, as a Mac writes: headers and cells."""
    rows = [[unicodedata.normalize("NFD", v) for v in row] for row in book.cells()]
    content = s.xlsx_of(rows)
    return Case("a.xlsx", content, recount([book.cells()[0]] + [
        [unicodedata.normalize("NFC", v) for v in row] for row in xlsx_rows(content)[1:]]))


@case
def entities_in_cells(book):
    """A web program that wrote its page's text into a workbook."""
    rows = book.cells()
    names = [html_text(row[1]) for row in rows[1:]]
    for row, name in zip(rows[1:], names):
        row[1] = name
    content = s.xlsx_of(rows)
    good = recount([[html.unescape(v) for v in row] for row in xlsx_rows(content)])
    return Case("a.xlsx", content, good)


def html_text(text):
    return "".join(f"&#{ord(c)};" if ord(c) > 127 else c for c in text)


def legacy(book, encode):
    """Forty pupils in a code of before Unicode; headers too. The truth is what was encoded."""
    many = s.Workbook(book.code, pupils=40, seed=2)
    text = csv_of(many.cells()).decode()
    return Case("a.csv", encode(text), recount(csv_rows(text.encode())))


@case
def tcvn3(book):
    return legacy(book, vietnamese.tcvn3)


@case
def vni(book):
    return legacy(book, vietnamese.vni)


@case
def too_short_to_tell_its_code(book):
    return refused("a.csv", vietnamese.vni(csv_of(book.cells()[:2]).decode()), "bad_file", "bảng mã", "UTF-8")


# ---- values

@case
def a_column_that_changes_its_type(book):
    """Codes as numbers from the third row on; dates as text, as dates and as bare serials."""
    rows = book.cells()
    born = [datetime.date(*map(int, reversed(row[2].split("/")))) for row in rows[1:]]
    put(rows, 3, "Mã học sinh", int(rows[2][0]))
    put(rows, 4, "Mã học sinh", float(rows[3][0]))
    put(rows, 3, "Ngày sinh", born[1])
    put(rows, 4, "Ngày sinh", (born[2] - workbooks.EPOCH).days)
    content = s.xlsx_of(rows)
    read = xlsx_rows(content)
    read[2][0], read[3][0] = str(read[2][0]), str(int(read[3][0]))
    read[3][2] = (workbooks.EPOCH + datetime.timedelta(read[3][2])).strftime("%d/%m/%Y")
    return Case("a.xlsx", content, recount(read))


@case
def dates_in_every_form(book):
    rows = book.cells()
    for row, text in enumerate(("5/9/2017", "2017-09-05", "05.09.2017", "9/2017"), 2):
        put(rows, row, "Ngày sinh", text)
    good = recount(rows)
    for row, text in zip(rows[1:], ("2017-09-05", "2017-09-05", "2017-09-05", "2017-09")):
        good[row[0]]["birth_date"] = text
    return Case("a.xlsx", s.xlsx_of(rows), good)


@case
def impossible_dates(book):
    many = s.Workbook(book.code, pupils=8, seed=3)
    rows = many.cells()
    texts = ("31/02/2017", "29/02/2015", "00/00/2010", "13/13/2017", "năm 2017", "5/9/2031", "1/1/1850")
    for row, text in enumerate(texts, 2):
        put(rows, row, "Ngày sinh", text)
    why = ["không có ngày này"] * 4 + ["không đọc được"]
    told = [Told(row, "Ngày sinh", text, words, "ngày/tháng/năm")
            for row, text, words in zip(range(2, 7), texts, why)]
    content = s.xlsx_of(rows)
    return Case("a.xlsx", content, recount(xlsx_rows(content), without=range(2, 9)), told + [
        Told(7, "Ngày sinh", "5/9/2031", "tương lai"), Told(8, "Ngày sinh", "1/1/1850", "kiểm tra lại năm sinh")])


@case
def a_name_of_three_hundred_letters(book):
    content = s.xlsx_of(put(book.cells(), 3, "Họ và tên", "Nguyễn " * 43))
    return Case("a.xlsx", content, recount(xlsx_rows(content), without=[3]),
                [Told(3, "Họ và tên", "…: dài 301 ký tự, nhiều nhất 150")])


@case
def zeros_lost_in_national_ids(book):
    """Excel drops the zeros in front of a number: they come back (no province has 009). What has nine
    digits is an old card's number."""
    numbers = [9_217_000_000 + (row["Giới tính"] == "Nữ") * 100_000_000 + i for i, row in enumerate(book.rows)]
    numbers[2], numbers[3] = 999_170_001, "99917000A"
    content = s.xlsx_of(with_column(book, "Số định danh cá nhân", numbers))
    good = recount(xlsx_rows(content), without=[4, 5])
    for fields in good.values():
        fields["national_id"] = fields["national_id"].zfill(12)
    return Case("a.xlsx", content, good, [
        Told(row, "Số định danh cá nhân", "đúng 12 chữ số", "CMND 9 chữ số") for row in (4, 5)])


@case
def decimals_with_a_comma(book):
    content = s.xlsx_of(with_column(book, "Chiều cao", ["121,5", 99.5, "100.5", "cao"]))
    return Case("a.xlsx", content, recount(xlsx_rows(content), without=[5]),
                [Told(5, "Chiều cao", "cao", "phải là số")])


@case
def a_pupil_twice_with_the_same_contents(book):
    content = s.xlsx_of(book.cells() + [book.cells()[2]])
    return Case("a.xlsx", content, recount(xlsx_rows(content)))


@case
def a_pupil_twice_with_other_contents(book):
    rows = book.cells() + [list(book.cells()[2])]
    content = s.xlsx_of(put(rows, 6, "Họ và tên", "Người Khác Hẳn"))
    return Case("a.xlsx", content, recount(xlsx_rows(content), without=[6]),
                [Told(6, "", "hàng 3", "nội dung khác", "chỉ giữ một hàng")])


@case
def two_pupils_with_one_national_id(book):
    number = f"999{3 if book.rows[0]['Giới tính'] == 'Nữ' else 2}17000001"
    content = s.xlsx_of(with_column(book, "Số định danh cá nhân", [number, None, number, None]))
    return Case("a.xlsx", content, recount(xlsx_rows(content), without=[4]),
                [Told(4, "", "của ai", severity="question")])


@case
def unknown_codes(book):
    rows = put(put(book.cells(), 3, "Dân tộc", "Kihn"), 4, "Giới tính", "Trai")
    content = s.xlsx_of(rows)
    return Case("a.xlsx", content, recount(xlsx_rows(content), without=[3, 4]), [
        Told(3, "Dân tộc", '"Kihn" không có trong danh mục Dân tộc', 'ý bạn là "Kinh"'),
        Told(4, "Giới tính", '"Trai" không có trong danh mục', "chọn một trong", "Nam, Nữ")])


@case
def communes_before_and_after_the_reform(book):
    """00001 ended on 30 June 2025; 00004 lives on as another commune, its zeros lost or not; 99999 never was."""
    content = s.xlsx_of(with_column(book, "Mã xã", ["00004", "00001", 4, "99999"]))
    good = recount(xlsx_rows(content), without=[5])
    for fields in good.values():
        fields["residence_commune"] = fields["residence_commune"].zfill(5)
    return Case("a.xlsx", content, good, [
        Told(3, "Mã xã", "00001", "Phúc Xá", "không áp dụng", "thay bằng 00097", severity="warning"),
        Told(5, "Mã xã", '"99999" không có trong danh mục Xã')])


@case
def statuses_of_another_numbering(book):
    """Titles and our own codes are taken; a bare 1 or a foreign code is never taken for one of ours."""
    many = s.Workbook(book.code, pupils=5, seed=4)
    content = s.xlsx_of(with_column(many, "Trạng thái", ["Đang học", "01", 1, "13", "DH"]))
    good = recount(xlsx_rows(content), without=[4, 5, 6])
    for fields in good.values():
        fields["status"] = "01"
    return Case("a.xlsx", content, good, [
        Told(4, "Trạng thái", '"1" không có trong danh mục', '"01" (Đang học)', "số 0"),
        Told(5, "Trạng thái", '"13" không có trong danh mục', "chọn một giá trị"),
        Told(6, "Trạng thái", '"DH" không có trong danh mục')])


@case
def an_age_outside_the_grade(book):
    rows = [row + [v] for row, v in zip(with_column(book, "Khối", [4, 4, 12, 4]), ["Trạng thái", *["Đang học"] * 4])]
    content = s.xlsx_of(rows)
    good = recount(xlsx_rows(content))
    for fields in good.values():
        fields["status"] = "01"
    return Case("a.xlsx", content, good, [Told(4, "Ngày sinh", "khối 12", "kiểm tra lại", severity="warning")])


@case
def cells_of_what_must_be_there_are_empty(book):
    rows = book.cells()
    put(put(rows, 3, "Họ và tên", None), 4, "Mã học sinh", None)
    content = s.xlsx_of(rows)
    good = recount([row for n, row in enumerate(xlsx_rows(content), 1) if n not in (3, 4)])
    return Case("a.xlsx", content, good, [
        Told(3, "Họ và tên", "Thiếu Họ và tên"), Told(4, "Mã học sinh", "Thiếu Mã học sinh")])


@case
def words_as_people_write_them(book):
    """Case, blanks, hard blanks and line ends around values; titles and codes of one list in one column."""
    rows = book.cells()
    for row, (sex, ethnic) in enumerate((("NAM", " kinh "), ("nữ", "01"), ("\u00a0Nam ", "TÀY"), ("2", "Thái\n")), 2):
        put(put(rows, row, "Giới tính", sex), row, "Dân tộc", ethnic)
    put(rows, 2, "Mã học sinh", f"\u00a0{rows[1][0]} ")
    content = s.xlsx_of(rows)
    good = {}
    for row, sex, ethnic in zip(book.rows, "1212", ("01", "01", "02", "03")):
        good[row["Mã học sinh"]] = {"sex": sex, "ethnic": ethnic, "full_name": row["Họ và tên"]}
    return Case("a.xlsx", content, good)


# ---- what was handed in before

@case
def another_schools_file_without_its_code(book):
    """Nothing in it says whose it is, but all pupils of its class would go: none goes or comes before a person's word."""
    own, other = s.Workbook(book.code, pupils=12, seed=5), s.Workbook("khac", pupils=12, seed=6)
    for row in (*own.rows, *other.rows):
        row["Lớp"] = "3A"
    return Case("b.xlsx", other.xlsx(), recount(xlsx_rows(own.xlsx())), state="waiting", fault="mass_deletion",
                before=[("a.xlsx", own.xlsx())])


@case
def an_old_file(book):
    """As it was before twelve corrections."""
    old = s.Workbook(book.code, pupils=12, seed=7)
    new = s.Workbook(book.code, pupils=12, seed=7)
    for row in new.rows:
        row["Họ và tên"] += " Mới"
    return Case("c.xlsx", old.xlsx(), recount(xlsx_rows(new.xlsx())), state="waiting", fault="restored",
                before=[("a.xlsx", old.xlsx()), ("b.xlsx", new.xlsx())])

