"""Headless Chromium over its debugging pipe: pages loaded, fields typed into, files chosen, pictures taken.

Scripts in pages are switched off: what is seen and done here needs none.
"""
import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

PATIENCE_S = 30


class Chrome:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="lch-", dir="/tmp")
        to_read, self.write_to = os.pipe()
        self.read_from, to_write = os.pipe()
        self.buffer, self.number, self.events = b"", 0, []
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}', "chromium", "--headless=new", "--no-sandbox",
             "--remote-debugging-pipe", "--ignore-certificate-errors", "--disable-gpu", "--hide-scrollbars",
             "--no-first-run", "--disable-extensions", "--disable-background-networking", "--lang=vi",
             f"--user-data-dir={self.dir}", "about:blank"],
            pass_fds=(to_read, to_write), env={**os.environ, "LANGUAGE": "vi"}, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "DOM", "Network", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setScriptExecutionDisabled", value=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session = None
        with contextlib.suppress(Exception):
            self.ask("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    # the protocol

    def receive(self):
        while b"\0" not in self.buffer:
            more = os.read(self.read_from, 1 << 20)
            assert more, "chromium has ended"
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.write_to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def wait(self, event):
        deadline = time.monotonic() + PATIENCE_S
        while not any(e.get("method") == event for e in self.events):
            assert time.monotonic() < deadline, event
            self.events.append(self.receive())

    def complaints(self):
        """What the browser itself objected to: blocked styles, insecure content, missing files."""
        return [e["params"]["entry"]["text"] for e in self.events if e.get("method") == "Log.entryAdded" and
                e["params"]["entry"]["level"] in ("warning", "error")]

    # a person

    def size(self, width, height, phone=False):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, mobile=phone, deviceScaleFactor=1)

    def loaded(self, act):
        self.events = [e for e in self.events if e.get("method") != "Page.loadEventFired"]
        act()
        self.wait("Page.loadEventFired")

    def go(self, url):
        self.loaded(lambda: self.ask("Page.navigate", url=url))

    def find(self, selector):
        root = self.ask("DOM.getDocument", depth=0)["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        assert node, selector
        return node

    def text(self):
        root = self.ask("DOM.getDocument", depth=0)["root"]["nodeId"]
        body = self.ask("DOM.querySelector", nodeId=root, selector="main")["nodeId"]
        return self.ask("DOM.getOuterHTML", nodeId=body)["outerHTML"]

    def type(self, selector, text):
        self.ask("DOM.focus", nodeId=self.find(selector))
        self.ask("Input.insertText", text=text)

    def choose_file(self, selector, path):
        self.ask("DOM.setFileInputFiles", nodeId=self.find(selector), files=[str(path)])

    def click(self, selector, loads=True):
        node = self.find(selector)
        self.ask("DOM.scrollIntoViewIfNeeded", nodeId=node)
        quad = self.ask("DOM.getContentQuads", nodeId=node)["quads"][0]
        x, y = sum(quad[0::2]) / 4, sum(quad[1::2]) / 4

        def press():
            for kind in ("mousePressed", "mouseReleased"):
                self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        if loads:
            self.loaded(press)
        else:
            press()

    def picture(self, path):
        """All of the page, as wide as the screen."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                        clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        path.write_bytes(base64.b64decode(shot["data"]))
        return size["width"]
