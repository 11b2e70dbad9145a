"""What the long campaigns found, as it is kept: nothing was lost, and the page says so."""

import json

import page
import pytest


def test_the_page_is_as_the_results_are():
    _, _, rest = page.PAGE.read_text(encoding="utf-8").partition(page.BEGIN)
    assert rest.partition(page.END)[0] == f"\n{page.table()}\n", "run python tests/campaigns/page.py"


# What a result counts that must not happen.
NEVER = {"differing", "strays", "strays_after_next", "lost", "faults", "tracebacks", "wrong", "failed", "exit_status"}
NEVER |= {"undocumented_5xx", "over_5_s", "not_ready"}


def numbers(found, name=""):
    if isinstance(found, dict):
        for key, value in found.items():
            yield from numbers(value, key)
    else:
        yield name, found


@pytest.mark.parametrize("path", sorted(page.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_nothing_was_lost(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [(name, value) for name, value in numbers(found) if name in NEVER and value] == []
    assert found.get("overhead_median", 0.0) <= 0.03
    assert found.get("share_of_the_time", 0.0) <= 0.03
    assert path.stem in page.ROWS


@pytest.mark.parametrize(("name", "least"), [("open_inference_gatewise", 60), ("triton_client", 15)])
def test_the_protocol_was_kept_whole(name, least):
    found = json.loads((page.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert found["held"] == found["checks"] >= least
