#!/usr/bin/python3
"""The dictionary's data: what no loader looks at.

Every code list that a field names exists and has codes; every list is in use; parents and successors are codes of
their lists; titles in both languages for everything; a title names one code of a list on a day (values are read by
title); profiles name fields of their dataset; every optional column of a profile is one of its columns.
"""
import csv
import pathlib
import sys
from collections import defaultdict

import yaml

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve() / "config"
# Used beyond the datasets: by figures, parents, and administrative units of before the reform.
ALSO_USED = {"grade", "assessment", "ability_kind"}
# Names that several units share; these lists are read by code.
BY_CODE = {"commune", "district"}
faults = []


def fault(where, what):
    faults.append(f"{where}: {what}")


def load(path):
    return yaml.safe_load(path.read_text("utf-8"))


def rows_of(name):
    with open(ROOT / f"codelists/{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def overlap(a, b):
    return (a["valid_from"] or "0") <= (b["valid_to"] or "9") and (b["valid_from"] or "0") <= (a["valid_to"] or "9")


def check_titles(name, rows):
    for column in ("vi", "en"):
        seen = defaultdict(list)
        for row in rows:
            if not row[column]:
                fault(name, f"{row['code']} has no title {column}")
            seen[row[column].casefold()].append(row)
        for title, same in seen.items():
            if name not in BY_CODE and any(overlap(a, b) for a in same for b in same if a["code"] < b["code"]):
                fault(name, f"title {title!r} names several codes")


def check_lists():
    lists = load(ROOT / "codelists/lists.yaml")["lists"]
    codes = {name: rows_of(name) for name in lists}
    known = {name: {row["code"] for row in rows} for name, rows in codes.items()}
    for name, about in lists.items():
        if not about["title"].get("vi") or not about["title"].get("en"):
            fault(name, "needs both titles")
        check_titles(name, codes[name])
        for row in codes[name]:
            if about.get("parent") and row["parent"] not in known[about["parent"]]:
                fault(name, f"{row['code']}: parent {row['parent']!r} is not in {about['parent']}")
            for after in row["replaced_by"].split():
                if after not in known[name]:
                    fault(name, f"{row['code']}: successor {after} is not in the list")
    for path in (ROOT / "codelists").glob("*.csv"):
        if path.stem not in lists:
            fault(path.name, "is not in lists.yaml")
    return set(lists)


def all_fields(dataset):
    for name, field in dataset["fields"].items():
        yield name, field
        for item, about in (field.get("items") or {}).items():
            yield f"{name}.{item}", about


def check_datasets(lists):
    datasets, used = {}, set(ALSO_USED)
    for path in sorted((ROOT / "datasets").glob("*.yaml")):
        dataset = load(path)
        datasets[dataset["dataset"]] = dataset
        for name, field in all_fields(dataset):
            title = field.get("title") or {}
            if not title.get("vi") or not title.get("en"):
                fault(path.name, f"{name} needs both titles")
            if field["type"] == "code" and field.get("list") not in lists:
                fault(path.name, f"{name} names list {field.get('list')!r}")
            used.add(field.get("list"))
    for name in sorted(lists - used):
        fault("lists.yaml", f"{name} is used by no field")
    for name, dataset in datasets.items():
        for reference in dataset.get("references", ()):
            if reference["dataset"] not in datasets:
                fault(name, f"reference to {reference['dataset']}")
    return datasets


def check_profiles(datasets):
    for path in sorted((ROOT / "profiles").glob("*.yaml")):
        profile = load(path)
        if profile["profile"] != path.stem:
            fault(path.name, "has another name inside")
        for table in profile["tables"]:
            columns = {**table["columns"], **table.get("also", {})}
            unknown = set(table["columns"]) - set(datasets[table["dataset"]]["fields"])
            unknown |= set(table.get("optional", ())) - set(columns)
            for name in sorted(unknown):
                fault(path.name, f"{table['dataset']}: {name} is no field or column")


def main():
    datasets = check_datasets(check_lists())
    check_profiles(datasets)
    print("\n".join(faults) or "dictionary: good")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
