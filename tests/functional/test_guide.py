"""The administrators' guide (docs/quan-tri.md): its commands, run as they stand there."""
import csv
import http.client
import re
import subprocess

import pytest

import intake_kit
import kit

GUIDE = kit.SOURCE / "docs/quan-tri.md"
LOOK = "\n## 6."
HOSTED = "\n## 9."
INITS = "|".join(f'"init {what}"' for what in ("broker", "agent", "host"))


def blocks(text):
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


def guide():
    """The text with ports of our own."""
    text = GUIDE.read_text()
    for port in set(re.findall(r"127\.0\.0\.1:(\d{5})", text)):
        text = text.replace(port, str(kit.PORTS_OF_RUN.take()))
    return text.split(HOSTED)


@pytest.fixture
def shell(programs, tmp_path):
    """Runs a script where the programs are installed, as the guide supposes; what it started ends with the test."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, program in (("lienthong-broker", programs.broker), ("lienthong-intake", intake_kit.program())):
        (bin_ / name).symlink_to(program)
    agent = bin_ / "lienthong-agent"
    agent.write_text(f'#!/bin/sh\nexec "{programs.agent}" "$@"\n')
    agent.chmod(0o755)
    cli = bin_ / "lienthong"
    cli.write_text(f'#!/bin/sh\ncase "$1 $2" in {INITS}) '
                   f'exec "{programs.cli}" "$@" --config "{programs.share}" ;; esac\nexec "{programs.cli}" "$@"\n')
    cli.chmod(0o755)
    work = tmp_path / "w"
    work.mkdir()
    env = {**programs.environ(), "PATH": f"{bin_}:/usr/bin:/bin"}

    def run(script):
        script = re.sub(r" &$", " >started & echo $! >>pids", script, flags=re.M)
        return subprocess.run(["bash", "-euc", script], cwd=work, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=120)

    def must(script):
        done = run(script)
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout
    run.work, run.must = work, must
    yield run
    if (work / "pids").exists():
        subprocess.run(["bash", "-c", "kill $(cat pids)"], cwd=work, check=False)
        kit.wait_until(lambda: run("for p in $(cat pids); do ! kill -0 $p 2>/dev/null; done").returncode == 0, "they end")


def test_from_nothing_to_the_ministry(shell):
    make, look = guide()[0].split(LOOK)
    shell.must("".join(blocks(make)))
    kit.wait_until(lambda: "bo đã nhận tới gói 1" in shell("lienthong --node truong status").stdout,
                   lambda: shell("cat *.log").stdout)
    shown = shell.must("".join(blocks(look)))
    assert "Học Sinh Thử 1\n" in shown
    assert re.search(r"^79000123 +pupil +40$", shown, re.M), shown


class Guided:
    """Section 9, a block at a time."""

    def __init__(self, shell):
        self.shell, text = shell, guide()[1]
        self.port = int(re.search(r'listen: "127\.0\.0\.1:(\d+)"', text)[1])
        self.parts = {m[1]: blocks(m[2]) for m in re.finditer(r"^### 9\.(\d) [^\n]*\n(.*?)(?=^### |\Z)", text, re.M | re.S)}

    def do(self, part, nth=0):
        return self.shell.must(self.parts[part][nth])

    def wait(self, script, *words):
        return kit.wait_until(lambda: (out := self.shell(script).stdout) and all(w in out for w in words) and out,
                              lambda: f"{words} in\n{self.shell(script).stdout}\n{self.shell('cat *.log').stdout}")

    def shown(self, *words, upload=""):
        return self.wait(f"lienthong --node tram79 upload show 79000201 {upload}", *words)

    def browser(self):
        def request(method, path, body=None, headers=None):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=kit.PATIENCE_S)
            try:
                connection.request(method, path, body, headers or {})
                answer = connection.getresponse()
                return answer.status, answer.headers, answer.read()
            finally:
                connection.close()
        return intake_kit.Browser(None, request)


def test_schools_with_only_excel(shell):
    at = Guided(shell)
    assert {part: len(found) for part, found in at.parts.items()} == {
        "1": 1, "2": 2, "3": 2, "4": 0, "5": 3, "6": 2, "7": 0, "8": 2, "9": 0}
    at.do("1")
    at.do("2")
    at.do("2", 1)
    at.wait("lienthong --node tram79 status", "trường 79000201: ok, kỳ 1")
    a_clerk_signs_in(at)
    at.do("3")
    at.shown("đã đọc xong", "Bộ Giáo dục và Đào tạo: đã nhận")
    at.wait("lienthong --node so79 held list", "missing_reference")
    shown = at.do("3", 1)
    for words in ("hàng 4 · Ngày sinh (cột C): LỖI: Ngày sinh 31/02/2014", "Hàng 4 · Ngày sinh (cột C): ", ".answer/lop6.csv.xlsx",
                  "missing_reference", "ký thay trường", "nếu nhận bản ghi này"):
        assert words in shown, f"{words} in\n{shown}"

    assert 'ý bạn là "homeroom_teacher"?' in at.do("5")
    shell.must("kill -HUP $(sed -n 3p pids)")
    at.wait("cat tram79.log", "event=configuration_loaded")
    at.do("5", 1)
    at.shown("lop.csv", "Lớp học: 1 hàng; mới 1", "cảnh báo 1")
    at.wait("lienthong --node bo counts", "class", "enrolment")
    looked = at.do("5", 2)
    assert "class_exists" not in looked and looked.count("pupil_exists") == 1, looked
    assert looked.count("homeroom_teacher_named") == 3, looked

    at.do("6")
    at.shown("CHỜ NGƯỜI XÁC NHẬN", "5 trong 7 bản ghi", upload="thieu.csv")
    assert "WARNING" in at.do("6", 1)
    at.shown("đã rút", upload="thieu.csv")
    counted = shell.must("lienthong --node bo counts")
    assert re.search(r"^79000201 +pupil +6$", counted, re.M) and re.search(r"^79000201 +enrolment +6$", counted, re.M), counted

    published = at.do("8")
    assert "chưa công bố gì (--dry-run)" in published
    version = re.search(r"phiên bản (\d+)$", published, re.M)[1]
    at.wait("lienthong --node tram79 dictionary status", f"đang dùng phiên bản {version},")
    at.wait("lienthong --node bo dictionary status", f"79 (broker): có phiên bản {version},")
    at.do("8", 1)


def a_clerk_signs_in(at):
    """With the code of the list; a new one after --reset."""
    with open(at.shell.work / "tram79/codes.csv", encoding="utf-8", newline="") as file:
        codes = {row["code"]: row["one_time_code"] for row in csv.DictReader(file)}
    assert set(codes) == {"79000201", "79000202"}
    kit.wait_until((at.shell.work / "trang/state/schools.json").exists, lambda: at.shell("cat trang.log").stdout)
    code, words = "79000201", "một câu ngắn dễ nhớ"
    page = at.browser().first(code, codes[code], words)
    assert page.status == 200 and "Trường THCS Mẫu Một" in page.text, page.text
    again = re.search(r"mã dùng một lần (\S+)$", at.shell.must(f"lienthong-intake --reset {code} --node trang"))[1]
    assert at.browser().sign_in(code, words).status != 200
    assert at.browser().first(code, again, words).status == 200
