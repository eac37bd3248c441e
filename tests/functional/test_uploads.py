"""Schools with only Excel: a file in an inbox becomes records at every tier, or a clear answer."""
import csv
import hashlib
import io
import json
import os
from datetime import datetime, timedelta, timezone

import openpyxl
import pytest

import kit
import school as s

SHARE = {"pupil": {"share": "all"}, "enrolment": {"share": "all"}}
CODES = ("t01", "t02", "t03")


class Hosted:
    """Ministry `bo`, province `79` and its host, which carries for schools that hand in files."""

    def __init__(self, country, codes=CODES, profile="pupils-c1", **conf):
        self.country = country
        country.org("bo", "ministry")
        country.org("79", "province", under="bo")
        for code in codes:
            country.org(code, "school", under="79")
        country.found()
        self.bo = country.broker("bo")
        self.so = country.broker("79", parent=self.bo, share=SHARE)
        self.host = country.host("79", self.so, "79", codes, profile, **conf)
        self.tiers = [self.bo, self.so]

    def start(self):
        for node in (*self.tiers, self.host):
            node.start()
        return self

    def wait_holds(self, code, expected):
        """Every tier holds exactly these pupils of this school, by count, key and value."""
        for tier in self.tiers:
            kit.wait_until(lambda: tier.keys("pupil", code) == sorted(expected), lambda: self.story(tier, code))
            assert tier.counts().get((code, "pupil"), 0) == len(expected)
            for key, fields in expected.items():
                shown = tier.fields("pupil", code, key)
                assert {k: shown.get(k) for k in fields} == fields, (tier.org, key)

    def story(self, tier, code):
        return (f"{tier.org} holds {tier.keys('pupil', code)}; uploads {self.host.uploads(code)}; "
                f"held {tier.ask('held_list')}\n{self.host.log_tail()}\n{tier.log_tail()}")

    def table(self, code, name, dataset="pupil"):
        return next(t for t in self.host.upload(code, name)["tables"] if t["dataset"] == dataset)


@pytest.fixture
def hosted(country):
    return lambda *codes, **more: Hosted(country, codes or CODES, **more)


def counts_of(table):
    return {k: table[k] for k in ("rows", "fresh", "changed", "same", "ended", "held", "asked") if table[k]}


# ---- the whole way

def test_a_wrong_row_is_answered_and_corrected(hosted):
    world = hosted().start()
    book = s.Workbook("t01", pupils=12)
    good = dict(book.rows[4])
    book.rows[4]["Ngày sinh"] = "31/02/2017"
    first = book.xlsx()
    name = world.host.hand_in("t01", "lop3.xlsx", first)
    upload = world.host.wait_upload("t01", name)

    assert upload["sha256"] == hashlib.sha256(first).hexdigest() and upload["bytes"] == len(first)
    errors = [f for f in upload["found"] if f["severity"] == "error"]
    assert [(f["row"], f["dataset"], f["column"]) for f in errors] == [(6, "pupil", "Ngày sinh")], upload["found"]
    assert counts_of(world.table("t01", name))["rows"] == 12
    assert "ký thay trường" in upload["signed"]["vi"]
    assert (world.host.inbox("t01") / ".kept" / name).read_bytes() == first
    book.rows.pop(4)
    world.wait_holds("t01", s.recount(book.xlsx()))

    receipts_of_all_tiers(world, name)
    answer = answer_workbook(world, name)
    assert answer[0][:1] == ["Lỗi"] and [row[1:] for row in answer[1:]] == [
        ["31/02/2017" if h == "Ngày sinh" else good[h] for h in book.headers]]
    assert answer[1][0].startswith("Hàng 6 · Ngày sinh (cột C của tệp đã nộp): ")

    answer[1][1 + book.headers.index("Ngày sinh")] = good["Ngày sinh"]
    again = world.host.hand_in("t01", "sua.xlsx", s.xlsx_of(answer))
    corrected = world.host.wait_upload("t01", again)
    assert corrected["found"] == [] and "ended" not in counts_of(world.table("t01", again))
    book.rows.insert(4, good)
    world.wait_holds("t01", s.recount(book.xlsx()))
    kit.wait_until(lambda: not any(tier.ask("held_list") for tier in world.tiers), "the hold is closed")


def answer_workbook(world, name):
    done = world.host.json("upload", "answers", "t01", name)
    assert done["rows"] == 1 and done["path"].endswith(f".answer/{name}.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(open(done["path"], "rb").read())).active
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def receipts_of_all_tiers(world, name):
    def received():
        tiers = world.host.upload("t01", name)["tiers"]
        return [t["org"] for t in tiers] == ["79", "bo"] and all(t["received"] for t in tiers)
    kit.wait_until(received, lambda: f"receipts: {world.host.upload('t01', name)['tiers']}")
    receipt = world.host.json("upload", "receipt", "t01", name)
    upload = world.host.upload("t01", name)
    assert receipt["sha256"] == upload["sha256"] and receipt["role"] == "host" and receipt["batches"]
    assert sorted(r["org"] for r in receipt["receipts"]) == ["79", "bo"]
    held = receipt["batches"][-1]["header_hash"]
    assert any(bytes.fromhex(held) in bytes.fromhex(r["signed"]) for r in receipt["receipts"])
    shown = world.host.cli("upload", "show", "t01", name, "--chat").stdout
    assert "Hàng 6 · Ngày sinh (cột C): " in shown and "hash" not in shown
    assert "ký thay trường" in world.host.cli("upload", "show", "t01", name).stdout
    assert "ký thay trường" in world.host.cli("status").stdout


def test_a_signature_says_who_keeps_the_key(hosted, tmp_path):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=2)
    world.host.wait_upload("t01", world.host.hand_in("t01", "a.xlsx", book.xlsx()))
    world.wait_holds("t01", s.recount(book.xlsx()))
    key, proof = book.rows[0]["Mã học sinh"], tmp_path / "proof"
    shown = world.bo.cli("record", "show", "pupil", "t01", key, "--proof", proof)
    assert shown.returncode == 0 and "ký thay trường" in shown.stdout, shown
    checked = world.bo.cli("verify", proof, "--root", world.country.root_crt())
    assert checked.returncode == 0 and "ký thay trường" in checked.stdout, checked


def test_the_same_file_three_times_makes_no_version(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01")
    content = book.xlsx()
    world.host.wait_upload("t01", world.host.hand_in("t01", "1.xlsx", content))
    world.wait_holds("t01", s.recount(content))
    batches = world.host.row("school", org="t01")["batch_seq"]
    for name in ("2.xlsx", "3.xlsx"):
        world.host.wait_upload("t01", world.host.hand_in("t01", name, content))
        assert counts_of(world.table("t01", name)) == {"rows": 12, "same": 12}
    assert world.host.row("school", org="t01")["batch_seq"] == batches
    assert [u["id"] for u in world.host.uploads("t01")] == ["3.xlsx", "2.xlsx", "1.xlsx"]


# ---- guards

def test_a_guard_waits_for_a_word(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=20)
    full = book.xlsx()
    world.host.wait_upload("t01", world.host.hand_in("t01", "full.xlsx", full))
    world.wait_holds("t01", s.recount(full))
    for row in book.rows:
        row["Lớp"] = "3A"
    same_class = book.xlsx()
    world.host.wait_upload("t01", world.host.hand_in("t01", "lop.xlsx", same_class))
    book.rows = book.rows[:8]
    short = book.xlsx()
    waiting = world.host.wait_upload("t01", world.host.hand_in("t01", "short.xlsx", short), "waiting")
    table = world.table("t01", "short.xlsx")
    assert waiting["waiting"] and table["fault"]["code"] == "mass_deletion"
    assert (table["gone"], table["known"]) == (12, 20)
    world.wait_holds("t01", s.recount(same_class))
    status = world.host.cli("status").stdout.splitlines()
    assert "CHỜ NGƯỜI XÁC NHẬN" in "".join(status[:2]), "worst first"
    assert world.host.cli("status", "--check").returncode == 1

    done = world.host.cli("upload", "confirm", "t01", "short.xlsx", "--reason", "Chuyển trường", "--by", "Hiệu trưởng")
    assert done.returncode == 0, done.stderr
    world.host.wait_upload("t01", "short.xlsx", "done")
    world.wait_holds("t01", s.recount(short))
    assert world.host.cli("upload", "confirm", "t01", "short.xlsx", "--reason", "x").returncode == 4


def test_a_guard_withdrawn_leaves_the_records(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=20)
    for row in book.rows:
        row["Lớp"] = "3A"
    full = book.xlsx()
    world.host.wait_upload("t01", world.host.hand_in("t01", "full.xlsx", full))
    book.rows = book.rows[:5]
    world.host.wait_upload("t01", world.host.hand_in("t01", "short.xlsx", book.xlsx()), "waiting")
    world.host.act("t01", "short.xlsx", "withdraw")
    world.host.wait_upload("t01", "short.xlsx", "withdrawn")
    world.wait_holds("t01", s.recount(full))


def test_a_guard_of_a_database(small):
    world = small("s01", pupils=20).start()
    world.wait_settled()
    school, agent = world.schools["s01"], world.agents["s01"]
    before = school.keys("pupil")
    school.sql("DELETE FROM hoc_sinh WHERE id > 5")
    kit.wait_until(lambda: agent.row("table", dataset="pupil")["fault"]["code"] == "mass_deletion", "a guard holds it")
    assert world.bo.keys("pupil", "s01") == before
    assert agent.cli("source", "confirm", "s01", "pupil").returncode == 2, "a reason is needed"
    done = agent.cli("source", "confirm", "s01", "pupil", "--reason", "Chuyển trường", "--by", "Hiệu trưởng")
    assert done.returncode == 0, done.stderr
    world.wait_settled()


# ---- what is not taken

def test_a_file_still_being_written_is_not_taken(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=3)
    content = book.xlsx()
    with open(world.host.inbox("t01") / "slow.xlsx", "wb") as slow:
        slow.write(content[:100])
        slow.flush()
        other = s.Workbook("t01", pupils=3)
        world.host.wait_upload("t01", world.host.hand_in("t01", "other.xlsx", other.xlsx()))
        kit.wait_until(lambda: world.host.row("school", org="t01")["inbox"]["writing"] == 1, "it is seen")
        assert world.host.upload("t01", "slow.xlsx") is None
        slow.write(content[100:])
    world.host.wait_upload("t01", "slow.xlsx")
    world.wait_holds("t01", s.recount(content))
    (world.host.inbox("t01") / "later.xlsx.part").write_bytes(content)
    world.host.wait_upload("t01", world.host.hand_in("t01", "last.xlsx", content))
    assert (world.host.inbox("t01") / "later.xlsx.part").exists()


def test_links_and_directories_are_left_alone(hosted, tmp_path):
    world = hosted("t01").start()
    box, book = world.host.inbox("t01"), s.Workbook("t01", pupils=2)
    outside = tmp_path / "outside.xlsx"
    outside.write_bytes(s.Workbook("t02", pupils=2).xlsx())
    (box / "link.xlsx").symlink_to(outside)
    os.link(outside, box / "hard.xlsx")
    (box / "dir.xlsx").mkdir()
    os.mkfifo(box / "pipe.xlsx")
    world.host.wait_upload("t01", world.host.hand_in("t01", "good.xlsx", book.xlsx()))
    world.wait_holds("t01", s.recount(book.xlsx()))
    kit.wait_until(lambda: world.host.row("school", org="t01")["inbox"]["strange"] == 4, "they are told")
    assert [u["id"] for u in world.host.uploads("t01")] == ["good.xlsx"]
    assert sorted(p.name for p in box.iterdir() if p.name[0] != ".") == ["dir.xlsx", "hard.xlsx", "link.xlsx", "pipe.xlsx"]


def test_other_names_get_one_of_ours(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=2)
    (world.host.inbox("t01") / "Danh sách lớp 3A (sửa).xlsx").write_bytes(book.xlsx())
    world.wait_holds("t01", s.recount(book.xlsx()))
    kit.wait_until(lambda: [u["state"] for u in world.host.uploads("t01")] == ["done"], "it was read")
    name = world.host.uploads("t01")[0]["id"]
    assert name.endswith("-1.xlsx") and name.isascii()
    world.host.wait_upload("t01", world.host.hand_in("t01", "x.xlsx", book.xlsx()))
    (world.host.inbox("t01") / "x.xlsx").write_bytes(book.xlsx())  # a vendor's program has one name for all
    kit.wait_until(lambda: len(world.host.uploads("t01")) == 3, "a used name is not used again")


def test_a_useless_file_is_refused_in_words(hosted):
    world = hosted("t01").start()
    files = {"empty.xlsx": b"", "noise.xlsx": b"\x00\x01 not a table", "other.csv": b"a,b,c\n1,2,3\n"}
    for name, content in files.items():
        upload = world.host.wait_upload("t01", world.host.hand_in("t01", name, content), "refused")
        assert upload["fault"]["code"] in ("bad_file", "wrong_file")
        assert upload["detail"]["vi"] and upload["detail"]["en"] and upload["number"]
    assert world.bo.counts() == {}


def test_a_file_over_the_limit_is_refused(hosted):
    world = hosted("t01", limits={"upload_mib": 1}).start()
    upload = world.host.wait_upload("t01", world.host.hand_in("t01", "big.xlsx", b"x" * ((1 << 20) + 1)), "refused")
    assert upload["fault"]["code"] == "bad_file" and "quá lớn" in upload["detail"]["vi"]
    book = s.Workbook("t01", pupils=2)
    world.host.wait_upload("t01", world.host.hand_in("t01", "good.xlsx", book.xlsx()))


def test_a_file_of_another_school_is_refused_whole(hosted):
    world = hosted("t01", "t02").start()
    book = s.Workbook("t01", pupils=6, org_column=True)
    book.rows[4]["Mã trường"] = "t02"
    upload = world.host.wait_upload("t01", world.host.hand_in("t01", "mixed.xlsx", book.xlsx()), "refused")
    assert upload["fault"]["code"] == "wrong_file" and "tệp của đơn vị khác" in upload["detail"]["vi"]
    book.rows[4]["Mã trường"] = "t01"
    world.host.wait_upload("t01", world.host.hand_in("t01", "own.xlsx", book.xlsx()))
    world.wait_holds("t01", s.recount(book.xlsx(), "t01"))
    assert world.bo.keys("pupil", "t02") == []


# ---- one file of many schools

def test_one_file_of_three_schools(country):
    world = Hosted(country, hosted={"carrier": {"inbox": "common", "profile": "pupils-c1"}})
    (world.host.dir / "common/.in").mkdir(parents=True)
    world.start()
    books = [s.Workbook(code, pupils=5, org_column=True) for code in CODES]
    strangers = s.Workbook("zzz", pupils=2, org_column=True)
    wrong = books[1].rows.pop()
    rows = [books[0].headers] + [row for book in (*books, strangers) for row in book.cells()[1:]]
    rows.append(["31/02/2017" if cell == wrong["Ngày sinh"] else cell for cell in wrong.values()])
    content = s.xlsx_of(rows)
    inbox = world.host.dir / "common"
    (inbox / ".in/all.xlsx").write_bytes(content)
    (inbox / ".in/all.xlsx").rename(inbox / "all.xlsx")
    good = s.xlsx_of(rows[:-1])
    for code in CODES:
        world.wait_holds(code, s.recount(good, code))
    kit.wait_until((inbox / ".kept/all.xlsx.json").exists, "its result")
    result = json.loads((inbox / ".kept/all.xlsx.json").read_text("utf-8"))
    assert result["rows"] == 17 and result["not_served_rows"] == 2
    assert {x["org"]: x["rows"] for x in result["schools"]} == {code: 5 for code in CODES}
    assert result["not_served"] == [{"org": "zzz", "rows": 2}]
    for code in CODES:
        upload = world.host.upload(code, "all.xlsx")
        assert upload["state"] == "done" and upload["sha256"] == hashlib.sha256(content).hexdigest()
        assert [(f["row"], f["column"], f["letter"]) for f in upload["found"]] == (
            [(len(rows), "Ngày sinh", "D")] if code == "t02" else [])
    assert (inbox / ".kept/all.xlsx").exists() and not (inbox / "all.xlsx").exists()
    assert "zzz" not in world.host.log(), "counts only in the log"


# ---- crashes

def test_killed_in_the_middle_of_an_upload(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=3000)
    content = book.xlsx()
    name = world.host.hand_in("t01", "big.xlsx", content)
    for _ in range(3):
        kit.wait_until(lambda: world.host.row("school", org="t01")["inbox"]["reading"], "it is being read")
        world.host.kill()
        assert (world.host.inbox("t01") / name).exists() or (world.host.inbox("t01") / ".kept" / name).exists()
        world.host.start()
        if not (world.host.inbox("t01") / name).exists():
            break
    upload = world.host.wait_upload("t01", name)
    assert upload["number"] == 1 and [u["id"] for u in world.host.uploads("t01")] == [name]
    expected = s.recount(content)
    for tier in world.tiers:
        kit.wait_until(lambda: tier.keys("pupil", "t01") == sorted(expected), lambda: world.story(tier, "t01")[-4000:])
        assert tier.counts()[("t01", "pupil")] == len(expected)


# ---- questions, lists

def test_a_row_that_could_be_another_is_asked(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=3)
    content = book.xlsx()
    world.host.wait_upload("t01", world.host.hand_in("t01", "1.xlsx", content))
    world.wait_holds("t01", s.recount(content))
    twin = dict(book.rows[0])
    twin["Mã học sinh"] = f"{book.prefix}99999"
    book.rows.append(twin)  # same name, birthday and class: a twin, or a code that changed
    asked = world.host.wait_upload("t01", world.host.hand_in("t01", "2.xlsx", book.xlsx()))
    questions = [f for f in asked["found"] if f["severity"] == "question"]
    assert [(f["row"], f["dataset"]) for f in questions] == [(5, "pupil")], asked["found"]
    born = "/".join(str(int(part)) for part in twin["Ngày sinh"].split("/"))
    who = f"{twin['Họ và tên']}, {born}, "
    assert questions[0]["text"]["vi"].startswith(f"{who}{twin['Mã học sinh']}: chưa rõ hàng này là của ai")
    assert [c["text"] for c in questions[0]["candidates"]] == [
        f"{who}{book.rows[0]['Mã học sinh']} (hàng 2 của tệp 2.xlsx)"]
    assert world.table("t01", "2.xlsx")["asked"] == 1
    world.wait_holds("t01", s.recount(content))
    done = world.host.cli("upload", "answer", "t01", "2.xlsx", "--dataset", "pupil", "--hash", questions[0]["hash"],
                          "--record", "new", "--reason", "Sinh đôi", "--by", "Văn thư")
    assert done.returncode == 0, done.stderr
    world.wait_holds("t01", s.recount(book.xlsx()))
    assert not [f for f in world.host.upload("t01", "2.xlsx")["found"] if f["severity"] == "question"]


def test_init_host_adds_only_what_is_missing(country, programs):
    world = Hosted(country, CODES)
    where, schools = world.host.dir, country.dir / "79-schools.csv"
    codes = {r["code"]: r["one_time_code"] for r in rows_of(where / "codes.csv")}
    assert sorted(codes) == sorted(CODES) and len(set(codes.values())) == 3
    for code, once in codes.items():
        assert [len(part) for part in once.split("-")] == [4] * 8
        kept = where / "hosted" / code / "once"
        assert kept.read_text("ascii").strip() == hashlib.sha256(once.encode()).hexdigest()
        for secret in (kept, where / "hosted" / code / "sign.key", where / "codes.csv"):
            assert secret.stat().st_mode & 0o077 == 0
        assert world.host.inbox(code).is_dir()
    before = {p: p.read_bytes() for p in where.rglob("*.key")}
    (where / "hosted/t02/sign.crt").unlink()
    (where / "hosted/t02/sign.key").unlink()
    for left in ("ca.crt", "root.crt", "id.key"):
        (where / "hosted/t02" / left).unlink()
    done = programs.run("--json", "init", "host", where, "--ca", country.ca("79"), "--org", "79", "--parent",
                        world.so.dir, "--schools", schools, "--config", programs.share)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["schools"], made["keys"], made["codes"]) == (3, 1, 0)
    after = {p: p.read_bytes() for p in where.rglob("*.key")}
    assert {p.parent.name for p in after if after[p] != before.get(p)} == {"t02"}
    assert {r["code"]: r["one_time_code"] for r in rows_of(where / "codes.csv")} == codes
    schools.write_text("org\nt01\nnobody\n", "utf-8")
    wrong = programs.run("init", "host", where, "--ca", country.ca("79"), "--org", "79", "--parent", world.so.dir,
                         "--schools", schools, "--config", programs.share)
    assert wrong.returncode == 2 and "schools.csv:3:1" in wrong.stderr


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def test_a_reload_takes_a_new_school(country):
    world = Hosted(country, CODES)
    (country.dir / "79-schools.csv").write_text("org\nt01\nt02\n", "utf-8")
    (world.host.dir / "schools.csv").write_text("org\nt01\nt02\n", "utf-8")
    world.start()
    assert [r["org"] for r in world.host.ask("hosted_list")] == ["t01", "t02"]
    book = s.Workbook("t03", pupils=2)
    world.host.hand_in("t03", "early.xlsx", book.xlsx())
    (world.host.dir / "schools.csv").write_text("org\nt01\nt02\nt03\n", "utf-8")
    assert world.host.reload()
    world.host.wait_upload("t03", "early.xlsx")
    world.wait_holds("t03", s.recount(book.xlsx()))
    listed = world.host.json("upload", "list")["schools"]
    assert [r["org"] for r in listed] == list(CODES) and listed[2]["upload"]["id"] == "early.xlsx"
    assert world.host.cli("upload", "show", "t01").returncode == 1, "nothing handed in yet"
    assert world.host.cli("upload", "show", "nobody").returncode == 4


def test_a_warning_is_accepted_by_command(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=3)
    book.rows[1]["Họ và tên"] += " 2"
    world.host.wait_upload("t01", world.host.hand_in("t01", "1.xlsx", book.xlsx()))
    (odd,) = [f for f in world.host.upload("t01", "1.xlsx")["found"] if f["severity"] == "warning"]
    assert (odd["row"], odd["accepted"]) == (3, False) and odd["rule"] and odd["record"], odd
    world.wait_holds("t01", s.recount(book.xlsx()))  # a warning holds nothing

    def accept(*reason, **changed):
        named = {"dataset": odd["dataset"], "record": odd["record"], "rule": odd["rule"], **changed}
        return world.host.cli("upload", "accept", "t01", "1.xlsx", *(x for k, v in named.items() for x in (f"--{k}", v)),
                              *reason)
    assert accept().returncode == 2
    assert accept("--reason", "x", rule="no_such_rule").returncode == 4
    done = accept("--reason", "Tên trong giấy khai sinh", "--by", "Văn thư")
    assert done.returncode == 0, done.stderr

    def accepted(name):
        return [f["accepted"] for f in world.host.upload("t01", name)["found"] if f["severity"] == "warning"]
    kit.wait_until(lambda: accepted("1.xlsx") == [True], lambda: world.host.upload("t01", "1.xlsx")["found"])
    assert "(đã chấp nhận)" in world.host.cli("upload", "show", "t01", "1.xlsx").stdout
    assert "Hàng 3" not in world.host.cli("upload", "show", "t01", "1.xlsx", "--chat").stdout
    world.host.wait_upload("t01", world.host.hand_in("t01", "2.xlsx", book.xlsx()))
    assert False not in accepted("2.xlsx"), "it is not asked again"

    def at_so():  # the officer sees that the school accepted it and why, and decides for himself
        return [(w["rule"]["id"], w["accepted"], (w.get("school") or {}).get("why"), (w.get("school") or {}).get("by"))
                for w in world.so.json("warning", "list")["warnings"]]
    for restarted in (False, True):
        if restarted:
            world.so.kill()
            world.so.start()
        kit.wait_until(lambda: at_so() == [(odd["rule"], False, "Tên trong giấy khai sinh", "Văn thư")], at_so)
    assert "nhà trường đã chấp nhận: Tên trong giấy khai sinh (Văn thư)" in world.so.cli("warning", "list").stdout
    for node in (*world.tiers, world.host):
        assert "giấy khai sinh" not in node.log()
    assert world.bo.json("warning", "list") == {"warnings": []}
    book.rows[1]["Họ và tên"] = book.rows[1]["Họ và tên"][:-2]
    world.host.wait_upload("t01", world.host.hand_in("t01", "3.xlsx", book.xlsx()))
    kit.wait_until(lambda: at_so() == [], at_so)


def with_the_day_of_entry(book):
    """The layout from which enrolments are read too."""
    book.headers += ["Khối", "Ngày vào lớp"]
    for row in book.rows:
        row.update({"Khối": "3", "Ngày vào lớp": "05/09/2026"})


def test_one_wrong_cell_is_told_once(hosted):
    world = hosted("t01").start()  # the column Giới tính is read by two datasets
    book = s.Workbook("t01", pupils=3)
    with_the_day_of_entry(book)
    book.rows[1]["Giới tính"] = "Nu"
    name = world.host.hand_in("t01", "1.xlsx", book.xlsx())
    told = [(f["row"], f["column"]) for f in world.host.wait_upload("t01", name)["found"] if f["code"] == "unknown_code"]
    assert told == [(3, "Giới tính")], told
    assert [world.table("t01", name, d)["held"] for d in ("pupil", "enrolment")] == [1, 1]


def test_a_column_is_told_as_the_file_has_it(hosted):
    """Its own header and its letter; also of what is held above, after a restart, and in no log."""
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=3)
    with_the_day_of_entry(book)
    for row in book.rows:
        row["Lớp"] = "3A"
    book.rows[1]["Ngày sinh"] = "31/02/2017"
    own = {"Ngày sinh": "NGÀY, THÁNG,\n NĂM SINH (*)", "Lớp": "Lớp học", "Họ và tên": "Họ tên học sinh"}
    rows = [["STT"] + [own.get(h, h) for h in book.headers]] + [[i, *cells] for i, cells in enumerate(book.cells()[1:], 1)]
    name = world.host.hand_in("t01", "1.xlsx", s.xlsx_of(rows))
    found = world.host.wait_upload("t01", name)["found"]
    assert [(f["row"], f["column"], f["letter"]) for f in found if f["code"] == "bad_value"] == [
        (3, "NGÀY, THÁNG, NĂM SINH (*)", "D")], found

    def above():
        return [(f["row"], f["column"], f["letter"]) for f in world.host.upload("t01", name)["found"] if f["tier"] == "79"]
    kit.wait_until(lambda: above() == [(row, "Lớp học", "G") for row in (2, 3, 4)], above)
    assert world.host.restart() and above() == [(row, "Lớp học", "G") for row in (2, 3, 4)]
    chat = world.host.cli("upload", "show", "t01", name, "--chat").stdout
    assert "Hàng 3 · NGÀY, THÁNG, NĂM SINH (*) (cột D): " in chat and "Hàng 4 · Lớp học (cột G): " in chat, chat
    answers = world.host.json("upload", "answers", "t01", name)["path"]
    said = openpyxl.load_workbook(answers).active["A3"].value.split("\n")
    assert said[0].startswith("Hàng 3 · NGÀY, THÁNG, NĂM SINH (*) (cột D của tệp đã nộp): "), said

    rows[0][4] = "Bí mật XYZZY"  # a header that nobody knows: the school is told, a log is not
    refused = world.host.wait_upload("t01", world.host.hand_in("t01", "2.xlsx", s.xlsx_of(rows)), "refused")
    assert 'thiếu cột "Giới tính"' in refused["detail"]["vi"]
    rows[0][4] = "Giới tinh"
    refused = world.host.wait_upload("t01", world.host.hand_in("t01", "3.xlsx", s.xlsx_of(rows)), "refused")
    assert '"Giới tinh" ở ô E1' in refused["detail"]["vi"]
    for word in ("XYZZY", "Giới tinh", "NĂM SINH", "Lớp học"):
        assert word not in world.host.log(), word


def test_what_is_held_above_is_told_in_words(hosted):
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=3)
    with_the_day_of_entry(book)
    for row in book.rows:
        row["Lớp"] = "3A"
    name = world.host.hand_in("t01", "1.xlsx", book.xlsx())
    world.host.wait_upload("t01", name)
    kit.wait_until(lambda: len(world.so.ask("held_list")) == 3, lambda: world.so.ask("held_list"))

    def told():
        return [(f["row"], f["code"], f["rule"], f["tier"]) for f in world.host.upload("t01", name)["found"]]
    kit.wait_until(lambda: told() == [(row, "missing_reference", "class_exists", "79") for row in (2, 3, 4)], told)
    found = world.host.upload("t01", name)["found"][0]
    assert found["text"]["vi"].startswith("Mã lớp 3A chưa có trong năm học 2026") and "tự được nhận" in found["text"]["vi"], found
    assert found["column"] in ("Tên lớp", "Lớp", "Mã lớp", "Lớp học"), "the class is to be looked at, not the year"
    assert [u["upload"]["held_above"] for u in world.host.ask("upload_list", org="t01", limit=5)] == [3]
    assert "3 chỗ cần xem" in world.host.cli("upload", "list", "t01").stdout
    key = f"{(held := world.so.ask('held_list')[0])['accept_no']}/{held['index']}"
    assert world.so.cli("held", "reject", key, "--reason", "Sai lớp", "--by", "cô Lan").returncode == 0
    kit.wait_until(lambda: sorted(f[1] for f in told()) == ["missing_reference"] * 2 + ["rejected"], told)
    (found,) = [f for f in world.host.upload("t01", name)["found"] if f["code"] == "rejected"]
    today = datetime.now(timezone(timedelta(hours=7))).strftime("%d/%m/%Y")
    words = f"Đơn vị 79 từ chối: Sai lớp (cô Lan, {today})"
    assert found["text"]["vi"] == words and found["rejected"]["by"] == "cô Lan", found
    for shown in (("--chat",), ()):
        assert words in world.host.cli("upload", "show", "t01", name, *shown).stdout
    path = world.host.json("upload", "answers", "t01", name)["path"]
    cells = [str(c) for row in openpyxl.load_workbook(path).active.iter_rows(values_only=True) for c in row]
    assert len([c for c in cells if words in c]) == 1, cells


def test_a_column_that_a_file_lacks_changes_nothing(hosted):
    """A list without telephones and parents says nothing about them: what was sent before stays."""
    world = hosted("t01").start()
    book = s.Workbook("t01", pupils=3)
    more = ["Điện thoại cha", "Họ tên cha", "Số định danh cá nhân"]
    wide = [[*book.headers, *more]] + [
        [*(row[h] for h in book.headers), f"000000000{i}", f"Cha Thứ {i}", f"99921700000{i}"]
        for i, row in enumerate(book.rows)]
    world.host.wait_upload("t01", world.host.hand_in("t01", "1.xlsx", s.xlsx_of(wide)))
    world.wait_holds("t01", s.recount(book.xlsx()))
    book.rows[0]["Dân tộc"] = "Tày" if book.rows[0]["Dân tộc"] != "Tày" else "Kinh"
    name = world.host.hand_in("t01", "2.xlsx", book.xlsx())
    world.host.wait_upload("t01", name)
    assert counts_of(world.table("t01", name)) == {"rows": 3, "changed": 3}  # other columns: said again, once
    key, truth = book.rows[0]["Mã học sinh"], s.recount(book.xlsx())
    for tier in world.tiers:
        kit.wait_until(lambda: tier.fields("pupil", "t01", key)["ethnic"] == truth[key]["ethnic"], f"ethnic at {tier.org}")
    world.wait_holds("t01", truth)
    for i, row in enumerate(book.rows):
        shown = world.so.fields("pupil", "t01", row["Mã học sinh"])
        assert shown["father_phone"] == f"000000000{i}" and shown["national_id"] == f"99921700000{i}", shown
        assert f"Cha Thứ {i}" in shown["guardians"]
