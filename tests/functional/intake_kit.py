"""The upload page under test: its process, an agent that a test plays, a browser without script."""
import contextlib
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import kit

CODE, OTHER = "79000123", "79000456"
ONCE, OTHER_ONCE = "ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-J8VB", "ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2346-HKYS"  # the last group is of the hash of the others
PASS = "chiều nay trời lại mưa"
RECORD = "ab" * 16


def program():
    build = Path(os.environ.get("LTH_BUILD", kit.SOURCE / "build"))
    found = build / "agents/intake/lienthong-intake"
    assert found.exists(), f"{found} is not built: set LTH_BUILD to a build directory"
    return found


class FakeAgent:
    """Answers the verbs of agents/shell/uploads.h from what the test put there."""

    def __init__(self, where, schools):
        self.where, self.path = Path(where), str(Path(where) / "agent.sock")
        self.schools = schools
        self.uploads = {code: [] for code in schools}
        self.findings, self.acts, self.silent = {}, [], False
        self.refuse_act = None
        for code in schools:
            self.inbox(code).mkdir(parents=True)
        agent = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                line = self.rfile.readline()
                if not line:
                    return
                if agent.silent:
                    self.rfile.readline()  # until the asker gives up
                    return
                for message in agent.answer(json.loads(line)):
                    self.wfile.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads, request_queue_size = True, 256

        self.server = Server(self.path, Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def inbox(self, code):
        return self.where / "inbox" / code

    def waiting(self, code):
        """Whole files in the inbox."""
        return sorted(p for p in self.inbox(code).iterdir() if p.is_file())

    def read(self, code, **more):
        """Deal with what lies in the inbox, as an agent would."""
        (self.inbox(code) / ".kept").mkdir(exist_ok=True)
        for path in self.waiting(code):
            self.add(code, path.name, bytes=path.stat().st_size,
                     sha256=hashlib.sha256(path.read_bytes()).hexdigest(), **more)
            path.rename(self.inbox(code) / ".kept" / path.name)

    def add(self, code, id_, findings=(), **more):
        upload = {"id": id_, "number": len(self.uploads[code]) + 1, "state": "done",
                  "received": "2026-09-05T03:20:00Z", "done": "2026-09-05T03:20:09Z", "bytes": 1, "sha256": "0" * 64,
                  "fault": None, "detail": {"vi": "", "en": ""}, "findings": len(findings), "waiting": False,
                  "signed": {"vi": "Sở 79 ký thay trường", "en": "signed by 79 for the school"},
                  "tables": [{"dataset": "pupil", "title": {"vi": "Học sinh", "en": "Pupil"}, "rows": 300, "fresh": 12,
                              "changed": 3, "same": 285, "ended": 0, "held": 0, "asked": 0, "warned": 0, "fault": None,
                              "gone": 0, "old": 0, "known": 290}],
                  "tiers": [{"org": "79", "name": "Sở GD&ĐT <79>", "kind": "province", "received": "2026-09-05T03:21:00Z"},
                            {"org": "bo", "name": "Bộ GD&ĐT", "kind": "ministry", "received": None}], **more}
        self.uploads[code].insert(0, upload)
        self.findings[id_] = list(findings)
        return upload

    def find(self, request):
        return next((u for u in self.uploads[request["org"]] if u["id"] == request["id"]), None)

    def answer(self, request):
        verb = request["verb"]
        if verb == "hosted_list":
            yield from ({"row": {"org": c, "name": n, "profile": "p", "inbox": str(self.inbox(c))}}
                        for c, n in self.schools.items())
        elif verb == "upload_list":
            yield from ({"row": {"upload": u}} for u in self.uploads[request["org"]][:request["limit"]])
        elif self.find(request) is None:
            yield {"error": {"exit": 4, "code": "unknown_upload", "vi": "không có tệp này", "en": "no such upload"}}
            return
        elif verb == "upload_show":
            yield {"row": {"upload": self.find(request)}}
            yield from ({"row": {"finding": f}} for f in self.findings[request["id"]])
        elif verb == "upload_answers":
            where = self.inbox(request["org"]) / ".answer" / f"{request['id']}.xlsx"
            where.parent.mkdir(exist_ok=True)
            where.write_bytes(b"PK\3\4 answer")
            yield {"end": {"exit": 0, "path": str(where), "rows": 1}}
            return
        elif verb == "upload_receipt":
            yield {"end": {"exit": 0, "receipt": {
                "sha256": self.find(request)["sha256"], "key_id": "cd" * 32, "role": "host",
                "batches": [{"epoch": 1, "seq": 7, "header_hash": "ef" * 32}],
                "receipts": [{"org": "79", "epoch": 1, "seq": 7, "form": "whole", "log_size": 4711, "log_root": "12" * 32,
                              "signed": "34" * 100}]}}}
            return
        elif verb == "upload_act":
            if self.refuse_act:
                yield {"error": {"exit": 4, "code": "refused", **self.refuse_act}}
                return
            self.acts.append(request)
        yield {"end": {"exit": 0}}


class Intake:
    """The process, its directories and its agent."""

    def __init__(self, schools=None, **limits):
        self.dir = Path(tempfile.mkdtemp(prefix="li-", dir="/tmp"))
        self.schools = schools or {CODE: "Trường THCS Mẫu", OTHER: "Trường THCS Khác"}
        self.agent = FakeAgent(self.dir, self.schools)
        self.port = kit.PORTS_OF_RUN.take()
        self.log_path = self.dir / "log"
        self.process = None
        self.limits = limits
        self.configure()
        for code in self.schools:
            self.give_once(code, ONCE)

    def configure(self, **more):
        kit.write_yaml(self.dir / "intake.yaml", {
            "intake": {"listen": f"127.0.0.1:{self.port}", "agent": self.agent.path, "hosted": str(self.dir / "hosted"),
                       "state": str(self.dir / "state"), **more},
            "page": {"name": "Sở <79>", "help": "028", "url": "https://nop.example"}, "limits": self.limits})

    def give_once(self, code, once):
        where = self.dir / "hosted" / code
        where.mkdir(parents=True, exist_ok=True)
        (where / "once").write_text(hashlib.sha256(once.encode()).hexdigest() + "\n")

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        try:
            status = self.stop() if self.process else 0
            text = self.log()
        finally:
            self.agent.close()
            if os.environ.get("LTH_KEEP"):
                print(f"kept: {self.dir}")
            else:
                shutil.rmtree(self.dir, ignore_errors=True)
        if not failure:
            assert status == 0 and not kit.BROKEN.search(text) and "ThreadSanitizer" not in text, f"ended with {status}\n{text}"

    def start(self, descriptors=None, file_limit=None, knows_schools=True):
        import resource

        def prepare():
            kit.die_with_parent()
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
            if file_limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(program()), "--node", str(self.dir), "--log-level", "debug"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, preexec_fn=prepare, start_new_session=True,
                env={"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1", "PATH": "/usr/bin:/bin"})
        kit.wait_until(lambda: self.healthy(knows_schools), lambda: f"it answers\n{self.log()}")
        return self

    def healthy(self, knows_schools=True):
        assert self.process.poll() is None, f"ended with {self.process.poll()}\n{self.log()}"
        with contextlib.suppress(http.client.HTTPException):
            return self.get("/suc-khoe")[0] == 200 and (not knows_schools or (self.dir / "state/schools.json").exists())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(kit.PATIENCE_S)
        self.process = None
        return status

    def log(self):
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=kit.PATIENCE_S)

    def request(self, method, path, body=None, headers=None):
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def put(self, code, token, body, name="", headers=None):
        return self.request("PUT", f"/nop/{code}/{urllib.parse.quote(name)}" if name else f"/nop/{code}", body,
                            {"Authorization": f"Bearer {token}", **(headers or {})})

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])


# ---- a browser without script

class Form:
    def __init__(self, attrs):
        self.action, self.method = attrs.get("action", ""), attrs.get("method", "get")
        self.fields, self.buttons, self.files, self.radios = {}, [], [], []


class Page(HTMLParser):
    """Forms, links and text of a page; notes what would need script or another site."""

    def __init__(self, status, headers, body, path):
        super().__init__(convert_charrefs=True)
        self.status, self.headers, self.path, self.html = status, headers, path, body.decode()
        self.forms, self.links, self.foreign, self.words, self.refresh = [], [], [], [], None
        self.feed(self.html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, pairs):
        attrs = dict(pairs)
        form = self.forms[-1] if self.forms else None
        if tag == "form":
            self.forms.append(Form(attrs))
        elif tag == "input" and form:
            kind, name = attrs.get("type", "text"), attrs.get("name")
            if kind == "file":
                form.files.append(name)
            elif kind in ("radio", "checkbox"):
                form.radios.append((name, attrs.get("value")))
            else:
                form.fields[name] = attrs.get("value", "")
        elif tag == "button" and form:
            form.buttons.append((attrs.get("name"), attrs.get("value")))
        elif tag == "a":
            self.links.append(attrs.get("href"))
        elif tag == "meta" and attrs.get("http-equiv") == "refresh":
            self.refresh = int(attrs["content"])
        if tag == "script" or any(k.startswith("on") or k == "style" for k in attrs):
            self.foreign.append((tag, attrs))
        for key in ("src", "href", "action"):
            if attrs.get(key, "/").split(":")[0] in ("http", "https", "data", "javascript") or \
                    attrs.get(key, "/").startswith("//"):
                self.foreign.append((tag, attrs))

    def handle_data(self, data):
        self.words.append(data)

    def form(self, action):
        return next(f for f in self.forms if f.action == action)


class Browser:
    """Cookies as a browser keeps them (all are Secure: the proxy in front speaks TLS)."""

    def __init__(self, intake, request=None):
        self.intake, self.cookies, self.sizes = intake, {}, {}
        self.send = request or intake.request

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        status, got, content = self.send(method, path, body, headers)
        for line in got.get_all("Set-Cookie") or ():
            name, value = line.split(";")[0].split("=", 1)
            self.cookies[name] = value
        if status == 303:
            return self.request("GET", got["Location"])
        self.sizes[path.split("?")[0]] = len(content)
        return Page(status, got, content, path) if "html" in (got["Content-Type"] or "") else (status, got, content)

    def get(self, path):
        return self.request("GET", path)

    def submit(self, form, **fields):
        body = urllib.parse.urlencode({**form.fields, **fields}, doseq=True)
        return self.request("POST", form.action, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def first(self, code=CODE, once=ONCE, password=PASS):
        return self.submit(self.get("/lan-dau").form("/lan-dau"), code=code, once=once, **{"pass": password, "again": password})

    def sign_in(self, code=CODE, password=PASS):
        return self.submit(self.get("/dang-nhap").form("/dang-nhap"), code=code, **{"pass": password})

    def upload(self, content, name="lop6.xlsx", page=None):
        form = (page or self.get("/")).form("/nop")
        body, kind = multipart([("csrf", None, form.fields["csrf"].encode()), ("tep", name, content)])
        return self.request("POST", "/nop", body, {"Content-Type": kind})

    def token(self, name="máy văn phòng"):
        page = self.submit(self.get("/tai-khoan").form("/tai-khoan/token"), name=name)
        assert page.status == 200, page.text
        return re.search(r'<pre id="token">([0-9a-f]{64})</pre>', page.html)[1]


def multipart(parts, boundary=None):
    boundary = boundary or "----x" + secrets.token_hex(12)
    out = b""
    for name, file_name, content in parts:
        file_part = f'; filename="{file_name}"' if file_name is not None else ""
        out += (f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file_part}\r\n\r\n').encode()
        out += content + b"\r\n"
    return out + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def finding(**more):
    return {"row": 12, "dataset": "pupil", "column": "Ngày sinh", "letter": "D", "severity": "error", "code": "bad_value", "rule": "",
            "text": {"vi": 'Ngày sinh "35/13/2012" không đọc được; nhập dạng ngày/tháng/năm.', "en": "not a date"},
            "hash": "", "record": RECORD, "accepted": False, "candidates": [], "tier": None, **more}


def raw(port, *pieces):
    """Bytes on a socket; everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=kit.PATIENCE_S) as s:
        out = b""
        with contextlib.suppress(OSError):  # it may hang up before it has heard us out
            for piece in pieces:
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while more := s.recv(65536):
                out += more
        return out
