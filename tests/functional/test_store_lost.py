"""A hosted agent whose store is lost, or put back from a copy: the kept files are read again by themselves."""
import contextlib
import io
import shutil
import threading

import openpyxl
import pytest

import kit
import school as s
from test_uploads import Hosted

BIRTH, CODE, NAME = "Ngày sinh", "Mã học sinh", "Họ và tên"


class Story:
    """Two files of one school with temporary codes that become real ones, one that was withdrawn, one with a wrong row
    and a pupil who left, and the wrong row corrected."""

    def __init__(self, world):
        self.world, self.host = world, world.host
        self.book = s.Workbook("t01", pupils=14)
        self.real = [row[CODE] for row in self.book.rows]
        for i in range(3):
            self.book.rows[i][CODE] = f"TAM-{i + 1}"

    def tell(self, after_first=lambda: None):
        rows = self.book.rows
        self.hand_in("1.xlsx", self.book.xlsx())
        after_first()
        rows[0][CODE], rows[1][CODE] = self.real[:2]
        rows[5][NAME] = "Nguyễn Văn Đổi Tên"
        self.hand_in("2.xlsx", self.book.xlsx())
        self.hand_in("nham.xlsx", s.xlsx_of(self.book.cells()[:5]), "waiting")
        self.host.act("t01", "nham.xlsx", "withdraw")
        self.host.wait_upload("t01", "nham.xlsx", "withdrawn")
        rows[2][CODE] = self.real[2]
        rows.pop()
        good = rows[7][BIRTH]
        rows[7][BIRTH], rows[7][NAME] = "31/02/2017", "Lê Thị Sửa"
        self.hand_in("3.xlsx", self.book.xlsx())
        rows[7][BIRTH] = good
        self.hand_in("sua.xlsx", self.corrected("3.xlsx", good))
        self.settle()
        self.ids = {tier.org: self.live(tier) for tier in self.world.tiers}
        assert all(set(ids) == set(self.expected()) for ids in self.ids.values())
        self.times = {u["id"]: u["received"] for u in self.host.uploads("t01")}
        return self

    def hand_in(self, name, content, *states):
        self.host.hand_in("t01", name, content)
        return self.host.wait_upload("t01", name, *states)

    def corrected(self, name, good):
        book = openpyxl.load_workbook(self.host.json("upload", "answers", "t01", name)["path"])
        sheet, out = book.active, io.BytesIO()
        assert sheet.max_row == 2
        sheet.cell(2, [c.value for c in sheet[1]].index(BIRTH) + 1).value = good
        book.save(out)
        return out.getvalue()

    def expected(self):
        return s.recount(self.book.xlsx())

    def settle(self):
        """Every tier holds the last good file, by count, key and value."""
        wait_values(self.world, "t01", self.expected())

    @staticmethod
    def live(tier):
        return {r["key"]: r["id"] for r in tier.records("pupil", "t01") if r["state"] == "live"}

    def wait_healed(self):
        """Everything as it was, by record id: the store has all uploads again under their ids, times and states."""
        kit.wait_until(lambda: self.host.log_count("kept_files_done") == self.host.log_count("kept_files_again") > 0,
                       self.host.log_tail)
        self.settle()
        for tier in self.world.tiers:
            assert self.live(tier) == self.ids[tier.org], tier.org
            everybody = [r["id"] for r in tier.records("pupil", "t01")]
            assert len(everybody) == len(set(everybody)) == 14, "nobody doubled, one who left"
            assert tier.ask("held_list") == []
        kit.wait_until(lambda: self.states() == STATES, lambda: f"{self.states()}\n{self.host.log_tail()}")
        assert {u["id"]: u["received"] for u in self.host.uploads("t01")} == self.times
        assert self.host.rows("replay") == []

    def states(self):
        return [(u["id"], u["state"]) for u in reversed(self.host.uploads("t01"))]


STATES = [("1.xlsx", "done"), ("2.xlsx", "done"), ("nham.xlsx", "withdrawn"), ("3.xlsx", "done"), ("sua.xlsx", "done")]


def wait_values(world, code, expected):
    """A changed name reaches a tier later than its upload is done."""
    def names(tier):
        try:
            return {key: tier.fields("pupil", code, key).get("full_name") for key in tier.keys("pupil", code)}
        except kit.Refusal as refusal:  # one of them got another key since they were listed
            if refusal.answer["code"] != "not_found":
                raise
            return None
    wanted = {key: fields["full_name"] for key, fields in expected.items()}
    for tier in world.tiers:
        kit.wait_until(lambda: names(tier) == wanted, lambda: world.story(tier, code))
    world.wait_holds(code, expected)


class Watch:
    """The fewest pupils that a tier held at any moment at which it was asked."""

    def __init__(self, tier, code="t01"):
        self.tier, self.code, self.least, self.asked = tier, code, 10**9, 0
        self.over, self.thread = threading.Event(), threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.over.is_set():
            with contextlib.suppress(kit.Unreachable):
                self.least = min(self.least, self.tier.counts().get((self.code, "pupil"), 0))
                self.asked += 1
            self.over.wait(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@pytest.fixture
def world(country):
    return Hosted(country, ("t01",)).start()


def upload_rounds(host):
    return host.log_count("upload")


def test_a_lost_store_is_made_good_from_the_kept_files(world):
    story = Story(world).tell()
    world.host.stop()
    shutil.rmtree(world.host.dir / "store")
    with Watch(world.bo) as watch:
        world.host.start()
        story.wait_healed()
    assert watch.asked and watch.least >= 13, f"the ministry never held fewer: {watch.least}"
    assert world.host.row("school", org="t01")["epoch"] == 2
    # and goes on as ever
    story.book.rows[0][NAME] = "Nguyễn Văn Sau Đó"
    story.hand_in("4.xlsx", story.book.xlsx())
    story.settle()
    assert story.live(world.bo) == story.ids["bo"]
    restarts_read_nothing(story)


def test_a_store_from_a_copy_reads_what_came_after_it(world):
    copy = world.host.dir / "copy"

    def after_first():
        world.host.stop()
        shutil.copytree(world.host.dir / "store", copy)
        world.host.start()

    story = Story(world).tell(after_first)
    before = upload_rounds(world.host)
    world.host.stop()
    shutil.rmtree(world.host.dir / "store")
    shutil.copytree(copy, world.host.dir / "store")
    story.host.hand_in("t01", "4.xlsx", s.xlsx_of(story.book.cells()))  # newer than all: read after them
    world.so.stop()  # nothing is sealed by a store that may be old before the broker has said where the chain stands
    with Watch(world.bo) as watch:
        world.host.start()
        kit.wait_until(lambda: world.host.row("school", org="t01")["inbox"]["waiting"] == 1, world.host.log_tail)
        assert world.host.row("replay") == {"kind": "replay", "org": "79", "files": 4, "inboxes": 1}
        shown = world.host.cli("status")
        assert "còn 4 tệp của 1 hộp nhận" in shown.stdout and world.host.cli("status", "--check").returncode == 1
        assert upload_rounds(world.host) == before
        world.so.start()
        after = [*STATES, ("4.xlsx", "done")]
        kit.wait_until(lambda: story.states() == after, lambda: f"{story.states()}\n{world.host.log_tail()}")
        story.settle()
    assert watch.asked and watch.least >= 13, f"the ministry never held fewer: {watch.least}"
    assert all(story.live(tier) == story.ids[tier.org] for tier in world.tiers)
    assert "event=kept_files_again files=4 inboxes=1" in world.host.log()
    # 2, nham, nham once more for the person's word, 3, sua, 4; of 1 the store knew
    assert upload_rounds(world.host) - before == 6
    restarts_read_nothing(story)


def restarts_read_nothing(story):
    host = story.host
    kit.wait_until(lambda: host.row("school", org="t01")["outbox"] == 0, host.log_tail)
    seen = upload_rounds(host), host.log_count("kept_files_again"), host.row("school", org="t01")["batch_seq"]
    for stop in (host.stop, host.kill):
        stop()
        host.start()
        kit.wait_until(lambda: host.row("school", org="t01")["state"] == "ok", host.log_tail)
    host.reload()
    story.settle()
    assert (upload_rounds(host), host.log_count("kept_files_again"), host.row("school", org="t01")["batch_seq"]) == seen


def test_an_intact_store_reads_nothing_again(world):
    restarts_read_nothing(Story(world).tell())


def test_killed_while_the_files_are_read_again(world):
    story = Story(world).tell()
    world.host.stop()
    shutil.rmtree(world.host.dir / "store")
    for round_no in range(3):
        before = upload_rounds(world.host)
        world.host.start(wait=False)
        kit.wait_until(lambda: upload_rounds(world.host) > before or world.host.rows("replay") == [], world.host.log_tail)
        world.host.kill()  # of a quick machine the last one may find nothing left
    world.host.start()
    kit.wait_until(lambda: world.host.rows("replay") == [], world.host.log_tail)
    kit.wait_until(lambda: [i for i, _ in story.states()] == [i for i, _ in STATES], lambda: f"{story.states()}\n{world.host.log_tail()}")
    story.settle()
    for tier in world.tiers:
        assert story.live(tier) == story.ids[tier.org], tier.org


def test_files_of_one_school_and_of_many_in_their_old_order(country):
    world = Hosted(country, ("t01", "t02"), hosted={"carrier": {"inbox": "common", "profile": "pupils-c1"}})
    common = world.host.dir / "common"
    (common / ".in").mkdir(parents=True)
    world.start()
    books = {code: s.Workbook(code, pupils=5, org_column=True) for code in ("t01", "t02")}

    def of_many(name):
        content = s.xlsx_of([books["t01"].headers] + [row for book in books.values() for row in book.cells()[1:]])
        (common / ".in" / name).write_bytes(content)
        (common / ".in" / name).rename(common / name)
        kit.wait_until(lambda: (common / ".kept" / f"{name}.json").exists() and not (common / name).exists(),
                       world.host.log_tail)

    def of_one(code, name):
        world.host.hand_in(code, name, books[code].xlsx())
        world.host.wait_upload(code, name)

    of_one("t01", "1.xlsx")
    of_many("2.xlsx")
    books["t01"].rows[0][NAME] = "Nguyễn Văn Ba"
    of_one("t01", "3.xlsx")
    books["t02"].rows[0][NAME] = "Nguyễn Văn Bốn"
    of_many("4.xlsx")
    for code, book in books.items():
        wait_values(world, code, s.recount(book.xlsx()))
    ids = {(tier.org, code): {r["key"]: r["id"] for r in tier.records("pupil", code)}
           for tier in world.tiers for code in books}
    uploads = {code: [u["id"] for u in world.host.uploads(code)] for code in books}
    assert uploads == {"t01": ["4.xlsx", "3.xlsx", "2.xlsx", "1.xlsx"], "t02": ["4.xlsx", "2.xlsx"]}
    world.host.stop()
    shutil.rmtree(world.host.dir / "store")
    with Watch(world.bo, "t01") as one, Watch(world.bo, "t02") as two:
        world.host.start()
        kit.wait_until(lambda: world.host.log_count("kept_files_done") == 1, world.host.log_tail)
        for code, book in books.items():
            wait_values(world, code, s.recount(book.xlsx()))
    assert one.least == two.least == 5
    assert {code: [u["id"] for u in world.host.uploads(code)] for code in books} == uploads
    for (org, code), expected in ids.items():
        tier = next(t for t in world.tiers if t.org == org)
        assert {r["key"]: r["id"] for r in tier.records("pupil", code)} == expected
    again = world.host.log_count("kept_files_again")
    world.host.restart()
    assert world.host.log_count("kept_files_again") == again == 1
