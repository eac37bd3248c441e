#!/usr/bin/python3
"""The agent of one school of 6,000 rows at rest: its memory, its processor time, and what reading
6,000 unchanged rows again costs, by itself and in the child that reads.

  bench/memory.py --build build/release [--rows 6000] [--scans 20]
"""
import argparse
import re
import threading
import time
from pathlib import Path

import lab
from lab import kit


def mapped_store_kib(pid):
    """Resident pages of the mapped store: page cache that the kernel takes back when it wants."""
    resident, inside = 0, False
    for row in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"^[0-9a-f]+-[0-9a-f]+ ", row):
            inside = row.endswith("data.mdb")
        elif inside and row.startswith("Rss:"):
            resident += int(row.split()[1])
    return resident


class ChildWatch(threading.Thread):
    """Largest RssAnon of any child of a process, looked at as often as can be."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.seen, self.stop = pid, 0, 0, False
        self.start()

    def run(self):
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        while not self.stop:
            for child in children.read_text().split():
                try:
                    self.peak = max(self.peak, lab.memory_kib(child).get("RssAnon", 0))
                    self.seen += 1
                except (FileNotFoundError, ProcessLookupError):
                    pass


def rescan(agent):
    """Milliseconds from the start of a scan to its end, as the agent itself wrote them down."""
    before = agent.row("table")["started_ms"]
    agent.ask("scan", org=agent.row("table")["org"])
    row = kit.wait_until(lambda: next((t for t in agent.rows("table") if t["started_ms"] > before and
                                       t["ended_ms"] >= t["started_ms"]), None), "scanned again")
    if row["changed"] or row["deleted"] or row["fault"]["code"] != "none":
        raise SystemExit(f"the scan found something: {row}")
    return row["ended_ms"] - row["started_ms"]


def measure(args, country):
    made = lab.Lab(country, 2, 1, 1, args.rows, every="86400s")
    for node in made.brokers + made.agents:
        node.start()
    agent = made.agents[0]
    kit.wait_until(lambda: made.brokers[0].counts() == made.expected(), "the ministry holds all")
    pid, clock = agent.process.pid, threading.Event()

    def at_rest(when):
        clock.wait(3)
        memory, mapped = lab.memory_kib(pid), mapped_store_kib(pid)
        print(f"at rest {when}: RssAnon {memory['RssAnon']} KiB (goal 5,120)  VmRSS {memory['VmRSS']} KiB, of it store "
              f"pages {mapped} KiB: {memory['VmRSS'] - mapped} KiB without (goal 14,336)")

    at_rest("after the first load")
    watch = ChildWatch(pid)
    times = [rescan(agent) for _ in range(args.scans)]
    watch.stop = True
    watch.join()
    print(f"{args.scans} scans of {args.rows} unchanged rows: p50 {lab.quantile(times, 0.5)} ms, max {max(times)} ms "
          f"(goal 100); child's RssAnon at most {watch.peak} KiB (goal 8,192; looked at {watch.seen} times)")
    agent.restart()
    pid = agent.process.pid
    kit.wait_until(lambda: agent.row("node")["link_up"], "connected again")
    at_rest("after a restart")
    user, system, _ = lab.cpu_seconds(pid)
    start = time.monotonic()
    clock.wait(args.quiet)
    used = sum(lab.cpu_seconds(pid)[:2]) - user - system
    print(f"processor time at rest: {used:.2f} s in {time.monotonic() - start:.0f} s")
    for node in made.agents + made.brokers:
        node.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--scans", type=int, default=20)
    parser.add_argument("--quiet", type=float, default=20)
    args = parser.parse_args()
    with kit.Country(lab.programs(args.build)) as country:
        measure(args, country)


if __name__ == "__main__":
    main()
