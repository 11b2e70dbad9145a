"""The page on what a network does with a sequence: what it says when, gates, memory, and what if the sequence were another."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int64, UInt8

from gatewise.inspection.chunks import with_runs_of
from gatewise.inspection.inspection import Inspection, Layer
from gatewise.inspection.memory import ENDLESS
from gatewise.inspection.portable import Counterfactual, weights_of
from gatewise.report.page import render
from gatewise.report.writing import write_text
from gatewise.version import __version__

# Characters that an inspection may take, so that a page stays below 1.5 MB; those of its weights come first, then cells of heat
# maps, and what is left goes to the vectors of more words.
_MOST = 1_430_000
_MOST_CELLS = 420_000
# Characters for what is said of a unit, and where it is active.
_UNIT = 700
# Characters for a word and its number, and those that are kept free of cells for words that were not read.
_WORD = 20
_WORDS = 80_000
# Characters for what a run of words is known by.
_KEY = 4
# Rows and columns of the connectivity.
_MOST_ROWS = 250
_SNIPPET = 40


def write_inspection(path: str | Path, inspections: Sequence[Inspection], force: bool = False) -> None:
    """Write the page on one inspection, or on several side by side.

    Args:
        path: The HTML file.
        inspections: From `gatewise.inspect`.
        force: Whether the file may exist and be overwritten.

    Raises:
        UsageError: The file exists and `force` is not given, or the path is a folder.
        EnvironmentFault: The file cannot be written.
    """
    write_text(path, inspection_page(inspections), force)


def inspection_page(inspections: Sequence[Inspection]) -> str:
    """Return the page as HTML."""
    return render(
        "inspection.html",
        None,
        data=[_shown(one) for one in inspections],
        inspections=inspections,
        beside=_beside(inspections),
        version=__version__,
    )


def _beside(inspections: Sequence[Inspection]) -> list[list[str]]:
    """Return the rows of the table that compares inspections."""

    def says(one: Inspection) -> str:
        value = float(one.running[-1, one.output])
        name = one.names[one.output]
        return f"{100 * value:.1f} % {name}" if one.said.startswith("log-odds") else f"{value:.4g} ({name})"

    def keeps(one: Inspection) -> str:
        lives = [None if layer.half_life is None else float(np.median(layer.half_life)) for layer in one.layers]
        return ", ".join("no gate" if x is None else f"{x:.3g} steps" if x < ENDLESS else "endless" for x in lives)

    rows: list[tuple[str, Callable[[Inspection], str]]] = [
        ("it reads", lambda one: _cut(" ".join(one.steps))),
        ("steps", lambda one: f"{len(one.steps):,}"),
        ("recurrent layers", lambda one: ", ".join(f"{layer.kind} of {layer.units}" for layer in one.layers)),
        ("what it says at the end", says),
        ("how far back that reaches", lambda one: f"{one.reach:,} steps"),
        ("half-life of a unit, in the middle", keeps),
        ("gradient left at the first step", lambda one: ", ".join(f"{x.decay_in_time[0]:.2g}" for x in one.layers)),
    ]
    return [[name, *map(cell, inspections)] for name, cell in rows]


def _shown(one: Inspection) -> dict[str, Any]:
    """Return an inspection as the page's script reads it."""
    attribution = one.attribution
    rooms = Rooms.of(one)
    return {
        "name": one.name,
        "said": one.said,
        "names": one.names,
        "output": one.output,
        "steps": one.steps,
        "values": None if one.values is None else _plain(one.values, 7),
        "running": _plain(one.running, 6),
        "scores": _plain(one.scores, 6),
        "connectivity": _connectivity(one.connectivity),
        "lags": _plain(one.influence_by_lag, 4),
        "reach": one.reach,
        "attribution": {
            "integrated gradients": _plain(attribution.integrated, 4),
            "gradient × input": _plain(attribution.gradient, 4),
            "occlusion": _plain(attribution.occlusion, 4),
        },
        "layers": [
            _layer(layer, rooms.units, None if one.corpus_scores is None else one.turned(layer.name))
            for layer in one.layers
        ],
        "network": _counterfactual(one.counterfactual, rooms.words),
        "skipped": one.skipped,
        "corpus": 0 if one.corpus_scores is None else len(one.corpus_scores),
    }


class Rooms(NamedTuple):
    """What an inspection has room for in a page.

    Attributes:
        units: Of each layer.
        words: Characters for words that were not read.
    """

    units: int
    words: int

    @classmethod
    def of(cls, one: Inspection) -> "Rooms":
        """Share out the characters of a page: four for a number, four for three cells, some for each step and each unit."""
        steps = len(one.steps)
        rows = min(steps, _MOST_ROWS)
        left = _MOST - 4 * rows * rows // 3 - steps * (120 + 24 * len(one.names))
        given = one.counterfactual
        if not isinstance(given, str):
            own = given.layers if given.sequence is None else _of_words(np.unique(given.sequence), given.layers)
            left -= 4 * weights_of(replace(given, layers=own)) + _KEY * _runs(own)
            if given.sequence is not None:
                left -= len(set(given.sequence)) * (4 * given.layers[0]["vectors"].shape[1] + _WORD)
        # A unit has a row in each of the maps of its layer, and what is said of it.
        cells = [(layer.units, len(layer.states["h"]) * (len(layer.gates) + len(layer.states))) for layer in one.layers]

        def taken(most: int) -> int:
            return sum(min(units, most) * (_UNIT + 4 * own // 3) for units, own in cells)

        def fits(most: int) -> bool:
            return taken(most) <= left - _WORDS and sum(min(units, most) * own for units, own in cells) <= _MOST_CELLS

        units = max((most for most in range(1, max(units for units, _ in cells) + 1) if fits(most)), default=1)
        return cls(units, max(left - taken(units), 0))


def _layer(layer: Layer, most: int, turned: Int64[np.ndarray, " units"] | None) -> dict[str, Any]:
    """Return a layer; of one that is larger than there is room for, the units whose silence changes the score most."""
    kept = layer.order
    if len(kept) > most:
        chosen = set(np.argsort(-np.abs(layer.ablation), kind="stable")[:most].tolist())
        kept = np.array([unit for unit in kept.tolist() if unit in chosen])
    life = layer.half_life
    return {
        "name": layer.name,
        "kind": layer.kind,
        "units": layer.units,
        "order": kept.tolist(),
        "maps": [_map(name, array[:, kept]) for name, array in {**layer.gates, **layer.states}.items()],
        "decay": {name: _plain(array, 4) for name, array in layer.decay.items()},
        "backwards": layer.backwards,
        "halfLife": None if life is None else _plain(life[kept], 4),
        "saturation": {name: _plain(shares[kept], 3) for name, shares in layer.saturation.items()},
        "ablation": _plain(layer.ablation[kept], 4),
        "corpus": _of_corpus(layer, kept, turned),
        "snippets": [
            [
                [_cut(one.before, True), _cut(one.step), _cut(one.after), round(one.output, 3)]
                for one in layer.snippets[unit]
            ]
            for unit in kept.tolist()
        ],
    }


def _of_corpus(layer: Layer, kept: Int64[np.ndarray, " kept"], turned: Int64[np.ndarray, " units"] | None) -> Any:
    """Return what silencing a unit does to the scores of a corpus: the mean change, its mean size, and how many turn."""
    if layer.corpus_ablation is None or turned is None:
        return None
    changes = layer.corpus_ablation[:, kept]
    return [_plain(changes.mean(axis=0), 4), _plain(np.abs(changes).mean(axis=0), 4), turned[kept].tolist()]


def _map(name: str, array: Float[np.ndarray, "time units"]) -> dict[str, Any]:
    """Return a heat map, a byte for each unit and step: gates from 0 to 1, what may be negative around the middle."""
    gate = name in ("input", "forget", "output", "update", "reset")
    most = 1.0 if gate else max(float(np.abs(array).max(initial=0)), 1e-9)
    levels = array / most if gate else (array / most + 1) / 2
    codes = np.clip(np.rint(levels * 254), 0, 254).astype(np.uint8)
    return {"name": name, "gate": gate, "most": _digits(most, 4), "codes": _base64(codes.T)}


def _connectivity(matrix: Float[np.ndarray, "time time"]) -> dict[str, Any]:
    """Return the matrix as logarithms over six decades, the largest of neighbours where there are more than are shown."""
    size = -(-len(matrix) // _MOST_ROWS)
    count = -(-len(matrix) // size)
    padded = np.zeros((count * size, count * size))
    padded[: len(matrix), : len(matrix)] = matrix
    largest = padded.reshape(count, size, count, size).max(axis=(1, 3))
    top = max(float(largest.max()), 1e-30)
    with np.errstate(divide="ignore"):
        decades = np.clip(6 + np.log10(largest / top), 0, 6)
    codes = np.rint(decades / 6 * 254).astype(np.uint8)
    return {"size": count, "steps": size, "top": _digits(top, 3), "codes": _base64(codes)}


def _counterfactual(given: Counterfactual | str, room: int) -> Any:
    """Return what the page computes with, and of the words those that were read and as many more as there is room for."""
    if isinstance(given, str):
        return given
    parts, words = given.layers, given.words
    if given.sequence is not None:
        rows, vectors = np.array(parts[0]["rows"]), parts[0]["vectors"]
        own = np.isin(rows, given.sequence)
        of_word = 4 * vectors.shape[1] + _WORD
        before = _runs(_of_words(rows[own], parts))
        others = room // of_word
        while True:
            kept = own | (np.cumsum(~own) <= others)
            rest = _of_words(rows[kept], parts[1:])
            # Words bring along the runs that they are in, each with what it adds and what it is known by.
            if not others or others * of_word + (4 + _KEY) * (_runs(rest) - before) <= room:
                break
            others = others * 3 // 4
        words = tuple(word for word, there in zip(words, kept.tolist(), strict=True) if there)
        parts = [{**parts[0], "rows": rows[kept].tolist(), "vectors": vectors[kept]}, *rest]
    return {"layers": _network(parts), "sequence": given.sequence, "words": words}


def _of_words(words: Int64[np.ndarray, " words"], layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return layers with the runs alone that are made of some words."""
    return [with_runs_of(words, one) for one in layers]


def _runs(layers: list[dict[str, Any]]) -> int:
    """Return how many runs of words are known."""
    return sum(len(keys) for one in layers for keys in one.get("orders", ()))


def _network(given: Any) -> Any:
    """Return layers with their arrays as text."""
    if isinstance(given, list):
        return [_network(one) for one in given] if given and isinstance(given[0], dict | np.ndarray) else given
    if isinstance(given, dict):
        return {name: _network(value) for name, value in given.items()}
    if isinstance(given, np.ndarray) and given.dtype.kind == "i":
        return {"varints": _base64(_varints(np.diff(given, prepend=0)))}
    if isinstance(given, np.ndarray):
        # Rows of all leading axes, below each other: a convolution's kernel is one matrix over its window.
        return {"floats": _base64(_shorter(given)), "columns": given.shape[-1]}
    return given


def _shorter(given: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "numbers 3"]:
    """Return the upper three bytes of numbers, rounded: a relative error of 2⁻¹⁶ at most, for a quarter less room."""
    bits = np.ascontiguousarray(given, "<f4").view("<u4").astype(np.uint64) + 0x80
    return (bits >> 8).astype("<u4").reshape(-1, 1).view(np.uint8)[:, :3]


def _varints(numbers: Int64[np.ndarray, " numbers"]) -> UInt8[np.ndarray, " bytes"]:
    """Return whole numbers, each in as many bytes of seven bits as it takes: the lowest first, all but the last one marked."""
    sevens = numbers[:, None] >> np.arange(0, 63, 7)
    needed = np.maximum((sevens > 0).sum(axis=1), 1)[:, None]
    places = np.arange(sevens.shape[1])
    codes = (sevens & 127) | np.where(places < needed - 1, 128, 0)
    return codes[places < needed].astype(np.uint8)


def _cut(text: str, end: bool = False) -> str:
    if len(text) <= _SNIPPET:
        return text
    return "…" + text[-_SNIPPET:] if end else text[:_SNIPPET] + "…"


def _plain(array: Float[np.ndarray, "..."], digits: int) -> Any:
    """Return numbers with so many significant digits."""
    if array.ndim > 1:
        return [_plain(part, digits) for part in array]
    return [_digits(value, digits) for value in array.tolist()]


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _base64(codes: UInt8[np.ndarray, "..."] | Float[np.ndarray, "..."]) -> str:
    return base64.b64encode(np.ascontiguousarray(codes).tobytes()).decode("ascii")
