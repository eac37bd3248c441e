#!/usr/bin/python3
"""Datasets are data: no dataset, group or field name of config/datasets stands as a string in a C file.

Also: banned words in tests (sleep), conflict markers, files over 1,000 lines, functions over 70 lines.
"""
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
PROGRAM = ("lib", "proto", "broker", "agents", "cli")
# Words that are dataset, group or field names and also ordinary words of the programs' own vocabulary.
COMMON = {"name", "key", "code", "start", "end", "version", "number", "status", "group", "term", "record", "class",
          "title", "phone", "identity", "grade", "school", "level", "kind", "state", "stream", "profile", "signed"}


def dataset_words():
    words = set()
    for path in sorted((ROOT / "config/datasets").glob("*.yaml")):
        doc = yaml.safe_load(path.read_text())
        words.add(doc["dataset"])
        words.update(doc["groups"])
        for name, field in doc["fields"].items():
            words.add(name)
            words.update((field.get("items") or {}).keys())
    if len(words) < 30:
        sys.exit("names.py: config/datasets not found")
    return words - COMMON


def sources(tops, pattern):
    return [p for top in tops for p in sorted((ROOT / top).rglob(pattern))]


def long_functions(path):
    start = name = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start > 71:
                yield f"{path.relative_to(ROOT)}:{start}: function of {number - start - 1} lines (70 at most)"
            start = name
    return


def main():
    faults = []
    words = dataset_words()
    for path in sources(PROGRAM, "*.[ch]"):
        text = path.read_text()
        for literal in re.findall(r'"([a-z0-9_]+)"', text):
            if literal in words:
                faults.append(f'{path.relative_to(ROOT)}: names "{literal}", which is data (config/datasets)')
        if len(text.splitlines()) > 1000:
            faults.append(f"{path.relative_to(ROOT)}: over 1,000 lines")
        faults.extend(long_functions(path))
    naps = re.compile(r"\b(sleep|usleep|nanosleep|time\.sleep)\b *\(")
    for path in sources(("tests",), "*.[ch]") + sources(("tests",), "*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if naps.search(line) and path.name != "names.py":
                faults.append(f"{path.relative_to(ROOT)}:{number}: tests wait for conditions, they do not nap")
    formatted = subprocess.run(
        ["clang-format-14", "--dry-run", "-Werror", "--ferror-limit=1"]
        + [str(p) for p in sources(PROGRAM + ("tests", "bench"), "*.[ch]")], capture_output=True, text=True)
    if formatted.returncode != 0:
        faults += [line for line in formatted.stderr.splitlines() if "error:" in line][:20]
    print("\n".join(faults) if faults else "tidy")
    sys.exit(1 if faults else 0)


main()
