"""The upload page alone: a browser without script, programs with a token, and strangers. The agent is played."""
import json
import re
import socket
import stat
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import kit
from intake_kit import (CODE, ONCE, OTHER, OTHER_ONCE, PASS, RECORD, Browser, Intake, finding, multipart, program, raw)

XLSX = b"PK\x03\x04" + bytes(range(256)) * 40
CSV = "mã,tên\n9990001,Thử\n".encode()


@pytest.fixture
def intake():
    with Intake(per_school=200, per_address=400, per_hour=100000, header_time="1s", agent_time="2s") as made:
        yield made.start()


@pytest.fixture
def school(intake):
    browser = Browser(intake)
    assert "Chưa có tệp nào" in browser.first().text
    return browser


def token_of(intake, code=CODE):
    browser = Browser(intake)
    browser.first(code)
    return browser.token()


# ---- signing in

def test_first_time_then_passphrase(intake):
    browser = Browser(intake)
    assert browser.get("/").path == "/dang-nhap"
    assert all("gõ chưa đúng" in browser.first(once=ONCE[:-1] + c).text for c in "01234567" if c != ONCE[-1])
    assert "mã dùng một lần không đúng" in browser.first(once=OTHER_ONCE).text
    assert "ít nhất 10 ký tự" in browser.first(password="mưa to").text
    assert "quá dễ đoán" in browser.first(password="1234567890").text
    assert "không được là mã trường" in browser.first(password=f"x{CODE}x").text
    page = browser.submit(browser.get("/lan-dau").form("/lan-dau"), code=CODE, once=ONCE, **{"pass": PASS, "again": "khác"})
    assert "không giống nhau" in page.text
    assert "Nộp tệp" in browser.first(once=ONCE.lower().replace("-", " ")).text
    assert "đã dùng rồi" in Browser(intake).first().text
    other = Browser(intake)
    assert "Trường THCS Mẫu" in other.sign_in().text
    assert "Mã trường hoặc mật khẩu không đúng" in Browser(intake).sign_in(password=PASS + "x").text
    signed_out = other.submit(other.get("/").form("/dang-xuat"))
    assert signed_out.path == "/dang-nhap" and other.get("/").path == "/dang-nhap"


def test_cookie_is_safe_and_new(intake):
    status, headers, _ = intake.get("/dang-nhap")
    cookie = headers["Set-Cookie"]
    assert status == 200 and re.fullmatch(
        r"__Host-phien=[0-9a-f]{64}; Path=/; Secure; HttpOnly; SameSite=Strict", cookie), cookie
    browser = Browser(intake)
    browser.get("/dang-nhap")
    before = browser.cookies["__Host-phien"]
    browser.first()
    after = browser.cookies["__Host-phien"]
    assert after != before
    thief = Browser(intake)
    thief.cookies["__Host-phien"] = before
    assert thief.get("/").path == "/dang-nhap"
    for path in (intake.dir / "state").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        if path.is_file():
            assert after not in path.read_text("utf-8", "replace") and PASS not in path.read_text("utf-8", "replace")


def test_headers_and_pages_need_nothing_from_outside(intake, school):
    intake.agent.add(CODE, "a.xlsx", waiting=True, findings=[
        finding(), finding(severity="question", hash="aa" * 16, candidates=[{"record": RECORD, "text": "An 6A"}]),
        finding(severity="warning", rule="age")])
    pages = [school.get(p) for p in ("/", "/tai-khoan", "/tep/a.xlsx", "/tep/a.xlsx/bien-nhan", "/khong-co")]
    pages += [Browser(intake).get(p) for p in ("/dang-nhap", "/lan-dau")]
    for page in pages:
        csp = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in csp and "script" not in csp and "unsafe" not in csp
        assert page.headers["X-Content-Type-Options"] == "nosniff" and page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert not page.foreign, page.foreign
        assert 'name="viewport"' in page.html and 'lang="vi"' in page.html
        assert all(f.method != "post" or f.fields.get("csrf") for f in page.forms)
    _, headers, style = intake.get("/style.css")
    assert headers["Content-Type"].startswith("text/css") and b"url(" not in style and b"@import" not in style


def test_all_pages_together_are_small(intake, school):
    many = [finding(row=i, severity="error" if i % 2 else "warning", rule="age") for i in range(5000)]
    for i in range(10):
        intake.agent.add(CODE, f"f{i}.xlsx", findings=many if i == 0 else [finding()])
    total = sum(len(school.get(p).html.encode()) for p in
                ("/", "/tai-khoan", "/lan-dau", "/tep/f0.xlsx", "/tep/f0.xlsx/bien-nhan", "/tep/f0.xlsx?tu=50"))
    total += len(Browser(intake).get("/dang-nhap").html.encode()) + len(intake.get("/style.css")[2])
    assert total < 100_000, total


def test_english_and_back(intake, school):
    assert "Upload" in school.get("/?lang=en").text
    page = school.get("/tai-khoan")
    assert "Change the passphrase" in page.text and 'lang="en"' in page.html
    assert "Đổi mật khẩu" in school.get("/tai-khoan?lang=vi").text
    assert "Tài khoản" in school.get("/tai-khoan?lang=xx").text


def test_lock_out_grows_and_says_nothing(intake, school):
    def attempt(code):
        page = Browser(intake, via("203.0.113.7")).sign_in(code, "sai mật khẩu rồi")
        return page.status, page.headers["Retry-After"], re.sub(r"\s+", " ", page.text).replace(code, "CODE")

    def via(address):
        return lambda method, path, body=None, headers=None: intake.request(
            method, path, body, {**(headers or {}), "X-Forwarded-For": address})
    known = [attempt(CODE) for _ in range(6)]
    assert [k[0] for k in known] == [403] * 5 + [429]
    assert 25 <= int(known[5][1]) <= 30 and "Đợi 1 phút" in known[5][2]
    # Another address, another account: the address waits, the account elsewhere does not.
    assert attempt(OTHER)[0] == 429
    elsewhere = Browser(intake, via("203.0.113.8"))
    assert elsewhere.sign_in(OTHER, "sai mật khẩu rồi").status == 403
    assert elsewhere.sign_in(CODE).status == 429  # right, but locked
    # A school that does not exist gets the same answers.
    nobody = [Browser(intake, via("203.0.113.9")).sign_in("79999999", "sai mật khẩu rồi") for _ in range(6)]
    assert [p.status for p in nobody] == [403] * 5 + [429]
    assert [p.text for p in nobody][:5] == [known_text(intake, via("203.0.113.10"))] * 5
    # Kept over a restart, without a name or an address.
    intake.stop()
    kept = (intake.dir / "state/failures.json").read_text()
    assert CODE not in kept and "203.0" not in kept
    intake.start()
    assert Browser(intake, via("203.0.113.11")).sign_in(CODE).status == 429


def known_text(intake, via):
    return Browser(intake, via).sign_in(OTHER, "sai mật khẩu rồi").text


def test_forwarded_address_counts_only_from_the_proxy():
    with Intake() as intake:
        intake.configure(proxies="192.0.2.1")
        intake.start()
        statuses = [Browser(intake, lambda m, p, b=None, h=None, i=i: intake.request(
            m, p, b, {**(h or {}), "X-Forwarded-For": f"203.0.113.{i}"})).sign_in(f"7999{i}", "sai mật khẩu").status
            for i in range(6)]
        assert statuses == [403] * 5 + [429]


def test_reset_by_the_administrator(intake, school):
    school.upload(XLSX)
    token = school.token()
    done = subprocess.run([program(), "--reset", CODE, "--node", intake.dir], capture_output=True, encoding="utf-8",
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    once = re.fullmatch(rf"{CODE}: mã dùng một lần ((?:[0-9A-Z]{{4}}-){{7}}[0-9A-Z]{{4}})\n", done.stdout)[1]
    assert school.get("/").path == "/dang-nhap"
    assert school.sign_in().status == 403 and intake.put(CODE, token, CSV)[0] == 401
    assert "Các tệp đã nộp" in Browser(intake).first(once=once).text
    bad = subprocess.run([program(), "--reset", "../x", "--node", intake.dir], capture_output=True, timeout=60, check=False)
    assert bad.returncode == 2


def test_changed_passphrase_ends_other_sessions(intake, school):
    other = Browser(intake)
    other.sign_in()
    form = school.get("/tai-khoan").form("/tai-khoan/mat-khau")
    new = "gió mùa đông bắc về"
    assert "đang dùng không đúng" in school.submit(form, old="sai rồi nhé", **{"pass": new, "again": new}).text
    assert "Đã đổi mật khẩu" in school.submit(form, old=PASS, **{"pass": new, "again": new}).text
    assert other.get("/").path == "/dang-nhap" and school.get("/").path == "/"
    assert Browser(intake).sign_in(password=new).path == "/"


# ---- uploading

def test_upload_lies_whole_in_the_inbox(intake, school):
    page = school.upload(XLSX, "Danh sách <b>lớp 6.xlsx")
    assert "Đã nhận tệp trọn vẹn" in page.text and "Danh sách <b>lớp 6.xlsx" in page.text
    assert page.refresh == 5
    (path,) = intake.agent.waiting(CODE)
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{16}\.xlsx", path.name) and path.read_bytes() == XLSX
    assert path.stat().st_nlink == 1 and not list((intake.agent.inbox(CODE) / ".in").iterdir())
    assert "đang chờ đọc" in school.get(f"/tep/{path.name}").text
    intake.agent.read(CODE)
    page = school.get("/")
    for words in ("300 dòng: 12 mới, 3 thay đổi, 285 không đổi", "Sở GD&ĐT <79> đã nhận: 10:21 05/09/2026",
                  "Bộ GD&ĐT đã nhận: chưa", "Đã kiểm tra xong"):
        assert words in page.text, page.text
    assert page.refresh > 5  # Bộ is on its way
    intake.agent.uploads[CODE][0]["tiers"][1]["received"] = "2026-09-05T03:22:00Z"
    page = school.get("/")
    assert "Bộ GD&ĐT đã nhận: 10:22 05/09/2026" in page.text and page.refresh is None


def test_kind_is_told_by_content(intake, school):
    for content in (XLSX, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", CSV, b"\xff\xfea\0", b"<table>", b"\x7fELF\1\0"):
        school.upload(content, "x.xlsx")
    assert sorted(p.suffix for p in intake.agent.waiting(CODE)) == [".bin", ".csv", ".csv", ".csv", ".xls", ".xlsx"]


@pytest.mark.parametrize("name", ["../../../../etc/cron.d/x", "..\\..\\x", "/etc/passwd", ".in/x.part", "a\0b", "x" * 2000,
                                  "con.xlsx\r\nX: y", "%2e%2e%2fx", "..", "'; rm -rf /"])
def test_names_are_never_paths(intake, school, name):
    before = sorted(p for p in intake.dir.rglob("*") if "inbox" not in str(p) and "names" not in str(p))
    school.upload(CSV, name)
    intake.put(CODE, school.token(), CSV, name=name.replace("\0", ""))
    for path in intake.agent.waiting(CODE):
        assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{16}\.csv", path.name)
    after = sorted(p for p in intake.dir.rglob("*") if "inbox" not in str(p) and "names" not in str(p))
    assert [p for p in after if p not in before] == []


def post(browser, body, kind, headers=None):
    return browser.request("POST", "/nop", body, {"Content-Type": kind, **(headers or {})})


def test_wrong_uploads_are_refused(intake, school):
    csrf = ("csrf", None, school.get("/").form("/nop").fields["csrf"].encode())
    good, kind = multipart([csrf, ("tep", "a.csv", CSV)])
    cases = [
        (multipart([csrf]), 400, "Chưa chọn tệp nào"),
        (multipart([csrf, ("tep", "", b"")]), 400, "Chưa chọn tệp nào"),
        (multipart([csrf, ("tep", "a.csv", b"")]), 400, "Tệp rỗng"),
        (multipart([csrf, ("tep", "a.csv", CSV), ("tep", "b.csv", CSV)]), 400, "chỉ nộp một tệp"),
        (multipart([("tep", "a.csv", CSV)]), 403, "Trang đã cũ"),
        (multipart([("csrf", None, b"0" * 64), ("tep", "a.csv", CSV)]), 403, "Trang đã cũ"),
        (multipart([("tep", "a.csv", CSV), csrf]), 403, "Trang đã cũ"),
        ((good[:-8], kind), 400, "chưa gửi hết"),
        ((b"\0" * 500, kind), 400, "chưa gửi hết"),
        ((good.replace(b"form-data", b"attachment"), kind), 400, "bị hỏng"),
        ((good, "text/plain"), 415, "không đúng"),
        ((good, "multipart/form-data"), 415, "không đúng"),
        ((b"csrf=1", "application/x-www-form-urlencoded"), 415, "không đúng"),
    ]
    for (body, content_type), status, words in cases:
        page = post(school, body, content_type)
        assert page.status == status and words in page.text, (status, page.status, page.text)
    assert intake.agent.waiting(CODE) == [] and list((intake.agent.inbox(CODE) / ".in").iterdir()) == []
    assert post(Browser(intake), good, kind).status == 403  # nobody is signed in
    assert post(school, good, kind).status == 200 and len(intake.agent.waiting(CODE)) == 1


def test_forms_need_their_token(intake, school):
    for path in ("/dang-xuat", "/tai-khoan/token", "/tai-khoan/thu-hoi", "/tai-khoan/mat-khau", "/tep/a.xlsx"):
        page = school.request("POST", path, "by=x&reason=y&act=confirm&name=z",
                              {"Content-Type": "application/x-www-form-urlencoded"})
        assert page.status == 403 and "Trang đã cũ" in page.text
    assert intake.agent.acts == [] and school.get("/").path == "/"
    fresh = Browser(intake)
    assert fresh.request("POST", "/dang-nhap", f"code={CODE}&pass=x", {
        "Content-Type": "application/x-www-form-urlencoded"}).status == 403


def test_too_large_is_refused_early_and_on_the_way():
    with Intake(upload_mib=1, header_time="1s") as intake:
        intake.start()
        token = token_of(intake)
        big = b"a" * (3 << 20)
        head = (f"PUT /nop/{CODE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Length: {1 << 40}\r\nExpect: 100-continue\r\n\r\n").encode()
        answer = raw(intake.port, head)
        assert answer.startswith(b"HTTP/1.1 413") and "Tệp quá lớn".encode() in answer
        chunked = head.split(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
        answer = raw(intake.port, chunked + b"180000\r\n" + big[:0x180000] + b"\r\n0\r\n\r\n")
        assert b"HTTP/1.1 413" in answer
        endless = raw(intake.port, chunked + b"300000\r\n" + big + b"\r\n300000\r\n" + big + b"\r\n")
        assert b"HTTP/1.1 2" not in endless  # cut off: nobody waits for its end
        assert intake.agent.waiting(CODE) == [] and list((intake.agent.inbox(CODE) / ".in").iterdir()) == []
        assert intake.put(CODE, token, b"a" * (1 << 20))[0] == 201  # exactly as much as is allowed


def test_disk_full_is_told(intake, school):
    token = school.token()
    intake.stop()
    intake.start(file_limit=20000)
    status, _, body = intake.put(CODE, token, b"a" * 100000)
    assert status == 507 and "Máy chủ" in body.decode()
    assert intake.agent.waiting(CODE) == [] and list((intake.agent.inbox(CODE) / ".in").iterdir()) == []
    assert intake.put(CODE, token, b"a" * 10000)[0] == 201


# ---- programs

def test_curl(intake, school, tmp_path):
    token = school.token("máy văn phòng")
    (tmp_path / "lớp 6.csv").write_bytes(CSV)
    done = subprocess.run(["curl", "-sS", "-w", "%{http_code}", "-T", tmp_path / "lớp 6.csv", "-H",
                           f"Authorization: Bearer {token}", f"http://127.0.0.1:{intake.port}/nop/{CODE}/"],
                          capture_output=True, encoding="utf-8", timeout=60, check=True)
    assert done.stdout.startswith("Đã nhận tệp, mã: ") and done.stdout.endswith("201")
    (path,) = intake.agent.waiting(CODE)
    assert path.read_bytes() == CSV and "lớp 6.csv" in school.get("/").text
    auth = {"Authorization": f"Bearer {token}"}
    status = lambda: json.loads(intake.get(f"/nop/{CODE}/{path.name}", **auth)[2])  # noqa: E731
    assert status()["upload"] == {"id": path.name, "state": "received"}
    intake.agent.read(CODE)
    assert status()["upload"]["tables"][0]["fresh"] == 12
    listed = json.loads(intake.get(f"/nop/{CODE}", **auth)[2])
    assert [u["id"] for u in listed["uploads"]] == [path.name]
    assert intake.get(f"/nop/{CODE}/khong-co.csv", **auth)[0] == 404


def test_tokens_are_of_one_school_and_end(intake, school):
    token = school.token()
    assert intake.put(OTHER, token, CSV)[0] == 401
    assert intake.put("../" + CODE, token, CSV)[0] in (401, 404)
    assert intake.put(CODE, "0" * 64, CSV)[0] == 401
    status, headers, body = intake.request("PUT", f"/nop/{CODE}", CSV)
    assert status == 401 and headers["WWW-Authenticate"] == "Bearer" and headers["Content-Type"].startswith("text/plain")
    assert "token" in body.decode()
    page = school.get("/tai-khoan")
    assert token not in page.html
    form = page.form("/tai-khoan/thu-hoi")
    assert "Đã thu hồi" in school.submit(form).text
    assert intake.put(CODE, token, CSV)[0] == 401  # and this is the fifth failure of this address
    assert intake.put(CODE, token, CSV)[0] == 429
    stored = (intake.dir / f"state/accounts/{CODE}.json").read_text()
    assert token not in stored


def test_limits_of_one_school():
    with Intake(per_school=2, per_hour=5) as intake:
        intake.start()
        token = token_of(intake)
        head = (f"PUT /nop/{CODE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Length: 5\r\n\r\nab").encode()
        open_ones = []
        for _ in range(2):
            s = socket.create_connection(("127.0.0.1", intake.port))
            s.sendall(head)
            open_ones.append(s)
        parts = lambda: len(list((intake.agent.inbox(CODE) / ".in").iterdir()))  # noqa: E731
        kit.wait_until(lambda: parts() == 2, "two uploads are under way")
        status, headers, _ = intake.put(CODE, token, CSV)
        assert status == 429 and int(headers["Retry-After"]) > 0
        for s in open_ones:
            s.close()
        kit.wait_until(lambda: parts() == 0, "what was cut off is gone")
        statuses = [intake.put(CODE, token, CSV)[0] for _ in range(4)]
        assert statuses == [201, 201, 201, 429]  # five an hour, two of them cut off


# ---- what became of it

def show(intake, school, **more):
    intake.agent.add(CODE, "a.xlsx", **more)
    return school.get("/tep/a.xlsx")


def test_a_word_from_above_is_shown_as_it_was_said(intake, school):
    said = {"org": "79", "name": "Sở GD&ĐT <Z>", "by": "cô Lan", "why": "thiếu <giấy>", "ms": 1}
    words = "Sở GD&ĐT <Z> từ chối: thiếu <giấy> (cô Lan, 22/11/2026)"
    page = show(intake, school, findings=[
        finding(code="rejected", column="", tier="79", rejected=said, text={"vi": words, "en": "rejected it"})])
    assert f"Cấp trên: {words}" in page.text and "<giấy>" not in page.html
    assert words in school.get("/tep/a.xlsx/zalo")[2].decode()


def test_findings_with_rows_and_what_to_do(intake, school):
    page = show(intake, school, findings=[finding(row=i) for i in range(12, 132)] + [finding(row=999, tier="bo")])
    assert 'Hàng 12 Ngày sinh (cột D) Sai: Ngày sinh "35/13/2012" không đọc được' in page.text
    assert "Hàng 61" in page.text and "Hàng 62" not in page.text and "/tep/a.xlsx?tu=50" in page.links
    assert "Hàng 62" in school.get("/tep/a.xlsx?tu=50").text
    assert "giữ tại Bộ GD&ĐT" in school.get("/tep/a.xlsx?tu=100").text
    status, headers, body = school.get("/tep/a.xlsx/loi.xlsx")
    assert status == 200 and body == b"PK\3\4 answer" and "spreadsheetml" in headers["Content-Type"]
    assert headers["Content-Disposition"] == 'attachment; filename="cac-dong-sai-a.xlsx.xlsx"'
    status, headers, body = school.get("/tep/a.xlsx/zalo")
    text = body.decode()
    assert headers["Content-Type"].startswith("text/plain") and "Trường THCS Mẫu (79000123)" in text
    assert "Hàng 12, Ngày sinh (cột D): " in text and "... và 81 chỗ nữa" in text and "<" not in text.replace("<79>", "")


def test_a_candidate_is_named_by_its_file(intake, school):
    school.upload(CSV, "Lớp 6 <cũ>.csv")
    (path,) = intake.agent.waiting(CODE)
    page = show(intake, school, findings=[finding(severity="question", hash="aa" * 16, candidates=[
        {"record": RECORD, "text": f"hàng 3 của tệp {path.name}"}, {"record": RECORD, "text": "hàng 3 của tệp khac.xlsx"}])])
    assert "hàng 3 của tệp Lớp 6 <cũ>.csv" in page.text and "hàng 3 của tệp khac.xlsx" in page.text
    assert path.name not in page.text


def test_a_question_is_answered(intake, school):
    page = show(intake, school, findings=[
        finding(severity="question", hash="aa" * 16, row=5, candidates=[{"record": RECORD, "text": "An <6A>"},
                                                                      {"record": "cd" * 16, "text": "An 6B"}]),
        finding(severity="question", hash="bb" * 16, row=6, candidates=[{"record": RECORD, "text": "Bình"}])])
    assert "Chính là: An <6A>" in page.text and "<6A>" not in page.html
    form = page.form("/tep/a.xlsx")
    done = school.submit(form, act="answer", by="cô Lan", **{f"q.pupil.{'aa' * 16}": RECORD, f"q.pupil.{'bb' * 16}": "new"})
    assert "Đã ghi quyết định" in done.text
    assert [(a["act"], a["hash"], a["record"], a["dataset"], a["by"], a["org"], a["id"]) for a in intake.agent.acts] == [
        ("answer", "aa" * 16, RECORD, "pupil", f"cô Lan ({CODE})", CODE, "a.xlsx"),
        ("answer", "bb" * 16, "new", "pupil", f"cô Lan ({CODE})", CODE, "a.xlsx")]
    assert school.submit(form, act="answer", by="").status == 400
    assert "Chưa chọn mục nào" in school.submit(form, act="answer", by="cô Lan").text
    for name, value in ((f"q.pupil.{'aa' * 16}", "../x"), ("q.pupil", "new"), ("q.a/b.aa", "new"), ("q.pupil.zz", "new")):
        assert school.submit(form, act="answer", by="cô Lan", **{name: value}).status == 400
    assert len(intake.agent.acts) == 2


def test_a_warning_is_accepted_with_a_reason(intake, school):
    page = show(intake, school, findings=[finding(severity="warning", rule="age_fits", row=8),
                                          finding(severity="warning", rule="7", row=9, record="cd" * 16),
                                          finding(severity="warning", rule="age_fits", row=10, accepted=True)])
    form = page.form("/tep/a.xlsx")
    assert [v for _, v in form.radios] == [f"pupil.{RECORD}.age_fits", f"pupil.{'cd' * 16}.7"]
    assert school.submit(form, act="accept", by="cô Lan", reason="", w=form.radios[0][1]).status == 400
    school.submit(form, act="accept", by="cô Lan", reason="Học muộn", w=[v for _, v in form.radios])
    assert [(a["act"], a["record"], a["rule"], a["reason"]) for a in intake.agent.acts] == [
        ("accept", RECORD, "age_fits", "Học muộn"), ("accept", "cd" * 16, "7", "Học muộn")]


def test_a_guard_waits_for_a_word(intake, school):
    upload = intake.agent.add(CODE, "a.xlsx", state="waiting", waiting=True)
    upload["tables"][0].update(gone=90, known=300, fault={
        "code": "mass_deletion", "vi": "quá nhiều bản ghi biến mất, chờ người xác nhận", "en": "too many are gone"})
    page = school.get("/tep/a.xlsx")
    assert "90 bản ghi không còn trong tệp, trong 300 bản ghi đã có" in page.text and page.refresh is None
    form = page.form("/tep/a.xlsx")
    assert ("act", "confirm") in form.buttons and ("act", "withdraw") in form.buttons
    assert school.submit(form, act="confirm", by="cô Lan", reason=" ").status == 400
    school.submit(form, act="withdraw", by="cô Lan", reason="Lấy nhầm tệp")
    school.submit(form, act="confirm", by="cô Lan", reason="Giải thể lớp")
    assert [(a["act"], a["reason"]) for a in intake.agent.acts] == [("withdraw", "Lấy nhầm tệp"), ("confirm", "Giải thể lớp")]
    intake.agent.refuse_act = {"vi": "tệp này không chờ ai", "en": "nobody is waited for"}
    assert "tệp này không chờ ai" in school.submit(form, act="confirm", by="cô Lan", reason="x").text


GUARDS = {  # what the guard saw -> what its button does, what is said
    "old": ({"gone": 0, "old": 20, "rows": 60, "known": 60, "fresh": 0, "changed": 0}, "Đúng, dùng tệp này",
            "20 dòng trở về như cũ, trong 60 bản ghi đã có"),
    "emptied": ({"gone": 0, "old": 0, "rows": 0, "known": 60, "fresh": 0, "changed": 0}, "Đúng, tệp không có dòng nào",
                "Tệp không có dòng nào, mà đã có 60 bản ghi"),
    "gone": ({"gone": 30, "old": 0, "rows": 30, "known": 60, "fresh": 30, "changed": 0}, "Đúng, xoá",
             "30 bản ghi không còn trong tệp, trong 60 bản ghi đã có"),
    "replaced": ({"gone": 30, "old": 0, "rows": 60, "known": 60, "waiting": 30, "fresh": 0, "changed": 0},
                 "Đúng, xoá và nhận dòng mới", "30 dòng mới của tệp cũng đang chờ, chưa gửi đi"),
    "strangers": ({"gone": 0, "old": 0, "rows": 60, "known": 60, "waiting": 60, "fresh": 0, "changed": 0},
                  "Đúng, dùng tệp này", "Trường đang có 60 bản ghi; các dòng mới của tệp chưa có ở trường"),
}


@pytest.mark.parametrize("name", GUARDS)
def test_a_guards_buttons_say_what_they_do(intake, school, name):
    seen, button, said = GUARDS[name]
    upload = intake.agent.add(CODE, "a.xlsx", state="waiting", waiting=True)
    upload["tables"][0].update(fault={"code": "x", "vi": "chờ người xác nhận", "en": "waits"}, **seen)
    text = school.get("/tep/a.xlsx").text
    assert button in text and said in text, text
    sent = seen["fresh"] > 0  # only what is missing or old is held
    assert ("đã được ghi nhận" in text, "ký thay trường" in text, "Bộ GD&ĐT đã nhận" in text) == (sent, sent, sent), text


def test_nothing_half_typed_is_lost_by_a_refresh(intake, school):
    on_the_way = intake.agent.add(CODE, "a.xlsx", findings=[finding()])
    assert on_the_way["tiers"][1]["received"] is None and school.get("/tep/a.xlsx").refresh
    for asks in (finding(severity="question", hash="aa" * 16, candidates=[{"record": RECORD, "text": "An 6A"}]),
                 finding(severity="warning", rule="age")):
        intake.agent.findings["a.xlsx"] = [asks]
        assert school.get("/tep/a.xlsx").refresh is None
    browser = Browser(intake)
    form = browser.get("/lan-dau").form("/lan-dau")
    page = browser.submit(form, code=CODE, once=ONCE.lower(), **{"pass": PASS, "again": PASS + "x"})
    assert page.status == 400 and page.form("/lan-dau").fields["once"] == ONCE.lower()


def test_a_question_names_its_table_and_its_file(intake, school):
    school.upload(CSV, "Danh sách 6A.csv")
    (path,) = intake.agent.waiting(CODE)
    intake.agent.read(CODE, findings=[
        finding(row=i, severity="question", hash=f"{i:032x}",
                candidates=[{"record": RECORD, "text": f"An, 1/9/2012 (hàng 4 của tệp {path.name})"}]) for i in range(60)])
    page = school.get(f"/tep/{path.name}")
    assert "Học sinh, hàng 7: " in page.text and "An, 1/9/2012 (hàng 4 của tệp Danh sách 6A.csv)" in page.text
    assert "Còn 35 mục nữa" in page.text
    chat = school.get(f"/tep/{path.name}/zalo")[2].decode()
    assert "Hàng 3, Ngày sinh (cột D): " in chat


def test_signing_in_before_the_agent_was_ever_there(intake, school):
    intake.stop()
    (intake.dir / "state/schools.json").unlink()
    socket_path = Path(intake.agent.path)
    away = socket_path.rename(socket_path.with_suffix(".away"))
    intake.start(knows_schools=False)
    page = Browser(intake).sign_in()
    assert page.status == 503 and "Hệ thống đang khởi động" in page.text, page.text
    away.rename(socket_path)
    kit.wait_until(lambda: "Trường THCS Mẫu" in Browser(intake).sign_in().text, intake.log)


def test_receipt(intake, school):
    page = show(intake, school, sha256="ab" * 32)
    assert "/tep/a.xlsx/bien-nhan" in page.links and "ký thay trường" in page.text
    receipt = school.get("/tep/a.xlsx/bien-nhan")
    for words in ("ab" * 32, "ef" * 32, "cd" * 32, "12" * 32, "Gói 1.7", "Nhật ký tới mục 4711",
                  "Sở GD&ĐT <79> 10:21 05/09/2026, nhận toàn bộ", "Bộ GD&ĐT chưa nhận", "ký thay trường"):
        assert words in receipt.text, words
    status, headers, body = school.get("/tep/a.xlsx/bien-nhan.json")
    assert status == 200 and headers["Content-Disposition"].startswith("attachment") and json.loads(body)["role"] == "host"


def test_one_school_never_sees_another(intake, school):
    intake.agent.add(OTHER, "b.xlsx")
    for path in ("/tep/b.xlsx", "/tep/b.xlsx/loi.xlsx", "/tep/b.xlsx/zalo", "/tep/b.xlsx/bien-nhan", "/tep/..%2f..%2fx",
                 "/tep/.in/x"):
        answer = school.get(path)
        assert (answer.status if hasattr(answer, "status") else answer[0]) == 404, path


def test_agent_that_is_away_or_hostile(intake, school):
    intake.agent.close()
    page = school.upload(XLSX)
    assert "đang tạm nghỉ" in page.text and "Đã nhận tệp trọn vẹn" in page.text
    (path,) = intake.agent.waiting(CODE)
    assert "đang chờ đọc" in school.get(f"/tep/{path.name}").text
    intake.stop()
    intake.start()  # the schools are known from before
    assert "đang tạm nghỉ" in (school.sign_in()).text


def test_answers_only_from_where_they_belong(intake, school):
    intake.agent.add(CODE, "a.xlsx", findings=[finding()])
    own = intake.agent.answer

    def elsewhere(request):
        for message in own(request):
            if "path" in message.get("end", {}):
                message["end"]["path"] = f"{intake.agent.inbox(CODE)}/.answer/../../../hosted/{CODE}/once"
            yield message
    intake.agent.answer = elsewhere
    assert school.get("/tep/a.xlsx/loi.xlsx").status == 404


# ---- strangers

def test_methods_and_paths(intake):
    for method in ("OPTIONS", "TRACE", "DELETE", "PATCH", "BREW", "CONNECT", "OST", "T"):
        assert intake.request(method, "/dang-nhap")[0] in (405, 400, 501), method
    assert intake.request("HEAD", "/dang-nhap")[:1] == (200,)
    assert intake.request("HEAD", "/dang-nhap")[2] == b""
    for path in ("/x", "/nop", "//", "/../etc/passwd", "/%00", "/tep", "/tep/a/b/c/d/e/f", "/" + "a" * 3000, "/style.css/"):
        assert intake.get(path)[0] in (303, 404, 405), path


@pytest.mark.parametrize("text", [
    b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /dang-nhap HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 +
    b"\r\n", b"GET /dang-nhap HTTP/1.1\r\nHost: x\r\nCookie: " + b"a=b;" * 20000 + b"\r\n\r\n",
    b"POST /dang-nhap HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /dang-nhap HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
    b"PUT /nop/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"GET /dang-nhap?" + b"a=%zz&" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200])
def test_garbage_ends_its_own_connection_only(intake, text):
    raw(intake.port, text)
    assert intake.get("/suc-khoe")[0] == 200


def test_slow_headers_and_slow_uploads_are_ended():
    """Ends by the watch, whatever the state; the page goes on for others."""
    with Intake(upload_time="1s", header_time="1s") as intake:
        intake.start()
        token = token_of(intake)
        slow = socket.create_connection(("127.0.0.1", intake.port), timeout=kit.PATIENCE_S)
        slow.sendall(f"PUT /nop/{CODE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                     "Content-Length: 1000\r\n\r\n".encode())
        headers = socket.create_connection(("127.0.0.1", intake.port), timeout=kit.PATIENCE_S)
        headers.sendall(b"GET / HTTP/1.1\r\n")
        done = threading.Event()

        def drip(s, byte):
            while not done.wait(0.2):
                try:
                    s.sendall(byte)
                except OSError:
                    return
        drips = [threading.Thread(target=drip, args=a) for a in ((slow, b"x"), (headers, b"X"))]
        for d in drips:
            d.start()
        begun = time.monotonic()
        for s in (slow, headers):
            try:
                assert s.recv(1000) == b""
            except ConnectionError:
                pass
        assert time.monotonic() - begun < kit.PATIENCE_S
        done.set()
        for d in drips:
            d.join()
        kit.wait_until(lambda: not list((intake.agent.inbox(CODE) / ".in").iterdir()), "its part is gone")
        assert intake.put(CODE, token, CSV)[0] == 201


def test_a_hundred_at_once(intake, school):
    """Bodies go to disk as they come: memory stays where it was."""
    token = school.token()
    before = intake.rss_kib()
    body = b"PK\3\4" + bytes(4 << 20)

    def one(i):
        return intake.put(CODE, token, body[:-1 - i], name=f"{i}.xlsx")[0]
    with ThreadPoolExecutor(100) as pool:
        assert list(pool.map(one, range(100))) == [201] * 100
    sizes = sorted(p.stat().st_size for p in intake.agent.waiting(CODE))
    assert sizes == [len(body) - 100 + i for i in range(100)]
    assert intake.rss_kib() - before < 100 * 1024, (before, intake.rss_kib())


def test_many_idle_connections_do_not_stop_it():
    with Intake(connections=64) as intake:
        intake.start()
        idle = [socket.create_connection(("127.0.0.1", intake.port)) for _ in range(40)]
        assert intake.get("/suc-khoe")[0] == 200
        for s in idle:
            s.close()


def test_silent_agent_does_not_hold_up_uploads(intake, school):
    token = school.token()
    intake.agent.silent = True
    threads = [threading.Thread(target=lambda: raw(intake.port, f"GET /nop/{CODE} HTTP/1.1\r\nHost: x\r\nAuthorization: "
                                                   f"Bearer {token}\r\nConnection: close\r\n\r\n".encode()))
               for _ in range(8)]
    for t in threads:
        t.start()
    assert [intake.put(CODE, token, CSV)[0] for _ in range(10)] == [201] * 10
    intake.agent.silent = False
    intake.agent.close()
    for t in threads:
        t.join(kit.PATIENCE_S)


def test_killed_in_the_middle_leaves_no_half_file(intake, school):
    token = school.token()
    s = socket.create_connection(("127.0.0.1", intake.port))
    s.sendall(f"PUT /nop/{CODE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 9\r\n\r\nab".encode())
    where = intake.agent.inbox(CODE) / ".in"
    kit.wait_until(lambda: where.exists() and list(where.iterdir()), "it has begun")
    intake.process.kill()
    intake.process.wait()
    s.close()
    assert intake.agent.waiting(CODE) == []
    intake.start()
    assert intake.put(CODE, token, CSV)[0] == 201
    assert list(where.iterdir()) == []  # swept


def test_second_process_on_the_same_state_is_refused(intake):
    done = subprocess.run([program(), "--node", intake.dir, "--lang", "en"], capture_output=True, encoding="utf-8",
                          timeout=60, check=False)
    assert done.returncode == 2 and "another one is using it" in done.stderr


def test_log_says_what_happened_and_nothing_personal(intake, school):
    school.upload(CSV, "Nguyễn Văn Bí Mật.csv")
    token = school.token("máy của cô Bí Mật")
    intake.put(CODE, token, CSV, name="bí mật.csv")
    Browser(intake).sign_in("mật khẩu gõ nhầm ô", "bí mật")
    intake.agent.add(CODE, "a.xlsx", waiting=True)
    school.submit(school.get("/tep/a.xlsx").form("/tep/a.xlsx"), act="confirm", by="Bí Mật", reason="Bí Mật")
    log = intake.log()
    for event in ("upload_received", "signed_in", "sign_in_failed", "upload_act"):
        assert f"event={event}" in log
    for secret in ("Bí", "mật", "9990001", token, school.cookies["__Host-phien"], PASS, ONCE, "127.0.0.1 "):
        assert secret not in log.replace(f"listen=127.0.0.1:{intake.port}", ""), secret


def test_configuration_faults(tmp_path):
    (tmp_path / "intake.yaml").write_text("intake: { agent: a, hosted: h, state: s, lissten: x }\n")
    done = subprocess.run([program(), "--node", tmp_path, "--lang", "en"], capture_output=True, encoding="utf-8",
                          timeout=60, check=False)
    assert done.returncode == 2 and 'intake.yaml:1:42' in done.stderr and '"listen"' in done.stderr
    helped = subprocess.run([program(), "--help"], capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert helped.returncode == 0 and "--reset" in helped.stdout and "Trang nộp dữ liệu" in helped.stdout
    assert Path(program()).exists()
