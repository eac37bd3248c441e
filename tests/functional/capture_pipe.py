"""The agent's side of the capture pipe (agents/capture/pipe.h), written from the header alone."""
import struct
import subprocess

FAULTS = {0: "none", 13: "bad_file", 14: "wrong_file", 9: "too_many_rows"}
KINDS = {"csv": 1, "xlsx": 2, "xls": 3, "html": 4, "xml": 5}


def text(value):
    data = value.encode()
    return struct.pack(">I", len(data)) + data


def column(names, optional=False):
    return struct.pack(">BB", optional, len(names)) + b"".join(text(n) for n in names)


def table(columns, number=0, part=0, optional=False, sheet=0, sheet_name="", header_rows=1, org=None):
    """columns: list of alias lists; one ending in None is optional."""
    out = struct.pack(">BBBH", number, part, optional, sheet) + text(sheet_name)
    out += struct.pack(">BB", header_rows, org is not None)
    if org is not None:
        out += column(org)
    out += struct.pack(">H", len(columns))
    for names in columns:
        out += column([n for n in names if n is not None], names[-1] is None)
    return out


def request(program, body, timeout=60):
    done = subprocess.run([program], input=struct.pack(">I", len(body)) + body, stdout=subprocess.PIPE,
                          timeout=timeout, check=True)
    return list(messages(done.stdout))


def read_file(program, path, tables, kinds=tuple(KINDS), org=""):
    mask = sum(1 << KINDS[k] for k in kinds)
    return request(program, b"LCF1" + text(str(path)) + struct.pack(">I", mask) + text(org) +
                   struct.pack(">B", len(tables)) + b"".join(tables))


def write_answer(program, path, out_path, one, rows):
    body = b"LCA1" + text(str(path)) + text(str(out_path)) + one + struct.pack(">I", len(rows))
    return request(program, body + b"".join(struct.pack(">I", n) + text(t) for n, t in rows))


def messages(data):
    at = 0
    while at < len(data):
        size, = struct.unpack_from(">I", data, at)
        yield message(data[at + 4:at + 4 + size])
        at += 4 + size


def message(m):
    def piece(at):
        size, = struct.unpack_from(">I", m, at)
        return m[at + 4:at + 4 + size], at + 4 + size
    if m[0] == 3:
        return {"kind": "end"}
    if m[0] == 2:
        vi, at = piece(4)
        en, at = piece(at)
        return {"kind": "table_end", "table": m[1], "fault": FAULTS.get(m[2], m[2]), "correction": bool(m[3]),
                "vi": vi.decode(), "en": en.decode()}
    if m[0] == 4:
        count, = struct.unpack_from(">H", m, 2)
        at, headers = 4, []
        for _ in range(count):
            where, = struct.unpack_from(">H", m, at)
            size = m[at + 2] if where else 0
            headers.append((where, m[at + 3:at + 3 + size].decode()) if where else None)
            at += 3 + size if where else 2
        return {"kind": "headers", "table": m[1], "headers": headers}
    row, = struct.unpack_from(">I", m, 2)
    org, at = piece(6)
    count, = struct.unpack_from(">H", m, at)
    at += 2
    cells = []
    for _ in range(count):
        size, = struct.unpack_from(">I", m, at)
        at += 4
        nothing = size >= 0xFFFFFFFE  # no value; no such column
        cells.append(None if nothing else m[at:at + size].decode())
        at += 0 if nothing else size
    return {"kind": "row", "table": m[1], "row": row, "org": org.decode(), "cells": cells}
