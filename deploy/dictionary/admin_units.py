#!/usr/bin/python3
"""Make the code lists of administrative units from the country's lists before and after the reform of 1 July 2025.

  admin_units.py SOURCE [CODELISTS]

SOURCE holds provinces-2024.csv, districts-2024.csv, communes-2024.csv, provinces-2025.csv, communes-2025.csv and
merged-from-2025.csv (public project thanglequoc/vietnamese-provinces-database, releases 2.4.1 and 3.0.2, put into CSV).
Writes province.csv, district.csv and commune.csv into CODELISTS (default: config/codelists) and prints what was
resolved. One code means other territory before and after the reform: a line is a code and the days on which it held.

`replaced_by` is given only where the words of `merged_from` name an old unit beyond doubt: its kind and name are
found once in the old provinces concerned (or once in the district that the words add). Where one mention could mean
two old units, neither gets a successor.
"""
import csv
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EVE, REFORM = "2025-06-30", "2025-07-01"
# Đồng Nai became a city of the centre, and ten of its communes wards, by a decision of its own.
CITY, CITY_EVE, CITY_DAY = "75", "2026-04-29", "2026-04-30"
CITY_NAME = "Thành phố Đồng Nai"
COLUMNS = ["code", "vi", "en", "valid_from", "valid_to", "parent", "replaced_by"]
KINDS = {"phường": "Ward", "xã": "Commune", "thị trấn": "Township", "đặc khu": "Special Zone", "quận": "Urban District",
         "huyện": "District", "thị xã": "Town", "thành phố": "City", "tỉnh": "Province"}
KIND = "|".join(sorted(KINDS, key=len, reverse=True))
SAME = "giữ nguyên"
NOISE = r"(một phần|phần còn lại|toàn bộ|quy mô|diện tích|tự nhiên|dân số|TN|của|các|và|\s)*"
# The tone stands on either vowel: Hoà, Hòa.
TONES = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}


def read(source, name):
    text = (source / f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(unicodedata.normalize("NFC", text).splitlines()))


def plain(text):
    """Without marks, for the English name."""
    text = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(c for c in text if not unicodedata.combining(c))


def kind_and_name(text):
    found = re.match(rf"({KIND})\s+(.+)", text, re.IGNORECASE)
    return (found.group(1).lower(), found.group(2).strip()) if found else ("", text)


def english(text):
    kind, name = kind_and_name(text)
    number = f"{KINDS[kind]} {name}" if name.isdigit() else f"{plain(name)} {KINDS[kind]}"
    return number if kind else plain(text)


def key(text):
    """A name for comparing: no matter its case, hyphens, or on which vowel of a syllable its tone is written."""
    syllables = []
    for word in re.split(r"[\s\-–'’`]+", unicodedata.normalize("NFD", text.lower())):
        tones = "".join(c for c in word if c in TONES)
        letters = "".join(c for c in word if c not in TONES)
        number = letters.lstrip("0") if letters.isdigit() else letters
        syllables.append(unicodedata.normalize("NFC", number) + tones)
    return " ".join(filter(None, syllables))


def line(code, vi, first="", last="", parent="", successors=()):
    return {"code": code, "vi": vi, "en": english(vi), "valid_from": first, "valid_to": last, "parent": parent,
            "replaced_by": " ".join(sorted(set(successors)))}


class Old:
    """The communes of before, found by kind and name."""

    def __init__(self, source):
        self.districts = {d["code"]: d for d in read(source, "districts-2024")}
        self.communes = {c["code"]: c for c in read(source, "communes-2024")}
        self.by_name = defaultdict(list)
        for code, commune in self.communes.items():
            kind, name = kind_and_name(commune["name"])
            self.by_name[kind, key(name)].append(code)

    def province(self, commune):
        return self.districts[self.communes[commune]["district_code"]]["province_code"]

    def district_is(self, commune, words):
        kind, name = kind_and_name(self.districts[self.communes[commune]["district_code"]]["name"])
        return (kind, key(name)) == (words[0].lower(), key(words[1]))

    def find(self, mention, provinces):
        kind, name, district = mention
        kinds = [kind] if kind else KINDS
        found = [c for k in kinds for c in self.by_name.get((k, key(name)), ()) if self.province(c) in provinces]
        return [c for c in found if self.district_is(c, district)] if district else found


def mentions(text):
    """(kind, name, district or None) of every old unit that the words name; kind is "" when they do not say it."""
    text = re.sub(r"\(\s*phần[^()]*\)", " ", text)
    out = []
    for part in re.split(rf",|;|\bvà\b(?=\s*(?:một phần|phần còn|các|{KIND})\b)", text, flags=re.IGNORECASE):
        district = re.search(r"\(\s*(quận|huyện|thị xã|thành phố)\s+([^()]*)\)", part, re.IGNORECASE)
        part = re.sub(r"\([^()]*\)", " ", part)
        part = re.sub(r"\bsau khi sắp\s+xếp.*$", "", part, flags=re.IGNORECASE)
        part = " ".join(part.split()).strip(" .")
        if re.fullmatch(NOISE, part, re.IGNORECASE):
            continue
        found = re.search(rf".*\b(phường|xã|thị trấn)\s+(\S.*)$", part, re.IGNORECASE)
        kind, name = (found.group(1).lower(), found.group(2)) if found else ("", part)
        out.append((kind, name, district.groups() if district else None))
    return out


def old_provinces(source):
    """New province -> the old ones whose territory it has."""
    codes = {key(kind_and_name(p["name"])[1]): p["code"] for p in read(source, "provinces-2024")}
    codes[key("TPHCM")] = "79"
    out = {}
    for row in read(source, "merged-from-2025"):
        if row["parent_code"] != "0":
            continue
        words = row["merged_from"].split(".")[0]
        named = [row["name"].replace("Thủ Đô", "Thành phố")] if words == SAME else re.split(r",|\bvà\b", words)
        out[row["code"]] = {codes[key(kind_and_name(word.strip())[1])] for word in named}
    return out


class Resolver:
    def __init__(self, source):
        self.old, self.provinces = Old(source), old_provinces(source)
        self.successors, self.doubtful, self.count = defaultdict(set), set(), Counter()

    def settle(self, mention, provinces, near):
        found = self.old.find(mention, provinces)
        if len(found) > 1 and near:
            found = [c for c in found if self.old.province(c) in near] or found
        return found

    def take(self, new, text):
        provinces = self.provinces[new["province_code"]]
        if text.strip() == SAME:
            self.count["unchanged"] += 1
            self.successors[new["code"]].add(new["code"])
            return
        named = mentions(text)
        sure = [self.old.find(m, provinces) for m in named]
        near = {self.old.province(f[0]) for f in sure if len(f) == 1}
        near = near if len(near) == 1 else set()
        for mention in named:
            found = self.settle(mention, provinces, near)
            sure = mention[0] and len(found) == 1
            self.count["sure" if sure else "doubtful" if found else "not found"] += 1
            if sure:
                self.successors[found[0]].add(new["code"])
            else:
                self.doubtful.update(found)

    def of(self, old):
        return () if old in self.doubtful else self.successors.get(old, ())


def provinces(source):
    successors = {old: new for new, olds in old_provinces(source).items() for old in olds}
    out = [line(p["code"], p["name"], "", EVE, "", [successors[p["code"]]]) for p in read(source, "provinces-2024")]
    for new in read(source, "provinces-2025"):
        if new["code"] == CITY:
            out += [line(CITY, new["name"], REFORM, CITY_EVE, "", [CITY]), line(CITY, CITY_NAME, CITY_DAY)]
        else:
            out.append(line(new["code"], new["name"], REFORM))
    return out


def districts(source):
    return [line(d["code"], d["name"], "", EVE, d["province_code"]) for d in read(source, "districts-2024")]


def merged_rows(source, new):
    """New code -> its row of merged-from; by name where the two lists disagree about the code."""
    rows = read(source, "merged-from-2025")
    by_code = {row["code"]: row for row in rows}
    by_name = {(row["parent_code"], key(row["name"])): row for row in rows}
    return {c["code"]: by_code.get(c["code"]) or by_name[c["province_code"], key(c["name"])] for c in new}


def communes(source, resolver):
    new = read(source, "communes-2025")
    merged = merged_rows(source, new)
    for commune in new:
        resolver.take(commune, merged[commune["code"]]["merged_from"])
    out = [line(code, c["name"], "", EVE, resolver.old.province(code), resolver.of(code))
           for code, c in resolver.old.communes.items()]
    for c in new:
        later = merged[c["code"]]["name"]
        if c["province_code"] == CITY and kind_and_name(later)[0] != kind_and_name(c["name"])[0]:
            out += [line(c["code"], c["name"], REFORM, CITY_EVE, CITY, [c["code"]]),
                    line(c["code"], later, CITY_DAY, "", CITY)]
        else:
            out.append(line(c["code"], c["name"], REFORM, "", c["province_code"]))
    return out


def write(path, lines):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(lines, key=lambda row: (row["code"], row["valid_from"])))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    target = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "config/codelists"
    resolver = Resolver(source)
    lists = {"province": provinces(source), "district": districts(source), "commune": communes(source, resolver)}
    for name, lines in lists.items():
        write(target / f"{name}.csv", lines)
        print(f"{name}: {len(lines)} lines")
    known = sum(1 for code in resolver.old.communes if resolver.of(code))
    print(f"old communes with successors: {known} of {len(resolver.old.communes)}; mentions: {dict(resolver.count)}; "
          f"old units in doubt: {len(resolver.doubtful)}")


if __name__ == "__main__":
    main()
