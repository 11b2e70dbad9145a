"""From the JSON in results/ to the generated blocks of the README files and docs/benchmarks.md.

``python benchmarks/publish.py`` rewrites the blocks between the markers below; ``--check`` says which of them do not
agree with the JSON and ends with status 1. Nothing is measured here.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ensemble_tables
import growth_plot
import growth_tables
import imdb_tables
import layer_tables
import serve_tables
from gatewise.errors import DataError
from gatewise.recipes.speed import RUNNERS, WORKLOADS, Results
from gatewise.recipes.speed.tables import HEADER, as_markdown, machine_line, number, remarks, rows, times

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


@dataclass(frozen=True)
class Target:
    """How many times faster than a peer a runner has to train on a workload."""

    workload: str
    runner: str
    peer: str
    factor: float


# On two cores. For the forecaster the claim is only to be faster than everyone.
TARGETS = (
    Target("lstm-time-steps", "gatewise", "keras-tensorflow", 400),
    Target("lstm-time-steps", "gatewise", "keras-jax", 80),
    Target("lstm-time-steps", "gatewise", "torch", 200),
    Target("lstm-stacked-stateful", "gatewise", "keras-tensorflow", 400),
    Target("lstm-stacked-stateful", "gatewise", "keras-jax", 50),
    Target("mlp-window", "gatewise", "keras-jax", 60),
    *(
        Target(f"gru-forecaster-{batch_size}", "gatewise", peer, 1)
        for batch_size in (32, 256)
        for peer in ("keras-tensorflow", "keras-torch", "keras-jax", "torch")
    ),
    Target("lstm-time-steps", "gatewise-ensemble", "keras-tensorflow", 1500),
)
AIRLINE_SECONDS = {"first": 60.0, "warm": 25.0}
LATENCY_MICROSECONDS = {
    "one sample through gw.predict, LSTM 4": 60.0,
    "one streamed step, LSTM 4": 10.0,
    "one streamed step, LSTM 64": 15.0,
    "one streamed step, GRU 64": 15.0,
    'python -c "import gatewise"': 200_000.0,
    "gatewise --help": 300_000.0,
}

_WORDS = {
    "en": {
        "step": "µs per training step",
        "torch": "PyTorch loop",
        "gatewise-ensemble": "gatewise, {members} at once",
        "no": "–",
        "fails": "fails",
        "airline": "`gatewise recipes airline` (12 recipes × {members} members) takes {first:.0f} s the first time and "
        "{warm:.0f} s with a warm cache, with at most {peak:.0f} MiB of memory.",
        "legend": "In brackets: how many times faster gatewise is. The last column is per member.",
        "lost": "¹ The state is lost: every batch starts from zero.",
        "machine": "Measured by `python benchmarks/fit.py` on {line}.",
    },
    "zh": {
        "step": "每个训练步的微秒数",
        "torch": "PyTorch 循环",
        "gatewise-ensemble": "gatewise，{members} 个同时训练",
        "no": "–",
        "fails": "失败",
        "airline": "`gatewise recipes airline`（12 个配方 × {members} 个成员）首次运行 {first:.0f} 秒，缓存已热时 "
        "{warm:.0f} 秒，内存最多 {peak:.0f} MiB。",
        "legend": "括号内为 gatewise 快多少倍；最后一列按每个成员计。",
        "lost": "¹ 状态丢失：每个批次都从零开始。",
        "machine": "由 `python benchmarks/fit.py` 测得：{line}。",
    },
}


def verdicts(results: Results) -> list[list[str]]:
    """Return one row for each target: workload, runner, peer, wanted, measured, and whether it is reached."""
    table = []
    for target in TARGETS:
        ratio = results.ratio(target.workload, target.runner, target.peer)
        wanted = f"≥ {target.factor:,.0f}×" if target.factor > 1 else "faster"
        verdict = (
            "not measured" if ratio is None else _reached(ratio >= target.factor if target.factor > 1 else ratio > 1)
        )
        titles = (RUNNERS[target.runner].title, RUNNERS[target.peer].title)
        table.append([target.workload, *titles, wanted, times(ratio), verdict])
    return table


def _reached(is_reached: bool) -> str:
    return "reached" if is_reached else "not reached"


VERDICT_HEADER = ["workload", "runner", "against", "wanted", "measured", "verdict"]


def summary(results: Results, language: str) -> str:
    """Return the short table of the README: a row for each workload, a column for each runner."""
    words = _WORDS[language]
    runners = [name for name in RUNNERS if any(one.runner == name for one in results.measurements)]
    titles = [words.get(name, RUNNERS[name].title).format(members=RUNNERS[name].members) for name in runners]
    header = [words["step"], *titles]
    body = []
    for workload in dict.fromkeys(one.workload for one in results.measurements):
        body.append([f"`{workload}`", *(_cell(results, workload, runner, words) for runner in runners)])
    notes = [words["legend"]]
    if any("¹" in cell for row in body for cell in row):
        notes.append(words["lost"])
    return f"{as_markdown(header, body)}\n\n{' '.join(notes)}"


def _cell(results: Results, workload: str, runner: str, words: dict[str, str]) -> str:
    one = next((m for m in results.measurements if (m.workload, m.runner) == (workload, runner)), None)
    if one is None or one.status == "missing":
        return words["no"]
    if one.status == "failed":
        return words["fails"]
    text = number(one.fastest) + ("¹" if one.message else "")
    if RUNNERS[runner].is_ours:
        return f"**{text}**"
    return f"{text} ({times(results.ratio(workload, 'gatewise', runner))})"


def readme_block(folder: Path, language: str) -> str:
    """Return the generated block of a README from the JSON in a folder."""
    words, results = _WORDS[language], _fit_results(folder)
    parts = [summary(results, language)]
    airline = _load(folder / "airline.json")
    if airline is not None:
        parts.append(
            words["airline"].format(
                members=airline["settings"]["members"],
                first=max(airline["first_seconds"]),
                warm=max(airline["warm_seconds"]),
                peak=max(airline["peak_bytes"]) / 2**20,
            )
        )
    parts.append(words["machine"].format(line=machine_line(results)))
    return "\n\n".join(parts)


def docs_block(folder: Path) -> str:
    """Return the generated block of docs/benchmarks.md from the JSON in a folder."""
    results = _fit_results(folder)
    settings = results.settings
    parts = [
        "## One training step",
        "\n".join(
            f"- `{name}`: {WORKLOADS[name].title}" for name in dict.fromkeys(m.workload for m in results.measurements)
        ),
        as_markdown(HEADER, rows(results)),
        "\n".join(f"- {line}" for line in remarks(results)),
        f"Processes a row: {settings['rounds']}; timed runs in each: {settings['repeats']}, and more until they took a second; "
        f"on {machine_line(results)}.",
        "### Against the targets",
        as_markdown(VERDICT_HEADER, verdicts(results)),
    ]
    layers, growth, airline, latency = (
        _load(folder / f"{name}.json") for name in ("layers", "growth", "airline", "latency")
    )
    texts, ensembles, pads, imdb = (_load(folder / f"{name}.json") for name in ("texts", "ensembles", "pads", "imdb"))
    if layers is not None:
        parts += layer_tables.parts(layers["rows"])
    if growth is not None:
        parts += growth_tables.parts(growth["rows"])
    if pads is not None:
        parts += ["## Pads, and an Embedding projected once", as_markdown(PADS_HEADER, pads_rows(pads))]
    if ensembles is not None:
        parts += ensemble_tables.parts(ensembles)
    if airline is not None:
        parts += ["## All airline recipes", as_markdown(AIRLINE_HEADER, airline_rows(airline))]
    if imdb is not None:
        parts += imdb_tables.parts(imdb)
    if latency is not None:
        parts += ["## Latency", as_markdown(LATENCY_HEADER, latency_rows(latency))]
    serving = _load(folder / "serve.json")
    if serving is not None:
        parts += serve_tables.parts(serving)
    if texts is not None:
        parts += ["## Texts", as_markdown(TEXTS_HEADER, texts_rows(texts))]
    return "\n\n".join(parts)


AIRLINE_HEADER = ["gatewise recipes airline", "seconds", "runs", "peak MiB", "wanted", "verdict"]


def airline_rows(content: dict[str, Any]) -> list[list[str]]:
    """Return the rows for the whole airline table: the first run ever, and a run with a warm cache."""
    members = content["settings"]["members"]
    table = []
    for key, words in (("first", "empty cache"), ("warm", "warm cache")):
        seconds, wanted = content[f"{key}_seconds"], AIRLINE_SECONDS[key]
        peak = number(max(content["peak_bytes"]) / 2**20)
        # The slowest run is judged: nobody has a first run twice.
        verdict = _reached(max(seconds) <= wanted) if members == 100 else "not judged"
        label = f"12 recipes × {members} members, {words}"
        spread = f"{number(min(seconds))} – {number(max(seconds))}"
        table.append([label, spread, str(len(seconds)), peak, f"≤ {wanted:.0f} s", verdict])
    return table


PADS_HEADER = ["ms a batch, fastest", "training", "prediction"]
TEXTS_HEADER = ["what", "who", "seconds", "processor seconds"]


def pads_rows(content: dict[str, Any]) -> list[list[str]]:
    """Return a row for each kind of run with its milliseconds a batch in training and in prediction, the fastest."""
    fastest = {(row["name"], row["what"]): min(row["milliseconds"]) for row in content["rows"]}
    names = dict.fromkeys(name for name, _ in fastest)
    return [[name, *(f"{fastest[name, what]:.1f}" for what in ("training", "prediction"))] for name in names]


def texts_rows(content: dict[str, Any]) -> list[list[str]]:
    """Return a row for each way of texts into numbers: the fastest repeat."""
    table = []
    for cell in content["cells"]:
        if "ratio" in cell:
            table.append([cell["name"], cell["runner"], f"{cell['ratio']:.2f} times", "–"])
        elif cell["seconds"]:
            wall, processor = min(cell["seconds"])
            table.append([cell["name"], cell["runner"], f"{wall:.2f}", f"{processor:.2f}"])
        else:
            table.append([cell["name"], cell["runner"], "–", cell["message"]])
    return table


LATENCY_HEADER = ["what", "who", "µs", "median", "wanted", "verdict"]


def latency_rows(content: dict[str, Any]) -> list[list[str]]:
    """Return a row for each latency: the fastest and the median repeat, and the verdict where one is wanted."""
    table = []
    for cell in content["cells"]:
        title = RUNNERS[cell["runner"]].title if cell["runner"] in RUNNERS else cell["runner"]
        if not cell["microseconds"]:
            table.append([cell["name"], title, "–", "–", "–", cell["message"]])
            continue
        values = sorted(cell["microseconds"])
        wanted = LATENCY_MICROSECONDS.get(cell["name"]) if cell["runner"] == "gatewise" else None
        verdict = ("–", "") if wanted is None else (f"≤ {number(wanted)}", _reached(values[0] <= wanted))
        table.append([cell["name"], title, number(values[0]), number(values[len(values) // 2]), *verdict])
    return table


def _load(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _fit_results(folder: Path) -> Results:
    path = folder / "fit.json"
    if not path.exists():
        raise DataError(f"There is no {path.name} among the results: run benchmarks/fit.py first.")
    return Results.from_json(path.read_text(encoding="utf-8"))


def with_block(text: str, block: str, name: str) -> str:
    """Return a text with what stands between the markers replaced.

    Raises:
        DataError: The text does not have each marker once, the first before the second.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise DataError(f"{name} does not have one {BEGIN} and then one {END}: put them where the table belongs.")
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


def pages(root: Path, folder: Path) -> dict[Path, str]:
    """Return each page that has a generated block, and the plot, with the text it has to have."""
    blocks = {
        root / "README.md": readme_block(folder, "en"),
        root / "README.zh-CN.md": readme_block(folder, "zh"),
        root / "docs" / "benchmarks.md": docs_block(folder),
    }
    found = {path: with_block(path.read_text(encoding="utf-8"), block, path.name) for path, block in blocks.items()}
    growth = _load(folder / "growth.json")
    if growth is not None:
        found[root / "docs" / "growth.svg"] = growth_plot.svg(growth["rows"])
    return found


def update(root: Path = ROOT, folder: Path = RESULTS) -> None:
    """Rewrite the generated blocks from the JSON."""
    for path, text in pages(root, folder).items():
        path.write_text(text, encoding="utf-8")


def stale(root: Path = ROOT, folder: Path = RESULTS) -> list[str]:
    """Return the names of the pages whose generated block does not agree with the JSON."""
    found = pages(root, folder)
    return [path.name for path, text in found.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def check() -> int:
    """Print which pages are stale; return the exit status."""
    names = stale()
    for name in names:
        print(f"{name} does not agree with the results: run python benchmarks/publish.py.", file=sys.stderr)
    return 1 if names else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say which pages do not agree")
    if parser.parse_args().check:
        return check()
    update()
    return 0


if __name__ == "__main__":
    sys.exit(main())
