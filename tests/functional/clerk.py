"""A small country with one school that has a browser and Excel: real broker, host and upload page, for the clerk's
book (docs/truong-hoc.md), its test and its screenshots."""
import csv
import io
import subprocess
import zipfile

import openpyxl

import kit
import school as s
from intake_kit import Intake, program

CODE, NAME = "79000123", "Trường Tiểu học Mẫu"
BIRTH, CLASS = "Ngày sinh", "3A"
SHARE = {"pupil": {"share": "all"}, "enrolment": {"share": "all"}}
WRONG = 4  # index of the row with the wrong date


class Page(Intake):
    """The page beside a real host."""

    def __init__(self, host, where):
        self.dir, self.agent, self.host = where, None, host
        self.port = kit.PORTS_OF_RUN.take()
        self.log_path = where / "log"
        self.process = None
        where.mkdir()
        kit.write_yaml(where / "intake.yaml", {
            "intake": {"listen": f"127.0.0.1:{self.port}", "agent": str(host.socket), "hosted": str(host.dir / "hosted"),
                       "state": str(where / "state")},
            "page": {"name": "Sở Giáo dục và Đào tạo", "help": "Phòng Công nghệ thông tin, 028 0000 0000",
                     "url": "https://nop.so79.example"}})

    def __exit__(self, failure, *_):
        status = self.stop() if self.process else 0
        assert failure or status == 0, self.log()


class World:
    """Ministry, province, its host, the upload page; the workbooks of the story."""

    def __init__(self, country):
        self.country = country
        country.org("bo", "ministry", name="Bộ Giáo dục và Đào tạo")
        country.org("79", "province", under="bo", name="Sở Giáo dục và Đào tạo")
        country.org(CODE, "school", under="79", name=NAME)
        country.found()
        self.bo = country.broker("bo")
        self.so = country.broker("79", parent=self.bo, share=SHARE)
        self.host = country.host("79", self.so, "79", [CODE], "pupils-c1")
        for node in (self.bo, self.so, self.host):
            node.start()
        self.page = Page(self.host, country.dir / "intake").start()
        self.book = s.Workbook(CODE, pupils=12)
        for row in self.book.rows:
            row["Lớp"] = CLASS
        self.good = dict(self.book.rows[WRONG])

    def once(self):
        """The one-time code as `lienthong init host` wrote it down for the Sở."""
        rows = csv.DictReader(io.StringIO((self.host.dir / "codes.csv").read_text("utf-8")))
        return next(r["one_time_code"] for r in rows if r["code"] == CODE)

    def reset(self):
        done = subprocess.run([program(), "--reset", CODE, "--node", self.page.dir], capture_output=True, encoding="utf-8",
                              timeout=60, check=True)
        return done.stdout.rsplit(" ", 1)[1].strip()

    # the files of the story

    def with_a_wrong_date(self):
        self.book.rows[WRONG][BIRTH] = "31/02/2017"
        content = self.book.xlsx()
        self.book.rows[WRONG][BIRTH] = self.good[BIRTH]
        return content

    def corrected(self, answer):
        """What the clerk does in Excel with the downloaded workbook: one cell, saved."""
        assert zipfile.is_zipfile(io.BytesIO(answer))
        book = openpyxl.load_workbook(io.BytesIO(answer))
        sheet = book.active
        headers = [c.value for c in sheet[1]]
        assert headers[0] == "Lỗi" and sheet.max_row == 2, headers
        sheet.cell(2, headers.index(BIRTH) + 1).value = self.good[BIRTH]
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    def whole(self):
        return self.book.xlsx()

    def with_a_twin_and_an_odd_name(self):
        twin = dict(self.book.rows[0])
        twin["Mã học sinh"] = f"{self.book.prefix}88888"
        odd = dict(self.book.rows[1])
        odd.update({"Mã học sinh": f"{self.book.prefix}77777", "Họ và tên": "Lê Bảo An 2", BIRTH: "09/09/2017"})
        self.book.rows += [twin, odd]
        return self.book.xlsx()

    def with_most_rows_gone(self, left):
        return s.xlsx_of(self.book.cells()[:1 + left])

    # what the country holds

    def held_by(self, tier):
        try:
            return {key: tier.fields("pupil", CODE, key)["birth_date"] for key in tier.keys("pupil", CODE)}
        except kit.Refusal as refusal:  # one of them ended since they were listed
            if refusal.answer["code"] != "not_found":
                raise
            return None

    def wait_everywhere(self, content):
        """Every tier holds what openpyxl reads from this workbook, and nothing else."""
        wanted = {k: v["birth_date"] for k, v in s.recount(content).items()}
        for tier in (self.so, self.bo):
            kit.wait_until(lambda: self.held_by(tier) == wanted,
                           lambda: f"{tier.org}: {self.held_by(tier)} != {wanted}\n{self.host.log_tail()}")
