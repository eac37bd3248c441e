"""The shipped examples, run: nginx with TLS in front of the page, chrooted SFTP into an inbox, the Windows script."""
import datetime
import http.client
import ipaddress
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import kit
from intake_kit import CODE, Browser, Intake

CSV = "mã,tên\n9990001,Thử\n".encode()
DEPLOY = kit.SOURCE / "deploy"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin")


def self_signed(where):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nop.test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(9))
                   .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
                   .sign(key, hashes.SHA256()))
    (where / "nop.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (where / "nop.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


class Proxy:
    """nginx with deploy/nginx/lienthong.conf: only ports and paths are this test's."""

    def __init__(self, intake):
        self.dir = Path(tempfile.mkdtemp(prefix="ln-", dir="/tmp"))
        self.port, self.plain = kit.PORTS_OF_RUN.take(), kit.PORTS_OF_RUN.take()
        self_signed(self.dir)
        text = (DEPLOY / "nginx/lienthong.conf").read_text()
        text = re.sub(r"listen \[::\].*\n", "", text)
        for a, b in (("listen 80;", f"listen 127.0.0.1:{self.plain};"), ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
                     ("/etc/ssl/lienthong/", f"{self.dir}/"), ("/var/log/nginx/", f"{self.dir}/"),
                     ("http://127.0.0.1:7680", f"http://127.0.0.1:{intake.port}")):
            assert a in text, a
            text = text.replace(a, b)
        (self.dir / "site.conf").write_text(text)
        temporary = "".join(f"{kind}_temp_path {self.dir}/{kind};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "nginx.conf").write_text(
            f"{'user root;' if os.geteuid() == 0 else ''}\ndaemon off;\nworker_processes 1;\npid {self.dir}/pid;\n"
            f"error_log {self.dir}/error.log info;\nevents {{ worker_connections 512; }}\n"
            f"http {{ {temporary} include {self.dir}/site.conf; }}\n")
        self.process = subprocess.Popen([NGINX, "-e", f"{self.dir}/error.log", "-c", f"{self.dir}/nginx.conf"],
                                        preexec_fn=kit.die_with_parent, stderr=subprocess.DEVNULL)
        kit.wait_until(lambda: self.request("GET", "/suc-khoe")[0] == 200, self.log)

    def close(self):
        self.process.terminate()
        self.process.wait(kit.PATIENCE_S)
        shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        return "\n".join(p.read_text() for p in self.dir.glob("*.log"))

    def request(self, method, path, body=None, headers=None):
        context = ssl.create_default_context(cafile=self.dir / "nop.crt")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=kit.PATIENCE_S, context=context)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture
def intake():
    with Intake() as made:
        yield made.start()


@pytest.fixture
def proxy(intake):
    if NGINX is None:
        pytest.skip("nginx is not installed")
    made = Proxy(intake)
    yield made
    made.close()


def test_a_school_through_tls(intake, proxy):
    browser = Browser(intake, proxy.request)
    assert "Chưa có tệp nào" in browser.first().text
    assert "Đã nhận tệp trọn vẹn" in browser.upload(CSV, "Nguyễn Bí Mật.csv").text
    (path,) = intake.agent.waiting(CODE)
    assert path.read_bytes() == CSV
    token = browser.token()
    status, _, body = proxy.request("PUT", f"/nop/{CODE}/{urllib.parse.quote('Bí Mật 2.csv')}", CSV,
                                    {"Authorization": f"Bearer {token}"})
    assert status == 201, body
    page = browser.get("/")
    assert page.headers["Strict-Transport-Security"] and not page.foreign and "Server" in page.headers
    assert "nginx/" not in page.headers["Server"]
    log = proxy.log()
    assert f"PUT /nop/{CODE} 201" in log and "B%C3%AD" not in log and "Bí" not in log and token not in log


def test_plain_http_is_sent_to_tls(intake, proxy):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.plain, timeout=kit.PATIENCE_S)
    connection.request("GET", "/dang-nhap")
    answer = connection.getresponse()
    assert answer.status == 301 and answer.headers["Location"].startswith("https://")


def test_too_large_is_refused_by_the_proxy(intake, proxy):
    browser = Browser(intake, proxy.request)
    browser.first()
    token = browser.token()
    head = {"Authorization": f"Bearer {token}", "Content-Length": str(30 << 20), "Expect": "100-continue"}
    assert proxy.request("PUT", f"/nop/{CODE}", None, head)[0] == 413
    assert proxy.request("PUT", f"/nop/{CODE}", bytes(20 << 20), {"Authorization": f"Bearer {token}"})[0] == 201


def test_nobody_chooses_the_address_that_counts(intake, proxy):
    """Six failures, each under another made-up address: they are still one address's."""
    statuses = [Browser(intake, lambda m, p, b=None, h=None, i=i: proxy.request(
        m, p, b, {**(h or {}), "X-Forwarded-For": f"203.0.113.{i}"})).sign_in(f"7999{i}", "sai mật khẩu").status
        for i in range(6)]
    assert statuses == [403] * 5 + [429]


def test_windows_script_sends_what_the_page_takes(intake, tmp_path):
    """Its curl line with its own variables, run by this system's curl."""
    browser = Browser(intake)
    browser.first()
    text = (DEPLOY / "windows/nop-du-lieu.cmd").read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n") and text.isascii()
    text = text.decode()
    assert "schtasks /Create" in text and all(f"set \"{v}=" in text for v in ("DIACHI", "MA", "TEP", "KHOA"))
    (tmp_path / "t.csv").write_bytes(CSV)
    (tmp_path / "t.cfg").write_text(re.search(r'echo (header = .*?)\r', text)[1].replace("%TOKEN%", browser.token()) + "\n")
    line = re.search(r"^curl\.exe (.*?) >", text, re.M)[1].replace("%%", "%")
    for name, value in {"TAM": tmp_path / "t", "TEP": tmp_path / "t.csv", "MA": CODE,
                        "DIACHI": f"http://127.0.0.1:{intake.port}"}.items():
        line = line.replace(f"%{name}%", str(value))
    done = subprocess.run(f"curl {line}", shell=True, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.stdout == "201" and not done.stderr, (line, done)
    assert (tmp_path / "t.txt").read_text().startswith("Đã nhận tệp")
    assert [p.read_bytes() for p in intake.agent.waiting(CODE)] == [CSV]


# ---- SFTP

@pytest.fixture
def sftp(tmp_path):
    """sshd with the example; the vendor is whoever runs this, since users cannot be made here."""
    if SSHD is None or os.geteuid() != 0:
        pytest.skip("sshd needs root")
    jail = Path(tempfile.mkdtemp(prefix="lienthong-sftp-", dir="/var/lib"))  # root's own, all the way down
    jail.chmod(0o755)
    (jail / "root").mkdir(mode=0o755)
    (jail / "root" / CODE).mkdir()
    made_run = not Path("/run/sshd").exists()
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    keys = jail / "keys"
    keys.mkdir()
    for name in ("host", "vendor"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    shutil.copy(keys / "vendor.pub", keys / "root")
    text = (DEPLOY / "sftp/sshd_config.d/lienthong.conf").read_text()
    for a, b in (("Match Group lienthong-sftp", "Match User root"), ("/srv/lienthong-sftp/%u", f"{jail}/%u"),
                 ("/etc/ssh/lienthong-sftp/%u", f"{keys}/%u")):
        assert a in text
        text = text.replace(a, b)
    port = kit.PORTS_OF_RUN.take()
    (keys / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nPidFile none\nUsePAM no\n"
        f"PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n{text}")
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", keys / "sshd_config"], preexec_fn=kit.die_with_parent,
                               stderr=(keys / "log").open("w"))

    def run(command, program="sftp"):
        options = ["-o", f"Port={port}", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i",
                   keys / "vendor", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"]
        script = ["-b", "-"] if program == "sftp" else []
        return subprocess.run([program, *options, *script, "root@127.0.0.1", *([] if program == "sftp" else [command])],
                              input=command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    kit.wait_until(lambda: run("pwd\n").returncode == 0, lambda: (keys / "log").read_text())
    run.jail = jail
    yield run
    process.terminate()
    process.wait(kit.PATIENCE_S)
    shutil.rmtree(jail)
    if made_run:
        Path("/run/sshd").rmdir()


def test_vendors_see_their_inboxes_and_nothing_else(sftp, tmp_path):
    (tmp_path / "lop6.csv").write_bytes(CSV)
    done = sftp(f"put {tmp_path}/lop6.csv {CODE}/lop6.csv.part\nrename {CODE}/lop6.csv.part {CODE}/lop6.csv\nls -1\n")
    assert done.returncode == 0 and done.stdout.strip().endswith(CODE), done
    path = sftp.jail / "root" / CODE / "lop6.csv"
    assert path.read_bytes() == CSV and path.stat().st_mode & 0o007 == 0
    assert "etc" not in sftp("ls -1 /\n").stdout and sftp("get /etc/passwd\n").returncode != 0
    assert "uid=" not in sftp("id", program="ssh").stdout  # no shell
