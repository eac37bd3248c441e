"""Real programs of a small country on 127.0.0.1: directories, processes, questions, patience.

Nothing here waits for a fixed time: wait_until() looks at a condition until its deadline. Every
process dies with this one (PR_SET_PDEATHSIG) and every Country removes what it made.
"""
import contextlib
import copy
import ctypes
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import yaml

SOURCE = Path(__file__).resolve().parents[2]
LOOK_AGAIN_S = 0.05
PATIENCE_S = float(os.environ.get("LTH_PATIENCE", "60"))
PORTS = range(10000, 32000)
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
BROKEN = re.compile(r"(Address|Leak|Undefined\w*)Sanitizer|runtime error:|assert", re.I)
RELOAD_EVENTS = (("configuration_loaded",), ("configuration_refused",))


# ---- patience

def wait_until(condition, what, seconds=None):
    """First true answer of condition(). Failures of the node (not there yet) count as no."""
    clock, never = threading.Event(), None
    deadline = os.times().elapsed + (seconds or PATIENCE_S)
    while True:
        try:
            answer = condition()
            never = answer
        except (Unreachable, OSError) as error:
            answer, never = None, error
        if answer:
            return answer
        if os.times().elapsed > deadline:
            raise AssertionError(f"not within its deadline: {what() if callable(what) else what} (last: {never!r})")
        clock.wait(LOOK_AGAIN_S)


class Unreachable(Exception):
    """The node does not answer."""


# ---- ports

class Ports:
    """Free ports below the kernel's own range, none given twice."""

    def __init__(self):
        self.given = set()

    def take(self):
        for _ in range(1000):
            port = random.choice(PORTS)
            if port in self.given:
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind(("127.0.0.1", port))
                    self.given.add(port)
                    return port
        raise AssertionError("no free port")


PORTS_OF_RUN = Ports()


# ---- programs

class Programs:
    """Where the programs are: a build directory, or an installed tree."""

    def __init__(self, broker, agent, cli, share=SOURCE / "config", env=None):
        self.broker, self.agent, self.cli, self.share = (Path(p) for p in (broker, agent, cli, share))
        self.env = env or {}

    @classmethod
    def built(cls, build):
        build = Path(build)
        return cls(build / "broker/shell/lienthong-broker", build / "agents/shell/lienthong-agent",
                   build / "cli/lienthong",
                   env={"LIENTHONG_CAPTURE": str(build / "agents/capture/lienthong-capture")})

    def environ(self):
        out = {k: v for k, v in os.environ.items() if not k.startswith(("LIENTHONG_", "LC_", "LANG"))}
        out.update(ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="halt_on_error=1")
        return {**out, **self.env}

    def run(self, *args, env=None, **more):
        """The administrators' command. CompletedProcess with text."""
        return subprocess.run([str(self.cli), *map(str, args)], env={**self.environ(), **(env or {})},
                              capture_output=True, encoding="utf-8", timeout=PATIENCE_S, **more)

    def must(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Node:
    """A node's directory and, when started, its process."""

    def __init__(self, country, program, directory, org):
        self.country, self.program, self.dir, self.org = country, program, Path(directory), org
        self.process = None
        self.file_limit, self.log_level = None, "info"
        self.log_path = self.dir.parent / f"{self.dir.name}.log"
        self.socket = self.dir / "run/control.sock"

    # processes

    def prepare(self):
        die_with_parent()
        if self.file_limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, self.file_limit))

    def start(self, wait=True):
        assert not self.running()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.program), "--node", str(self.dir), "--log-level", self.log_level], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=self.country.programs.environ(), start_new_session=True,
                preexec_fn=self.prepare)
        if wait:
            wait_until(self.answers_or_died, lambda: f"{self.dir.name} answers\n{self.log_tail()}")
        return self

    def answers_or_died(self):
        assert self.running(), f"{self.dir.name} ended with {self.process.poll()}\n{self.log_tail()}"
        return self.ask("status")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """SIGTERM; its exit status."""
        if self.running():
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE_S)
        status = self.process.poll() if self.process else None
        self.kill()
        return status

    def kill(self):
        """SIGKILL to the process and whatever it started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        """SIGHUP, until the log says what came of it: True when the new configuration is in force."""
        before = self.reloads()
        self.signal(signal.SIGHUP)
        wait_until(lambda: self.reloads() != before,
                   lambda: f"{self.dir.name} reads its configuration again\n{self.log_tail()}")
        return self.reloads()[0] > before[0]

    def reloads(self):
        """Reloads so far: taken, refused."""
        return tuple(sum(self.log_count(event) for event in events) for events in RELOAD_EVENTS)

    # logs

    def log(self):
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def log_count(self, event):
        return len(re.findall(rf"event={event}(?= |$)", self.log(), re.M))

    def log_tail(self, lines=25):
        return "\n".join(self.log().splitlines()[-lines:])

    # questions, straight over the control socket

    def ask(self, verb, **args):
        """Rows of the answer; Refusal when the node says no."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE_S)
            try:
                s.connect(str(self.socket))
                s.sendall(json.dumps({"verb": verb, **args}).encode() + b"\n")
                return read_answer(s)
            except (FileNotFoundError, ConnectionError) as error:
                raise Unreachable(f"{self.dir.name}: {error}") from None

    def rows(self, kind, **where):
        """Rows of `status` of one kind."""
        return [r for r in self.ask("status") if r["kind"] == kind and
                all(r.get(k) == v for k, v in where.items())]

    def row(self, kind, **where):
        found = self.rows(kind, **where)
        return found[0] if found else None

    def cli(self, *args, env=None):
        return self.country.programs.run("--node", self.dir, *args, env=env)

    def json(self, *args):
        done = self.cli("--json", *args)
        assert done.returncode == 0, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.log_tail()}"
        return json.loads(done.stdout)

    # files of hosted schools

    def inbox(self, org):
        return self.dir / "inbox" / org

    def hand_in(self, org, name, content):
        """A whole file appears in the school's inbox, as the upload page does it. Its id."""
        box = self.inbox(org)
        (box / ".in").mkdir(parents=True, exist_ok=True)
        (box / ".in" / name).write_bytes(content)
        (box / ".in" / name).rename(box / name)
        return name

    def uploads(self, org):
        return [r["upload"] for r in self.ask("upload_list", org=org)]

    def upload(self, org, name):
        """The upload and what was found in it; None while the agent does not know it."""
        try:
            rows = self.ask("upload_show", org=org, id=name)
        except Refusal as no:
            assert no.answer["code"] == "unknown_upload", no
            return None
        return {**rows[0]["upload"], "found": [r["finding"] for r in rows[1:]]}

    def wait_upload(self, org, name, *states):
        """The upload once it is in one of these states, its file put away."""
        def there():
            u = self.upload(org, name)
            return u and u["state"] in (states or ("done",)) and not (self.inbox(org) / name).exists() and u
        return wait_until(there, lambda: f"{org} {name} is {states}: {self.upload(org, name)}\n{self.log_tail()}")

    def act(self, org, name, act, **more):
        self.ask("upload_act", org=org, act=act, by="Người thử", reason="thử nghiệm",
                 **({"id": name} if name else {}), **more)

    # what it holds

    def counts(self):
        """(org, dataset) -> live records; no zeros."""
        return {(r["org"], r["dataset"]): r["live"] for r in self.ask("counts") if r["live"]}

    def records(self, dataset, org):
        """All rows of `record list`, live or not."""
        return self.ask("record_list", dataset=dataset, org=org)

    def keys(self, dataset, org):
        """Natural keys of the live records, sorted (None when the key group is withheld)."""
        return sorted((r["key"] for r in self.records(dataset, org) if r["state"] == "live"), key=str)

    def show(self, dataset, org, key):
        """The owner's part of one record."""
        parts = self.ask("record_show", dataset=dataset, org=org, key=key, proof=False)
        return next(p for p in parts if p["slot"] == 0)

    def fields(self, dataset, org, key):
        """Field name -> text of everything shown of one record; items of a list joined by "; "."""
        out = {}
        for group in self.show(dataset, org, key)["groups"]:
            for field in group["fields"] if group["shown"] else ():
                out.setdefault(field["name"], []).append(field["value"])
        return {name: "; ".join(values) for name, values in out.items()}


class Refusal(Exception):
    """The node answered with an error."""

    def __init__(self, answer):
        super().__init__(str(answer))
        self.answer = answer


def read_answer(s):
    rows = []
    with s.makefile("rb") as lines:
        for line in lines:
            message = json.loads(line)
            if "row" in message:
                rows.append(message["row"])
            elif "error" in message:
                raise Refusal(message["error"])
            else:
                return rows
    raise Unreachable("closed without an end")


# ---- a country

class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


def write_yaml(path, document):
    text = yaml.dump(document, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=1000)
    temporary = Path(f"{path}.new")
    temporary.write_text(text, "utf-8")
    temporary.rename(path)


def org_id(code):
    return hashlib.sha256(b"functional test " + code.encode()).digest()[:16]


class Country:
    """Organisations, their keys, and nodes made by `lienthong init`."""

    def __init__(self, programs):
        self.programs = programs
        self.dir = Path(tempfile.mkdtemp(prefix="lf-", dir="/tmp"))
        self.orgs, self.nodes, self.cas = [], [], set()

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        try:
            for node in self.nodes:
                node.kill()
            broken = [node.log_tail(60) for node in self.nodes if BROKEN.search(node.log())]
        finally:
            if os.environ.get("LTH_KEEP"):
                print(f"kept: {self.dir}")
            else:
                shutil.rmtree(self.dir, ignore_errors=True)
        assert failure or not broken, "\n".join(broken)

    def org(self, code, kind, under=None, **more):
        parents = [{"id": org_id(under).hex(), "type": "professional"}] if under else []
        self.orgs.append({"id": org_id(code).hex(), "code": code, "name": f"Đơn vị {code}", "kind": kind,
                          **({"parents": parents} if parents else {}), **more})

    def found(self, top="bo"):
        """Registry and root of trust; the orgs must be there."""
        write_yaml(self.dir / "orgs.yaml", {"version": 1, "orgs": self.orgs})
        self.programs.must("init", "root", self.dir / "root", "--org", top, "--orgs", self.dir / "orgs.yaml")

    def root_crt(self):
        return self.dir / "root/root.crt"

    def ca(self, code):
        """Directory of the authority of this organisation."""
        where = self.dir / f"ca-{code}"
        if code not in self.cas:
            self.programs.must("init", "ca", where, "--root", self.dir / "root", "--org", code)
            self.cas.add(code)
        return where

    def broker(self, code, parent=None, ca=None, share=None, **conf):
        """A broker's directory; share: dataset -> what its one route upward says."""
        where = self.dir / f"b-{code}"
        above = ["--parent", parent.dir] if parent else []
        self.programs.must("init", "broker", where, "--ca", self.ca(ca or code), "--org", code, "--listen",
                           f"tcp://127.0.0.1:{PORTS_OF_RUN.take()}", "--config", self.programs.share, *above)
        node = Node(self, self.programs.broker, where, code)
        self.nodes.append(node)
        if share is not None:
            set_route(node, share)
        if conf:
            change_yaml(where / "broker.yaml", lambda y: merge(y, conf))
        return node

    def agent(self, code, parent, ca, schools, hosts=(), name=None):
        """An agent's directory with the given entries of `schools:`; hosts: codes it signs for."""
        where = self.dir / f"a-{name or code}"
        hosted = [x for h in hosts for x in ("--school", h)]
        self.programs.must("init", "agent", where, "--ca", self.ca(ca), "--org", code, "--parent", parent.dir,
                           "--config", self.programs.share, *hosted)
        change_yaml(where / "agent.yaml", lambda y: merge(y, {"limits": {"live": "1s"}, "schools": schools}))
        node = Node(self, self.programs.agent, where, code)
        self.nodes.append(node)
        return node

    def host(self, code, parent, ca, schools, profile, name=None, **conf):
        """An agent that carries for schools which hand in files; **conf: more of agent.yaml."""
        where = self.dir / f"h-{name or code}"
        rows = self.dir / f"{name or code}-schools.csv"
        rows.write_text("org\n" + "".join(f"{s}\n" for s in schools), "utf-8")
        self.programs.must("init", "host", where, "--ca", self.ca(ca), "--org", code, "--parent", parent.dir,
                           "--schools", rows, "--profile", profile, "--config", self.programs.share)
        change_yaml(where / "agent.yaml", lambda y: merge(y, {"limits": {"live": "1s"}, **conf}))
        node = Node(self, self.programs.agent, where, code)
        self.nodes.append(node)
        return node

    def copy_of(self, node, name):
        """A second node with the same directory's contents (a clone, a backup put back)."""
        where = self.dir / name
        shutil.copytree(node.dir, where, ignore=lambda d, names: [n for n in names if n.endswith(".sock")])
        twin = Node(self, node.program, where, node.org)
        self.nodes.append(twin)
        return twin


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)


def change_yaml(path, change):
    document = yaml.safe_load(Path(path).read_text("utf-8"))
    change(document)
    write_yaml(path, document)


def set_route(node, datasets, version=1):
    write_yaml(node.dir / "routes.yaml", {"version": version, "routes": [
        {"name": "up", "purpose": "thử nghiệm", "legal_basis": "không", "from": {"under": node.org},
         "to": "parent", "datasets": datasets}]})


def endpoint_of(broker):
    return yaml.safe_load((broker.dir / "broker.yaml").read_text("utf-8"))["listen"]["agents"]
