#!/usr/bin/python3
"""School databases to the ministry on the real programs: rows in SQLite files, an agent for every
few schools, two or three brokers one above the other. The clock runs from the start of the agents'
processes until the ministry counts what the databases hold.

  bench/e2e.py --build build/release [--tiers 2|3] [--schools 40] [--rows 2500] [--agents 2] [--runs 3]
"""
import argparse
import statistics
import threading
import time

import lab
from lab import kit


def run(args):
    with kit.Country(lab.programs(args.build)) as country:
        share = "all" if not args.withhold else ["key", "identity", "figures", "study"]
        made = lab.Lab(country, args.tiers, args.agents, args.schools, args.rows, share=share)
        for broker in made.brokers:
            broker.start()
        kit.wait_until(lambda: all(b.row("node")["parent"]["up"] for b in made.brokers[1:]), "brokers see each other")
        total, expected, clock = args.schools * args.rows, made.expected(), threading.Event()
        before = {b.org: lab.cpu_seconds(b.process.pid) for b in made.brokers}
        start = time.monotonic()
        for agent in made.agents:
            agent.start(wait=False)
        arrived = {}
        while len(arrived) < len(made.brokers):
            clock.wait(0.02)
            for broker in made.brokers:
                if broker.org not in arrived and broker.counts() == expected:
                    arrived[broker.org] = time.monotonic() - start
            if time.monotonic() - start > args.patience:
                raise SystemExit(f"not there after {args.patience} s: {[sum(b.counts().values()) for b in made.brokers]}")
        report(made, total, arrived, before)
        for node in made.agents + made.brokers:
            if node.stop() != 0:
                raise SystemExit(f"{node.dir.name} did not stop cleanly\n{node.log_tail()}")
        return total / arrived["bo"]


def report(made, total, arrived, before):
    seconds = arrived["bo"]
    print(f"{total} rows at the ministry after {seconds:.2f} s: {total / seconds:.0f} records/s")
    for broker in made.brokers:
        now, held = lab.cpu_seconds(broker.process.pid), sum(r["held"] for r in broker.rows("node"))
        user, system = (a - b for a, b in zip(now[:2], before[broker.org]))
        print(f"  broker {broker.org:6} at {arrived[broker.org]:6.2f} s  cpu {user:5.2f} user {system:5.2f} sys  held {held}")
    for agent in made.agents:
        user, system, children = lab.cpu_seconds(agent.process.pid)
        print(f"  agent  {agent.org:6} cpu {user:5.2f} user {system:5.2f} sys  capture {children:5.2f}"
              f"  rss {lab.memory_kib(agent.process.pid)['VmHWM'] // 1024} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--tiers", type=int, default=2, choices=(2, 3))
    parser.add_argument("--schools", type=int, default=40)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--agents", type=int, default=2)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--withhold", action="store_true", help="one group is withheld on the way")
    parser.add_argument("--patience", type=float, default=120)
    args = parser.parse_args()
    rates = [run(args) for _ in range(args.runs)]
    print(f"median of {args.runs}, {args.tiers} brokers: {statistics.median(rates):.0f} records/s")


if __name__ == "__main__":
    main()
