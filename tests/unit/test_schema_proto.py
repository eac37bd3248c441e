#!/usr/bin/python3
"""Group bytes against Google's protobuf for Python, through the .proto that a dataset prints.

test_schema_proto.py CODEC DATASETS_DIR
Every dataset of DATASETS_DIR must compile; a dataset with every type is invented here and its
values go both ways. Expected values come from Python alone (protobuf, unicodedata, datetime).
"""
import datetime
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

INVENTED = """
dataset: invented
number: 40001
version: 1
title: { vi: "Tập thử", en: "Invented" }
natural_key: [code, day]
groups:
  key:   { number: 3, owner: record }
  body:  { number: 1, owner: record }
  other: { number: 9, owner: { kind: ministry }, sensitive: true }
fields:
  code:   { number: 1, group: key, type: code, max: 12, required: true }
  day:    { number: 2, group: key, type: date, precision: [day, month, year], required: true }
  name:   { number: 3, group: body, type: text, max: 40 }
  count:  { number: 4, group: body, type: integer }
  score:  { number: 5, group: body, type: decimal, digits: 18, scale: 2 }
  yes:    { number: 6, group: body, type: bool }
  born:   { number: 700, group: body, type: date, precision: [day, month, year] }
  file:   { number: 2047, group: body, type: document }
  parts:
    number: 33
    group: body
    type: list
    max: 20
    key: part
    items:
      part:  { number: 2, type: integer, required: true }
      label: { number: 1, type: text, max: 30 }
      size:  { number: 15, type: decimal, digits: 6, scale: 3 }
  words:
    number: 34
    group: body
    type: list
    key: word
    items:
      word: { number: 1, type: code, max: 10 }
  note:   { number: 8, group: other, type: text, max: 2000 }
"""
VIETNAMESE = "aăâbcdđeêghiklmnoôơpqrstuưvxyàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ ĐƯ"
WIDE = [cp for cp in range(0x20, 0x2FA20) if unicodedata.category(chr(cp)) not in ("Cn", "Cs", "Cc", "Co")]


class Codec:
    def __init__(self, program, datasets):
        self.pipe = subprocess.Popen([program, datasets, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        self.pipe.stdin.write((" ".join(words) + "\n").encode())
        self.pipe.stdin.flush()
        return self.pipe.stdout.readline().decode().rstrip("\n")


def compile_proto(program, datasets, name, folder):
    text = subprocess.run([program, datasets, "proto", name], check=True, capture_output=True).stdout
    with open(os.path.join(folder, name + ".proto"), "wb") as out:
        out.write(text)
    subprocess.run(["protoc", "-I", folder, "--python_out", folder, name + ".proto"], check=True, cwd=folder)
    spec = importlib.util.spec_from_file_location(name + "_pb2", os.path.join(folder, name + "_pb2.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def word(rng, most, alphabet=VIETNAMESE):
    """Text that stays as it is when trimmed and normalised."""
    while True:
        text = unicodedata.normalize("NFC", "".join(rng.choice(alphabet) for _ in range(rng.randint(1, most))))
        if text == text.strip() and 0 < len(text) <= most:
            return text


def date(rng):
    day = datetime.date(1900, 1, 1) + datetime.timedelta(days=rng.randint(0, 60000))
    form = rng.choice(["%Y-%m-%d", "%Y-%m", "%Y"])
    number = {10: day.year * 10000 + day.month * 100 + day.day, 7: day.year * 10000 + day.month * 100, 4: day.year * 10000}
    text = day.strftime(form)
    return number[len(text)], text


def decimal(value, scale):
    whole, fraction = divmod(abs(value), 10 ** scale)
    return ("-" if value < 0 else "") + str(whole) + "." + str(fraction).zfill(scale)


def scalars(rng, message):
    """Fill some of the scalars; their texts by name, in the order of numbers."""
    texts = {}
    if rng.random() < 0.7:
        texts["name"] = message.name = word(rng, 40)
    if rng.random() < 0.7:
        message.count = rng.choice([0, 1, -1, rng.randint(-2**63 + 1, 2**63 - 1)])
        texts["count"] = str(message.count)
    if rng.random() < 0.7:
        message.score = rng.choice([0, 5, -5, 850, rng.randint(-10**18 + 1, 10**18 - 1)])
        texts["score"] = decimal(message.score, 2)
    if rng.random() < 0.7:
        message.yes = rng.random() < 0.5
        texts["yes"] = "true" if message.yes else "false"
    if rng.random() < 0.7:
        message.born, texts["born"] = date(rng)
    return texts


def check(condition, *what):
    if not condition:
        raise SystemExit("FAILED: " + " | ".join(str(w) for w in what))


def both_ways(codec, invented, rng):
    for _ in range(400):
        message = invented.Body()
        texts = scalars(rng, message)
        data = message.SerializeToString()
        pairs = [f"{name}={text}" for name, text in texts.items()]
        check(codec.ask("E", "invented", "body", "\t".join(pairs)) == data.hex(), "encode", texts, data.hex())
        loose = [unicodedata.normalize("NFD", pair) + "  " for pair in pairs]
        check(codec.ask("E", "invented", "body", "\t".join(loose)) == data.hex(), "NFD", texts)
        check(codec.ask("D", "invented", "body", data.hex()) == "\t".join(["none 0", *pairs, "same"]), "decode", texts)


def lists_and_documents(codec, invented, rng):
    for _ in range(200):
        message = invented.Body()
        expected = []
        for part in sorted(rng.sample(range(-1000, 1000), rng.randint(0, 20))):
            item = message.parts.add(part=part)
            text = []
            if rng.random() < 0.5:
                item.label = word(rng, 30)
                text.append("label=" + item.label)
            text.append(f"part={part}")
            if rng.random() < 0.5:
                item.size = rng.randint(-999999, 999999)
                text.append("size=" + decimal(item.size, 3))
            expected.append("parts=" + ", ".join(text))
        for one in sorted({word(rng, 10) for _ in range(rng.randint(0, 5))}, key=lambda w: w.encode()):
            message.words.add(word=one)
            expected.append("words=word=" + one)
        if rng.random() < 0.5:
            message.file.media_type = "application/pdf"
            message.file.sha256 = rng.randbytes(32)
            if rng.random() < 0.5:
                message.file.data = rng.randbytes(rng.randint(0, 300))
            expected.append("file=application/pdf sha256:" + message.file.sha256.hex())
        answer = codec.ask("D", "invented", "body", message.SerializeToString().hex())
        check(answer == "\t".join(["none 0", *expected, "same"]), "list", answer, expected)


def refusals(codec, invented, rng):
    """What the stock library takes but is not canonical."""
    first, second = invented.Body(count=1).SerializeToString(), invented.Body(yes=True).SerializeToString()
    cases = {
        "order": second + first,
        "twice": first + first,
        "unknown": first + b"\x98\x06\x01",
        "list order": invented.Body(parts=[{"part": 2}, {"part": 1}]).SerializeToString(),
        "list twice": invented.Body(parts=[{"part": 2}, {"part": 2}]).SerializeToString(),
        "list apart": invented.Body(parts=[{"part": 1}]).SerializeToString()
        + invented.Body(words=[{"word": "a"}]).SerializeToString() + invented.Body(parts=[{"part": 3}]).SerializeToString(),
        "empty text": invented.Body(name="").SerializeToString(),
        "NFD": invented.Body(name=unicodedata.normalize("NFD", "Nguyễn")).SerializeToString(),
        "hash": invented.Body(file={"media_type": "a/b", "sha256": b"x" * 31}).SerializeToString(),
    }
    for name, data in cases.items():
        invented.Body().ParseFromString(data)
        check(codec.ask("D", "invented", "body", data.hex()).startswith("bad_group"), name)
    values = {
        "too long": invented.Body(name="a" * 41),
        "control": invented.Body(name="a\x01"),
        "decimal": invented.Body(score=10**18),
        "date": invented.Body(born=20230229),
        "items": invented.Body(parts=[{"part": i} for i in range(21)]),
        "item": invented.Body(parts=[{"part": 1, "size": 1000000}]),
        "document": invented.Body(file={"media_type": "a/b", "sha256": b"x" * 32, "data": b"x" * (200 * 1024 + 1)}),
    }
    for name, message in values.items():
        check(codec.ask("D", "invented", "body", message.SerializeToString().hex()).startswith("bad_value"), name)
    missing = invented.Key(code="x").SerializeToString()
    check(codec.ask("D", "invented", "key", missing.hex()) == "missing_required 2", "missing")
    missing = invented.Body(parts=[{"label": "x"}]).SerializeToString()
    check(codec.ask("D", "invented", "body", missing.hex()) == "missing_required 33", "missing in item")


def normal_forms(codec, invented, rng):
    """Which texts count as NFC, over all assigned characters: as Python's unicodedata has it."""
    marks = [cp for cp in WIDE if unicodedata.combining(chr(cp))]
    for round_number in range(4000):
        text = "".join(chr(rng.choice(rng.choice([WIDE, marks]))) for _ in range(rng.randint(1, 6)))
        if round_number % 2:
            text = unicodedata.normalize("NFC", text)
        data = invented.Other(note=text).SerializeToString()
        answer = codec.ask("D", "invented", "other", data.hex()).split("\t")[0].split(" ")[0]
        expected = "none" if unicodedata.is_normalized("NFC", text) else "bad_group"
        check(answer == expected, "NFC", text.encode("unicode_escape"), answer, expected)


def main():
    program, datasets = sys.argv[1:3]
    rng = random.Random(20250701)
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(n for n in os.listdir(datasets) if n.endswith(".yaml")):
            compile_proto(program, datasets, name.removesuffix(".yaml"), folder)
        with open(os.path.join(folder, "invented.yaml"), "w", encoding="utf-8") as out:
            out.write(INVENTED)
        invented = compile_proto(program, folder, "invented", folder)
        codec = Codec(program, folder)
        for step in (both_ways, lists_and_documents, refusals, normal_forms):
            step(codec, invented, rng)
            print(step.__name__, "ok")
        codec.pipe.stdin.close()
        check(codec.pipe.wait() == 0, "codec ended")


main()
