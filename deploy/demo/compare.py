"""A school's own row beside what a node shows of its record."""
import sqlite3

from world import makes

# Natural key of a record from the row of the mapping's query, as `lienthong record show` takes it.
KEYS = {
    "school": lambda row: row["ma_truong"],
    "class": lambda row: f"{row['nam']}/{row['ma_lop']}",
    "pupil": lambda row: row["ma_hs"],
    "enrolment": lambda row: f"{row['ma_hs']}/{row['nam']}/{row['ma_lop']}/{iso(row['tu_ngay'])}",
    "term_result": lambda row: f"{row['ma_hs']}/{row['nam']}/{row['hoc_ky']}",
}


def iso(text):
    """dd/mm/yyyy, mm/yyyy or yyyy to ISO."""
    return "-".join(reversed(text.split("/")))


def sample(database, dataset):
    """(natural key, row) of the dataset's fourth row, or its last."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    row = db.execute(f"{makes.TABLES[dataset]['query']} LIMIT 4").fetchall()[-1]
    db.close()
    return KEYS[dataset](row), row


def expected_value(row, how):
    """Text that the mapping must make of the row, read from the same YAML by other means."""
    how = {"from": how} if isinstance(how, str) else how
    value = row[how["from"]]
    if value is None:
        return None
    if "map" in how:
        return how["map"][value]
    if how.get("as") == "date_vn":
        return iso(value)
    if how.get("as") == "bool_vn":
        return "true" if value == "Có" else "false"
    return str(value)


def expected_fields(dataset, row):
    """field -> text, for every field that is one value."""
    fields = makes.TABLES[dataset]["fields"].items()
    return {name: expected_value(row, how) for name, how in fields if isinstance(how, str) or "from" in how}


def flat(record):
    """field -> text of everything shown; a list's items joined."""
    out = {}
    for group in record["groups"]:
        for one in group.get("fields", ()):
            out[one["name"]] = f"{out[one['name']]}; {one['value']}" if one["name"] in out else one["value"]
    return out


def field(record, name):
    return flat(record).get(name)


def same(shown, wanted):
    """Equal as text, or as numbers (36 and 36.0), or as the two spellings of a truth."""
    if shown == wanted or {shown, wanted} in ({"true", "1"}, {"false", "0"}):
        return True
    try:
        return float(shown) == float(wanted)
    except ValueError:
        return False


def differences(record, truth):
    """Fields of shown groups that are not what the school's row says."""
    shown, out = flat(record), []
    for name, wanted in truth.items():
        if name in shown and (wanted is None or not same(shown[name], wanted)):
            out.append(f"{name}: {shown[name]!r} != {wanted!r}")
    return out


def describe(record):
    groups, origin = record["groups"], record["provenance"]
    return {"shown": [g["name"] for g in groups if g["shown"]],
            "withheld": [g["name"] for g in groups if not g["shown"]],
            "verified": origin["verified"], "signed_by": origin.get("signed_by"), "entry": origin.get("entry"),
            "state": record["state"], "id": record["id"]}
