"""A page of a running server in headless Chromium, driven as a person drives it: keys, a mouse, a file that is dropped."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time

import pytest

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe", "--lang=en-US",
    "--disable-dev-shm-usage",
)  # fmt: skip
# The keys that need more than their character: name -> code of the key, text that it makes.
_KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), " ": (32, " "), "End": (35, ""), "Home": (36, "")}
_KEYS |= {"ArrowLeft": (37, ""), "ArrowUp": (38, ""), "ArrowRight": (39, ""), "ArrowDown": (40, "")}
_WATCH = """
window.faults = [];
addEventListener("error", event => faults.push(String(event.message)));
addEventListener("unhandledrejection", event => faults.push(String(event.reason)));
const refused = event => faults.push(`refused: ${event.violatedDirective} ${event.blockedURI}`);
document.addEventListener("securitypolicyviolation", refused);
"""


class DrivenBrowser:
    """Chromium, spoken to over two pipes in the words of the Chrome DevTools Protocol."""

    def __init__(self, folder):
        browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if browser is None:
            pytest.skip("there is no Chromium on this machine")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        arguments = [*_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        with (folder / "chromium.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", command, browser, *arguments], pass_fds=(theirs_in, theirs_out), stderr=log, stdout=log
            )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer, self._number, self.events = b"", 0, []

    def call(self, method, session=None, limit=60, **parameters):
        """Return the answer to a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + limit
        while True:
            answer = self._next(end)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self, end):
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], max(end - time.monotonic(), 0))[0]:
                raise AssertionError("Chromium did not answer in time")
            piece = os.read(self._in, 1 << 20)
            assert piece, "Chromium has ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def framed(self, context):
        """Return the session of a document of another origin in a frame, once there is one."""
        end = time.monotonic() + 20
        while True:
            for one in self.call("Target.getTargets", filter=[{}])["targetInfos"]:
                if one["type"] == "iframe" and one["browserContextId"] == context:
                    return self.call("Target.attachToTarget", targetId=one["targetId"], flatten=True)["sessionId"]
            assert time.monotonic() < end, "no frame has appeared"

    def open(self, address, width=1200, height=900, dark=False):
        """Return a new tab, of no history, on an address."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session, context)
        tab.begin(address, width, height, dark)
        return tab

    def close(self):
        """End the browser."""
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close", limit=5)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)


class Tab:
    """A tab; what went wrong in its page is in ``faults``."""

    def __init__(self, browser, session, context):
        self.browser, self.session, self.context = browser, session, context

    def begin(self, address, width, height, dark):
        """Go to an address, as on a screen of some size."""
        phone = width < 500
        self.say("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        if phone:
            self.say("Emulation.setTouchEmulationEnabled", enabled=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.say("Emulation.setEmulatedMedia", features=[scheme, still])
        self.say("Page.enable")
        self.say("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
        self.say("Page.navigate", url=address)

    def say(self, method, **parameters):
        """Return the answer to a command in this tab."""
        return self.browser.call(method, self.session, **parameters)

    def framed(self):
        """Return the document of another origin in this tab's frame."""
        return Tab(self.browser, self.browser.framed(self.context), self.context)

    def find(self, script):
        """Return what an expression, or a promise, is worth in the page."""
        found = self.say("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script, limit=30):
        """Wait until an expression is true in the page."""
        end = time.monotonic() + limit
        while True:
            with contextlib.suppress(AssertionError):
                if self.find(f"Boolean({script})"):
                    return
            assert time.monotonic() < end, f"this did not come true: {script}; the page says {self.text('body')!r}"
            time.sleep(0.05)

    def text(self, selector):
        """Return the text of an element, as it is seen."""
        return self.find(f"document.querySelector({json.dumps(selector)})?.innerText")

    def key(self, name, times=1, modifiers=0):
        """Press a key."""
        code, text = _KEYS.get(name, (ord(name.upper()[0]), name))
        for _ in range(times):
            down = {"type": "keyDown", "text": text} if text and not modifiers & 6 else {"type": "rawKeyDown"}
            self.say("Input.dispatchKeyEvent", key=name, windowsVirtualKeyCode=code, modifiers=modifiers, **down)
            self.say("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code, modifiers=modifiers)

    def write(self, text):
        """Write into what has the focus."""
        self.say("Input.insertText", text=text)

    def drop(self, selector, file):
        """Drop a file on an element."""
        x, y = self.middle(selector)
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.say("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def middle(self, selector):
        """Return where the middle of an element is in the window, to which it is scrolled."""
        return self.find(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)}); one.scrollIntoView({{block: 'center'}}); "
            "const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )

    def click(self, selector):
        """Click on an element with the mouse."""
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.say("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    @property
    def faults(self):
        """What went wrong in the page: errors, rejected promises, what its policy refused."""
        return self.find("faults")

    def picture(self, file, whole=True):
        """Save what is seen, or the whole page, as PNG."""
        more = {"captureBeyondViewport": True} if whole else {}
        if whole:
            box = self.say("Page.getLayoutMetrics")["cssContentSize"]
            more["clip"] = {"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1}
        file.write_bytes(base64.b64decode(self.say("Page.captureScreenshot", **more)["data"]))

    def close(self):
        """Close the tab, with all that it kept."""
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)
