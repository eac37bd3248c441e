#!/usr/bin/python3
"""Enforce who may include what (docs/ARCHITECTURE.md, "Folders").

Each folder lists the folders whose headers it may use; nothing points up. Libraries have one owner each.
Exit 0 when every #include obeys, 1 with one line per fault.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()

# Foreign headers and the only folders that may include them.
OWNERS = {
    r"^zmq": {"lib/net"},
    r"^lmdb\.h": {"lib/store"},
    r"^openssl/": {"lib/crypto"},
    r"^yaml\.h": {"lib/conf"},
    r"^protobuf-c/|\.pb-c\.h$": {"proto"},
    r"^jansson\.h": {"lib/control", "lib/include", "cli", "broker/shell", "agents/shell", "agents/intake"},
    r"^microhttpd\.h": {"agents/intake"},
    r"^sql(ext|types|ucode)?\.h": {"agents/capture"},
    r"^utf8proc\.h": {"lib/schema"},
    r"^(zip|expat|xlsxwriter)": {"lib/sheet"},
}

# Public headers by the part that implements them.
PART_OF_HEADER = {
    "err": "base", "diag": "base", "bytes": "base", "time": "base", "log": "base", "hash": "base",
    "record": "record", "schema": "schema", "text": "schema", "rule": "schema", "registry": "schema", "policy": "schema", "public": "schema", "store": "store",
    "crypto": "crypto", "net": "net", "conf": "conf", "frame": "proto", "control": "control", "program": "program",
    "sheet": "sheet",
}
USES = {
    "lib/base": {"base"},
    "lib/record": {"base", "record"},
    "lib/schema": {"base", "record", "schema"},
    "lib/store": {"base", "store"},
    "lib/crypto": {"base", "crypto"},
    "lib/net": {"base", "net"},
    "proto": {"base", "record", "proto"},
    "lib/conf": {"base", "record", "schema", "conf"},
    "lib/control": {"base", "control"},
    "lib/program": {"base", "program"},
    "lib/sheet": {"base", "sheet"},
    "broker/core": {"base", "record", "schema", "store", "proto"},
    "agents/core": {"base", "record", "schema", "store", "proto"},
    "agents/intake": {"base", "schema", "crypto", "conf", "control", "program"},
    "agents/capture": {"base", "record", "schema", "store", "proto", "sheet"},
}
# Shells and the command line see everything below them; of other programs only the listed headers.
TOPS = ("broker/shell", "agents/shell", "cli")
PURE = ("lib/base", "lib/record", "lib/schema", "broker/core", "agents/core")
NOT_PURE = {"stdio.h", "errno.h", "time.h", "unistd.h", "pthread.h", "signal.h", "fcntl.h", "locale.h", "poll.h"}
PURE_EXCEPT = {"lib/base/log_stderr.c"}
LOCAL_ALLOWED = {
    "broker/core": ("broker/core/",), "broker/shell": ("broker/",), "agents/core": ("agents/core/",),
    "agents/capture": ("agents/capture/", "agents/core/agent.h"), "agents/shell": ("agents/",), "cli": ("cli/",),
}


def folder_of(path):
    parts = path.parts
    return "/".join(parts[:2]) if parts[0] in ("lib", "broker", "agents") else parts[0]


def faults_of(path):
    rel = path.relative_to(ROOT)
    folder = folder_of(rel)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not found:
            continue
        name = found.group(1)
        where = f"{rel}:{number}: "
        for pattern, owners in OWNERS.items():
            if re.search(pattern, name) and folder not in owners:
                yield where + f"<{name}> belongs to {', '.join(sorted(owners))}"
        if folder in PURE and str(rel) not in PURE_EXCEPT and (name in NOT_PURE or name.startswith("sys/")):
            yield where + f"<{name}> in a pure part"
        public = re.match(r"lth/(\w+)\.h$", name)
        if public and folder not in TOPS and folder != "lib/include":
            part = PART_OF_HEADER.get(public.group(1))
            if part is None:
                yield where + f"<{name}> is in no part: add it to {__file__}"
            elif part not in USES.get(folder, set()):
                yield where + f"{folder} may not use {part} ({name})"
        if re.match(r"(broker|agents|cli|lib|proto)/", name):
            allowed = LOCAL_ALLOWED.get(folder, ()) + (folder + "/",)
            if not name.startswith(allowed):
                yield where + f"{folder} may not include {name}"


def main():
    sources = [p for top in ("lib", "proto", "broker", "agents", "cli") for p in sorted((ROOT / top).rglob("*.[ch]"))]
    if len(sources) < 20:
        sys.exit("includes.py: too few sources found: is the path right?")
    faults = [fault for source in sources for fault in faults_of(source)]
    print("\n".join(faults) if faults else f"{len(sources)} files obey")
    sys.exit(1 if faults else 0)


main()
