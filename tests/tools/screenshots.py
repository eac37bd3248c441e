#!/usr/bin/python3
"""Makes docs/img/*.png anew: a school's clerk in headless Chromium, through nginx with TLS, against real programs.

  LTH_BUILD=build/release tests/tools/screenshots.py [DIRECTORY]

Needs the packages chromium, nginx-light, fonts-noto-core or another font with Vietnamese letters. Run by hand when a
page changes; what the steps do is tested without a browser by tests/functional/test_truong_hoc.py. On the way it checks
that the browser objects to nothing and that no page is wider than its screen.
"""
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "functional"), str(HERE.parent / "golden")]

import kit  # noqa: E402
import png  # noqa: E402
from chrome import Chrome  # noqa: E402
from clerk import CODE, World  # noqa: E402
from intake_kit import PASS, Browser  # noqa: E402
from test_intake_proxy import Proxy  # noqa: E402
from test_truong_hoc import Clerk  # noqa: E402

DESKTOP, PHONE = (900, 640), (390, 780)


class Film:
    def __init__(self, chrome, base, out):
        self.chrome, self.base, self.out, self.n = chrome, base, out, 0
        self.sheet("desktop")

    def sheet(self, kind):
        self.width = (PHONE if kind == "phone" else DESKTOP)[0]
        self.chrome.size(*(PHONE if kind == "phone" else DESKTOP), phone=kind == "phone")

    def go(self, path):
        self.chrome.go(self.base + path)

    def shoot(self, name, phone=False):
        self.sheet("phone" if phone else "desktop")
        path = self.out / f"{name}.png"
        width = self.chrome.picture(path)
        path.write_bytes(png.with_palette(path.read_bytes()))
        assert width <= self.width, f"{name} is {width} wide on a screen of {self.width}"
        assert path.stat().st_size < 150_000, (name, path.stat().st_size)
        print(f"{path} {path.stat().st_size}")
        self.sheet("desktop")


def upload(film, world, content, name, done):
    path = world.country.dir / name
    path.write_bytes(content)
    film.go("/")
    film.chrome.choose_file("#tep", path)
    film.chrome.click('form[action="/nop"] button')
    assert "Đã nhận tệp trọn vẹn" in film.chrome.text()
    kit.wait_until(lambda: film.go("/") or done in film.chrome.text(), done)


def story(film, world):
    chrome = film.chrome
    film.go("/")
    film.shoot("01-dang-nhap")
    chrome.click('a[href="/lan-dau"]')
    chrome.type("#code", CODE)
    chrome.type("#once", world.once())
    film.shoot("02-dat-mat-khau")
    chrome.type("#pass", PASS)
    chrome.type("#again", PASS)
    chrome.click('form[action="/lan-dau"] button')
    film.shoot("03-nop-tep")
    upload(film, world, world.with_a_wrong_date(), "Danh sách lớp 3A.xlsx", "còn 1 chỗ cần xem")
    both = "Bộ Giáo dục và Đào tạo đã nhận: chưa"
    kit.wait_until(lambda: film.go("/") or both not in chrome.text(), "the ministry has it")
    film.shoot("04-ket-qua", phone=True)
    chrome.click("article a.button")
    film.shoot("05-cho-can-sua")
    chrome.click('a[href$="/bien-nhan"]')
    film.shoot("06-bien-nhan")
    # The clerk's later days, and what the page asks then.
    browser = Browser(world.page)
    browser.sign_in(CODE)
    clerk = Clerk(world)
    clerk.browser = browser
    clerk.upload(world.whole(), "Danh sách lớp 3A.xlsx")
    upload(film, world, world.with_a_twin_and_an_odd_name(), "Danh sách lớp 3A mới.xlsx", "cần thầy cô trả lời")
    chrome.click("article a.button")
    film.shoot("07-cau-hoi")
    upload(film, world, world.with_most_rows_gone(3), "Lớp 3A thiếu.xlsx", "Chờ thầy cô xác nhận")
    chrome.click("article a.button")
    film.shoot("08-xac-nhan", phone=True)
    film.go("/tai-khoan")
    chrome.type("#name", "Máy văn phòng")
    film.shoot("09-tai-khoan")


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else kit.SOURCE / "docs/img")
    out.mkdir(parents=True, exist_ok=True)
    build = Path(os.environ.get("LTH_BUILD", kit.SOURCE / "build"))
    with kit.Country(kit.Programs.built(build)) as country:
        world = World(country)
        with world.page:
            proxy = Proxy(world.page)
            try:
                with Chrome() as chrome:
                    story(Film(chrome, f"https://127.0.0.1:{proxy.port}", out), world)
                    complaints = chrome.complaints()
            finally:
                proxy.close()
    assert not complaints, complaints


if __name__ == "__main__":
    main()
