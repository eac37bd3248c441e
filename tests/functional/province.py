"""A Sở that carries for many schools with nothing but Excel, installed from two lists (CSV) and three YAML files.

Lists: organisations.csv (the registry's) and schools.csv (whom it carries for). YAML: orgs.yaml names the registry's
list, routes.yaml says what leaves, agent.yaml what the host reads. Everything else is as `lienthong init` made it.
"""
import csv
import sys
import time
from pathlib import Path

import kit

sys.path.insert(0, str(kit.SOURCE / "tests/tools"))
import workbooks  # noqa: E402

ROUTES = {"pupil": {"share": "all"}, "class": {"share": "all"}, "enrolment": {"share": "all"}}
PROFILE = "pupils-c1+classes"


class Province:
    def __init__(self, country, schools, pupils, profile="pupils-c1"):
        self.country, self.pupils = country, pupils
        self.codes = [f"79{n:06d}" for n in range(1, schools + 1)]
        self.write_lists()
        country.programs.must("init", "root", country.dir / "root", "--org", "bo", "--orgs", country.dir / "orgs.yaml")
        self.bo = country.broker("bo")
        self.so = country.broker("79", parent=self.bo, share=ROUTES)
        began = time.monotonic()
        self.host = country.host("79", self.so, "79", self.codes, profile, limits={"live": "1s"})
        self.install_s = time.monotonic() - began
        self.tiers = [self.bo, self.so]

    def write_lists(self):
        where, so, bo = self.country.dir, kit.org_id("79").hex(), kit.org_id("bo").hex()
        kit.write_yaml(where / "orgs.yaml", {"version": 1, "csv": "organisations.csv", "orgs": [
            {"id": bo, "code": "bo", "name": "Bộ", "kind": "ministry"},
            {"id": so, "code": "79", "name": "Sở", "kind": "province", "parents": [{"id": bo, "type": "professional"}]}]})
        with open(where / "organisations.csv", "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(["id", "code", "name", "kind", "parents"])
            out.writerows([kit.org_id(c).hex(), c, f"Trường {c}", "school", f"{so} professional"] for c in self.codes)

    def rows(self, number):
        return workbooks.pupils(number, self.pupils)

    def book(self, number, folder):
        """The school's workbook; its path."""
        path = Path(folder) / f"{self.codes[number]}.xlsx"
        workbooks.write(path, workbooks.titled(workbooks.HEADERS, self.rows(number), self.codes[number], 1 + 2 * (number % 2)))
        return path

    def start(self):
        for node in (*self.tiers, self.host):
            node.start()
        return self


def recount(path):
    """Pupil code -> (name, birth date as ISO, class) of a workbook, read by openpyxl alone."""
    import openpyxl
    rows = list(openpyxl.load_workbook(path, read_only=True).worksheets[0].iter_rows(values_only=True))
    top = next(i for i, row in enumerate(rows) if row and "Mã học sinh" in row)
    at = {name: rows[top].index(name) for name in ("Mã học sinh", "Họ và tên", "Ngày sinh", "Tên lớp")}
    out = {}
    for row in rows[top + 1:]:
        code = row[at["Mã học sinh"]] if row else None
        if code and str(code).startswith("999"):
            day, month, year = row[at["Ngày sinh"]].split("/")
            out[str(code)] = (row[at["Họ và tên"]], f"{year}-{month}-{day}", row[at["Tên lớp"]])
    return out
