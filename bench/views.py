#!/usr/bin/python3
"""A Sở whose schools all stand in one view of its database (SQLite through ODBC): split, compared, delivered.

Measures three readings: the first, one of which nothing changed, one with 5 changed schools. Of each: seconds from
the order to the end of delivering, the most memory of the process that reads (VmHWM) and of the agent. Then, unless
--no-tiers, how long until every file is read and the ministry holds every pupil.

  bench/views.py --build build/release [--schools 1600] [--rows 300] [--no-tiers]
"""
import argparse
import json
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1] / "tests/functional"), str(HERE.parents[1] / "tests/tools")]
CHANGED = 5


def fill(path, codes, rows):
    db = sqlite3.connect(path)
    db.executescript("""CREATE TABLE hs (truong TEXT, ma TEXT, ten TEXT, ngay TEXT, phai TEXT, dan_toc TEXT, lop TEXT, noi TEXT);
        CREATE VIEW v_hoc_sinh AS SELECT truong AS "Mã trường", ma AS "Mã học sinh", ten AS "Họ và tên", ngay AS "Ngày sinh",
        phai AS "Giới tính", dan_toc AS "Dân tộc", lop AS "Lớp", noi AS "Nơi sinh" FROM hs""")

    def row(n, school):
        name = "".join("ABCDEGHIKL"[int(d)] + "a" for d in str(n))
        return (codes[school], f"999{n:07d}", f"Nguyễn Thị {name}", f"{1 + n % 28:02d}/{1 + n % 12:02d}/2017",
                ("Nam", "Nữ")[n % 2], "Kinh", f"{3 + n % 3}A{1 + n % 4}", "Thành phố Hồ Chí Minh")
    # Row by row around all schools: the order that costs most.
    db.executemany("INSERT INTO hs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                   (row(r * len(codes) + s, s) for r in range(rows) for s in range(len(codes))))
    db.commit()
    db.close()


def peak_kib(pid, name="lienthong"):
    """Most memory of a process of that name; 0 for one that is not itself yet."""
    try:
        if not Path(f"/proc/{pid}/comm").read_text().startswith(name):
            return 0
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


class Peaks(threading.Thread):
    """The most memory of the agent's child that reads the view, looked at every 20 ms."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.agent, self.over, self.child = agent, threading.Event(), 0

    def run(self):
        while not self.over.wait(0.02):
            try:
                pids = Path(f"/proc/{self.agent}/task/{self.agent}/children").read_text().split()
            except OSError:
                return
            self.child = max([self.child] + [peak_kib(p, "lienthong-captu") for p in pids])


def reading(host, kit, name, first):
    row = host.row("view")
    before = 0 if first else row["ended_ms"]
    peaks = Peaks(host.process.pid)
    peaks.start()
    began = time.monotonic()
    if not first:
        host.cli("source", "scan", "hoc-sinh")

    def over():
        r = host.row("view")
        return r["state"] == "resting" and r["ended_ms"] > before and r
    row = kit.wait_until(over, lambda: f"read: {host.row('view')}\n{host.log_tail()}", 600)
    taken = (row["ended_ms"] - row["started_ms"]) / 1000
    peaks.over.set()
    peaks.join()
    print(json.dumps({"reading": name, "seconds": round(taken, 2), "seen_after_s": round(time.monotonic() - began, 2),
                      "rows": row["rows"], "schools": row["schools"], "delivered": row["delivered"],
                      "fault": row["fault"]["code"], "child_MiB": round(peaks.child / 1024, 1),
                      "agent_MiB": round(peak_kib(host.process.pid) / 1024, 1)}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, type=Path)
    parser.add_argument("--schools", type=int, default=1600)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--no-tiers", action="store_true")
    args = parser.parse_args()
    os.environ["LTH_BUILD"] = str(args.build)
    import kit
    import province
    with kit.Country(kit.Programs.built(args.build)) as country:
        made = province.Province(country, args.schools, args.rows)
        path = country.dir / "csdl.db"
        fill(path, made.codes, args.rows)
        view = {"name": "hoc-sinh", "source": {"driver": "SQLite3", "database": str(path)},
                "query": 'SELECT * FROM v_hoc_sinh', "org_from": "Mã trường", "every": "24h"}
        kit.change_yaml(made.host.dir / "agent.yaml", lambda y: y["hosted"].update(views=[view]))
        for node in () if args.no_tiers else made.tiers:
            node.start()
        began = time.monotonic()
        made.host.start()
        reading(made.host, kit, "first", True)
        if not args.no_tiers:
            def pupils():
                return sum(n for (_, dataset), n in made.bo.counts().items() if dataset == "pupil")
            kit.wait_until(lambda: pupils() == args.schools * args.rows, lambda: f"{pupils()}", 3000)
            print(json.dumps({"all_at_ministry_s": round(time.monotonic() - began, 1)}), flush=True)
        reading(made.host, kit, "unchanged", False)
        db = sqlite3.connect(path)
        db.executemany("UPDATE hs SET ten = 'Trần Văn Đổi' WHERE rowid = ?", [(n + 1,) for n in range(CHANGED)])
        db.commit()
        db.close()
        reading(made.host, kit, f"{CHANGED} changed", False)


if __name__ == "__main__":
    main()
