"""The speed comparison: the same job for everyone, honest tables, pages that agree with the JSON."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from gatewise.backend import import_keras
from gatewise.cli.app import run
from gatewise.errors import DataError, UsageError
from gatewise.recipes import recipe
from gatewise.recipes.speed import RUNNERS, WORKLOADS, Measurement, Results, measure, measure_all, tables
from gatewise.recipes.speed.peers import keras_model
from gatewise.recipes.speed.runners import Runner, takes_part
from gatewise.recipes.speed.workloads import arrays

ROOT = Path(__file__).resolve().parents[2]
AIRLINE = ["mlp-window", "lstm-time-steps", "lstm-stacked-stateful"]


@pytest.fixture(scope="module")
def publish():
    """benchmarks/publish.py, which is no part of the package, and neither are its neighbours."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    specification = importlib.util.spec_from_file_location("publish", ROOT / "benchmarks" / "publish.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["publish"] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["publish"]
    sys.path.remove(str(ROOT / "benchmarks"))


def timings(workload, runner, microseconds, steps=1000):
    members = RUNNERS[runner].members
    seconds = [value * steps * members / 1e6 for value in microseconds]
    return Measurement(
        workload, runner, steps=steps, members=members, first_seconds=[1.5], seconds=seconds, peak_bytes=[300 * 2**20]
    )


@pytest.fixture
def results():
    """A comparison whose ratios can be done in the head."""
    return Results(
        date="2026-01-31",
        machine={"processor": "Abacus", "cores": 2, "memory_gib": 8.0, "system": "Linux x86_64"},
        versions={"python": "3.12.0", "keras": "3.15.1"},
        settings={"rounds": 1, "repeats": 3, "quick": False, "members": 64},
        measurements=[
            timings("lstm-time-steps", "keras-tensorflow", [1600, 2000, 1800]),
            Measurement("lstm-time-steps", "keras-torch", status="missing", message="not installed: torch"),
            timings("lstm-time-steps", "keras-jax", [320, 400, 360]),
            timings("lstm-time-steps", "gatewise", [4, 6, 5]),
            timings("lstm-time-steps", "gatewise-ensemble", [0.5, 1.0, 0.8]),
            replace(timings("lstm-stacked-stateful", "keras-jax", [300]), message="the state is lost"),
            Measurement("lstm-stacked-stateful", "keras-torch", status="failed", message="RuntimeError: in place"),
            timings("lstm-stacked-stateful", "gatewise", [10]),
        ],
    )


def job_of(workload, runner="gatewise"):
    return {**workload.__dict__, "runner": runner, "learning_rate": 0.001, "members": 1, "repeats": 1}


@pytest.mark.parametrize("name", AIRLINE)
def test_workload_is_the_recipe_in_the_keras3_dialect(name):
    workload = WORKLOADS[name]
    x, _ = arrays(workload)
    ours, theirs = keras_model(job_of(workload), x), recipe(name).build(dialect="keras3")
    nameless = [[{**layer.get_config(), "name": ""} for layer in model.layers] for model in (ours, theirs)]
    assert nameless[0] == nameless[1]
    assert ours.input_shape == theirs.input_shape
    settings = [{**model.optimizer.get_config(), "name": ""} for model in (ours, theirs)]
    assert settings[0] == settings[1]
    assert (workload.batch_size, workload.shuffle) == (recipe(name).batch_size, recipe(name).shuffle)


def test_airline_arrays_are_the_published_training_part():
    x, y = arrays(WORKLOADS["lstm-time-steps"])
    assert x.shape == (92, 3, 1)
    assert x.dtype == y.dtype == np.float32
    # 1949-01 … 1949-04: 112, 118, 132 and 129 thousand; lowest and highest month of all: 104 and 622.
    np.testing.assert_allclose(x[0, :, 0] * 518 + 104, [112, 118, 132], atol=1e-3)
    np.testing.assert_allclose(y[0] * 518 + 104, [129], atol=1e-3)
    flat, _ = arrays(WORKLOADS["mlp-window"])
    np.testing.assert_array_equal(flat[0], [112, 118, 132])


def test_forecaster_arrays_go_on_where_their_inputs_end():
    x, y = arrays(WORKLOADS["gru-forecaster-32"])
    assert (x.shape, y.shape) == ((4096, 48, 8), (4096, 12))
    # A noisy sine of unit height with periods of 6 hours and more: neighbours are near, and so is the first target.
    inside = np.abs(np.diff(x[:, :, 0], axis=1)).mean()
    border = np.abs(y[:, 0] - x[:, -1, 0]).mean()
    assert border == pytest.approx(inside, rel=0.1)


def test_only_one_file_runs_without_gatewise():
    text = (ROOT / "src" / "gatewise" / "recipes" / "speed" / "peers.py").read_text()
    imports = [line for line in text.splitlines() if line.lstrip().startswith(("import ", "from "))]
    assert imports
    assert not [line for line in imports if "gatewise" in line]


def test_ensembles_only_where_asked_for():
    assert takes_part(RUNNERS["gatewise-ensemble"], WORKLOADS["lstm-time-steps"])
    assert not takes_part(RUNNERS["gatewise-ensemble"], WORKLOADS["gru-forecaster-32"])
    assert takes_part(RUNNERS["torch"], WORKLOADS["gru-forecaster-32"])


def test_missing_peer_is_reported(tmp_path):
    nobody = Runner("keras-nobody", "Keras · nobody", needs=("a_module_that_nobody_has",))
    one = measure(WORKLOADS["lstm-time-steps"], nobody, 1, tmp_path)
    assert (one.status, one.message) == ("missing", "not installed: a_module_that_nobody_has")


def test_failing_peer_is_reported_with_its_words(tmp_path):
    # Keras itself refuses a backend that does not exist.
    broken = Runner("keras-broken", "Keras · broken", backend="no-such-backend")
    one = measure(replace(WORKLOADS["lstm-time-steps"], epochs=1), broken, 1, tmp_path)
    assert one.status == "failed"
    assert "no-such-backend" in one.message
    assert one.seconds == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((["lstm-time-step"], ["gatewise"]), "There is no workload 'lstm-time-step': did you mean 'lstm-time-steps'?"),
        ((["mlp-window"], ["keras-jaxx"]), "There is no runner 'keras-jaxx': did you mean 'keras-jax'?"),
    ],
)
def test_unknown_names(arguments, sentence):
    with pytest.raises(UsageError) as caught:
        measure_all(*arguments)
    assert str(caught.value) == sentence


def test_repeats_below_one():
    with pytest.raises(UsageError, match=r"^repeats is 0: give a whole number of at least 1\.$"):
        measure_all(["mlp-window"], ["gatewise"], repeats=0)


@pytest.mark.timeout(280)
def test_quick_comparison_of_two_runners():
    seen = []
    results = measure_all(
        ["lstm-time-steps"],
        ["keras-jax", "gatewise", "gatewise-ensemble"],
        repeats=1,
        quick=True,
        progress=lambda done, total, one: seen.append((done, total, one.runner)),
    )
    assert seen == [(1, 3, "keras-jax"), (2, 3, "gatewise"), (3, 3, "gatewise-ensemble")]
    for one in results.measurements:
        assert (one.status, one.message) == ("measured", None)
        assert one.steps == 92 * 5
        assert len(one.first_seconds) == len(one.peak_bytes) == 1
        assert len(one.seconds) == 1 or sum(one.seconds[:-1]) < 1.0
        # A Python process with JAX: more than 100 MB; seconds are seconds, not something else.
        assert 1e8 < one.peak_bytes[0] < 4e9
        assert 0 < one.seconds[0] < 60
    assert results.ratio("lstm-time-steps", "gatewise", "keras-jax") > 1
    assert Results.from_json(results.to_json()) == results


def test_microseconds_are_per_step_and_member(results):
    assert results.find("lstm-time-steps", "keras-tensorflow").fastest == pytest.approx(1600)
    assert results.find("lstm-time-steps", "keras-tensorflow").median == pytest.approx(1800)
    assert results.find("lstm-time-steps", "gatewise-ensemble").fastest == pytest.approx(0.5)
    assert results.find("lstm-time-steps", "keras-torch") is None


def test_measurements_of_several_processes_add_up():
    total = Measurement("mlp-window", "torch")
    for value in (700, 900):
        total.add(timings("mlp-window", "torch", [value]))
    assert total.microseconds == pytest.approx([700, 900])
    assert total.first_seconds == [1.5, 1.5]
    assert len(total.peak_bytes) == 2


def test_json_says_what_it_is(results):
    assert Results.from_json(results.to_json()) == results
    entry = json.loads(results.to_json())["measurements"][0]
    assert entry["microseconds_per_step"] == pytest.approx([1600, 2000, 1800])
    with pytest.raises(DataError, match="another format"):
        Results.from_json(results.to_json().replace('"format": 1', '"format": 0'))
    with pytest.raises(DataError, match="no speed comparison"):
        Results.from_json("[]")


def test_rows(results):
    rows = [dict(zip(tables.HEADER, row, strict=True)) for row in tables.rows(results)]
    assert rows[0]["µs/step"] == "1,600"
    assert rows[0]["gatewise is"] == "400×"
    assert [rows[1]["µs/step"], rows[6]["µs/step"]] == ["missing", "failed"]
    assert rows[3]["gatewise is"] == "–"
    assert rows[4]["µs/step"] == "0.50"
    assert tables.remarks(results) == [
        "lstm-time-steps, Keras · PyTorch: not installed: torch",
        "lstm-stacked-stateful, Keras · JAX: the state is lost",
        "lstm-stacked-stateful, Keras · PyTorch: RuntimeError: in place",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.768, "0.77"), (2.9, "2.90"), (38.24, "38.2"), (99.96, "100.0"), (1621.4, "1,621")]
)
def test_numbers_are_short(value, text):
    assert tables.number(value) == text


def test_markdown_escapes_bars():
    assert tables.as_markdown(["a"], [["b|c"]]) == "| a |\n| --- |\n| b\\|c |"


def test_verdicts(publish, results):
    rows = {(row[0], row[1], row[2]): row[3:] for row in publish.verdicts(results)}
    steps = "lstm-time-steps"
    assert rows[steps, "gatewise", "Keras · TensorFlow"] == ["≥ 400×", "400×", "reached"]
    assert rows[steps, "gatewise", "PyTorch loop"] == ["≥ 200×", "–", "not measured"]
    assert rows["lstm-stacked-stateful", "gatewise", "Keras · JAX"] == ["≥ 50×", "30.0×", "not reached"]
    assert rows[steps, RUNNERS["gatewise-ensemble"].title, "Keras · TensorFlow"] == ["≥ 1,500×", "3,200×", "reached"]


@pytest.fixture
def site(tmp_path, results, publish):
    """A repository with three pages and results."""
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "README.zh-CN.md", "docs/benchmarks.md"):
        (tmp_path / name).write_text(f"before\n{publish.BEGIN}\nold\n{publish.END}\nafter\n", encoding="utf-8")
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "fit.json").write_text(results.to_json(), encoding="utf-8")
    airline = {
        "settings": {"members": 100},
        "first_seconds": [41.0],
        "warm_seconds": [26.0, 27.0],
        "peak_bytes": [2**30],
    }
    (folder / "airline.json").write_text(json.dumps(airline))
    return tmp_path, folder


def test_pages_follow_the_json(publish, site):
    assert publish.stale(*site) == ["README.md", "README.zh-CN.md", "benchmarks.md"]
    publish.update(*site)
    assert publish.stale(*site) == []
    english, chinese, docs = [
        (site[0] / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md", "docs/benchmarks.md")
    ]
    assert english.startswith(f"before\n{publish.BEGIN}\n| µs per training step |")
    assert english.endswith(f"\n{publish.END}\nafter\n")
    assert "| `lstm-time-steps` | 1,600 (400×) | – | 320 (80.0×) | **4.00** | **0.50** |" in english
    assert "| 300¹ (30.0×) |" in english
    assert "| fails |" in english
    assert "takes 41 s the first time and 27 s with a warm cache, with at most 1024 MiB" in english
    assert "首次运行 41 秒" in chinese
    assert "| gatewise，64 个同时训练 |" in chinese
    # The same numbers in both languages.
    rows = [[line for line in page.splitlines() if line.startswith("| `")] for page in (english, chinese)]
    assert rows[0][0] == rows[1][0]
    assert "| 12 recipes × 100 members, warm cache | 26.0 – 27.0 | 2 | 1,024 | ≤ 25 s | not reached |" in docs
    assert "\n- lstm-stacked-stateful, Keras · PyTorch: RuntimeError: in place\n" in docs
    # Any other number in the JSON makes all of them stale again.
    path = site[1] / "fit.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"Abacus"', '"Slide rule"'), encoding="utf-8")
    assert publish.stale(*site) == ["README.md", "README.zh-CN.md", "benchmarks.md"]


def test_page_without_markers_is_refused(publish, site):
    (site[0] / "README.md").write_text("no markers")
    with pytest.raises(DataError, match=r"^README\.md does not have one "):
        publish.update(*site)


def test_no_results_are_refused(publish, tmp_path):
    with pytest.raises(DataError, match=r"run benchmarks/fit\.py first\.$"):
        publish.pages(ROOT, tmp_path)


def test_latency_rows(publish):
    cells = [
        {"name": "gatewise --help", "runner": "gatewise", "microseconds": [250_000, 310_000, 260_000]},
        {"name": "one sample through predict", "runner": "keras-torch", "microseconds": [], "message": "not installed"},
    ]
    rows = publish.latency_rows({"cells": cells})
    assert rows[0] == ["gatewise --help", "gatewise", "250,000", "260,000", "≤ 300,000", "reached"]
    assert rows[1][-1] == "not installed"


def test_command_prints_table_or_json(results, monkeypatch, capsys):
    asked = []

    def measured(workloads, runners, **options):
        asked.append((workloads, runners, options["repeats"], options["quick"]))
        return results

    monkeypatch.setattr("gatewise.recipes.speed.measure_all", measured)
    assert run(["bench", "--workload", "lstm-time-steps", "--repeats", "4", "--quick"]) == 0
    assert asked == [(["lstm-time-steps"], list(RUNNERS), 4, True)]
    table = capsys.readouterr().out
    assert "Keras · TensorFlow" in table
    assert "400×" in table
    assert "Abacus, 2 cores" in table
    assert run(["bench", "--json"]) == 0
    assert asked[1][0] == list(WORKLOADS)
    assert Results.from_json(capsys.readouterr().out) == results


def test_command_refuses_an_unknown_workload(capsys):
    assert run(["bench", "--workload", "lstm-time-step"]) == 2
    sentence = "error: There is no workload 'lstm-time-step': did you mean 'lstm-time-steps'?\n"
    assert capsys.readouterr() == ("", sentence)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to one process")
def test_interrupt_leaves_no_process_behind():
    command = [sys.executable, "-m", "gatewise", "bench", "--workload", "lstm-stacked-stateful", "--repeats", "500"]
    # A shell starts its background jobs with Ctrl-C ignored, and a test run may be one.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    bench = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=listen)  # noqa: PLW1509  sets a signal
    try:
        deadline = time.monotonic() + 60
        children = []
        while not children and time.monotonic() < deadline:
            time.sleep(0.05)
            children = psutil.Process(bench.pid).children()
        assert children
        # Only to the parent: in a terminal the child gets it too, but it must not have to.
        bench.send_signal(signal.SIGINT)
        output, errors = bench.communicate(timeout=30)
    finally:
        bench.kill()
    assert bench.returncode == 130
    assert output == b""
    assert errors.splitlines()[-1] == b"interrupted"
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_peer_is_told_when_keras_loses_the_state(tmp_path):
    """Keras on JAX forgets carried state; the comparison has to say so beside the number."""
    assert import_keras().config.backend() == "jax"
    one = measure(replace(WORKLOADS["lstm-stacked-stateful"], epochs=1), RUNNERS["keras-jax"], 1, tmp_path)
    assert one.status == "measured"
    assert one.message == "the state is lost: every batch starts from zero"


def row(name, peaks, **milliseconds):
    """A row of results/layers.json or growth.json."""
    cells = [
        {
            "runner": runner.replace("_", "-"),
            "message": None if values else "not installed: it",
            "milliseconds": values,
            "first_seconds": [1.5] if values else [],
            "step_bytes": [3 * 2**20] if values else [],
            "others": [0.01] if values else [],
        }
        for runner, values in milliseconds.items()
    ]
    peaks = {title: {"best": values, "others": [0.0]} for title, values in peaks.items()}
    return {"name": name, "date": "2026-01-31", "rounds": 1, "peaks": peaks, "cells": cells}


def test_layers_are_judged(publish):
    peaks = {"NumPy": [150.0, 200.0], "XLA": [190.0], "copy": [500.0]}
    times = {"gatewise": [62.0, 64.0, 60.0], "keras_jax": [211.0], "torch": [150.0], "keras_tensorflow": []}
    tables = publish.layer_tables
    rows = [row("imdb-lstm", peaks, gatewise_scan=[120.0], **times)]
    # 3 × 2 × 64 × 500 × (32 + 100) × 400 = 10.1 GFLOP in 60 ms are 169 GFLOP/s, of the 200 that NumPy reached.
    assert tables.times_table(rows) == (
        ["ms a step", "gatewise", "scan", "Keras · JAX", "PyTorch loop", "against the best peer", "of sgemm"],
        [["imdb-lstm", "60.0 (62.0)", "120 (120)", "211 (211)", "150 (150)", "2.50×", "84 %"]],
    )
    assert [line[1:] for line in tables.verdicts_table(rows)[1]] == [
        ["Keras · TensorFlow", "≥ 2.20×", "–", "not measured"],
        ["PyTorch loop", "≥ 2.70×", "2.50×", "not reached"],
        ["Keras · JAX", "≥ 3.50×", "3.52×", "reached"],
        ["the machine's sgemm", "≥ 75 %", "84 %", "reached"],
    ]
    assert tables.notes(rows) == ["imdb-lstm, Keras · TensorFlow: not installed: it"]
    assert "10.1 GFLOP of products: 51 ms at the 200 GFLOP/s that NumPy" in tables.roofline(rows[0])


def test_growth_faster_than_the_work_is_found(publish):
    tables = publish.growth_tables
    rows = [row(f"time-{size}", {}, gatewise=[size / 10]) for size in (50, 150, 500, 1500, 5000)]
    assert tables.findings(rows)[0].startswith("gatewise: from T 150 to 5,000 the time grows with the power 1.00 of T,")
    assert tables.findings(rows)[1].startswith("Nowhere does gatewise's time grow")
    rows[-1]["cells"][0]["milliseconds"] = [900.0]
    assert (
        tables.findings(rows)[1] == "From time 1,500 to 5,000 gatewise's time grows 6.00 times, and its work only 3.33."
    )
    assert publish.growth_plot.svg(rows).count('<circle class="dot-gatewise"') == 2 + 2 * 5


def ensemble_cell(name, runner, nanoseconds, first=2.0):
    return {
        "name": name,
        "title": f"{name}, some",
        "runner": runner,
        "nanoseconds": nanoseconds,
        "first_seconds": first,
    }


def test_ensembles_are_judged(publish):
    cells = [
        ensemble_cell("steps-1024", "kernel", [50.0, 40.0]),
        ensemble_cell("steps-1024", "general", [400.0], 3.25),
        ensemble_cell("stacked-1024", "kernel", [151.0]),
        ensemble_cell("steps-64", "kernel", [80.0]),
        ensemble_cell("steps-64", "keras-jax", [400_000.0]),
        {**ensemble_cell("steps-64", "keras-tensorflow", []), "message": "not installed: tensorflow"},
    ]
    tables = publish.ensemble_tables
    assert tables.times_table({"cells": cells})[1] == [
        ["steps-1024, some", "40.0", "400", "10.0×", "2.0 s", "3.2 s"],
        ["stacked-1024, some", "151", "–", "–", "2.0 s", "–"],
        ["steps-64, some", "80.0", "–", "–", "2.0 s", "–"],
    ]
    assert tables.sentences({"cells": cells}) == [
        "Keras · JAX, one model (steps-64): 400,000 ns a step, 5,000× as much.",
        "Wanted of steps-1024: at most 60 ns, and 8 times the general way's speed: reached.",
        "Wanted of stacked-1024: at most 150 ns: not reached.",
        "steps-64, some, keras-tensorflow: not installed: tensorflow",
    ]


def test_rows_are_kept_only_if_they_can_be_compared(publish, tmp_path):
    from measuring import keep

    path, works = tmp_path / "results" / "layers.json", publish.layer_tables.WORKS
    runners = {name.replace("-", "_"): [9.0] for name in works["imdb-gru"].runners}
    whole, part = row("imdb-gru", {}, **runners), row("imdb-lstm", {}, gatewise=[1.0])
    assert keep(path, works, [part, whole]) == ["imdb-lstm"]
    later = row("imdb-gru", {}, **{**runners, "gatewise": [3.0]})
    assert keep(path, works, [later]) == []
    assert json.loads(path.read_text()) == {"format": 2, "rows": [later]}


def test_reviews_are_as_long_as_reviews(publish):
    work = publish.layer_tables.WORKS["imdb-lstm-lengths"]
    lengths = publish.layer_tables.review_lengths(work.rows, work.time)
    assert abs(lengths.mean() - 217) < 2
    assert abs(np.median(lengths) - 178) < 2
    assert 0.08 < (lengths == 500).mean() < 0.10
