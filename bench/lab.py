"""A country of real programs to be measured: the directories of tests/functional/kit.py, schools
with made-up pupils in SQLite files, and what /proc says of the processes."""
import os
import random
import sqlite3
import string
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SOURCE / "tests/functional"))
import kit  # noqa: E402

DATASET = "bench_pupil"
COLUMNS = {  # column -> (field, characters); the shape of bench/datasets/bench_pupil.yaml
    "ma_hs": ("pupil_no", 12), "ho_ten": ("full_name", 40), "noi_sinh": ("birthplace", 60), "gioi_tinh": ("sex", 1),
    "dan_toc": ("ethnic", 2), "dia_chi": ("address", 120), "dien_thoai": ("phone", 10), "cha_me": ("guardian", 60),
    "diem": ("marks", 100), "nhan_xet": ("remarks", 106)}
LETTERS = string.ascii_lowercase
TICKS = os.sysconf("SC_CLK_TCK")


def programs(build):
    found = kit.Programs.built(build)
    found.share = SOURCE / "bench"
    return found


def make_database(path, rows, seed):
    """A school's own database; numbers of pupils begin with 999, so that none is anyone's."""
    rng = random.Random(seed)
    pool = "".join(rng.choices(LETTERS, k=1 << 16))

    def text(n):
        at = rng.randrange(len(pool) - n)
        return pool[at:at + n]

    names = ["id INTEGER PRIMARY KEY", "ngay_sinh TEXT", "nam_sinh INTEGER", *(f"{c} TEXT" for c in COLUMNS)]
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE hoc_sinh ({', '.join(names)})")
        for i in range(rows):
            year, widths = rng.randint(2010, 2019), [n for _, n in COLUMNS.values()]
            values = [f"999{i:09d}", *(text(n) for n in widths[1:])]
            db.execute(f"INSERT INTO hoc_sinh VALUES ({', '.join('?' * (3 + len(values)))})",
                       (i + 1, f"{rng.randint(1, 28):02d}/{rng.randint(1, 12):02d}/{year}", year, *values))
    db.close()


def school_entry(code, path, every):
    fields = {field: column for column, (field, _) in COLUMNS.items()}
    fields.update(birth_date={"from": "ngay_sinh", "as": "date_vn"}, birth_year="nam_sinh")
    return {"org": code, "source": {"driver": "SQLite3", "database": str(path)},
            "tables": [{"dataset": DATASET, "every": every, "query": "SELECT * FROM hoc_sinh", "key": "id",
                        "fields": fields}]}


class Lab:
    """Ministry, province, with three tiers a district too; below it hosts, each with an agent for its schools."""

    def __init__(self, country, tiers, hosts, schools, rows, every="3600s", share="all"):
        self.country, self.rows = country, rows
        chain = ["bo", "so", "phong"][:tiers]
        for code, kind, under in zip(chain, ("ministry", "province", "district"), (None, *chain)):
            country.org(code, kind, under=under)
        self.hosts = [f"xa{h}" for h in range(hosts)]
        self.schools = {h: [f"{h}-{i}" for i in range(n, schools, hosts)] for n, h in enumerate(self.hosts)}
        for host, codes in self.schools.items():
            country.org(host, "commune", under=chain[-1])
            for code in codes:
                country.org(code, "school", under=host)
        country.found()
        self.brokers = []
        for code in chain:
            self.brokers.append(country.broker(code, parent=self.brokers[-1] if self.brokers else None,
                                               share={DATASET: {"share": share}} if self.brokers else None,
                                               limits={"peers": 64}))
        self.databases = {}
        for host, codes in self.schools.items():
            for code in codes:
                self.databases[code] = country.dir / f"{code}.db"
                make_database(self.databases[code], rows, code)
        self.agents = [self.agent(h, every) for h in self.hosts]

    def agent(self, host, every):
        entries = [school_entry(c, self.databases[c], every) for c in self.schools[host]]
        node = self.country.agent(host, self.brokers[-1], self.brokers[-1].org, entries, hosts=self.schools[host])
        kit.change_yaml(node.dir / "agent.yaml", lambda y: kit.merge(y, {"limits": {"store_mib": 4096}}))
        return node

    def expected(self):
        return {(code, DATASET): self.rows for code in self.databases}


def cpu_seconds(pid):
    """User and system time of a process, and of the children it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, child_user, child_system = (int(f) / TICKS for f in fields[11:15])
    return user, system, child_user + child_system


def memory_kib(pid):
    wanted = ("VmHWM", "VmRSS", "RssAnon", "RssFile")
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {w[0][:-1]: int(w[1]) for w in lines if w and w[0][:-1] in wanted}


def quantile(values, q):
    ordered = sorted(values)
    return ordered[round(q * (len(ordered) - 1))]
