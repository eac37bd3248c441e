#!/usr/bin/python3
"""A Sở whose schools have only Excel: every school uploads a workbook through the upload page, evenly spread.

Measures, per upload, the time from the request to the page's answer ("received", after the sync) and to the upload
being dealt with (checked, matched, sealed), and to the ministry's receipt. Two brokers, one host, one upload page.

  bench/hosted.py --build build/release [--schools 1600] [--rows 300] [--minutes 10]
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1] / "tests/functional"), str(HERE.parents[1] / "tests/tools")]


def put(port, code, token, content):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    began = time.monotonic()
    connection.request("PUT", f"/nop/{code}", content, {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, began, time.monotonic()


def quantiles(values):
    values = sorted(values)
    return {name: round(values[min(len(values) - 1, int(len(values) * q))], 3)
            for name, q in (("p50", .5), ("p95", .95), ("p99", .99), ("max", 1))}


class Bench:
    def __init__(self, args, made, kit, browser):
        self.args, self.so, self.kit, self.Browser = args, made, kit, browser
        self.done, self.at_ministry = {}, {}
        self.port = kit.PORTS_OF_RUN.take()

    def start_page(self):
        import subprocess
        host = self.so.host
        where = self.so.country.dir / "intake"
        where.mkdir()
        self.kit.write_yaml(where / "intake.yaml", {
            "intake": {"listen": f"127.0.0.1:{self.port}", "agent": str(host.socket), "hosted": str(host.dir / "hosted"),
                       "state": str(where / "state")},
            "page": {"name": "Sở", "help": "-", "url": "https://nop.example"},
            "limits": {"per_address": 500, "per_hour": 100000}})
        log = open(where / "log", "ab")
        self.page = subprocess.Popen([str(Path(self.args.build) / "agents/intake/lienthong-intake"), "--node", str(where)],
                                     stdout=log, stderr=log, preexec_fn=self.kit.die_with_parent)
        self.kit.wait_until((where / "state/schools.json").exists, "the upload page")
        self.state = where / "state"

    def tokens(self):
        """Each school's clerk signs in with the one-time code and makes a token: scrypt, one after the other."""
        codes = dict(line.split(",")[::2] for line in (self.so.host.dir / "codes.csv").read_text("utf-8").splitlines()[1:])
        out = {}

        def one(code):
            browser = self.Browser(self, via=None)
            browser.first(code, codes[code])
            return code, browser.token()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            out.update(pool.map(one, self.so.codes))
        return out

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def watch(self, stop):
        """When each upload was dealt with: the host's own times."""
        while not stop.wait(1):
            for row in self.so.host.ask("hosted_list"):
                upload = row.get("upload")
                if upload and upload["state"] == "done":
                    self.done.setdefault(row["org"], time.monotonic())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, type=Path)
    parser.add_argument("--schools", type=int, default=1600)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=10)
    args = parser.parse_args()
    os.environ["LTH_BUILD"] = str(args.build)
    import kit
    import province
    from intake_kit import Browser

    class Clerk(Browser):
        def __init__(self, bench, via):
            super().__init__(None, request=bench.request)
    with kit.Country(kit.Programs.built(args.build)) as country, tempfile.TemporaryDirectory() as folder:
        made = province.Province(country, args.schools, args.rows)
        print(json.dumps({"install_s": round(made.install_s, 1), "schools": args.schools, "rows": args.rows}), flush=True)
        books = [made.book(n, folder).read_bytes() for n in range(args.schools)]
        made.start()
        bench = Bench(args, made, kit, Clerk)
        bench.start_page()
        began = time.monotonic()
        tokens = bench.tokens()
        print(json.dumps({"sign_in_s": round(time.monotonic() - began, 1)}), flush=True)
        run(args, bench, books, tokens, kit)
        bench.page.terminate()


def run(args, bench, books, tokens, kit):
    so, stop = bench.so, threading.Event()
    watcher = threading.Thread(target=bench.watch, args=(stop,))
    watcher.start()
    began, gap, sent = time.monotonic(), args.minutes * 60 / args.schools, {}

    def one(number):
        code = so.codes[number]
        wait = began + number * gap - time.monotonic()
        if wait > 0:
            threading.Event().wait(wait)
        status, body, at, answered = put(bench.port, code, tokens[code], books[number])
        assert status in (200, 201, 202), (status, body)
        sent[code] = (at, answered)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(one, range(args.schools)))
    kit.wait_until(lambda: len(bench.done) == args.schools, lambda: f"dealt with {len(bench.done)}", 900)
    stop.set()
    watcher.join()
    total = args.schools * args.rows

    def pupils():
        return sum(n for (_, dataset), n in so.bo.counts().items() if dataset == "pupil")
    kit.wait_until(lambda: pupils() == total, lambda: f"{pupils()} of {total}", 900)
    print(json.dumps({
        "uploads": len(sent), "all_at_ministry_s": round(time.monotonic() - began, 1),
        "answered_s": quantiles([b - a for a, b in sent.values()]),
        "dealt_with_s": quantiles([bench.done[c] - sent[c][0] for c in sent])}), flush=True)


if __name__ == "__main__":
    main()
