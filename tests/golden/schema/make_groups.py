#!/usr/bin/python3
"""Group bytes of the first definitions of the core datasets, made without the project's code.

  make_groups.py          writes v1/groups.txt from the definitions in v1/*.yaml and the values below

A line is: dataset, record, group number, hex of the group's bytes (wire.md section 1), then the values as
`NUMBER=text` separated by tabs. These files stay as they are for ever: every later definition must read them and find
them good. Synthetic people only.
"""
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent / "v1"
RECORDS = {
    "school": [
        {"school_code": "79267401", "name": "Trường THPT Bến Nghé", "level_group": "04", "ownership": "1", "zone": "4",
         "commune_code": "26740", "province_code": "79", "founded": "1955-09", "head_name": "Nguyễn Văn Mẫu",
         "phone": "0000123456", "email": "mau@example.edu.vn", "campus_count": 2, "area_m2": "12345.6",
         "has_electricity": True, "has_internet": False},
        {"school_code": "46198151", "name": "Trường THCS An Cựu", "level_group": "03"},
    ],
    "class": [
        {"school_year": "2026", "class_code": "10A1", "name": "Lớp 10A1", "grade": 10, "foreign_lang1": "ANH",
         "two_sessions": False, "homeroom_teacher": "GV01001"},
        {"school_year": "2026", "class_code": "LA", "name": "Lá", "grade": 0},
    ],
    "pupil": [
        {"pupil_code": "9990100001", "full_name": "Trần Thị Mẫu", "birth_date": "2011-03-09", "sex": "2", "ethnic": "05",
         "father_phone": "0000654321", "address": "12 Lê Lợi", "birthplace": "Tỉnh Sóc Trăng", "nationality": "VN",
         "guardians": [{"relation": "1", "name": "Trần Văn Thử", "birth_year": 1980, "job": "Nông dân"},
                       {"relation": "2", "name": "Lý Thị Thử"}],
         "status": "01", "grade": 10, "birth_year": 2011, "residence_commune": "26740", "repeater_last_year": False,
         "height_cm": "157.5", "weight_kg": "45", "blood": "AB"},
        {"pupil_code": "9990100002", "full_name": "Lê Mẫu", "birth_date": "2012", "sex": "1", "ethnic": "01"},
    ],
    "enrolment": [
        {"pupil_code": "9990100001", "school_year": "2026", "class_code": "10A1", "start": "2026-09-05", "grade": 10,
         "status": "01", "sex": "2", "birth_year": 2011, "ethnic_minority": True},
        {"pupil_code": "9990100002", "school_year": "2025", "class_code": "9B", "start": "2025-09-05",
         "end": "2026-05-31", "entry_type": "01", "exit_type": "01", "grade": 9},
    ],
    "term_result": [
        {"pupil_code": "9990100001", "school_year": "2025", "term": "3", "average": "8.1",
         "subjects": [{"subject": "TOAN", "score": "8"}, {"subject": "VAN", "score": "7.5"},
                      {"subject": "THE_DUC", "level": "Đ"}],
         "learning": "1", "conduct": "1", "days_absent": 3, "promoted": True, "grade": 9, "sex": "2",
         "remark": "Chăm chỉ, tiến bộ."},
        {"pupil_code": "9990100002", "school_year": "2025", "term": "1"},
    ],
}


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def zigzag(value):
    return varint(value * 2 if value >= 0 else -value * 2 - 1)


def scaled(text, scale):
    whole, _, part = str(text).partition(".")
    return int(whole + (part + "0" * scale)[:scale])


def date(text):
    year, month, day = (text.split("-") + ["00", "00"])[:3]
    return int(year + month + day)


def encode_value(field, value):
    """(wire type, bytes) of one value."""
    kind = field["type"]
    if kind in ("text", "code"):
        data = value.encode()
        return 2, varint(len(data)) + data
    if kind == "integer":
        return 0, zigzag(value)
    if kind == "decimal":
        return 0, zigzag(scaled(value, field["scale"]))
    if kind == "bool":
        return 0, varint(int(value))
    assert kind == "date", kind
    return 0, varint(date(value))


def encode_fields(fields, record):
    out = bytearray()
    for name, field in sorted(fields.items(), key=lambda pair: pair[1]["number"]):
        if name not in record:
            continue
        if field["type"] == "list":
            items = sorted(record[name], key=lambda item: item[field["key"]].encode())
            runs = [encode_fields(field["items"], item) for item in items]
            values = [(2, varint(len(run)) + run) for run in runs]
        else:
            values = [encode_value(field, record[name])]
        for wire, data in values:
            out += varint(field["number"] << 3 | wire) + data
    return bytes(out)


def text_of(field, value):
    if field["type"] == "bool":
        return "true" if value else "false"
    if field["type"] == "decimal":
        whole, _, part = str(value).partition(".")
        return f"{whole}.{part:0<{field['scale']}}"
    return str(value)


def lines():
    for name, records in RECORDS.items():
        dataset = yaml.safe_load((HERE / f"{name}.yaml").read_text("utf-8"))
        for number, record in enumerate(records):
            for group, about in sorted(dataset["groups"].items(), key=lambda pair: pair[1]["number"]):
                if about["owner"] != "record":
                    continue
                fields = {k: f for k, f in dataset["fields"].items() if f["group"] == group}
                values = [f"{f['number']}={text_of(f, record[k])}" for k, f in
                          sorted(fields.items(), key=lambda pair: pair[1]["number"])
                          if k in record and f["type"] != "list"]
                yield "\t".join([name, str(number), str(about["number"]),
                                 encode_fields(fields, record).hex() or "-", *values])


if __name__ == "__main__":
    (HERE / "groups.txt").write_text("\n".join(lines()) + "\n", "utf-8")
