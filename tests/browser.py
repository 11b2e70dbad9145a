"""A page in headless Chromium: what a probe, a script that runs in it after all others, finds out."""

import json
import re
import shutil
import subprocess

import pytest

# Nothing of it asks the network; without a sandbox since tests may run as root.
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=8000",
)  # fmt: skip
_EARLY = """<script>
const faults = [];
addEventListener("error", event => faults.push(String(event.message)));
addEventListener("securitypolicyviolation", event => faults.push(`refused: ${event.violatedDirective}`));
</script>"""
_LATE = """<script>
(async () => {
  let found;
  try { found = await (async () => {PROBE})(); } catch (error) { faults.push(String(error)); }
  const element = document.createElement("pre");
  element.id = "probe";
  element.textContent = JSON.stringify({found, faults});
  document.body.append(element);
})();
</script>"""


def probed(page, probe, folder, width=1200, dark=False):
    """Return what a probe returns on a page, and what went wrong in the page.

    Args:
        page: The HTML.
        probe: The body of an asynchronous function in JavaScript.
        folder: An empty folder for the browser.
        width: Of the window.
        dark: Whether the user likes it dark.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no Chromium on this machine")
    (head,) = re.findall("<head>", page)
    page = page.replace(head, head + _EARLY, 1)
    end = page.rindex("</body>")
    file = folder / "probed.html"
    file.write_text(page[:end] + _LATE.replace("PROBE", probe) + page[end:], encoding="utf-8")
    # A window is never narrower than 500 points, a screen may be.
    flags = [*_FLAGS, f"--user-data-dir={folder / 'profile'}", f"--screen-info={{{width}x1000}}", "--start-fullscreen"]
    flags += [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    done = subprocess.run(
        [browser, *flags, "--dump-dom", file.as_uri()], capture_output=True, text=True, check=True, timeout=240
    )
    (text,) = re.findall('<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    answer = json.loads(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return answer["found"], answer["faults"]
