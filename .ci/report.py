#!/usr/bin/env python3
"""Looks at an HTML report in a headless Chromium, light and dark, 1280 and 390 pixels wide.

    .ci/report.py REPORT.html DIRECTORY

Every element has to be one that the program writes, nothing may act, be fetched or violate the
page's policy, nothing may be wider than the window, text has to be readable on its ground, and the
hostile ids of the test's journal have to be visible as text. Writes a picture of each form to the
directory. Needs nothing but Python and a Chromium (DUBWATCH_CHROMIUM names another one).
"""

import base64
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

KNOWN = set(
    "html head meta title style body h1 h2 h3 p ul li b table tbody tr th td code section span svg "
    "rect".split()
)

# Runs in an isolated world of the browser, not in the page, whose policy allows no script.
LOOK = """
(() => {
  const known = new Set(%s);
  const all = [...document.querySelectorAll('*')];
  const shown = element => [...element.childNodes].some(
    node => node.nodeType === 3 && node.textContent.trim());
  const colour = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = rgb => {
    const [r, g, b] = rgb.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const found = getComputedStyle(element).backgroundColor;
      if (!/, 0\\)$/.test(found)) return colour(found);
    }
    return [255, 255, 255];
  };
  let contrast = 99, faint = '';
  for (const element of document.body.querySelectorAll('*')) {
    if (!shown(element) || element.closest('svg')) continue;
    const [a, b] = [light(colour(getComputedStyle(element).color)), light(ground(element))];
    const found = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (found < contrast) [contrast, faint] = [found, element.outerHTML.slice(0, 80)];
  }
  return {
    foreign: all.filter(e => !known.has(e.localName)).map(e => e.localName),
    acting: all.flatMap(e => [...e.attributes].map(a => a.name))
      .filter(name => /^on|^src|href$|^style$|^action$|^data$/.test(name)),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    width: document.documentElement.clientWidth,
    ground: getComputedStyle(document.body).backgroundColor,
    text: document.body.innerText,
    lanes: document.querySelectorAll('svg rect').length,
    contrast, faint,
  };
})()
""" % json.dumps(sorted(KNOWN))


class Browser:
    """A tab of a headless Chromium, spoken to over its debugging socket."""

    def __init__(self, program, home):
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-port=0",
             f"--user-data-dir={home}", "about:blank"],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        port_file = pathlib.Path(home, "DevToolsActivePort")
        limit = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().count("\n")):
            assert self.process.poll() is None, "Chromium ended"
            assert time.monotonic() < limit, "Chromium did not start within 60 s"
            time.sleep(0.1)
        port = port_file.read_text().split("\n")[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            url = next(t["webSocketDebuggerUrl"] for t in json.load(answer) if t["type"] == "page")
        path = url.split(port, 1)[1]
        self.socket = socket.create_connection(("127.0.0.1", int(port)), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        self.input = self.socket.makefile("rb")
        while self.input.readline() != b"\r\n":
            pass
        self.number, self.events = 0, []

    def message(self):
        """Returns the next message (RFC 6455)."""
        whole = b""
        while True:
            first, length = self.input.read(2)
            if length == 126:
                (length,) = struct.unpack(">H", self.input.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.input.read(8))
            whole += self.input.read(length)
            if first & 0x80:
                return json.loads(whole)

    def call(self, method, **params):
        self.number += 1
        text = json.dumps({"id": self.number, "method": method, "params": params}).encode()
        mask = os.urandom(4)
        head = (struct.pack(">BB", 0x81, 0x80 | len(text)) if len(text) < 126
                else struct.pack(">BBH", 0x81, 0xFE, len(text)))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
        while True:
            message = self.message()
            if message.get("id") == self.number:
                assert "error" not in message, f"{method}: {message}"
                return message["result"]
            self.events.append(message)

    def wait_for(self, event):
        while not any(message.get("method") == event for message in self.events):
            self.events.append(self.message())

    def close(self):
        self.process.terminate()
        self.process.wait(30)


def look(browser, report, scheme, width, pictures):
    """Looks at one form of the report; returns what is wrong."""
    browser.events.clear()
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                 deviceScaleFactor=1, mobile=width < 500)
    browser.call("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Page.navigate", url=report.resolve().as_uri())
    browser.wait_for("Page.loadEventFired")
    tree = browser.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = browser.call("Page.createIsolatedWorld", frameId=tree)["executionContextId"]
    found = browser.call("Runtime.evaluate", expression=LOOK, contextId=world,
                         returnByValue=True)["result"]["value"]
    picture = browser.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
    name = pictures / f"report-{scheme}-{width}.png"
    name.write_bytes(base64.b64decode(picture))
    fetched = [m["params"]["request"]["url"] for m in browser.events
               if m.get("method") == "Network.requestWillBeSent"]
    said = [m["params"]["entry"]["text"] for m in browser.events
            if m.get("method") == "Log.entryAdded"]
    dark = sum(int(part) for part in found["ground"].strip("rgb()").split(",")) < 384
    faults = []
    for what, is_wrong in [
        (f"elements that it does not write: {found['foreign']}", found["foreign"]),
        (f"attributes that act: {found['acting']}", found["acting"]),
        (f"requests: {fetched}", len(fetched) != 1),
        (f"the browser complains: {said}", said),
        (f"wider than the window by {found['wide']} pixels", found["wide"] > 0),
        (f"{found['width']} pixels wide", found["width"] != width),
        (f"the ground is {found['ground']}", dark != (scheme == "dark")),
        ("no lane is drawn", found["lanes"] < 3),
        (f"contrast {found['contrast']:.2f}: {found['faint']}", found["contrast"] < 4.5),
        ("a hostile id is not visible", "<img src=x onerror=alert(1)>" not in found["text"]),
        ("a hostile version is not visible", "<script>alert(2)</script>" not in found["text"]),
    ]:
        if is_wrong:
            faults.append(f"{scheme}, {width}: {what}")
    return faults


def main():
    report, pictures = map(pathlib.Path, sys.argv[1:3])
    pictures.mkdir(parents=True, exist_ok=True)
    names = [os.environ.get("DUBWATCH_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    program = next((found for name in names if name and (found := shutil.which(name))), None)
    assert program, "no Chromium was found"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Browser(program, home)
        try:
            for domain in ["Page", "Runtime", "Network", "Log"]:
                browser.call(f"{domain}.enable")
            faults = [fault for scheme in ["light", "dark"] for width in [1280, 390]
                      for fault in look(browser, report, scheme, width, pictures)]
        finally:
            browser.close()
    assert not faults, "\n".join(faults)
    print(f"light and dark, 1280 and 390 pixels wide: no foreign element; pictures in {pictures}")


if __name__ == "__main__":
    main()
