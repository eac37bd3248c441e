"""The demo's country on disk and as processes: directories made by `lienthong init`, brokers and agents."""
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/tools"))
import country as makes  # noqa: E402

MARKER = ".lienthong-demo"
# Types, as stat -f prints them, of file systems that the programs refuse for a store.
NOT_LOCAL = {"794c7630": "overlay", "65735546": "fuse", "6969": "nfs", "ff534d42": "cifs", "fe534d42": "smb",
             "1021997": "9p"}
STORES_NEED = 200 << 20
PORTS = range(10000, 32000)
LOOK_AGAIN_S = 0.05
PATIENCE_S = 90


class DemoError(Exception):
    """What ends the demo, in words for people."""


def wait_until(condition, what, seconds=PATIENCE_S):
    """First true answer of condition(); DemoError with @p what when none comes in time."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise DemoError(what)
        pause.wait(LOOK_AGAIN_S)


def fit_for_stores(directory):
    kind = subprocess.run(["stat", "-f", "-c", "%t", directory], capture_output=True, encoding="ascii", check=False)
    return kind.returncode == 0 and kind.stdout.strip() not in NOT_LOCAL and \
        shutil.disk_usage(directory).free >= STORES_NEED


def free_port(taken):
    """Below the kernel's own range: a client that connects again never meets itself there."""
    while True:
        port = random.choice(PORTS)
        if port in taken:
            continue
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                taken.add(port)
                return port


class Node:
    """One broker or agent."""

    def __init__(self, world, program, code, directory):
        self.world, self.program, self.code, self.dir = world, program, code, directory
        self.socket = world.run / f"{code}.sock"
        self.log = world.dir / "logs" / f"{directory.parent.name}-{code}.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "--node", self.dir], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        self.world.save_processes()

    def ready(self):
        if self.process.poll() is not None:
            raise DemoError(f"{self.code}: {self.log}\n{self.log_tail()}")
        return self.ask("status", quiet=True) is not None

    def await_ready(self):
        wait_until(self.ready, f"{self.code}: {self.log}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def log_tail(self):
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-8:])

    def ask(self, *words, quiet=False):
        """The administrators' command on this node, as JSON; None when it does not answer and @p quiet."""
        done = self.world.command("--node", self.socket, "--json", *words)
        if done.returncode == 0:
            return json.loads(done.stdout)
        if quiet:
            return None
        raise DemoError(f"lienthong --node {self.socket} {' '.join(words)}: {done.returncode} {done.stderr.strip()}")

    def rows(self, verb, **arguments):
        """Rows of one answer, straight over the control socket (lib/include/lth/control.h)."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(str(self.socket))
            channel.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            with channel.makefile("rb") as lines:
                for line in lines:
                    message = json.loads(line)
                    if "error" in message:
                        raise DemoError(f"{self.code}: {verb}: {message['error'].get('en')}")
                    if "row" in message:
                        yield message["row"]

    def show(self, dataset, org, key):
        """The school's part of one record; None when the node does not hold it."""
        done = self.world.command("--node", self.socket, "--json", "record", "show", dataset, org, key)
        if done.returncode == 1:
            return None
        if done.returncode:
            raise DemoError(f"{self.code}: record show {dataset} {org} {key}: {done.stderr.strip()}")
        return next(part for part in json.loads(done.stdout)["parts"] if part["slot"] == 0)

    def counts(self):
        """{org: {dataset: live records}}, or None when the node does not answer."""
        answer = self.ask("counts", quiet=True)
        out = {}
        for row in answer["counts"] if answer else ():
            if row["live"]:
                out.setdefault(row["org"], {})[row["dataset"]] = row["live"]
        return out if answer else None

    def status(self, kind):
        """Rows of one kind of `status`."""
        answer = self.ask("status", quiet=True)
        return [row for row in answer["rows"] if row["kind"] == kind] if answer else []


class World:
    """Everything below DIR; control sockets in a short directory that DIR/run leads to."""

    def __init__(self, directory, build, seed=makes.SEED):
        self.dir, self.build, self.seed = Path(directory).resolve(), Path(build), seed
        self.country = makes.small_country()
        self.cli = self.build / "cli/lienthong"
        self.brokers, self.agents, self.run, self.stores = {}, {}, None, None
        self.host = self.intake = self.once = None
        self.hosted_truth = {}
        self.environment = {k: val for k, val in os.environ.items() if k not in ("LIENTHONG_NODE", "LIENTHONG_ROOT")}

    # commands

    def command(self, *words):
        return subprocess.run([self.cli, *words], capture_output=True, encoding="utf-8", env=self.environment,
                              check=False)

    def must(self, *words):
        done = self.command(*words)
        if done.returncode != 0:
            raise DemoError(f"lienthong {' '.join(map(str, words))}: {done.returncode}\n{done.stderr}{done.stdout}")

    # the directory

    def claim(self):
        """Take DIR: new, empty or made by an earlier run; refuse any other."""
        if self.dir.is_symlink() or (self.dir.exists() and not self.dir.is_dir()):
            raise DemoError(f"{self.dir}: không phải thư mục / not a directory")
        if self.dir.exists() and any(self.dir.iterdir()) and not (self.dir / MARKER).is_file():
            raise DemoError(f"{self.dir}: thư mục này không do bản trình diễn tạo ra, không xoá / "
                            "not made by the demo, not replaced")
        self.stop_earlier()
        shutil.rmtree(self.dir, ignore_errors=True)
        (self.dir / "logs").mkdir(parents=True)
        self.run = Path(tempfile.mkdtemp(prefix="lth-", dir="/tmp"))
        (self.dir / "run").symlink_to(self.run)
        self.write_marker([])
        self.place_stores()

    def place_stores(self):
        """In DIR, or where a container has a local file system (its root is an overlay)."""
        self.stores = self.dir / "stores"
        for place in (self.dir, Path("/tmp"), Path("/dev/shm"), Path("/run"), Path("/var/tmp")):
            if fit_for_stores(place) and os.access(place, os.W_OK):
                if place == self.dir:
                    self.stores.mkdir()
                else:
                    self.stores = Path(tempfile.mkdtemp(prefix="lth-", dir=place))
                    (self.dir / "stores").symlink_to(self.stores)
                self.write_marker([])
                return
        raise DemoError("không có đĩa cục bộ còn 200 MiB cho các kho: dùng --dir trên đĩa ấy, hoặc docker run "
                        "--shm-size=512m / no local file system with 200 MiB for the stores: name one with --dir, "
                        "or docker run --shm-size=512m")

    def write_marker(self, processes):
        away = [str(p) for p in (self.run, self.stores) if p and p.parent != self.dir]
        (self.dir / MARKER).write_text(json.dumps({"away": away, "processes": processes}))

    def nodes(self):
        return [*self.brokers.values(), *self.users()]

    def users(self):
        """Whatever is below the brokers."""
        return [*self.agents.values(), *(n for n in (self.host, self.intake) if n)]

    def save_processes(self):
        self.write_marker([{"pid": n.process.pid, "node": str(n.dir)} for n in self.nodes() if n.process])

    def stop_earlier(self):
        """End the processes that an earlier run in DIR left (--keep): only those that still run its nodes."""
        marker = self.dir / MARKER
        if not marker.is_file():
            return 0
        try:
            left = json.loads(marker.read_text() or "{}")
        except ValueError:
            left = {}
        running = [p["pid"] for p in left.get("processes", ()) if runs_node(p["pid"], p["node"])]
        for pid in running:
            os.kill(pid, signal.SIGTERM)
        nodes = {p["pid"]: p["node"] for p in left.get("processes", ())}
        wait_until(lambda: not any(runs_node(pid, nodes[pid]) for pid in running), "processes of an earlier run", 20)
        for path in map(Path, left.get("away", ())):
            if path.name.startswith("lth-"):
                shutil.rmtree(path, ignore_errors=True)
        return len(running)

    # making the country

    def database(self, school):
        return self.dir / "schools" / f"{school}.db"

    def make_sources(self):
        (self.dir / "schools").mkdir()
        for school in self.country.schools:
            makes.make_database(self.database(school.code), school, self.seed)

    def make_keys(self):
        makes.write_yaml(self.dir / "orgs.yaml", makes.organisations(self.country))
        (self.dir / "authority").mkdir()
        self.must("init", "root", self.dir / "authority/root", "--org", "bo", "--orgs", self.dir / "orgs.yaml")
        for code in dict.fromkeys(broker.ca for broker in self.country.brokers):
            self.must("init", "ca", self.authority(code), "--root", self.dir / "authority/root", "--org", code)

    def authority(self, code):
        return self.dir / "authority" / f"ca-{code}"

    def make_brokers(self):
        (self.dir / "brokers").mkdir()
        taken, ports = set(), {}
        for broker in self.country.brokers:
            node = Node(self, self.build / "broker/shell/lienthong-broker", broker.code,
                        self.dir / "brokers" / broker.code)
            ports[broker.code] = free_port(taken)
            parent = ["--parent", self.dir / "brokers" / broker.parent] if broker.parent else []
            listen = f"tcp://127.0.0.1:{ports[broker.code]}"
            self.must("init", "broker", node.dir, "--ca", self.authority(broker.ca), "--org", broker.code,
                      "--listen", listen, "--config", SOURCE / "config", *parent)
            document = {
                "node": {"org": broker.code, "name": broker.name, "store": str(self.stores / broker.code), "identity": "identity"},
                "listen": {"agents": listen, "control": str(node.socket)},
                "limits": {"store_gib": 1},
                "files": {"orgs": "orgs.yaml", "routes": "routes.yaml", "datasets": "datasets/", "peers": "peers/"}}
            if broker.parent:
                document["parent"] = {"endpoint": f"tcp://127.0.0.1:{ports[broker.parent]}", "org": broker.parent}
            makes.write_yaml(node.dir / "broker.yaml", document)
            makes.write_yaml(node.dir / "routes.yaml", makes.routes(broker))
            self.brokers[broker.code] = node
        self.ports = ports

    def endpoint(self, broker):
        return f"tcp://127.0.0.1:{self.ports[broker]}"

    def make_agents(self):
        (self.dir / "agents").mkdir()
        for agent in self.country.agents:
            node = Node(self, self.build / "agents/shell/lienthong-agent", agent.code, self.dir / "agents" / agent.code)
            broker = next(b for b in self.country.brokers if b.code == agent.broker)
            hosted = [word for code in agent.schools for word in ("--school", code)] if agent.host else []
            self.must("init", "agent", node.dir, "--ca", self.authority(broker.ca), "--org", agent.code,
                      "--parent", self.dir / "brokers" / agent.broker, "--config", SOURCE / "config", *hosted)
            makes.write_yaml(node.dir / "agent.yaml", {
                "node": {"org": agent.code, "store": str(self.stores / f"agent-{agent.code}"),
                         "identity": "identity", "control": str(node.socket),
                         "broker": self.endpoint(agent.broker)},
                "limits": {"store_mib": 64, "live": "1s"},
                "files": {"orgs": "orgs.yaml", "datasets": "datasets/"},
                "schools": [makes.source(code, self.database(code)) for code in agent.schools]})
            self.agents[agent.code] = node

    def check_configuration(self):
        for node in [*self.brokers.values(), *self.agents.values(), self.host]:
            self.must("conf", "check", node.dir)

    # a school with only a browser and Excel

    def make_host(self):
        """The agent of province 46 that carries for it, the upload page, and the school's one-time code."""
        where = self.dir / "agents" / "host-46"
        (self.dir / "schools" / "hosted.csv").write_text(f"org\n{makes.EXCEL_SCHOOL}\n", "utf-8")
        self.must("init", "host", where, "--ca", self.authority("46"), "--org", "46", "--parent", self.dir / "brokers/46",
                  "--schools", self.dir / "schools/hosted.csv", "--profile", "class-list", "--config", SOURCE / "config")
        node = Node(self, self.build / "agents/shell/lienthong-agent", "host-46", where)
        document = makes.read_yaml(where / "agent.yaml")
        document["node"].update(store=str(self.stores / "agent-host-46"), control=str(node.socket),
                                broker=self.endpoint("46"))
        document["limits"].update(store_mib=64, live="1s")
        makes.write_yaml(where / "agent.yaml", document)
        self.host = node
        self.make_intake(node)
        self.once = (where / "codes.csv").read_text("utf-8").splitlines()[1].rsplit(",", 1)[1]

    def make_intake(self, host):
        where = self.dir / "intake"
        where.mkdir()
        self.intake_port = free_port(set(self.ports.values()))
        makes.write_yaml(where / "intake.yaml", {
            "intake": {"listen": f"127.0.0.1:{self.intake_port}", "agent": str(host.socket),
                       "hosted": str(host.dir / "hosted"), "state": str(where / "state")},
            "page": {"name": "Sở Giáo dục và Đào tạo Thừa Thiên Huế", "help": "Phòng CNTT", "url": "https://nop.example"}})
        self.intake = Node(self, self.build / "agents/intake/lienthong-intake", "intake", where)

    def agent_of(self, school):
        return next(self.agents[a.code] for a in self.country.agents if school in a.schools)

    # what should be where

    def sql_counts(self):
        """{school: {dataset: rows}}, by SQL in the schools' databases."""
        return {s.code: {k: n for k, n in makes.sql_counts(self.database(s.code)).items() if n}
                for s in self.country.schools}

    def expected(self, broker, truth):
        """What @p broker must hold: the schools below it, less what a route on the way sends as headers only."""
        out = {}
        for school in self.country.below(broker):
            sent = {name for name in truth[school] if self.reaches(school, name, broker)}
            out[school] = {name: n for name, n in truth[school].items() if name in sent}
        if self.hosted_truth and broker in ("46", "bo"):
            out[makes.EXCEL_SCHOOL] = dict(self.hosted_truth)
        return out

    def reaches(self, school, dataset, broker):
        """Do records of this dataset reach the broker with at least one group?"""
        at = self.country.school(school).broker
        while at != broker:
            here = next(b for b in self.country.brokers if b.code == at)
            sent = makes.routes(here)["routes"][0]["datasets"].get(dataset, {})
            if "share" not in sent:
                return False
            at = here.parent
        return True

    def stop(self):
        for node in self.users():
            if node.process and node.process.poll() is None:
                node.process.terminate()
        for node in [*self.users(), *reversed(self.brokers.values())]:
            node.stop()
        for name in ("run", "stores"):
            link = self.dir / name
            if self.run and link.is_symlink():
                shutil.rmtree(link.resolve(), ignore_errors=True)
                link.unlink()
        if self.run:
            self.run = self.stores = None
            self.write_marker([])


def runs_node(pid, directory):
    """Is this process still the one that was started for that node?"""
    try:
        return directory.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
