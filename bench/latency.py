#!/usr/bin/python3
"""One change on an idle system of three tiers: from the agent holding the changed row to the receipt
of each tier, checked by the agent (what its status calls exchange), and capture apart. The price of one
synced commit on the same disk is measured before and after every 20 changes, so that what else the
machine does meets both.

  bench/latency.py --build build/release [--changes 200]
"""
import argparse
import subprocess
import threading

import lab
from lab import kit

SCHOOLS, ROWS, BLOCK = 40, 300, 20


def commit_ms(build, where, count=100):
    done = subprocess.run([f"{build}/bench/bench_commit", f"{where}/commit", str(count)], check=True, capture_output=True,
                          text=True).stdout.split()
    return float(done[3]) / 1000


def change_one(made, agent, code, number):
    """Change one row, have the school read, wait for the highest receipt: the status row that tells of it."""
    with lab.sqlite3.connect(made.databases[code]) as db:
        db.execute("UPDATE hoc_sinh SET nhan_xet = ? WHERE id = ?", (f"changed {number}", number % ROWS + 1))
    db.close()
    before = agent.row("school", org=code)["batch_seq"]
    agent.ask("scan", org=code)

    def answered():
        row = agent.row("school", org=code)
        top = next((r for r in row["receipts"] if r["tier"] == "bo"), {})
        done = row["batch_seq"] == row.get("live_seq") == before + 1 and top.get("batch_seq") == before + 1
        return row if done else None
    return kit.wait_until(answered, lambda: f"receipt of {code}\n{agent.log_tail()}")


def settle(made, agent):
    kit.wait_until(lambda: made.brokers[0].counts() == made.expected(), "the ministry holds all")
    kit.wait_until(lambda: all(r["outbox"] == 0 or r["acked_seq"] == r["batch_seq"] for r in agent.rows("school")),
                   "every batch has its receipt")


def commits_of(broker):
    """Transactions of a broker so far, and the microseconds all their commits took."""
    row = broker.row("node")
    return row["steps"], row["steps"] * row["commit_us_mean"]


def exchange(row, tier):
    return next(r for r in row["receipts"] if r["tier"] == tier)["exchange_ms"]


def line(name, values):
    print(f"{name:34} p50 {lab.quantile(values, 0.5):7.2f} ms  p99 {lab.quantile(values, 0.99):7.2f} ms  max {max(values):7.2f} ms")


def measure(args, country):
    made = lab.Lab(country, 3, 1, SCHOOLS, ROWS, every="86400s")
    for node in made.brokers + made.agents:
        node.start()
    agent, clock = made.agents[0], threading.Event()
    settle(made, agent)
    clock.wait(2)  # past the pause after the first batches of every school
    steps = {b.org: commits_of(b) for b in made.brokers}
    rows, ratios, commits = [], [], [commit_ms(args.build, country.dir)]
    for _ in range(0, args.changes, BLOCK):
        block = [change_one(made, agent, list(made.databases)[i % SCHOOLS], i)
                 for i in range(len(rows), min(len(rows) + BLOCK, args.changes))]
        commits.append(commit_ms(args.build, country.dir))
        rows += block
        ratios.append(lab.quantile([exchange(r, "bo") for r in block], 0.5) * 2 / (commits[-1] + commits[-2]))
    for broker in made.brokers:
        n, us = (a - b for a, b in zip(commits_of(broker), steps[broker.org]))
        print(f"broker {broker.org}: {n / len(rows):.1f} transactions a change, {us / n / 1000:.2f} ms to commit one")
    for node in made.agents + made.brokers:
        node.stop()
    line("capture (child, read, compare)", [r["capture_ms"] for r in rows])
    for tier in ("phong", "so", "bo"):
        line(f"exchange, receipt of {tier}", [exchange(r, tier) for r in rows])
    line("one synced commit (p50 of 100)", commits)
    unit, top = lab.quantile(commits, 0.5), [exchange(r, "bo") for r in rows]
    print(f"{len(rows)} changes: p50 {lab.quantile(top, 0.5) / unit:.1f} commits (goal 20; median of blocks of {BLOCK}: "
          f"{lab.quantile(ratios, 0.5):.1f}), p99 {lab.quantile(top, 0.99) / unit:.1f} (goal 100)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--changes", type=int, default=200)
    args = parser.parse_args()
    with kit.Country(lab.programs(args.build)) as country:
        measure(args, country)


if __name__ == "__main__":
    main()
