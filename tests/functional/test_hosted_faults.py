"""Hosted schools under faults: what a hostile and unlucky world does to inboxes, files, words and stores.

Every tier must equal a recount from the last good files, nothing may be taken by halves, and whoever waits is told why.
"""
import concurrent.futures
import csv
import io
import os
import shutil

import openpyxl
import pytest

import kit
import school as s
from intake_kit import CODE, Browser, Intake
from test_uploads import Hosted, counts_of


@pytest.fixture
def hosted(country):
    return lambda *codes, **more: Hosted(country, codes, **more)


def rename_first(book, name):
    """The first pupil gets another name; the workbook."""
    book.rows[0]["Họ và tên"] = name
    return book.xlsx()


def wait_name(world, code, book, name):
    key = book.rows[0]["Mã học sinh"]
    for tier in world.tiers:
        kit.wait_until(lambda: tier.keys("pupil", code) and tier.fields("pupil", code, key)["full_name"] == name,
                       lambda: world.story(tier, code))


def drop(box, name, content):
    """A file appears in the inbox under any name, as a vendor's program does it."""
    aside = box / ".in"
    aside.mkdir(exist_ok=True)
    (aside / "x").write_bytes(content)
    os.rename(aside / "x", os.fsencode(box) + b"/" + os.fsencode(name))


# ---- order and names

def test_files_are_read_in_the_order_they_came(hosted):
    """Whatever their names: while the agent was away, each file is of a later day than the one before."""
    world = hosted("t01").start()
    book, box = s.Workbook("t01", pupils=3), world.host.inbox("t01")
    world.host.wait_upload("t01", world.host.hand_in("t01", "first.xlsx", book.xlsx()))
    world.host.stop()
    names = ["Danh sách.xlsx", "a b.xlsx", "good.xlsx", "z\nz.xlsx", "\u202eslx.xlsx", "-rf.xlsx", "é" * 127,
             "again.xlsx", "Danh sách (2).xlsx", "%2e%2e.xlsx", b"\xff.xlsx"]
    for n, name in enumerate(names):
        drop(box, name, rename_first(book, f"Lê Thứ {s.FAMILY[n % len(s.FAMILY)]}"))
    last = book.rows[0]["Họ và tên"]
    world.host.start()
    kit.wait_until(lambda: len(world.host.uploads("t01")) == 1 + len(names) and not list(box.glob("*.xlsx")),
                   lambda: world.host.uploads("t01"))
    wait_name(world, "t01", book, last)
    for upload in world.host.uploads("t01"):
        assert upload["state"] == "done" and upload["id"].isascii(), upload
    assert sorted(u["id"] for u in world.host.uploads("t01") if u["id"][0] not in "2") == [
        "again.xlsx", "first.xlsx", "good.xlsx"]
    assert counts_of(world.table("t01", world.host.uploads("t01")[0]["id"])) == {"rows": 3, "changed": 1, "same": 2}


def test_a_name_whose_kept_file_is_gone_is_a_new_upload(hosted):
    """Vendors' programs have one name for all. What was kept under it is removed by hand or after 400 days."""
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=3)
    world.host.wait_upload("t01", world.host.hand_in("t01", "lop.xlsx", book.xlsx()))
    world.host.wait_upload("t01", world.host.hand_in("t01", "sua.xlsx", rename_first(book, "Lê Thị Hai")))
    (world.host.inbox("t01") / ".kept/lop.xlsx").unlink()
    world.host.hand_in("t01", "lop.xlsx", rename_first(book, "Lê Thị Ba"))
    wait_name(world, "t01", book, "Lê Thị Ba")
    assert len(world.host.uploads("t01")) == 3
    assert world.host.upload("t01", "lop.xlsx")["number"] == 1
    newest = world.host.uploads("t01")[0]
    assert counts_of(world.table("t01", newest["id"])) == {"rows": 3, "changed": 1, "same": 2}


def test_a_carriers_file_and_a_schools_own_have_one_name(country):
    """Two files are two uploads, in whichever inbox they lay."""
    world = Hosted(country, ("t01", "t02"), hosted={"carrier": {"inbox": "common", "profile": "pupils-c1"}}).start()
    books = {code: s.Workbook(code, pupils=3, org_column=True) for code in ("t01", "t02")}
    world.host.wait_upload("t01", world.host.hand_in("t01", "all.xlsx", books["t01"].xlsx()))
    world.host.wait_upload("t01", world.host.hand_in("t01", "b.xlsx", rename_first(books["t01"], "Lê Thị Hai")))
    rename_first(books["t01"], "Lê Thị Ba")
    common = world.host.dir / "common"
    common.mkdir(exist_ok=True)
    drop(common, "all.xlsx", s.xlsx_of(books["t01"].cells() + books["t02"].cells()[1:]))
    wait_name(world, "t01", books["t01"], "Lê Thị Ba")
    name = kit.wait_until(lambda: world.host.uploads("t02"), world.host.log_tail)[0]["id"]
    assert len(world.host.uploads("t01")) == 3 and name != "all.xlsx"
    world.host.hand_in("t02", name, rename_first(books["t02"], "Lê Thị Tư"))
    wait_name(world, "t02", books["t02"], "Lê Thị Tư")
    assert len(world.host.uploads("t02")) == 2


def test_what_hides_is_told(hosted):
    world = hosted("t01").start()
    book, box = s.Workbook("t01", pupils=2), world.host.inbox("t01")
    for name in ("..xlsx", "...", ".danh-sach.xlsx"):
        drop(box, name, book.xlsx())
    kit.wait_until(lambda: world.host.row("school", org="t01")["inbox"]["strange"] == 3,
                   lambda: world.host.row("school", org="t01"))
    assert world.host.uploads("t01") == []


# ---- files that are lost

def test_a_word_about_a_file_that_is_gone_is_refused(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=10)
    for row in book.rows:
        row["Lớp"] = "3A"
    full = book.xlsx()
    world.host.wait_upload("t01", world.host.hand_in("t01", "full.xlsx", full))
    world.wait_holds("t01", s.recount(full))
    book.rows = book.rows[:4]
    world.host.wait_upload("t01", world.host.hand_in("t01", "short.xlsx", book.xlsx()), "waiting")
    (world.host.inbox("t01") / ".kept/short.xlsx").unlink()
    done = world.host.cli("upload", "confirm", "t01", "short.xlsx", "--reason", "x", "--by", "y")
    assert done.returncode == 4 and "không còn giữ" in done.stderr, done
    assert world.host.upload("t01", "short.xlsx")["state"] == "waiting"
    world.host.act("t01", "short.xlsx", "withdraw")  # needs no file
    world.host.wait_upload("t01", "short.xlsx", "withdrawn")
    with pytest.raises(kit.Refusal, match="not_waiting"):  # twice, by somebody else
        world.host.act("t01", "short.xlsx", "withdraw")
    world.wait_holds("t01", s.recount(full))


def test_a_file_that_is_lost_while_it_is_read_ends_in_words(hosted):
    world = hosted("t01").start()
    name = world.host.hand_in("t01", "big.xlsx", s.Workbook("t01", pupils=3000).xlsx())
    kit.wait_until(lambda: (world.host.upload("t01", name) or {}).get("state") == "reading",
                   lambda: world.host.upload("t01", name))
    world.host.kill()
    for where in ("", ".kept"):
        (world.host.inbox("t01") / where / name).unlink(missing_ok=True)
    world.host.start()
    upload = world.host.wait_upload("t01", name, "refused")
    assert "nộp lại tệp" in upload["detail"]["vi"]
    book = s.Workbook("t01", pupils=3)
    world.host.wait_upload("t01", world.host.hand_in("t01", "next.xlsx", book.xlsx()))


def test_files_that_cannot_be_put_away_are_told(hosted):
    world = hosted("t01").start()
    book, box = s.Workbook("t01", pupils=3), world.host.inbox("t01")
    outside = world.country.dir / "outside"
    outside.mkdir()
    (box / ".kept").symlink_to(outside)
    world.host.hand_in("t01", "a.xlsx", book.xlsx())
    world.wait_holds("t01", s.recount(book.xlsx()))
    kit.wait_until(lambda: world.host.row("school", org="t01")["inbox"]["unkept"], world.host.log_tail)
    assert "KHÔNG CẤT ĐƯỢC" in world.host.cli("status").stdout and world.host.cli("status", "--check").returncode == 1
    assert list(outside.iterdir()) == [] and (box / "a.xlsx").exists()
    (box / ".kept").unlink()
    world.host.restart()
    world.host.wait_upload("t01", "a.xlsx")
    assert not world.host.row("school", org="t01")["inbox"]["unkept"]
    assert world.bo.row("origin", org="t01") is None or world.so.row("origin", org="t01")["batch_seq"] == 1


def test_an_inbox_that_goes_and_comes_back(hosted):
    world = hosted("t01", "t02").start()
    box, book = world.host.inbox("t01"), s.Workbook("t01", pupils=3)
    shutil.rmtree(box)
    kit.wait_until(lambda: world.host.row("school", org="t01")["inbox"]["missing"], world.host.log_tail)
    assert world.host.cli("status", "--check").returncode == 1
    other = s.Workbook("t02", pupils=2)
    world.host.wait_upload("t02", world.host.hand_in("t02", "a.xlsx", other.xlsx()))  # others go on
    box.mkdir()
    world.host.wait_upload("t01", world.host.hand_in("t01", "a.xlsx", book.xlsx()))
    world.wait_holds("t01", s.recount(book.xlsx()))


# ---- schools moved

def test_a_school_leaves_the_list_and_comes_back(hosted):
    world = hosted("t01", "t02").start()
    book, listed = s.Workbook("t01", pupils=6), world.host.dir / "schools.csv"
    world.host.wait_upload("t01", world.host.hand_in("t01", "1.xlsx", book.xlsx()))
    world.wait_holds("t01", s.recount(book.xlsx()))
    text = listed.read_text()
    listed.write_text(text.replace("t01\n", ""))
    assert world.host.reload() and world.host.row("school", org="t01") is None
    with pytest.raises(kit.Refusal, match="unknown_school"):
        world.host.act("t01", "1.xlsx", "confirm")
    content = rename_first(book, "Lê Thị Về")
    world.host.hand_in("t01", "2.xlsx", content)  # stays until somebody serves the school again
    world.wait_holds("t01", {k: {} for k in s.recount(content)})
    listed.write_text(text)
    assert world.host.reload()
    world.host.wait_upload("t01", "2.xlsx")
    wait_name(world, "t01", book, "Lê Thị Về")
    assert world.host.row("school", org="t01")["epoch"] == 1


def test_a_school_comes_back_from_a_database_of_its_own(hosted):
    """Its own agent made other records of the same pupils. Only a person can say that these are no more."""
    world = hosted("t01", "t02").start()
    book, listed = s.Workbook("t01", pupils=20), world.host.dir / "schools.csv"
    text, truth = listed.read_text(), s.recount(book.xlsx())
    world.host.wait_upload("t01", world.host.hand_in("t01", "1.xlsx", book.xlsx()))
    world.wait_holds("t01", truth)
    own = s.School(world.country.dir / "t01.db", "t01", pupils=0, datasets=("pupil",))
    with own.connect() as db:
        for number, row in enumerate(book.rows, 1):
            db.execute("INSERT INTO hoc_sinh VALUES (?, ?, ?, ?, ?, '01', NULL, NULL, 1)",
                       (number, row["Mã học sinh"], row["Họ và tên"], row["Ngày sinh"], row["Giới tính"]))

    def ids(tier):
        return {r["key"]: r["id"] for r in tier.records("pupil", "t01") if r["state"] == "live"}

    before = ids(world.bo)
    listed.write_text(text.replace("t01\n", ""))
    assert world.host.reload()
    agent = world.country.agent("t01", world.so, "79", [own.entry()])
    world.so.reload()
    agent.start()
    kit.wait_until(lambda: len(ids(world.bo)) == 20 and not set(ids(world.bo).values()) & set(before.values()),
                   lambda: world.story(world.bo, "t01"))
    agent.stop()
    listed.write_text(text)
    assert world.host.reload()
    world.host.hand_in("t01", "back.xlsx", rename_first(book, "Lê Trở Về"))
    kit.wait_until(lambda: len(world.so.ask("held_list")) == 20, lambda: world.story(world.so, "t01"))
    world.host.cli("source", "resync", "t01", "pupil", "--by", "Sở 79", "--reason", "Trường về lại trạm")
    wait_name(world, "t01", book, "Lê Trở Về")
    for tier in world.tiers:
        kit.wait_until(lambda: ids(tier) == before, lambda: world.story(tier, "t01"))
    kit.wait_until(lambda: not world.so.ask("held_list"), lambda: world.story(world.so, "t01"))


# ---- the page

def test_a_link_in_place_of_the_pages_directory(country):
    """Whoever may write into an inbox, a vendor by SFTP, cannot lead the page out of it."""
    with Intake() as page:
        page.start()
        token = Browser(page)
        token.first()
        token = token.token()
        outside, box = country.dir / "outside", page.agent.inbox(CODE)
        outside.mkdir()
        (outside / "precious.key").write_text("x")
        os.utime(outside / "precious.key", (0, 0))  # older than the page
        (box / ".in").symlink_to(outside)
        assert page.put(CODE, token, b"a,b\n1,2\n")[0] == 507
        assert [p.name for p in outside.iterdir()] == ["precious.key"] and page.agent.waiting(CODE) == []
        (box / ".in").unlink()
        assert page.put(CODE, token, b"a,b\n1,2\n")[0] == 201


def test_nobody_leads_an_answer_out_of_the_inbox(hosted):
    """Nor may two people who ask at once spoil each other's workbook."""
    world = hosted("t01").start()
    book, box = s.Workbook("t01", pupils=5), world.host.inbox("t01")
    book.rows[2]["Ngày sinh"] = "31/02/2017"
    world.host.wait_upload("t01", world.host.hand_in("t01", "a.xlsx", book.xlsx()))
    precious = world.country.dir / "precious.key"
    precious.write_text("x")
    (box / ".answer").symlink_to(world.country.dir)
    assert world.host.cli("upload", "answers", "t01").returncode == 4
    (box / ".answer").unlink()
    (box / ".answer").mkdir()
    os.chown(box / ".answer", 65534, 65534)  # somebody else's
    for n in range(8):
        (box / ".answer" / f"a.xlsx.xlsx.{n}.new").symlink_to(precious)
    (box / ".answer/a.xlsx.xlsx.new").symlink_to(precious)
    assert world.host.cli("upload", "answers", "t01").returncode == 4
    assert precious.read_text() == "x"
    shutil.rmtree(box / ".answer")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: world.host.json("upload", "answers", "t01"), range(3)))
    assert {d["path"] for d in done} == {str(box / ".answer/a.xlsx.xlsx")}
    assert openpyxl.load_workbook(done[0]["path"]).active.max_row == 2
    assert [p.name for p in (box / ".answer").iterdir()] == ["a.xlsx.xlsx"]


# ---- the store full

def counted(content):
    """Pupil code -> name and ethnic group, read again from the CSV's bytes."""
    return {r["Mã học sinh"]: {"full_name": r["Họ và tên"], "ethnic": s.ETHNIC[r["Dân tộc"]]}
            for r in csv.DictReader(io.StringIO(content.decode()))}


class Uploads:
    """Files of some schools, each of a later day than the one before."""

    def __init__(self, world, codes, pupils):
        self.world, self.codes, self.given, self.last = world, codes, 0, {}
        self.books = {code: s.Workbook(code, pupils=pupils) for code in codes}
        for book in self.books.values():
            book.headers += ["Chỗ ở hiện nay", "Nơi sinh"]

    def hand_in_all(self):
        for code, book in self.books.items():
            never_before = f"{s.GIVEN[self.given % len(s.GIVEN)]} {s.GIVEN[self.given // len(s.GIVEN)]}"
            for n, row in enumerate(book.rows):  # a name that comes again would be an old state come back
                row["Họ và tên"] = f"{s.FAMILY[n % 14]} {s.GIVEN[n // 14 % 19]} {s.GIVEN[n // 266]} {never_before}"
                row["Chỗ ở hiện nay"], row["Nơi sinh"] = f"{self.given} " * 60, "x" * 240
            self.last[code] = book.csv()
            self.world.host.hand_in(code, f"n{self.given}.csv", self.last[code])
            self.given += 1

    def waiting(self):
        return [p for code in self.codes for p in self.world.host.inbox(code).glob("*.csv")]

    def of_states(self, *states):
        return [u for code in self.codes for u in self.world.host.uploads(code) if u["state"] in states]

    def equal(self, tier):
        return all(tier.keys("pupil", code) == sorted(truth) and
                   all(truth[key].items() <= tier.fields("pupil", code, key).items() for key in list(truth)[::150])
                   for code, truth in ((c, counted(content)) for c, content in self.last.items()))


def test_the_hosts_store_is_full(hosted):
    codes = ("t01", "t02", "t03", "t04")
    world = hosted(*codes, limits={"store_mib": 16}).start()
    uploads = Uploads(world, codes, 450)
    while not world.host.row("node")["full"]:
        for _ in range(4):
            uploads.hand_in_all()
        kit.wait_until(lambda: world.host.row("node")["full"] or not uploads.waiting(), world.host.log_tail)
    assert "KHO ĐẦY" in world.host.cli("status").stdout and world.host.cli("status", "--check").returncode == 1
    uploads.hand_in_all()
    waits = kit.wait_until(lambda: uploads.of_states("received", "reading"), world.host.log_tail)
    assert all("hết chỗ" in u["detail"]["vi"] for u in waits), waits
    world.host.stop()
    kit.change_yaml(world.host.dir / "agent.yaml", lambda y: kit.merge(y, {"limits": {"store_mib": 256}}))
    world.host.start()
    kit.wait_until(lambda: not uploads.waiting(), world.host.log_tail)
    for tier in world.tiers:
        kit.wait_until(lambda: uploads.equal(tier), lambda: world.story(tier, "t01")[-2000:])
    assert not uploads.of_states("received", "reading", "refused", "waiting") and not world.host.row("node")["full"]
    kept = [p for code in codes for p in (world.host.inbox(code) / ".kept").glob("*.csv")]
    assert len(kept) == uploads.given, "no file was lost"
    assert world.so.ask("held_list") == []
