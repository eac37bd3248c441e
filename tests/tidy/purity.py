#!/usr/bin/python3
"""The pure archives need nothing of the system: `nm -u` of release-built archives against an allow-list.

usage: purity.py ARCHIVE...   (all pure archives of one build; symbols they define for each other are fine)
"""
import re
import subprocess
import sys

ALLOWED = re.compile(
    r"^("
    r"malloc|calloc|realloc|free|abort|__assert_fail"
    r"|mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|chr|nlen|cspn)|bcmp"
    r"|__(mem(cpy|move|set)|str(cpy|cat|ncpy))_chk|__stack_chk_fail|__chk_fail"
    r"|_GLOBAL_OFFSET_TABLE_"
    r"|utf8proc_\w+"  # Unicode tables; Debian's library needs malloc and free only
    r")$"
)


def symbols(archive, flag):
    out = subprocess.run(["nm", flag, archive], capture_output=True, text=True, check=True).stdout
    names = set()
    for line in out.splitlines():
        fields = line.split()
        if len(fields) >= 2 and not line.endswith(":"):
            names.add(fields[-1])
    return names


def main():
    archives = sys.argv[1:]
    if not archives:
        sys.exit("usage: purity.py ARCHIVE...")
    defined = set().union(*(symbols(a, "--defined-only") for a in archives))
    faults = []
    for archive in archives:
        for name in sorted(symbols(archive, "-u") - defined):
            if not ALLOWED.match(name):
                faults.append(f"{archive}: needs {name}")
    print("\n".join(faults) if faults else f"{len(archives)} archives are pure")
    sys.exit(1 if faults else 0)


main()
