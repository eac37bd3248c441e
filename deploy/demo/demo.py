"""The demo's narrative (deploy/run-demo): a small country from nothing, what arrives where, what is refused.

Exit 0 only if every count agrees and every signature verifies; 1 if not; 2 for wrong usage.
"""
import argparse
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import attack
import compare
import workbook
from story import Story
from world import MARKER, SOURCE, DemoError, World, makes, wait_until

CHANGED = "792674001"       # its rows change while everybody watches
SAMPLED = "792731601"       # its records are compared tier by tier
HEADERS = "461975301"       # of its classes only headers go up
FLIPPED = "461981501"       # its identity sends a batch with a changed byte
KILLED = "79-774"           # the broker that is killed
EXCEL = makes.EXCEL_SCHOOL  # hands in workbooks
TIERS = ["79-774", "79", "bo"]
LONGEST_S = 90
TURNS, TURN_S = 12, 0.2   # of changes around the kill


class Demo:
    def __init__(self, world, story):
        self.world, self.story, self.found, self.faults = world, story, {}, []
        self.ministry = None

    def check(self, good, what):
        """A claim of the demo; a false one is told and decides the exit status."""
        if not good:
            self.faults.append(what)
            self.story.tell(f"!! SAI: {what}", f"!! WRONG: {what}")
        return bool(good)

    # ---- 1 the country

    def make(self):
        world, story = self.world, self.story
        story.step("Dựng một nước nhỏ từ danh mục hành chính thật; học sinh đều là giả (mã 999...)",
                   "A small country from real administrative units; every pupil is synthetic (codes 999...)")
        world.claim()
        world.make_sources()
        world.make_keys()
        world.make_brokers()
        world.make_agents()
        world.make_host()
        world.check_configuration()
        self.draw_tree()
        story.tell(f"thư mục: {world.dir}   nhật ký: {world.dir}/logs",
                   f"directory: {world.dir}   logs: {world.dir}/logs")

    def draw_tree(self):
        truth, names = self.world.sql_counts(), {b.code: b.name for b in self.world.country.brokers}

        def draw(code, depth):
            self.story.tell("   " * depth + f"{code}  {names[code]}")
            for broker in self.world.country.brokers:
                if broker.parent == code:
                    draw(broker.code, depth + 1)
            for school in self.world.country.schools:
                if school.broker == code:
                    host = self.world.agent_of(school.code).code
                    by = "" if host == school.code else self.story.say(f"  (do {host} chạy thay)", f"  (hosted by {host})")
                    pupils = self.story.say("học sinh", "pupils")
                    self.story.tell("   " * (depth + 1) +
                                    f"{school.code}  {school.name}: {truth[school.code]['pupil']} {pupils}{by}")
        draw("bo", 0)

    # ---- 2 everything arrives

    def start(self):
        world, story = self.world, self.story
        story.step(f"Khởi động {len(world.brokers)} nút trung chuyển từ trên xuống, {len(world.agents)} agent",
                   f"Starting {len(world.brokers)} brokers from the top down, {len(world.agents)} agents")
        for node in world.brokers.values():
            node.start()
            node.await_ready()
        began = time.monotonic()
        for node in world.agents.values():
            node.start()
        for node in world.agents.values():
            node.await_ready()
        self.ministry = world.brokers["bo"]
        self.await_equal()
        records = sum(sum(by.values()) for by in self.ministry.counts().values())
        seconds = time.monotonic() - began
        self.found["first_load"] = {"records_at_ministry": records, "seconds": round(seconds, 3)}
        story.tell(f"{records} bản ghi tới Bộ trong {seconds:.1f} giây kể từ khi khởi động agent",
                   f"{records} records at the ministry {seconds:.1f} s after the agents were started")

    def await_equal(self):
        """Until every tier holds what SQL counts in the schools below it."""
        truth = self.world.sql_counts()
        for code, node in reversed(self.world.brokers.items()):
            expected = self.world.expected(code, truth)
            wait_until(lambda n=node, e=expected: n.counts() == e,
                       f"{code}: số bản ghi chưa bằng số dòng SQL / counts differ from SQL: {node.log}", LONGEST_S)

    def compare_counts(self, title):
        """Records per tier beside the rows counted by SQL."""
        truth, tiers, rows = self.world.sql_counts(), [], []
        for code, node in self.world.brokers.items():
            held, expected = node.counts(), self.world.expected(code, truth)
            line, sets = [code], {}
            for name in makes.DATASETS:
                stored = sum(by.get(name, 0) for by in held.values())
                by_sql = sum(truth[s][name] for s in self.world.country.below(code))
                sent = sum(by.get(name, 0) for by in expected.values())
                sets[name] = {"store": stored, "sql": by_sql, "sql_of_what_routes_send": sent,
                              "agree": stored == sent}
                line.append(f"{stored}/{by_sql}")
            self.check(held == expected, f"{code}: {title}")
            rows.append(line)
            tiers.append({"org": code, "agree": held == expected, "datasets": sets})
        self.story.table([self.story.say("nút: kho/SQL", "node: store/SQL"), *makes.DATASETS], rows)
        return tiers

    def show_counts(self):
        self.story.step("Số bản ghi mỗi cấp bên cạnh số dòng đếm bằng SQL trong cơ sở dữ liệu các trường",
                        "Records at every tier beside the rows counted by SQL in the schools' databases")
        self.found["tiers"] = self.compare_counts("số bản ghi / counts")
        self.story.tell("Lớp của tỉnh 46 chỉ gửi phần đầu lên Bộ (class: send headers), nên Bộ giữ ít lớp hơn: đúng ý.",
                        "Province 46 sends headers only of its classes, so the ministry holds fewer: as its routes say.")

    # ---- 3 a change

    def change_rows(self):
        story, database = self.story, self.world.database(CHANGED)
        story.step(f"Sửa dữ liệu ở trường {CHANGED} bằng SQL thường: sửa một, thêm một, xoá một",
                   f"Rows of school {CHANGED} change by plain SQL: one update, one insert, one delete")
        updated, inserted, deleted = "9990100001", "9990199999", "9990100002"
        statements = [
            f"UPDATE hoc_sinh SET ho_ten = 'Đổi Tên Thử', sdt_cha = '0000999999' WHERE ma_hs = '{updated}'",
            f"INSERT INTO hoc_sinh (id, ma_hs, ho_ten, ngay_sinh, gioi_tinh, dan_toc, trang_thai) "
            f"VALUES (99999, '{inserted}', 'Học Sinh Mới', '01/2011', 'Nữ', 'Kinh', 'Đang học')",
            "INSERT INTO xep_lop (hoc_sinh_id, lop_id, tu_ngay) VALUES (99999, 1, '22/11/2026')",
            f"DELETE FROM hoc_sinh WHERE ma_hs = '{deleted}'",
        ]
        for statement in statements:
            story.tell(f"sql> {statement}")
        makes.sql(database, *statements)
        committed = time.time()

        def arrived():
            record = self.ministry.show("pupil", CHANGED, updated)
            return record and compare.field(record, "full_name") == "Đổi Tên Thử" and \
                self.ministry.show("pupil", CHANGED, inserted) and \
                gone(self.ministry.show("pupil", CHANGED, deleted))
        wait_until(arrived, "thay đổi chưa tới Bộ / the change did not reach the ministry", LONGEST_S)
        seen = time.time()
        self.found["latency"] = self.latency(committed, seen)
        self.await_equal()
        self.compare_counts("sau khi sửa / after the change")

    def latency(self, committed, seen):
        """The change's way: until the agent sealed it (capture), and from there to the ministry's receipt."""
        agent = self.world.agent_of(CHANGED)

        def receipts():
            row = next(r for r in agent.status("school") if r["org"] == CHANGED)
            took = {r["tier"]: r for r in row["receipts"] if "exchange_ms" in r and r.get("seen_ms", 0) / 1000 > committed}
            return (row, took) if "bo" in took else None
        row, took = wait_until(receipts, "chưa có biên nhận của Bộ / no receipt of the ministry")
        exchange = took["bo"]["exchange_ms"]
        to_receipt = took["bo"]["seen_ms"] - committed * 1000
        out = {"exchange_ms": round(exchange, 2), "capture_ms": round(to_receipt - exchange, 2),
               "scan_ms": round(row["capture_ms"], 2), "to_ministry_receipt_ms": round(to_receipt, 2),
               "seen_at_ministry_ms": round((seen - committed) * 1000, 2),
               "exchange_ms_by_tier": {tier: round(r["exchange_ms"], 2) for tier, r in took.items()}}
        story = self.story
        story.tell(f"phát hiện (agent quét mỗi 2 giây, lần quét này {out['scan_ms']:.0f} ms): {out['capture_ms']:.0f} ms",
                   f"capture (the agent reads every 2 s, this reading took {out['scan_ms']:.0f} ms): "
                   f"{out['capture_ms']:.0f} ms")
        tiers = ", ".join(f"{tier} {ms:.1f} ms" for tier, ms in sorted(out["exchange_ms_by_tier"].items(),
                                                                       key=lambda item: item[1]))
        story.tell(f"trao đổi, tới biên nhận đã kiểm tra của từng cấp: {tiers}",
                   f"exchange, to the checked receipt of each tier: {tiers}")
        story.tell(f"từ lúc ghi vào cơ sở dữ liệu tới lúc đọc được ở Bộ: {out['seen_at_ministry_ms']:.0f} ms",
                   f"from the commit in the school's database to being read at the ministry: "
                   f"{out['seen_at_ministry_ms']:.0f} ms")
        return out

    # ---- 4 records and signatures

    def compare_records(self):
        story = self.story
        story.step(f"Một bản ghi mỗi loại của trường {SAMPLED}: dòng của trường, cụm, Sở, Bộ; chữ ký kiểm lại ở mỗi nơi",
                   f"One record per dataset of school {SAMPLED}: the school's row, cluster, province, ministry; "
                   "the signature checked at each")
        self.found["records"] = []
        for name in makes.DATASETS:
            self.found["records"].append(self.compare_record(SAMPLED, name, TIERS))
        self.found["records"].append(self.compare_record(HEADERS, "class", ["46", "bo"]))

    def compare_record(self, school, dataset, tiers):
        story = self.story
        key, row = compare.sample(self.world.database(school), dataset)
        truth, out = compare.expected_fields(dataset, row), {"dataset": dataset, "school": school, "key": key,
                                                             "row": {k: row[k] for k in row.keys()}, "tiers": {}}
        story.tell(f"{dataset} {school} {key}")
        shown_fields = {}
        for code in tiers:
            record = self.world.brokers[code].show(dataset, school, key)
            if record is None:
                reaches = self.world.reaches(school, dataset, code)
                self.check(not reaches, f"{code}: {dataset} {key}")
                out["tiers"][code] = {"held": False}
                story.tell(f"   {code}: không giữ (chỉ phần đầu được gửi)", f"   {code}: not held (headers only)")
                continue
            entry = compare.describe(record)
            wrong = compare.differences(record, truth)
            self.check(entry["verified"], f"{code}: chữ ký / signature {dataset} {key}")
            self.check(not wrong, f"{code}: {dataset} {key}: {wrong}")
            out["tiers"][code] = {"held": True, **entry, "equals_row": not wrong}
            shown_fields[code] = compare.flat(record)
            withheld = ", ".join(entry["withheld"]) or "-"
            story.tell(f"   {code}: có [{', '.join(entry['shown'])}]  giữ lại [{withheld}]  "
                       f"chữ ký {'ĐÚNG' if entry['verified'] else 'SAI'}",
                       f"   {code}: shown [{', '.join(entry['shown'])}]  withheld [{withheld}]  "
                       f"signature {'GOOD' if entry['verified'] else 'BAD'}")
        if dataset == "pupil":
            self.side_by_side(row, shown_fields, tiers)
        return out

    def side_by_side(self, row, shown, tiers):
        columns = {"full_name": "ho_ten", "birth_date": "ngay_sinh", "sex": "gioi_tinh", "ethnic": "dan_toc",
                   "father_phone": "sdt_cha", "address": "dia_chi", "height_cm": "chieu_cao"}
        hidden = self.story.say("(giữ lại)", "(withheld)")
        self.story.table([self.story.say("cột của trường", "school's column"), self.story.say("trường", "school"), *tiers],
                         [[column, row[column] if row[column] is not None else "-",
                           *(shown[code].get(name, "-" if row[column] is None else hidden) for code in tiers)]
                          for name, column in columns.items()])

    def verify_everything(self):
        """Every record at the ministry, each with its batch's signature and root; at the tiers below one
        record of every batch."""
        story = self.story
        story.step("Kiểm lại chữ ký của mọi bản ghi ở Bộ, và của mọi gói ở các cấp dưới",
                   "Every record's signature at the ministry, and every batch's at the tiers below, checked again")
        figures, total, tiers = {}, 0, {}
        for code, node in self.world.brokers.items():
            checked = good = 0
            for row in self.records_to_check(node, code == "bo"):
                part = next(p for p in node.rows("record_show", dataset=row["dataset"], org=row["org"],
                                                 key="id:" + row["id"], proof=False) if p["slot"] == 0)
                checked += 1
                good += part["provenance"]["verified"]
                if code == "bo" and row["dataset"] == "enrolment" and row["state"] == "live":
                    place = row["org"][:2], int(compare.field(part, "grade"))
                    figures[place] = figures.get(place, 0) + 1
            self.check(checked == good > 0, f"{code}: {good}/{checked}")
            tiers[code] = {"checked": checked, "verified": good}
            total += checked
        self.found["signatures"] = {"tiers": tiers, "all": all(t["checked"] == t["verified"] for t in tiers.values())}
        story.table([story.say("nút", "node"), story.say("đã kiểm", "checked"), story.say("đúng", "good")],
                    [[code, t["checked"], t["verified"]] for code, t in tiers.items()])
        return figures

    @staticmethod
    def records_to_check(node, every):
        seen = set()
        for dataset in makes.DATASETS:
            for row in list(node.rows("record_list", dataset=dataset)):
                if row["slot"] == 0 and (every or row["accept_no"] not in seen):
                    seen.add(row["accept_no"])
                    yield row

    def prove(self):
        story, world = self.story, self.world
        story.step("Bằng chứng của một bản ghi có nhóm bị giữ lại: kiểm tra không cần mạng, bằng hai chương trình độc lập",
                   "A proof of a record with withheld groups: checked offline by two independent programs")
        key, _ = compare.sample(world.database(SAMPLED), "pupil")
        proof, root = world.dir / "proof.bin", world.dir / "authority/root/root.crt"
        self.ministry.ask("record", "show", "pupil", SAMPLED, key, "--proof", str(proof))
        changed = world.dir / "proof-changed.bin"
        data = bytearray(proof.read_bytes())
        data[len(data) // 2] ^= 1
        changed.write_bytes(data)
        out = {}
        for name, path in (("whole", proof), ("one_byte_changed", changed)):
            ours = world.command("verify", path, "--root", root)
            python = subprocess.run(["/usr/bin/python3", "-B", SOURCE / "tests/golden/lthverify.py", "proof", path,
                                     "--root", root], capture_output=True, encoding="utf-8", check=False)
            out[name] = {"lienthong_verify": ours.returncode == 0, "python": python.returncode == 0}
            for program, done in (("lienthong verify", ours), ("lthverify.py", python)):
                answer = (done.stdout + done.stderr).strip().splitlines()
                story.tell(f"{path.name} | {program}: {answer[0] if answer else ''} ({done.returncode})")
        self.check(all(out["whole"].values()), "bằng chứng / proof")
        self.check(not any(out["one_byte_changed"].values()), "bằng chứng bị sửa / changed proof")
        self.found["proof"] = {"bytes": len(data), **out}

    # ---- 5 a flipped byte

    def flip_a_byte(self):
        story, world = self.story, self.world
        story.step(f"Trường {FLIPPED}: agent dừng; một chương trình khác dùng đúng khoá của trường gửi gói bị sửa một byte",
                   f"School {FLIPPED}: its agent is stopped; another program with the school's own keys sends a batch "
                   "with one byte changed")
        before = {code: world.brokers[code].counts() for code in ("46", "bo")}
        world.agent_of(FLIPPED).stop()
        answers = attack.send_changed(world, FLIPPED)
        for answer in answers:
            story.tell(f"{answer['changed_vi']}: bị từ chối, {answer['code']} ({answer['vi']})",
                       f"{answer['changed_en']}: refused, {answer['code']} ({answer['en']})")
        refused = [a["code"] for a in answers] == ["bad_root", "bad_signature"]
        unchanged = before == {code: world.brokers[code].counts() for code in before}
        self.check(refused, "gói bị sửa phải bị từ chối / a changed batch must be refused")
        self.check(unchanged, "không gì được gộp / nothing may be merged")
        world.agent_of(FLIPPED).start()
        world.agent_of(FLIPPED).await_ready()
        alive = self.rename_and_wait({FLIPPED: "Trường Vẫn Gửi", HEADERS: "Trường Khác Cũng Vậy"})
        story.tell("không gì được gộp; agent thật chạy lại, trường đó và trường khác vẫn gửi bình thường",
                   "nothing was merged; the real agent runs again, that school and others go on sending")
        self.found["flipped_byte"] = {"school": FLIPPED, "answers": answers, "refused": refused,
                                      "nothing_merged": unchanged, "others_go_on": alive}

    def rename_and_wait(self, names):
        """Head teachers get these names; waits until the ministry knows them."""
        for school, name in names.items():
            makes.sql(self.world.database(school), ("UPDATE truong SET hieu_truong = ?", (name,)))

        def known():
            return all(compare.field(self.ministry.show("school", school, school), "head_name") == name
                       for school, name in names.items())
        wait_until(known, "thay đổi chưa tới Bộ / the change did not reach the ministry", LONGEST_S)
        return True

    # ---- 6 a killed broker

    def kill_a_broker(self):
        story, world = self.story, self.world
        story.step(f"kill -9 nút {KILLED} trong khi dữ liệu các trường dưới nó đang thay đổi; rồi chạy lại",
                   f"kill -9 of broker {KILLED} while rows below it change; then it is started again")
        schools = [s for s in world.country.schools if s.broker == KILLED]
        broker, pause, started = world.brokers[KILLED], threading.Event(), None
        for turn in range(TURNS):
            for number, school in enumerate(schools):
                self.change_many(school, number, turn)
                world.agent_of(school.code).ask("source", "scan", school.code, quiet=True)
            if turn == TURNS // 3:
                broker.kill()
            elif turn == 2 * TURNS // 3:
                broker.start()
                started = time.monotonic()
            pause.wait(TURN_S)
        broker.await_ready()
        self.rename_and_wait({school.code: f"Sau Khi Nút Dừng {i}" for i, school in enumerate(schools)})
        self.await_equal()
        seconds = time.monotonic() - started
        tiers = self.compare_counts("sau kill -9 / after kill -9")
        story.tell(f"không mất gì: {seconds:.1f} giây sau khi chạy lại, mọi cấp lại bằng cơ sở dữ liệu các trường",
                   f"nothing lost: {seconds:.1f} s after the restart every tier equals the schools' databases again")
        self.found["killed_broker"] = {"org": KILLED, "seconds_to_equal": round(seconds, 2),
                                       "nothing_lost": all(t["agree"] for t in tiers), "tiers": tiers}

    def change_many(self, school, number, turn):
        """Updates of twenty pupils and five new ones."""
        base = 90000 + turn * 10
        new = [("INSERT INTO hoc_sinh (id, ma_hs, ho_ten, ngay_sinh, gioi_tinh, dan_toc, trang_thai) "
                "VALUES (?, ?, 'Học Sinh Thêm', '2012', 'Nam', 'Kinh', 'Đang học')",
                (base + i, f"999{school.number:02d}{base + i}")) for i in range(5)]
        makes.sql(self.world.database(school.code), *new,
                  f"UPDATE hoc_sinh SET sdt_me = '00008{turn}{number}' WHERE id <= 20")

    # ---- 7 a workbook

    def workbook(self):
        """A school with only Excel and a browser: one wrong row, its answer, the correction, "Bộ đã nhận"."""
        world, story = self.world, self.story
        story.step(f"Trường {EXCEL} chỉ có Excel và trình duyệt: nộp danh sách có một dòng sai, sửa theo tệp trả lời",
                   f"School {EXCEL} has only Excel and a browser: a list with one wrong row, corrected by the answer file")
        world.host.start()
        world.host.await_ready()
        world.intake.start()
        self.found["workbook"] = workbook.arrive(self, world.once)
        self.await_equal()

    # ---- 8 figures

    def figures(self, counted):
        story = self.story
        story.step("Số học sinh theo tỉnh và khối, đếm từ các bản ghi xếp lớp ở Bộ, bên cạnh SQL",
                   "Pupils by province and grade, counted from the enrolment records at the ministry, beside SQL")
        by_sql = {}
        for school in self.world.country.schools:
            db = sqlite3.connect(f"file:{self.world.database(school.code)}?mode=ro", uri=True)
            for grade, n in db.execute("SELECT l.khoi, count(*) FROM xep_lop x JOIN lop l ON l.id = x.lop_id GROUP BY 1"):
                by_sql[(school.province, grade)] = by_sql.get((school.province, grade), 0) + n
            db.close()
        grades = sorted({grade for _, grade in by_sql})
        rows = []
        for province in ("79", "46"):
            rows.append([province, *(counted.get((province, g), 0) for g in grades),
                         sum(n for (p, _), n in counted.items() if p == province)])
        story.table([story.say("tỉnh \\ khối", "province \\ grade"), *grades, story.say("cộng", "sum")], rows)
        self.check(counted == by_sql, "bảng số liệu khác SQL / figures differ from SQL")
        self.found["figures"] = {"pupils_by_province_and_grade": [
            {"province": p, "grade": g, "ministry": counted.get((p, g), 0), "sql": n}
            for (p, g), n in sorted(by_sql.items())], "agree": counted == by_sql}

    # ---- the end

    def commands_to_try(self, keep):
        story, world = self.story, self.world
        key, _ = compare.sample(world.database(SAMPLED), "pupil")
        story.step("Sáu lệnh để thử" + ("" if keep else " (sau khi chạy lại với --keep)"),
                   "Six commands to try" + ("" if keep else " (after another run with --keep)"))
        ministry, cluster = world.dir / "run/bo.sock", world.dir / f"run/{KILLED}.sock"
        for line in (
                f"{world.cli} --node {ministry} status",
                f"{world.cli} --node {ministry} counts",
                f"{world.cli} --node {cluster} record show pupil {SAMPLED} {key}",
                f"{world.cli} --node {ministry} record show pupil {SAMPLED} {key} --proof /tmp/p",
                f"{world.cli} verify /tmp/p --root {world.dir}/authority/root/root.crt",
                f"{world.cli} --node {world.dir}/run/{CHANGED}.sock source check {CHANGED} pupil"):
            story.tell(line)

    def run(self):
        self.make()
        self.start()
        self.show_counts()
        self.change_rows()
        self.compare_records()
        self.prove()
        self.flip_a_byte()
        self.kill_a_broker()
        self.workbook()
        self.figures(self.verify_everything())


def gone(record):
    return record is None or record["state"] != "live"


def arguments():
    parser = argparse.ArgumentParser(prog="deploy/run-demo", add_help=False)
    parser.add_argument("--dir", default="demo")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--build", type=Path, required=True)
    return parser.parse_args()


def stop_kept(world, story):
    n = world.stop_earlier()
    if (world.dir / MARKER).is_file():
        world.write_marker([])
    story.tell(f"đã dừng {n} tiến trình", f"stopped {n} processes")
    return 0


def conclude(demo, keep):
    """Stop (or not), and the last words. Exit status."""
    story, world = demo.story, demo.world
    good = not demo.faults
    demo.commands_to_try(keep)
    if keep:
        story.tell("\n   Vẫn đang chạy (--keep). Dừng: deploy/run-demo --stop --dir " + str(world.dir),
                   "\n   Still running (--keep). Stop with: deploy/run-demo --stop --dir " + str(world.dir))
    story.step("ĐẠT: mọi số đếm bằng nhau, mọi chữ ký đúng" if good else f"HỎNG: {len(demo.faults)} điều sai ở trên",
               "PASSED: every count agrees, every signature verifies" if good else f"FAILED: {len(demo.faults)} above")
    return 0 if good else 1


def main():
    args = arguments()
    story = Story(os.environ.get("LTH_LANG") == "en", float(os.environ.get("LTH_DEMO_STARTED", time.time())))
    story.number = int(os.environ.get("LTH_DEMO_STEPS", "0"))
    world = World(args.dir, args.build)
    if args.stop:
        return stop_kept(world, story)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    demo, status = Demo(world, story), 1
    try:
        demo.run()
        status = conclude(demo, args.keep)
    except DemoError as error:
        demo.faults.append(str(error))
        print(f"run-demo: {error}", file=sys.stderr)
        status = 2 if world.run is None else 1
    finally:
        if not (args.keep and status == 0):
            world.stop()
        if args.json:
            args.json.write_text(json.dumps({"ok": status == 0, "seconds": round(story.elapsed(), 1),
                                             "faults": demo.faults, **demo.found}, ensure_ascii=False, indent=1) + "\n")
    return status


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(1)
