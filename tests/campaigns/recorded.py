"""What a campaign found, as JSON beside it: the numbers, the command, the machine and the versions."""

import importlib.metadata
import json
import os
import platform
import shlex
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
_VERSIONS = ("gatewise", "keras", "jax", "numpy", "pandas")


def record(name, found, keep=True):
    """Print the result of a campaign, and keep it beside the others."""
    command = shlex.join(["python", f"tests/campaigns/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    result = {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version()} | {one: importlib.metadata.version(one) for one in _VERSIONS},
        **found,
    }
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    print(text, end="")
