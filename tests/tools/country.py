"""A small country for the demo and the functional tests: organisations, routes, school databases.

Everything is made from a seed. Names come from lists of frequent words; every pupil code begins with 999
and every telephone with 0000, so that nothing can be a real person. Provinces, districts and communes are
real rows of deploy/demo/admin.

  country.py database FILE --school CODE [--seed N]    one school's SQLite database
"""
import argparse
import csv
import datetime
import hashlib
import random
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ADMIN = Path(__file__).resolve().parents[2] / "deploy/demo/admin"
SEED = 2026
SCHOOL_YEAR = 2026
REFORM_EVE, REFORM = "2025-06-30", "2025-07-01"


def admin_names(name):
    with open(ADMIN / f"{name}.csv", encoding="utf-8", newline="") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file)}


def org_id(code):
    """16 bytes in hex, the same in every run."""
    return hashlib.sha256(f"lienthong demo {code}".encode()).hexdigest()[:32]


# ---- organisations

@dataclass
class School:
    code: str
    name: str
    level: str          # TH, THCS, THPT
    grades: range
    broker: str         # code of the broker above it
    commune: str
    province: str
    district: str       # its district office until the reform
    pupils: int
    number: int         # of the school in the country, for pupil codes


@dataclass
class Broker:
    code: str
    name: str
    kind: str
    parent: str | None
    ca: str             # whose authority signs its certificate


@dataclass
class Agent:
    """One agent process: org runs it for schools (its own, or several it hosts)."""
    code: str
    schools: list[str]
    broker: str

    @property
    def host(self):
        return self.schools != [self.code]


@dataclass
class Country:
    brokers: list[Broker]
    schools: list[School]
    agents: list[Agent]
    extra: list[dict] = field(default_factory=list)

    def school(self, code):
        return next(s for s in self.schools if s.code == code)

    def below(self, code):
        """Codes of the schools whose records pass the broker."""
        reached = {code}
        for broker in self.brokers:         # listed from the top down
            if broker.parent in reached:
                reached.add(broker.code)
        return [s.code for s in self.schools if s.broker in reached]


LEVELS = {
    "TH": ("Trường Tiểu học", range(1, 6)),
    "THCS": ("Trường THCS", range(6, 10)),
    "THPT": ("Trường THPT", range(10, 13)),
}
# broker, district before the reform, commune since, level, name, pupils
SCHOOLS = [
    ("79-760", "760", "26740", "THPT", "Bến Nghé", 900),
    ("79-760", "760", "26737", "THCS", "Đa Kao", 420),
    ("79-760", "760", "26743", "TH", "Hoà Bình", 260),
    ("79-760", "760", "26758", "TH", "Cầu Kho", 50),
    ("79-774", "774", "27301", "THPT", "Chợ Quán", 640),
    ("79-774", "774", "27316", "THCS", "An Đông", 310),
    ("79-774", "774", "27343", "THCS", "Hồng Bàng", 120),
    ("79-774", "774", "27343", "TH", "Chợ Lớn", 75),
    ("46", "474", "19789", "THPT", "Vĩnh Ninh", 520),
    ("46", "474", "19815", "THCS", "An Cựu", 180),
    ("46", "475", "19753", "THCS", "Đông Ba", 350),
    ("46", "475", "19777", "TH", "Vỹ Dạ", 90),
]
HOST = "79-774-ttdl"
EXCEL_SCHOOL = "461981599"      # of province 46: no program, no database, only Excel and a browser


def small_country():
    districts, provinces = admin_names("districts-2024"), admin_names("provinces-2025")
    office = "Sở Giáo dục và Đào tạo {}"
    brokers = [Broker("bo", "Bộ Giáo dục và Đào tạo", "ministry", None, "bo")]
    brokers += [Broker(code, office.format(provinces[code]), "province", "bo", code) for code in ("79", "46")]
    brokers += [Broker(f"79-{code}", f"Cụm giáo dục {districts[code]}", "district", "79", "79")
                for code in ("760", "774")]
    schools, in_commune = [], {}
    for number, (broker, district, commune, level, name, pupils) in enumerate(SCHOOLS, 1):
        in_commune[commune] = in_commune.get(commune, 0) + 1
        province = broker[:2]
        title, grades = LEVELS[level]
        schools.append(School(f"{province}{commune}{in_commune[commune]:02d}", f"{title} {name}", level, grades,
                              broker, commune, province, district, pupils, number))
    hosted = [s.code for s in schools if s.broker == "79-774"][-2:]
    agents = [Agent(s.code, [s.code], s.broker) for s in schools if s.code not in hosted]
    agents.append(Agent(HOST, hosted, "79-774"))
    centre = {"id": org_id(HOST), "code": HOST, "name": "Trung tâm dữ liệu cụm Quận 5", "kind": "centre",
              "parents": [{"id": org_id("79-774"), "type": "professional"}],
              "carries": [org_id(code) for code in hosted]}
    excel = {"id": org_id(EXCEL_SCHOOL), "code": EXCEL_SCHOOL, "name": "Trường THCS Phú Nhuận", "kind": "school",
             "parents": [{"id": org_id("46"), "type": "professional"}]}
    return Country(brokers, schools, agents, [centre, excel])


def organisations(country):
    """The registry: dated, with both kinds of parent, districts before the reform and communes since."""
    communes, districts = admin_names("communes-2025"), admin_names("districts-2024")
    orgs = []
    for broker in country.brokers:
        org = {"id": org_id(broker.code), "code": broker.code, "name": broker.name, "kind": broker.kind}
        if broker.parent:
            org["parents"] = [{"id": org_id(broker.parent), "type": "professional"}]
        orgs.append(org)
    known = {broker.code for broker in country.brokers}
    for school in country.schools:
        office, commune = f"{school.province}-{school.district}", f"{school.province}-{school.commune}"
        if office not in known:
            orgs.append({"id": org_id(office), "code": office, "kind": "district", "to": REFORM_EVE,
                         "name": f"Phòng Giáo dục và Đào tạo {districts[school.district]}",
                         "parents": [{"id": org_id(school.province), "type": "professional", "to": REFORM_EVE}]})
        if commune not in known:
            orgs.append({"id": org_id(commune), "code": commune, "kind": "commune", "from": REFORM,
                         "name": f"Uỷ ban nhân dân {communes[school.commune]}",
                         "parents": [{"id": org_id(school.province), "type": "administrative", "from": REFORM}]})
        known.update((office, commune))
        professional = [{"id": org_id(school.broker), "type": "professional"}]
        if school.broker != office:
            professional = [{"id": org_id(office), "type": "professional", "to": REFORM_EVE},
                            {"id": org_id(school.broker), "type": "professional", "from": REFORM}]
        orgs.append({"id": org_id(school.code), "code": school.code, "name": school.name, "kind": "school",
                     "parents": professional +
                     [{"id": org_id(commune), "type": "administrative", "from": REFORM}]})
    return {"version": 1, "orgs": orgs + country.extra}


ALL_GROUPS = {
    "school": ["key", "profile", "contact", "facility"],
    "class": ["key", "profile", "teacher"],
    "pupil": ["key", "identity", "contact", "statistic", "health"],
    "enrolment": ["key", "course", "statistic"],
    "term_result": ["key", "study", "statistic", "remark"],
}
DATASETS = list(ALL_GROUPS)
# What the province keeps back from the ministry, and what of class province 46 sends.
TO_MINISTRY = {
    "school": {"share": "all"},
    "class": {"share": "all"},
    "pupil": {"share": ["key", "identity", "statistic"]},
    "enrolment": {"share": "all"},
    "term_result": {"share": ["key", "statistic"]},
}
TO_PROVINCE = {
    **{name: {"share": groups} for name, groups in ALL_GROUPS.items()},
    "pupil": {"share": ["key", "identity", "contact", "statistic"]},    # health stays at the cluster
    "term_result": {"share": ["key", "study", "statistic"]},            # and so do the remarks
}


def routes(broker):
    """routes.yaml of a broker."""
    if broker.parent is None:
        return {"version": 1, "routes": []}
    to_ministry = broker.parent == "bo"
    datasets = dict(TO_MINISTRY if to_ministry else TO_PROVINCE)
    if broker.code == "46":
        datasets["class"] = {"send": "headers"}
    return {"version": 1, "routes": [{
        "name": "to-ministry" if to_ministry else "to-province",
        "purpose": "Cơ sở dữ liệu ngành" if to_ministry else "Quản lý của Sở",
        "legal_basis": "TT 42/2021/TT-BGDĐT", "from": {"under": broker.code}, "to": "parent", "datasets": datasets}]}


# ---- mapping of a school's tables to the datasets

ETHNIC = {"Kinh": "01", "Hoa": "04", "Khơ-me": "05", "Chăm": "17", "Bru-Vân Kiều": "23", "Cơ-tu": "26", "Tà-ôi": "31"}
SEX = {"Nam": "1", "Nữ": "2"}
RATING = {"Tốt": "1", "Khá": "2", "Đạt": "3", "Chưa đạt": "4"}
STATUS = {"Đang học": "01", "Chuyển đến": "02", "Thôi học": "05"}
LEVEL_CODE = {"TH": "02", "THCS": "03", "THPT": "04"}
YES = {"as": "bool_vn"}
BIRTH_YEAR = "substr(h.ngay_sinh, -4)"
TABLES = {
    "school": {
        "query": "SELECT * FROM truong", "key": "ma_truong",
        "fields": {
            "school_code": "ma_truong", "name": "ten_truong",
            "level_group": {"from": "cap_hoc", "map": LEVEL_CODE},
            "ownership": {"from": "loai_hinh", "map": {"Công lập": "1", "Tư thục": "3"}},
            "commune_code": "ma_xa", "province_code": "ma_tinh",
            "founded": {"from": "ngay_thanh_lap", "as": "date_vn"},
            "head_name": "hieu_truong", "phone": "dien_thoai", "email": "email",
            "campus_count": "so_diem_truong", "area_m2": "dien_tich",
            "has_electricity": {"from": "co_dien", **YES}, "has_internet": {"from": "co_internet", **YES}}},
    "class": {
        "query": "SELECT id, substr(nam_hoc, 1, 4) AS nam, ma_lop, ten_lop, khoi, hai_buoi, ma_gvcn FROM lop",
        "key": "id",
        "fields": {
            "school_year": "nam", "class_code": "ma_lop", "name": "ten_lop", "grade": "khoi",
            "two_sessions": {"from": "hai_buoi", **YES}, "homeroom_teacher": "ma_gvcn"}},
    "pupil": {
        "query": "SELECT h.*, " + BIRTH_YEAR + " AS nam_sinh, l.khoi FROM hoc_sinh h LEFT JOIN xep_lop x "
                 "ON x.hoc_sinh_id = h.id AND x.den_ngay IS NULL LEFT JOIN lop l ON l.id = x.lop_id",
        "key": "id",
        "fields": {
            "pupil_code": "ma_hs", "full_name": "ho_ten", "birth_date": {"from": "ngay_sinh", "as": "date_vn"},
            "sex": {"from": "gioi_tinh", "map": SEX}, "ethnic": {"from": "dan_toc", "map": ETHNIC},
            "birthplace": "noi_sinh", "address": "dia_chi", "father_phone": "sdt_cha", "mother_phone": "sdt_me",
            "guardians": {"items": [
                {"relation": {"const": "1"}, "name": "ho_ten_cha", "birth_year": "nam_sinh_cha", "job": "nghe_cha"},
                {"relation": {"const": "2"}, "name": "ho_ten_me", "birth_year": "nam_sinh_me", "job": "nghe_me"}]},
            "status": {"from": "trang_thai", "map": STATUS}, "grade": "khoi", "birth_year": "nam_sinh",
            "residence_commune": "ma_xa_cu_tru",
            "height_cm": "chieu_cao", "weight_kg": "can_nang", "blood": "nhom_mau"}},
    "enrolment": {
        "query": "SELECT x.id, h.ma_hs, substr(l.nam_hoc, 1, 4) AS nam, l.ma_lop, x.tu_ngay, x.den_ngay, l.khoi, "
                 "h.trang_thai, h.gioi_tinh, " + BIRTH_YEAR + " AS nam_sinh, "
                 "CASE h.dan_toc WHEN 'Kinh' THEN '0' ELSE '1' END AS thieu_so "
                 "FROM xep_lop x JOIN hoc_sinh h ON h.id = x.hoc_sinh_id JOIN lop l ON l.id = x.lop_id",
        "key": "id",
        "fields": {
            "pupil_code": "ma_hs", "school_year": "nam", "class_code": "ma_lop",
            "start": {"from": "tu_ngay", "as": "date_vn"}, "end": {"from": "den_ngay", "as": "date_vn"},
            "grade": "khoi", "status": {"from": "trang_thai", "map": STATUS},
            "sex": {"from": "gioi_tinh", "map": SEX}, "birth_year": "nam_sinh", "ethnic_minority": "thieu_so"}},
    "term_result": {
        "query": "SELECT k.*, substr(k.nam_hoc, 1, 4) AS nam, h.ma_hs, h.gioi_tinh FROM ket_qua k "
                 "JOIN hoc_sinh h ON h.id = k.hoc_sinh_id",
        "key": "id",
        "fields": {
            "pupil_code": "ma_hs", "school_year": "nam", "term": "hoc_ky", "average": "diem_tb",
            "subjects": {"items": [
                {"subject": {"const": "TOAN"}, "score": "diem_toan"},
                {"subject": {"const": "VAN"}, "score": "diem_van"},
                {"subject": {"const": "ANH"}, "score": "diem_anh"},
                {"subject": {"const": "THE_DUC"}, "level": "xl_the_duc"}]},
            "learning": {"from": "hoc_luc", "map": RATING}, "conduct": {"from": "ren_luyen", "map": RATING},
            "days_absent": "so_ngay_nghi", "promoted": {"from": "len_lop", **YES}, "grade": "khoi",
            "sex": {"from": "gioi_tinh", "map": SEX}, "remark": "nhan_xet"}},
}
# Counted without the mapping's queries.
SOURCE_TABLE = {"school": "truong", "class": "lop", "pupil": "hoc_sinh", "enrolment": "xep_lop", "term_result": "ket_qua"}


def source(code, database, every="2s"):
    """One entry of agent.yaml's `schools`."""
    tables = [{"dataset": name, "mode": "diff", "every": every, **table} for name, table in TABLES.items()]
    return {"org": code, "source": {"driver": "SQLite3", "database": str(database)}, "tables": tables}


class Plain(yaml.SafeDumper):
    """Without anchors: the programs refuse them."""

    def ignore_aliases(self, data):
        return True


def read_yaml(path):
    return yaml.safe_load(Path(path).read_text("utf-8"))


def write_yaml(path, document):
    path.write_text(yaml.dump(document, Dumper=Plain, allow_unicode=True, sort_keys=False, width=1000),
                    encoding="utf-8")


# ---- a school's database, in the shape a school program has

SCHEMA = """
CREATE TABLE truong (ma_truong TEXT PRIMARY KEY, ten_truong TEXT NOT NULL, cap_hoc TEXT, loai_hinh TEXT, ma_xa TEXT,
  ma_tinh TEXT, dia_chi TEXT, ngay_thanh_lap TEXT, hieu_truong TEXT, dien_thoai TEXT, email TEXT,
  so_diem_truong INTEGER, dien_tich REAL, co_dien TEXT, co_internet TEXT);
CREATE TABLE lop (id INTEGER PRIMARY KEY, nam_hoc TEXT NOT NULL, ma_lop TEXT NOT NULL, ten_lop TEXT, khoi INTEGER,
  hai_buoi TEXT, ma_gvcn TEXT, UNIQUE (nam_hoc, ma_lop));
CREATE TABLE hoc_sinh (id INTEGER PRIMARY KEY, ma_hs TEXT NOT NULL UNIQUE, ho_ten TEXT NOT NULL, ngay_sinh TEXT,
  gioi_tinh TEXT, dan_toc TEXT, noi_sinh TEXT, dia_chi TEXT, ma_xa_cu_tru TEXT, sdt_cha TEXT, sdt_me TEXT,
  ho_ten_cha TEXT, nam_sinh_cha INTEGER, nghe_cha TEXT, ho_ten_me TEXT, nam_sinh_me INTEGER, nghe_me TEXT,
  chieu_cao REAL, can_nang REAL, nhom_mau TEXT, trang_thai TEXT);
CREATE TABLE xep_lop (id INTEGER PRIMARY KEY, hoc_sinh_id INTEGER NOT NULL REFERENCES hoc_sinh (id) ON DELETE CASCADE,
  lop_id INTEGER NOT NULL REFERENCES lop (id), tu_ngay TEXT NOT NULL, den_ngay TEXT);
CREATE TABLE ket_qua (id INTEGER PRIMARY KEY, hoc_sinh_id INTEGER NOT NULL REFERENCES hoc_sinh (id) ON DELETE CASCADE,
  nam_hoc TEXT NOT NULL, hoc_ky TEXT NOT NULL, khoi INTEGER, diem_toan REAL, diem_van REAL, diem_anh REAL,
  xl_the_duc TEXT, diem_tb REAL, hoc_luc TEXT, ren_luyen TEXT, so_ngay_nghi INTEGER, len_lop TEXT, nhan_xet TEXT);
"""
FAMILY = ["Nguyễn"] * 38 + ["Trần"] * 12 + ["Lê"] * 10 + ["Phạm"] * 7 + ["Huỳnh"] * 5 + ["Phan"] * 5 + [
    "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý"]
MIDDLE = {"Nam": ["Văn", "Hữu", "Đức", "Minh", "Quang", "Gia", "Thành", "Quốc"],
          "Nữ": ["Thị", "Ngọc", "Thu", "Phương", "Khánh", "Bảo", "Thanh", "Mỹ"]}
GIVEN = {"Nam": ["An", "Bình", "Cường", "Dũng", "Đạt", "Hải", "Hiếu", "Hoàng", "Huy", "Khang", "Khoa", "Long", "Nam",
                 "Nhân", "Phong", "Phúc", "Quân", "Sơn", "Thịnh", "Tuấn"],
         "Nữ": ["Anh", "Châu", "Chi", "Dung", "Giang", "Hà", "Hân", "Hương", "Lan", "Linh", "Mai", "My", "Nga", "Ngân",
                "Nhi", "Oanh", "Quỳnh", "Thảo", "Trang", "Vy"]}
JOBS = ["Công nhân", "Buôn bán", "Giáo viên", "Nông dân", "Lái xe", "Kế toán", "Nội trợ", "Kỹ sư"]
STREETS = ["Lê Lợi", "Trần Hưng Đạo", "Nguyễn Trãi", "Hai Bà Trưng", "Phan Bội Châu", "Bà Triệu"]
BLOOD = ["A", "B", "AB", "O", None]
OTHERS = {"79": ["Hoa", "Khơ-me", "Chăm"], "46": ["Tà-ôi", "Cơ-tu", "Bru-Vân Kiều"]}


def person(rng, sex):
    return f"{rng.choice(FAMILY)} {rng.choice(MIDDLE[sex])} {rng.choice(GIVEN[sex])}"


def phone(rng):
    return f"0000{rng.randrange(10**6):06d}" if rng.random() < 0.9 else None


def birth_date(rng, year):
    """dd/mm/yyyy as schools write it; some records lack the day, a few the month as well."""
    day = datetime.date(year, 1, 1) + datetime.timedelta(days=rng.randrange(365))
    chance = rng.random()
    if chance < 0.01:
        return f"{year}"
    return f"{day:%m/%Y}" if chance < 0.04 else f"{day:%d/%m/%Y}"


def school_row(rng, school):
    return (school.code, school.name, school.level, "Công lập", school.commune, school.province,
            f"{rng.randrange(1, 300)} {rng.choice(STREETS)}", f"05/09/{rng.randrange(1955, 2015)}",
            person(rng, rng.choice(["Nam", "Nữ"])), phone(rng), f"truong{school.code}@example.edu.vn",
            rng.choice([1, 1, 1, 2]), rng.randrange(20000, 200000) / 10, "Có", rng.choice(["Có", "Có", "Không"]))


def pupil_row(rng, school, number, grade):
    sex = rng.choice(["Nam", "Nữ"])
    year = SCHOOL_YEAR - 5 - grade - (rng.random() < 0.03)
    ethnic = rng.choice(OTHERS[school.province]) if rng.random() < 0.06 else "Kinh"
    height = 95 + 5.5 * (grade + 1) + rng.uniform(-8, 8)
    return (number, f"999{school.number:02d}{number:05d}", person(rng, sex), birth_date(rng, year), sex, ethnic,
            admin_names_of_province(school.province), f"{rng.randrange(1, 400)} {rng.choice(STREETS)}", school.commune,
            phone(rng), phone(rng), person(rng, "Nam"), year - rng.randrange(24, 40), rng.choice(JOBS),
            person(rng, "Nữ"), year - rng.randrange(20, 36), rng.choice(JOBS), round(height, 1),
            round(height / 3.4 + rng.uniform(-6, 6), 1), rng.choice(BLOOD), "Đang học")


def admin_names_of_province(code):
    return PROVINCES[code]


PROVINCES = admin_names("provinces-2025")


def result_row(rng, school, number, pupil, grade):
    """Last year's result."""
    year, absent = f"{SCHOOL_YEAR - 1}-{SCHOOL_YEAR}", rng.randrange(0, 12)
    if school.level == "TH":
        scores, average = (round(rng.uniform(5, 10)), round(rng.uniform(5, 10)), None), None
        rating = "Tốt"
    else:
        scores = tuple(round(rng.triangular(3, 10, 7.5), 1) for _ in range(3))
        average = round(sum(scores) / 3, 1)
        rating = next(name for limit, name in ((8, "Tốt"), (6.5, "Khá"), (5, "Đạt"), (0, "Chưa đạt"))
                      if average >= limit)
    conduct = rng.choice(["Tốt", "Tốt", "Tốt", "Khá", "Đạt"])
    remark = rng.choice([None, None, "Chăm chỉ, tiến bộ.", "Cần cố gắng hơn."])
    return (number, pupil, year, "3", grade - 1, *scores, "Đ", average, rating, conduct, absent,
            "Không" if rating == "Chưa đạt" else "Có", remark)


def insert(db, table, rows):
    if rows:
        db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)


def make_database(path, school, seed=SEED):
    """A fresh database of @p school at @p path."""
    rng = random.Random(f"{seed}/{school.code}")
    year = f"{SCHOOL_YEAR}-{SCHOOL_YEAR + 1}"
    per_grade = -(-school.pupils // len(school.grades))
    classes, pupils, places, results = [], [], [], []
    for grade in school.grades:
        here = min(per_grade, school.pupils - len(pupils))
        rooms = max(1, -(-here // 40))
        first = len(classes) + 1
        classes += [(first + i, year, f"{grade}A{i + 1}", f"Lớp {grade}A{i + 1}", grade,
                     "Có" if school.level == "TH" else "Không", f"GV{school.number:02d}{first + i:03d}")
                    for i in range(rooms)]
        for i in range(here):
            number = len(pupils) + 1
            pupils.append(pupil_row(rng, school, number, grade))
            places.append((number, number, first + i % rooms, f"05/09/{SCHOOL_YEAR}", None))
            if grade > school.grades[0]:
                results.append(result_row(rng, school, len(results) + 1, number, grade))
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.executescript(SCHEMA)
        for table, rows in (("truong", [school_row(rng, school)]), ("lop", classes), ("hoc_sinh", pupils),
                            ("xep_lop", places), ("ket_qua", results)):
            insert(db, table, rows)
    db.close()


def sql(path, *statements):
    """Statements in one transaction, as the school's own program would run them."""
    db = sqlite3.connect(path, timeout=10)
    with db:
        db.execute("PRAGMA foreign_keys = ON")
        for statement in statements:
            db.execute(*statement) if isinstance(statement, tuple) else db.execute(statement)
    db.close()


def sql_counts(path):
    """Rows by dataset, counted by SQL alone."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return {name: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for name, table in SOURCE_TABLE.items()}
    finally:
        db.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["database"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--school", required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    make_database(args.file, small_country().school(args.school), args.seed)
    print(sql_counts(args.file))


if __name__ == "__main__":
    sys.exit(main())
