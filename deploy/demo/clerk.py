"""A school's clerk with a browser: signs in to the upload page, hands in a workbook, reads what became of it."""
import http.client
import html
import re
import secrets
import urllib.parse

PASSPHRASE = "sáng nay trời lại nắng"


class Clerk:
    """A browser without script: forms, cookies, redirections."""

    def __init__(self, port):
        self.port, self.cookies = port, {}

    def request(self, method, path, body=None, kind=None):
        headers = {"Content-Type": kind} if kind else {}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, value = line.split(";")[0].split("=", 1)
            self.cookies[name] = value
        if answer.status in (302, 303):
            return self.request("GET", answer.headers["Location"])
        return answer.status, content

    def page(self, path):
        return self.request("GET", path)[1].decode()

    def csrf(self, path):
        return re.search(r'name="csrf" value="([^"]+)"', self.page(path))[1]

    def first_sign_in(self, school, once):
        fields = {"csrf": self.csrf("/lan-dau"), "code": school, "once": once, "pass": PASSPHRASE, "again": PASSPHRASE}
        return self.request("POST", "/lan-dau", urllib.parse.urlencode(fields), "application/x-www-form-urlencoded")

    def hand_in(self, path):
        boundary = secrets.token_hex(16)
        parts = [('name="csrf"', self.csrf("/").encode()), (f'name="tep"; filename="{path.name}"', path.read_bytes())]
        body = b"".join(f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
                        for head, content in parts) + f"--{boundary}--\r\n".encode()
        return self.request("POST", "/nop", body, f"multipart/form-data; boundary={boundary}")

    def text(self, path):
        """What a person reads on a page."""
        body = re.sub(r"(?s)<(style|head).*?</\1>", " ", self.page(path))
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
