"""A province's own database: one view of pupils and one of classes, each with all of its schools."""
import re

import kit
import school as s
from test_uploads import Hosted

SHARE = {"pupil": {"share": "all"}, "class": {"share": "all"}}
PROFILE = "pupils-c1+classes"
SCHEMA = """
CREATE TABLE hs (id INTEGER PRIMARY KEY, truong, ma TEXT, ten TEXT, ngay TEXT, phai TEXT, dan_toc TEXT, lop TEXT);
CREATE TABLE lop (truong, nam INTEGER, ma TEXT, khoi INTEGER);
CREATE VIEW v_hoc_sinh AS SELECT truong AS "Mã trường", ma AS "Mã học sinh", ten AS "Họ và tên", ngay AS "Ngày sinh",
  phai AS "Giới tính", dan_toc AS "Dân tộc", lop AS "Lớp", NULL AS "Quê quán", '' AS "Ghi chú" FROM hs ORDER BY id;
CREATE VIEW v_lop AS SELECT truong AS "Mã trường", nam AS "Năm học", ma AS "Mã lớp", 'Lớp ' || ma AS "Tên lớp", khoi AS "Khối"
  FROM lop ORDER BY ma;
"""

def nameless(i):
    """Someone's name: no two alike, and no digits in it."""
    return "Học Sinh " + "".join("ABCDEGHIKL"[int(digit)] + "a" for digit in str(i))


class Ministry:
    """The SQLite file, and what the country must hold because of it."""

    def __init__(self, path, codes, pupils, names):
        self.path, self.next, self.names = str(path), 1, names
        with self.change() as db:
            db.executescript(SCHEMA)
            for code in codes:
                self.add(db, code, pupils)
                db.executemany("INSERT INTO lop VALUES (?, 2026, ?, 3)", [(code, "3A"), (code, "3B")])

    def change(self):
        return s.Connection(self.path, timeout=30)

    def add(self, db, code, n):
        for _ in range(n):
            i, self.next = self.next, self.next + 1
            name = self.names[i - 1] if i <= len(self.names) else nameless(i)
            db.execute("INSERT INTO hs VALUES (?, ?, ?, ?, ?, ?, 'Kinh', ?)",
                       (i, code, f"999{i:07d}", name, f"{1 + i % 28:02d}/{1 + i % 12:02d}/2017", ("Nam", "Nữ")[i % 2],
                        ("3A", "3B")[i // 2 % 2]))

    def sql(self, text, *args):
        with self.change() as db:
            return [tuple(row) for row in db.execute(text, args).fetchall()]

    def pupils(self, code):
        """Pupil code -> fields, counted by SQL alone."""
        return {ma: {"full_name": ten, "birth_date": "-".join(reversed(ngay.split("/"))), "sex": s.SEX[phai]}
                for ma, ten, ngay, phai in self.sql("SELECT ma, ten, ngay, phai FROM hs WHERE truong = ?", code)}

    def classes(self, code):
        return sorted(f"{nam}/{ma}" for nam, ma in self.sql("SELECT nam, ma FROM lop WHERE truong = ?", code))


class Views(Hosted):
    def __init__(self, country, codes, pupils=8, queries=None, names=(), **conf):
        self.db = Ministry(country.dir / "csdl.db", codes, pupils, names)
        self.codes = codes
        self.queries = queries or {"hoc-sinh": "SELECT * FROM v_hoc_sinh", "lop": "SELECT * FROM v_lop"}
        super().__init__(country, codes, PROFILE, hosted={"views": [self.view(n, q) for n, q in self.queries.items()]},
                         **conf)
        kit.set_route(self.so, SHARE)

    def view(self, name, query, **more):
        return {"name": name, "source": {"driver": "SQLite3", "database": self.db.path}, "query": query,
                "org_from": "Mã trường", "every": "1h", **more}

    # readings

    def row(self, name="hoc-sinh"):
        return self.host.row("view", view=name)

    def wait_reading(self, name, before):
        """The row of the first reading that ended after @p before, once nothing of it is under way."""
        def over():
            row = self.row(name)
            return row["state"] == "resting" and row["ended_ms"] > before and row
        return kit.wait_until(over, lambda: f"{name} is read: {self.row(name)}\n{self.host.log_tail()}")

    def first(self, name="hoc-sinh"):
        return self.wait_reading(name, 0)

    def read(self, name="hoc-sinh"):
        before = self.first(name)["ended_ms"]
        done = self.host.cli("source", "scan", name)
        assert done.returncode == 0, done.stderr
        return self.wait_reading(name, before)

    # files

    def lying(self, code):
        return sorted(p.name for p in self.host.inbox(code).iterdir() if not p.name.startswith("."))

    def kept(self, code, name="hoc-sinh"):
        where = self.host.inbox(code) / ".kept"
        form = re.compile(rf"{name}-\d{{8}}-\d{{6}}\.csv")
        return sorted(p.name for p in where.iterdir() if form.fullmatch(p.name)) if where.exists() else []

    def wait_read(self, code, n, name="hoc-sinh"):
        """Until the agent has read n files of this view for the school and nothing lies there; the last one."""
        kit.wait_until(lambda: len(self.kept(code, name)) == n and not self.lying(code),
                       lambda: f"{code}: {self.kept(code, name)} {self.lying(code)}\n{self.host.log_tail()}")
        return self.kept(code, name)[-1]

    # what the tiers hold

    def same(self, tier, code):
        """Does this tier hold exactly what the database says?"""
        wanted = self.db.pupils(code)
        return (tier.keys("pupil", code) == sorted(wanted) and tier.keys("class", code) == self.db.classes(code) and
                all({k: tier.fields("pupil", code, key).get(k) for k in fields} == fields
                    for key, fields in wanted.items()))

    def wait_same(self, *codes):
        for tier in self.tiers:
            for code in codes or self.codes:
                kit.wait_until(lambda: self.same(tier, code), lambda: f"{code}: {self.story(tier, code)}", 120)

    def batches(self):
        return {code: self.host.row("school", org=code)["batch_seq"] for code in self.codes}
