"""A school's own database in the shape that school programs have, and what must come of it.

Expected values are worked out here from plain SQL, never asked of the programs under test.
"""
import csv
import io
import random
import sqlite3
import threading

import openpyxl

SCHEMA = """
CREATE TABLE truong (ma TEXT, ten TEXT, cap TEXT, dien_thoai TEXT);
CREATE TABLE lop (id INTEGER, nam_hoc TEXT, ma_lop TEXT, ten_lop TEXT, khoi INTEGER, hai_buoi TEXT);
CREATE TABLE hoc_sinh (id INTEGER, ma_hs TEXT, ho_ten TEXT, ngay_sinh TEXT, gioi_tinh TEXT, dan_toc TEXT,
                       sdt_cha TEXT, chieu_cao TEXT, khoi INTEGER);
CREATE TABLE xep_lop (id INTEGER, ma_hs TEXT, nam_hoc TEXT, ma_lop TEXT, tu_ngay TEXT, khoi INTEGER);
CREATE TABLE ket_qua (id INTEGER, ma_hs TEXT, nam_hoc TEXT, hk TEXT, diem_tb REAL, toan REAL, van REAL,
                      the_duc TEXT, nhan_xet TEXT);
"""
FAMILY = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô".split()
MIDDLE = "Văn Thị Minh Ngọc Thanh Quốc Gia Bảo Hữu Đức".split()
GIVEN = "An Bình Châu Dũng Giang Hà Khánh Lan Mai Nam Oanh Phúc Quỳnh Sơn Trang Uyên Việt Xuân Yến".split()
SEX = {"Nam": "1", "Nữ": "2"}


def day(text):
    """dd/mm/yyyy, mm/yyyy or yyyy as the nodes show it."""
    return "-".join(reversed(text.split("/")))


def score(value, scale):
    return None if value is None else f"{value:.{scale}f}"


def expected_school(r):
    return {"school_code": r["ma"], "name": r["ten"], "level_group": r["cap"], "phone": r["dien_thoai"]}


def expected_class(r):
    return {"school_year": r["nam_hoc"], "class_code": r["ma_lop"], "name": r["ten_lop"], "grade": r["khoi"],
            "two_sessions": {"Có": "true", "Không": "false", None: None}[r["hai_buoi"]]}


def expected_pupil(r):
    return {"pupil_code": r["ma_hs"], "full_name": r["ho_ten"], "birth_date": day(r["ngay_sinh"]),
            "sex": SEX[r["gioi_tinh"]], "ethnic": r["dan_toc"], "father_phone": r["sdt_cha"],
            "height_cm": r["chieu_cao"], "grade": r["khoi"]}


def expected_enrolment(r):
    return {"pupil_code": r["ma_hs"], "school_year": r["nam_hoc"], "class_code": r["ma_lop"],
            "start": day(r["tu_ngay"]), "grade": r["khoi"]}


def expected_result(r):
    marks = {"TOAN": ("score", score(r["toan"], 2)), "VAN": ("score", score(r["van"], 2)),
             "THE_DUC": ("level", r["the_duc"])}
    subjects = "; ".join(f"subject={s}, {k}={v}" for s, (k, v) in sorted(marks.items()) if v is not None)
    return {"pupil_code": r["ma_hs"], "school_year": r["nam_hoc"], "term": r["hk"], "average": score(r["diem_tb"], 1),
            "remark": r["nhan_xet"], "subjects": subjects}


def item(subject, column, field):
    return {"subject": {"const": subject}, field: column}


class Table:
    """One source table: how the agent maps it, and what each row must become."""

    def __init__(self, dataset, table, key, natural, fields, expected):
        self.dataset, self.table, self.key, self.natural, self.fields = dataset, table, key, natural, fields
        self.expected = expected

    def mapping(self, every):
        return {"dataset": self.dataset, "every": every, "query": f"SELECT * FROM {self.table}", "key": self.key,
                "fields": self.fields}

    def natural_key(self, row):
        values = self.expected(row)
        return "/".join(str(values[name]) for name in self.natural)

    def fields_of(self, row):
        return {k: str(v) for k, v in self.expected(row).items() if v not in (None, "")}


TABLES = {t.dataset: t for t in (
    Table("school", "truong", "ma", ["school_code"],
          {"school_code": "ma", "name": "ten", "level_group": "cap", "phone": "dien_thoai"}, expected_school),
    Table("class", "lop", "id", ["school_year", "class_code"],
          {"school_year": "nam_hoc", "class_code": "ma_lop", "name": "ten_lop", "grade": "khoi",
           "two_sessions": {"from": "hai_buoi", "as": "bool_vn"}}, expected_class),
    Table("pupil", "hoc_sinh", "id", ["pupil_code"],
          {"pupil_code": "ma_hs", "full_name": "ho_ten", "birth_date": {"from": "ngay_sinh", "as": "date_vn"},
           "sex": {"from": "gioi_tinh", "map": SEX}, "ethnic": "dan_toc", "father_phone": "sdt_cha",
           "height_cm": "chieu_cao", "grade": "khoi"}, expected_pupil),
    Table("enrolment", "xep_lop", "id", ["pupil_code", "school_year", "class_code", "start"],
          {"pupil_code": "ma_hs", "school_year": "nam_hoc", "class_code": "ma_lop",
           "start": {"from": "tu_ngay", "as": "date_vn"}, "grade": "khoi"}, expected_enrolment),
    Table("term_result", "ket_qua", "id", ["pupil_code", "school_year", "term"],
          {"pupil_code": "ma_hs", "school_year": "nam_hoc", "term": "hk", "average": "diem_tb", "remark": "nhan_xet",
           "subjects": {"items": [item("TOAN", "toan", "score"), item("VAN", "van", "score"),
                                  item("THE_DUC", "the_duc", "level")]}}, expected_result),
)}
ALL = tuple(TABLES)


class School:
    """The SQLite file of one school, filled from a seed, and its changes."""

    def __init__(self, path, code, pupils=20, seed=1, datasets=ALL):
        self.path, self.code, self.datasets = str(path), code, datasets
        self.random = random.Random(f"{seed} {code}")
        self.lock, self.next_id = threading.Lock(), 1
        self.prefix = f"999{self.random.randrange(10**6):06d}"
        with self.connect() as db:
            db.executescript(SCHEMA)
            db.execute("INSERT INTO truong VALUES (?, ?, '02', ?)",
                       (code, f"Trường Tiểu học {code}", "0000123456"))
            for i in range(1, 4):
                db.execute("INSERT INTO lop VALUES (?, '2026', ?, ?, ?, ?)",
                           (i, f"{i}A", f"Lớp {i}A", i, self.random.choice(("Có", "Không", None))))
            for _ in range(pupils):
                self.insert(db)

    def connect(self, **more):
        return Connection(self.path, timeout=30, **more)

    def sql(self, text, *args):
        with self.connect() as db:
            return db.execute(text, args).fetchall()

    def entry(self, every="1s", **source):
        """This school in agent.yaml."""
        return {"org": self.code, "source": {"driver": "SQLite3", "database": self.path, **source},
                "tables": [TABLES[d].mapping(every) for d in self.datasets]}

    # changes

    def name(self):
        pick = self.random.choice
        return f"{pick(FAMILY)} {pick(MIDDLE)} {pick(GIVEN)}"

    def birth(self):
        r = self.random
        full = f"{r.randint(1, 28):02d}/{r.randint(1, 12):02d}/{r.randint(2014, 2019)}"
        return r.choice((full, full, full, full[3:], full[6:]))

    def insert(self, db):
        r, i = self.random, self.next_id
        self.next_id += 1
        code, grade = f"{self.prefix}{i:05d}", r.randint(1, 3)
        db.execute("INSERT INTO hoc_sinh VALUES (?, ?, ?, ?, ?, '01', ?, ?, ?)",
                   (i, code, self.name(), self.birth(), r.choice(("Nam", "Nữ")),
                    r.choice((None, f"0000{r.randrange(10**6):06d}")), r.choice((None, "121.5", "99.0")), grade))
        db.execute("INSERT INTO xep_lop VALUES (?, ?, '2026', ?, '05/09/2026', ?)", (i, code, f"{grade}A", grade))
        db.execute("INSERT INTO ket_qua VALUES (?, ?, '2026', '1', ?, ?, ?, ?, ?)",
                   (i, code, r.randrange(100) / 10, r.choice((None, 7.25, 10.0)), r.choice((None, 8.5)),
                    r.choice((None, "T", "H")), r.choice((None, "Chăm ngoan, tiến bộ"))))
        return i

    def any_id(self, db):
        ids = [row["id"] for row in db.execute("SELECT id FROM hoc_sinh ORDER BY id")]
        return self.random.choice(ids) if ids else None

    def change(self, db):
        """One random change of one pupil: arrival, correction, new marks, or leaving. A few pupils always
        stay: an emptied source waits for a person's word."""
        r, i = self.random, self.any_id(db)
        few = db.execute("SELECT count(*) FROM hoc_sinh").fetchone()[0] < 4
        kind = r.choice(("insert", "name", "phone", "mark", "delete")) if i and not few else "insert"
        if kind == "insert":
            self.insert(db)
        elif kind == "name":
            db.execute("UPDATE hoc_sinh SET ho_ten = ? WHERE id = ?", (self.name(), i))
        elif kind == "phone":
            db.execute("UPDATE hoc_sinh SET sdt_cha = ? WHERE id = ?", (f"0000{r.randrange(10**6):06d}", i))
        elif kind == "mark":
            db.execute("UPDATE ket_qua SET diem_tb = ?, toan = ? WHERE id = ?", (r.randrange(100) / 10, 6.75, i))
        else:
            for table in ("hoc_sinh", "xep_lop", "ket_qua"):
                db.execute(f"DELETE FROM {table} WHERE id = ?", (i,))

    def touch(self, n=1):
        with self.connect() as db:
            for _ in range(n):
                self.change(db)

    # what must come of it

    def all_rows(self, dataset):
        return self.sql(f"SELECT * FROM {TABLES[dataset].table}")

    def count(self, dataset):
        return self.sql(f"SELECT count(*) AS n FROM {TABLES[dataset].table}")[0]["n"]

    def counts(self):
        return {(self.code, d): n for d in self.datasets if (n := self.count(d))}

    def keys(self, dataset):
        return sorted(TABLES[dataset].natural_key(row) for row in self.all_rows(dataset))

    def records(self, dataset):
        """Natural key -> expected fields."""
        table = TABLES[dataset]
        return {table.natural_key(row): table.fields_of(row) for row in self.all_rows(dataset)}


class Connection:
    """A transaction: committed at the end, always closed."""

    def __init__(self, path, **more):
        self.db = sqlite3.connect(path, **more)
        self.db.row_factory = sqlite3.Row

    def __enter__(self):
        self.db.__enter__()
        return self.db

    def __exit__(self, *exc):
        try:
            return self.db.__exit__(*exc)
        finally:
            self.db.close()


# ---- a school that has only a workbook

HEADERS = {"Mã trường": "org", "Mã học sinh": "pupil_code", "Họ và tên": "full_name", "Ngày sinh": "birth_date",
           "Giới tính": "sex", "Dân tộc": "ethnic", "Lớp": "class_code"}
ETHNIC = {"Kinh": "01", "Tày": "02", "Thái": "03"}


class Workbook:
    """Rows as a clerk keeps them, saved as XLSX or CSV."""

    def __init__(self, code, pupils=12, seed=1, org_column=False):
        self.code, self.random = code, random.Random(f"{seed} {code} workbook")
        self.headers = [h for h in HEADERS if org_column or h != "Mã trường"]
        self.prefix = f"999{self.random.randrange(10**6):06d}"
        self.people = set()
        self.rows = [self.row(i) for i in range(1, pupils + 1)]

    def row(self, i):
        """A pupil whom nobody takes for another: no two have the same name, birthday and class."""
        row = self.anybody(i)
        while (person := (row["Họ và tên"], row["Ngày sinh"], row["Lớp"])) in self.people:
            row = self.anybody(i)
        self.people.add(person)
        return row

    def anybody(self, i):
        pick = self.random.choice
        return {"Mã trường": self.code, "Mã học sinh": f"{self.prefix}{i:05d}",
                "Họ và tên": f"{pick(FAMILY)} {pick(MIDDLE)} {pick(GIVEN)}",
                "Ngày sinh": f"{self.random.randint(1, 28):02d}/{self.random.randint(1, 12):02d}/2017",
                "Giới tính": pick(("Nam", "Nữ")), "Dân tộc": pick(list(ETHNIC)), "Lớp": pick(("3A", "3B"))}

    def cells(self):
        return [self.headers] + [[row[h] for h in self.headers] for row in self.rows]

    def xlsx(self):
        return xlsx_of(self.cells())

    def csv(self):
        out = io.StringIO()
        csv.writer(out).writerows(self.cells())
        return out.getvalue().encode()


def xlsx_of(rows):
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def recount(content, org=None):
    """Pupil code -> expected fields of a workbook's good rows, read again from its bytes with openpyxl."""
    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True).active
    rows = list(sheet.iter_rows(values_only=True))
    out = {}
    for cells in rows[1:]:
        row = dict(zip(rows[0], cells))
        if org is not None and row["Mã trường"] != org:
            continue
        out[row["Mã học sinh"]] = {
            "pupil_code": row["Mã học sinh"], "full_name": row["Họ và tên"], "birth_date": day(row["Ngày sinh"]),
            "sex": SEX[row["Giới tính"]], "ethnic": ETHNIC[row["Dân tộc"]]}
    return out
