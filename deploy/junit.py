"""Reads a JUnit report of ctest or pytest: prints the failed cases, and "PASSED FAILED" on descriptor 3.

A case that was not run counts as failed, unless the test itself said that it cannot run here.
"""
import os
import sys
import xml.etree.ElementTree as ElementTree

TAIL = 25


def verdict(case):
    """"passed", "skipped", or the text of the failure."""
    for child in case:
        if child.tag in ("failure", "error"):
            output = case.findtext("system-out") or child.text or child.get("message") or ""
            return output.strip() or "no output"
    skipped = case.find("skipped")
    if skipped is not None:
        return "skipped" if case.get("status") in (None, "disabled") else "not run"
    return "passed"


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        result = verdict(case)
        kind = result if result in counts else "failed"
        counts[kind] += 1
        if kind == "failed":
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            print(f"  FAILED {name}")
            print("\n".join("    " + line for line in result.splitlines()[-TAIL:]))
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"  {counts['passed']} passed, {counts['failed']} failed{skipped}")
    os.write(3, f"{counts['passed']} {counts['failed']}".encode())


main()
