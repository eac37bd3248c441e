"""The clerk's book (docs/truong-hoc.md): each numbered step done as it says, and every phrase in bold seen on the way."""
import json
import re
import subprocess

import pytest

import kit
from clerk import CODE, World
from intake_kit import PASS, Browser

BOOK = kit.SOURCE / "docs/truong-hoc.md"


def steps():
    """Step number -> its phrases in bold."""
    found = re.split(r"^### Bước (\d+)\. ", BOOK.read_text("utf-8"), flags=re.M)[1:]
    return {int(n): [" ".join(p.split()) for p in re.findall(r"\*\*(.+?)\*\*", text, re.S)]
            for n, text in zip(found[::2], found[1::2])}


class Clerk:
    """Does the steps one after another; remembers what was on screen."""

    def __init__(self, world):
        self.world, self.browser, self.seen = world, Browser(world.page), []

    def see(self, page):
        self.seen.append(page.text if hasattr(page, "text") else page[2].decode("utf-8", "replace"))
        return page

    def get(self, path):
        return self.see(self.browser.get(path))

    def newest(self):
        return next(link for link in self.get("/").links if link.startswith("/tep/"))

    def upload(self, content, name):
        before = len([h for h in self.browser.get("/?tat-ca=1").links if h.startswith("/tep/")])
        page = self.see(self.browser.upload(content, name))
        assert "Đã nhận tệp trọn vẹn" in page.text
        kit.wait_until(lambda: len([h for h in self.browser.get("/?tat-ca=1").links if h.startswith("/tep/")]) > before,
                       "the upload is listed")
        self.settled("Đã kiểm tra xong", "Chờ thầy cô xác nhận", "Không dùng được")

    def settled(self, *words):
        """The newest upload's own page, once it says one of these."""
        path = self.newest()
        return self.see(kit.wait_until(
            lambda: (page := self.browser.get(path)) and any(w in page.text for w in words) and page,
            lambda: f"{words} on {self.browser.get(path).text}\n{self.world.host.log_tail()}"))

    def gone(self, words):
        """The newest upload was read again and these words are no longer on its page."""
        path = self.newest()
        kit.wait_until(lambda: (text := self.browser.get(path).text) and "Đã kiểm tra xong" in text and words not in text,
                       lambda: self.browser.get(path).text)

    def phone(self, path):
        page = self.get(path)
        assert 'name="viewport"' in page.html and not page.foreign
        return page

    # the steps

    def step_1(self):
        assert "/lan-dau" in self.get("/").links

    def step_2(self):
        self.get("/lan-dau")
        self.see(self.browser.first(CODE, self.world.once().lower().replace("-", "")))
        assert self.browser.get("/").path == "/"
        self.see(Browser(self.world.page).get("/dang-nhap"))

    def step_3(self):
        self.get("/")
        self.upload(self.world.with_a_wrong_date(), "Danh sách lớp 3A.xlsx")

    def step_4(self):
        page = self.phone("/")
        assert re.search(r"12 dòng: \d+ mới, 0 thay đổi, 0 không đổi", page.text), page.text
        assert "Danh sách lớp 3A.xlsx" in page.text
        self.see(self.browser.get("/?m=nop"))

    def step_5(self):
        path = self.newest()
        page = self.get(path)
        assert re.search(r"Hàng 6 Ngày sinh \(cột C\) Sai: .*31/02/2017", page.text), page.text
        status, headers, text = self.see(self.browser.get(f"{path}/zalo"))
        assert status == 200 and headers["Content-Type"].startswith("text/plain") and "Hàng 6, Ngày sinh (cột C): " in text.decode()

    def step_6(self):
        path = self.newest()
        self.get(path)
        status, _, answer = self.browser.get(f"{path}/loi.xlsx")
        assert status == 200
        self.upload(self.world.corrected(answer), "cac-dong-sai.xlsx")
        page = self.get(self.newest())
        assert "chỗ cần xem" not in page.text and "1 dòng" in page.text, page.text
        self.world.wait_everywhere(self.world.whole())

    def step_7(self):
        path = self.newest()
        done = re.compile(r"Sở Giáo dục và Đào tạo đã nhận: \d\d:\d\d \d\d/\d\d/\d{4} "
                          r"Bộ Giáo dục và Đào tạo đã nhận: \d\d:\d\d \d\d/\d\d/\d{4}")
        page = kit.wait_until(lambda: (p := self.browser.get(path)) and done.search(p.text) and p,
                              lambda: self.browser.get(path).text)
        assert page.refresh is None
        self.see(page)
        self.get("/")
        receipt = self.get(f"{path}/bien-nhan")
        status, _, text = self.browser.get(f"{path}/bien-nhan.json")
        proof = json.loads(text)
        assert status == 200 and proof["sha256"] in receipt.text and proof["role"] == "host"
        assert sorted(r["org"] for r in proof["receipts"]) == ["79", "bo"] and proof["receipts"][0]["log_size"] > 0

    def step_8(self):
        for _ in range(2):
            self.upload(self.world.whole(), "Danh sách lớp 3A.xlsx")
        page = self.get(self.newest())
        assert "Học sinh: 12 dòng: 0 mới, 0 thay đổi, 12 không đổi" in page.text, page.text

    def step_9(self):
        self.upload(self.world.with_a_twin_and_an_odd_name(), "Danh sách lớp 3A mới.xlsx")
        page = self.get(self.newest())
        form = next(f for f in page.forms if any(n and n.startswith("q.") for n, _ in f.radios))
        names = {n for n, _ in form.radios}
        assert len(names) == 1 and len(form.radios) == 2  # the pupil who is there, or a new one
        page = self.see(self.browser.submit(form, act="answer", by="Cô Lan", **{names.pop(): "new"}))
        assert "Đã ghi quyết định" in page.text
        self.gone("Câu hỏi")

    def step_10(self):
        path = self.newest()
        page = self.get(path)
        form = next(f for f in page.forms if any(n == "w" for n, _ in f.radios))
        refused = self.browser.submit(form, act="accept", by="Cô Lan", reason="", w=[v for _, v in form.radios])
        assert refused.status == 400
        self.see(self.browser.submit(form, act="accept", by="Cô Lan", reason="Tên trong giấy khai sinh",
                                     w=[v for _, v in form.radios]))
        self.gone("Chấp nhận các mục")
        self.world.wait_everywhere(self.world.whole())

    def step_11(self):
        whole = self.world.whole()
        for act, few in (("withdraw", 3), ("confirm", 2)):
            short = self.world.with_most_rows_gone(few)
            self.upload(short, "thiếu.xlsx")
            page = self.get(self.newest())
            assert f"{14 - few} bản ghi không còn trong tệp, trong 14 bản ghi đã có" in page.text, page.text
            self.world.wait_everywhere(whole)
            form = next(f for f in page.forms if ("act", act) in f.buttons)
            self.see(self.browser.submit(form, act=act, by="Cô Lan", reason="Xuất thiếu lớp"))
            self.settled("Đã dừng theo ý thầy cô" if act == "withdraw" else "Đã kiểm tra xong")
            self.world.wait_everywhere(whole if act == "withdraw" else short)

    def step_12(self):
        page = self.get("/tai-khoan")
        page = self.see(self.browser.submit(page.form("/tai-khoan/token"), name="Máy văn phòng"))
        token = re.search(r'<pre id="token">([0-9a-f]{64})</pre>', page.html)[1]
        done = subprocess.run(["curl", "-sS", "-T", "-", "-H", f"Authorization: Bearer {token}",
                               f"http://127.0.0.1:{self.world.page.port}/nop/{CODE}"], input=self.world.whole(),
                              capture_output=True, timeout=60, check=True)
        assert "Đã nhận tệp" in done.stdout.decode()
        page = self.browser.submit(self.get("/tai-khoan").form("/tai-khoan/thu-hoi"))
        assert "Đã thu hồi" in page.text and self.world.page.put(CODE, token, b"x")[0] == 401

    def step_13(self):
        new = "gió mùa đông bắc về"
        page = self.get("/tai-khoan")
        page = self.see(self.browser.submit(page.form("/tai-khoan/mat-khau"), old=PASS, **{"pass": new, "again": new}))
        assert "Đã đổi mật khẩu" in page.text
        page = self.see(self.browser.submit(page.form("/dang-xuat")))
        assert page.path == "/dang-nhap" and self.browser.sign_in(CODE, new).path == "/"

    def step_14(self):
        once = self.world.reset()
        assert self.browser.get("/").path == "/dang-nhap"
        assert "028 0000 0000" in self.get("/dang-nhap").text
        assert self.see(self.browser.first(CODE, once)).path == "/"
        for _ in range(6):
            page = self.see(Browser(self.world.page).sign_in(CODE, "gõ nhầm mật khẩu"))
        assert page.status == 429


def test_every_step_of_the_book(country):
    book, world = steps(), World(country)
    with world.page:
        clerk = Clerk(world)
        todo = {int(n[5:]): getattr(clerk, n) for n in dir(clerk) if n.startswith("step_")}
        assert sorted(book) == sorted(todo) == list(range(1, len(book) + 1))
        for number in sorted(todo):
            clerk.seen = []
            todo[number]()
            screen = " ".join(clerk.seen)
            for phrase in book[number]:
                assert phrase.rstrip(".") in screen, f"step {number}: **{phrase}** is nowhere on\n{screen}"
    assert not re.search(r"Nguyễn|\b999\d{7,9}\b", world.page.log())


def test_pictures_are_there_and_small():
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", BOOK.read_text("utf-8"))
    assert len(pictures) >= 8
    for picture in pictures:
        path = BOOK.parent / picture
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size < 150_000, picture


if __name__ == "__main__":
    pytest.main([__file__])
