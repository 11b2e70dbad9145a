"""How long a full inspection of `imdb-lstm` on a text of 500 tokens takes, how large its page is, when it is ready.

    python benchmarks/inspection.py

The weights are drawn, not trained: neither time nor size depends on them. The first call loads or compiles its programs, the
second has them. The page is opened in headless Chromium, where there is one.
"""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import gatewise as gw
from gatewise.report.inspection_page import inspection_page

_READY = "<script>document.title = `ready after ${performance.now().toFixed(0)} ms`;</script></body>"


def main() -> None:
    model = gw.recipe("imdb-lstm").build()
    gw.initialize(model, 0)
    tokens = np.random.default_rng(0).integers(3, 5000, 500)
    for call in ("first call", "second call"):
        began = time.perf_counter()
        found = gw.inspect(model, tokens)
        print(f"inspection, {call}: {time.perf_counter() - began:.2f} s")
    began = time.perf_counter()
    page = inspection_page([found])
    print(f"page: {len(page.encode()) / 1e6:.2f} MB, made in {time.perf_counter() - began:.2f} s")
    print(f"opened: {opened(page)}")


def opened(page: str) -> str:
    """Return when a page has drawn everything, counted from where the browser began to load it."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        return "there is no Chromium on this machine"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page.replace("</body>", _READY), encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--dump-dom"]
        done = subprocess.run([browser, *flags, file.as_uri()], capture_output=True, text=True, check=True, timeout=60)
    return re.findall("<title>(.*?)</title>", done.stdout)[0]


if __name__ == "__main__":
    main()
