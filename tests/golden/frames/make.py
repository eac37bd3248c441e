#!/usr/bin/python3
"""Golden frames, written by the stock protobuf library from manifest.json; shares no code with C.

  make.py --proto DIR write     write NAME.bin for every entry that has none yet
  make.py --proto DIR check     every NAME.bin is what its entry encodes to, and nothing is left over
  make.py --proto DIR echo CMD  random messages: Python encodes, CMD decodes and encodes, equal; and
                                Python decodes what CMD encoded to the same message

DIR holds link_pb2.py. A golden file is never changed once released (proto/COMPATIBILITY.md).
"""
import argparse
import json
import pathlib
import random
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SIZES = {  # bytes fields: size, or (smallest, largest)
    "node_org": 16, "origin": 16, "tier_org": 16, "record_id": 16,
    "signed_header": 256, "signed_receipt": 256, "signed_grant": 208,
    "signed_release": (216, 4212), "hash": 32,
    "grant": 208, "attest": (0, 6212), "body": (0, 20000), "detail": (0, 200),
    "by": (0, 100), "why": (0, 500), "other": 16,
    "leaf": (1, 4096), "ca": (1, 4096),
}
RANGES = {
    "version": (1, 2**32 - 1), "role": (1, 3), "state": (1, 4), "lane": (0, 2),
    "refusal_class": (0, 4), "dataset": (0, 65535), "group": (0, 65535), "field": (0, 65535),
    "rule": (0, 65535),
}


def pattern(size, start):
    return bytes((start + 7 * i) & 0xFF for i in range(size))


def fill(message, values):
    """Set fields from the manifest: numbers, {"size": n, "start": b} for bytes, lists, messages."""
    for name, value in values.items():
        if isinstance(value, dict) and "size" in value:
            setattr(message, name, pattern(value["size"], value["start"]))
        elif isinstance(value, dict):
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value)
        elif isinstance(value, list):
            for item in value:
                fill(getattr(message, name).add(), item)
        else:
            setattr(message, name, value)
    return message


def golden(link):
    for entry in json.loads((HERE / "manifest.json").read_text())["frames"]:
        frame = link.Frame()
        getattr(frame, entry["kind"]).SetInParent()
        fill(getattr(frame, entry["kind"]), entry["fields"])
        yield entry["name"], frame.SerializeToString(deterministic=True)


def write(link):
    for name, data in golden(link):
        path = HERE / f"{name}.bin"
        if not path.exists():
            path.write_bytes(data)


def check(link):
    names = set()
    for name, data in golden(link):
        names.add(f"{name}.bin")
        if (HERE / f"{name}.bin").read_bytes() != data:
            sys.exit(f"{name}.bin is not what the manifest says")
    extra = {path.name for path in HERE.glob("*.bin")} - names
    if extra or not names:
        sys.exit(f"not in the manifest: {sorted(extra)}")
    print(f"{len(names)} golden frames agree")


def any_number(rng, field):
    low, high = RANGES.get(field.name, (0, 2**32 - 1))
    if field.name == "code":
        low, high = (1 if field.containing_type.name == "Reject" else 0), 299
    elif field.name == "rule":
        low = 1 if field.containing_type.name == "Accepted" else 0
    elif field.type in (field.TYPE_UINT64, field.TYPE_FIXED64):
        high = 2**64 - 1
    value = rng.choice([low, high, rng.randint(low, high), 1 << rng.randrange(64)])
    return min(max(value, low), high)


def any_bytes(rng, field):
    size = SIZES[field.name]
    if field.name in ("grant", "other"):
        size = rng.choice([0, size])
    elif isinstance(size, tuple):
        size = (max(size[0], 1), size[1]) if field.containing_type.name == "Accepted" else size
        size = rng.choice([size[0], size[1], rng.randint(*size)])
    return rng.randbytes(size)


def any_message(rng, message):
    for field in message.DESCRIPTOR.fields:
        if field.label == field.LABEL_REPEATED:
            for _ in range(rng.randrange(17)):
                any_message(rng, getattr(message, field.name).add())
        elif field.type == field.TYPE_MESSAGE:
            getattr(message, field.name).SetInParent()
            any_message(rng, getattr(message, field.name))
        elif field.type == field.TYPE_BYTES:
            setattr(message, field.name, any_bytes(rng, field))
        else:
            setattr(message, field.name, any_number(rng, field))


def echo(link, command):
    rng = random.Random(20250701)
    sent = []
    for _ in range(40):
        for field in link.Frame.DESCRIPTOR.oneofs_by_name["body"].fields:
            frame = link.Frame()
            getattr(frame, field.name).SetInParent()
            any_message(rng, getattr(frame, field.name))
            sent.append(frame)
    wire = [frame.SerializeToString(deterministic=True) for frame in sent]
    feed = b"".join(struct.pack(">I", len(data)) + data for data in wire)
    back = subprocess.run([command], input=feed, stdout=subprocess.PIPE, check=True).stdout
    for i, data in enumerate(wire):
        (size,) = struct.unpack_from(">I", back)
        answer, back = back[4:4 + size], back[4 + size:]
        parsed = link.Frame()
        parsed.ParseFromString(answer)
        if answer != data or parsed != sent[i]:
            sys.exit(f"message {i} ({sent[i].WhichOneof('body')}) came back otherwise")
    if back:
        sys.exit("more came back than was sent")
    print(f"{len(wire)} messages agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proto", required=True)
    parser.add_argument("action", choices=["write", "check", "echo"])
    parser.add_argument("command", nargs="?")
    args = parser.parse_args()
    sys.path.insert(0, args.proto)
    import link_pb2 as link
    if args.action == "echo":
        echo(link, args.command)
    else:
        {"write": write, "check": check}[args.action](link)


main()
