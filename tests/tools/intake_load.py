#!/usr/bin/python3
"""How fast the upload page alone takes files: many schools, a workbook each, several at once; and how large its pages are.

  LTH_BUILD=build/release tests/tools/intake_load.py [--schools 1600] [--rows 300] [--at-once 32]
"""
import argparse
import hashlib
import http.client
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "functional")]

import workbooks  # noqa: E402
from intake_kit import CODE, Browser, Intake, finding  # noqa: E402

TOKEN = "5" * 64


def give_token(intake, code):
    """An account as the page writes it; its passphrase is nobody's."""
    hashed = hashlib.sha256(TOKEN.encode()).hexdigest()
    (intake.dir / f"state/accounts/{code}.json").write_text(json.dumps({
        "version": 1, "generation": "0" * 32, "salt": "0" * 32, "key": "0" * 64, "once": "0" * 64,
        "made": "2026-09-05T00:00:00Z", "tokens": [{"id": "00000000", "hash": hashed, "made": "2026-09-05T00:00:00Z",
                                                    "name": "load"}]}))


def pages(intake):
    browser = Browser(intake)
    browser.first()
    for i in range(10):
        intake.agent.add(CODE, f"f{i}.xlsx", findings=[finding(row=r) for r in range(60)] if i == 0 else [])
    for path in ("/", "/tai-khoan", "/tep/f0.xlsx", "/tep/f0.xlsx/bien-nhan"):
        browser.get(path)
    sizes = {**browser.sizes, "/style.css": len(intake.get("/style.css")[2])}
    for path, size in sorted(sizes.items()):
        print(f"{size:7} bytes  {path}")
    print(f"{sum(sizes.values()):7} bytes  together")


def load(intake, codes, content, at_once):
    def one(code):
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", intake.port, timeout=60)
        connection.request("PUT", f"/nop/{code}/lop.xlsx", content, {"Authorization": f"Bearer {TOKEN}"})
        status = connection.getresponse().status
        connection.close()
        assert status == 201, status
        return time.monotonic() - began
    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        took = sorted(pool.map(one, codes))
    whole = time.monotonic() - began
    assert all(len(intake.agent.waiting(c)) == 1 for c in codes)
    print(f"{len(codes)} files of {len(content)} bytes, {at_once} at once: {whole:.1f} s, {len(codes) / whole:.0f} a second; "
          f"median {took[len(took) // 2] * 1000:.0f} ms, slowest {took[-1] * 1000:.0f} ms; "
          f"memory {intake.rss_kib() // 1024} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schools", type=int, default=1600)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--at-once", type=int, default=32)
    options = parser.parse_args()
    codes = [f"79{n:06d}" for n in range(options.schools)]
    with tempfile.TemporaryDirectory() as where:
        book = Path(where) / "b.xlsx"
        workbooks.write(book, workbooks.titled(workbooks.HEADERS, workbooks.pupils(1, options.rows), codes[0], 3))
        content = book.read_bytes()
    with Intake(schools={CODE: "Trường", **{c: c for c in codes}}, per_address=1000) as intake:
        intake.start()
        for code in codes:
            give_token(intake, code)
        load(intake, codes, content, options.at_once)
        pages(intake)


if __name__ == "__main__":
    main()
