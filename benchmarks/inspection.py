"""How long a full inspection of `imdb-lstm` on a text of 500 tokens takes, how large its page is, when it is ready.

    python benchmarks/inspection.py

In processes of their own: one with an empty cache of compiled programs, as on a new machine, and one that finds them there. The
weights are drawn, not trained: neither time nor size depends on them. Pages are opened in headless Chromium, where there is
one; beside that of `imdb-lstm` that of a classifier as `TextClassifier` makes it, with vectors of runs of words.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import gatewise as gw
from gatewise.inspection import Inspection
from gatewise.report.inspection_page import inspection_page

_READY = "<script>document.title = `ready after ${performance.now().toFixed(0)} ms`;</script></body>"
# A text whose words are changed and that is read again, as a reader does it.
_AGAIN = """<script>
const panel = panels[0], say = word => {
  const before = performance.now();
  panel.get("new").value = word;
  panel.get("edit").requestSubmit();
  return (performance.now() - before).toFixed(0);
};
panel.choose(250);
const took = [say(panel.steps[99]), say(panel.steps[100])];
document.title += `, another word after ${took[0]} ms, the next after ${took[1]} ms: ${panel.says_[panel.shown.output]}`;
</script></body>"""


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        for title in ("empty cache", "programs in the cache"):
            print(f"{title}:", flush=True)
            environment = {**os.environ, "GATEWISE_CACHE": cache}
            subprocess.run([sys.executable, __file__, "--once"], check=True, env=environment)
    print("classifier:")
    about(*_of_classifier())


def once() -> None:
    """Inspect twice, a text and another."""
    model = gw.recipe("imdb-lstm").build()
    gw.initialize(model, 0)
    tokens = np.random.default_rng(0).integers(3, 5000, (2, 500))
    for title, text in zip(("first text", "second text"), tokens, strict=True):
        began, worked = time.perf_counter(), time.process_time()
        found = gw.inspect(model, text)
        taken = f"{time.perf_counter() - began:.2f} s, {time.process_time() - worked:.2f} s of processors"
        print(f"  inspection, {title}: {taken}")
    text[250] = text[100]
    about(found, float(gw.predict(model, text[None])[0, 0]))


def about(found: Inspection, says: float) -> None:
    """Print how large a page is, when it is ready, and what the network says of the text with the other word in Python."""
    began = time.perf_counter()
    page = inspection_page([found])
    print(f"  page: {len(page.encode()) / 1e6:.2f} MB, made in {time.perf_counter() - began:.2f} s")
    print(f"  opened: {opened(page)} (in Python: {says:.7f})")


def _of_classifier() -> tuple[Inspection, float]:
    """Return what a classifier with networks of the usual size does with five hundred words, and with another among them."""
    draw = np.random.default_rng(0)
    texts = [" ".join(f"w{place}" for place in draw.integers(0, 3000, 500)) for _ in range(40)]
    spec = gw.Network(units=32, runs=3, members=1, epochs=1)
    classifier = gw.TextClassifier(network=spec).fit(texts, ["neg", "pos"] * 20)
    gw.inspect(classifier, texts[0])
    began = time.perf_counter()
    found = gw.inspect(classifier, texts[1])
    print(f"  inspection, second text: {time.perf_counter() - began:.2f} s")
    words = texts[1].split()
    words[250] = words[100]
    return found, float(gw.inspect(classifier, " ".join(words)).running[-1, 0])


def opened(page: str) -> str:
    """Return when a page has drawn everything, counted from where the browser began to load it, and how long an edit takes."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        return "there is no Chromium on this machine"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page.replace("</body>", _READY).replace("</body>", _AGAIN), encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--dump-dom"]
        done = subprocess.run([browser, *flags, file.as_uri()], capture_output=True, text=True, check=True, timeout=60)
    return re.findall("<title>(.*?)</title>", done.stdout)[0]


if __name__ == "__main__":
    once() if sys.argv[1:] == ["--once"] else main()
