"""The page on what a network does with a sequence: what it says when, gates, memory, and what if the sequence were another."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from gatewise.inspection.inspection import Inspection, Layer
from gatewise.inspection.portable import Counterfactual
from gatewise.report.page import render
from gatewise.report.writing import write_text
from gatewise.version import __version__

# Cells of heat maps, all together, and rows and columns of the connectivity: more would make the page too large.
_MOST_CELLS = 420_000
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
        version=__version__,
    )


def _shown(one: Inspection) -> dict[str, Any]:
    """Return an inspection as the page's script reads it."""
    attribution = one.attribution
    room = _MOST_CELLS // max(1, sum((len(layer.gates) + len(layer.states)) for layer in one.layers))
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
        "layers": [_layer(layer, room) for layer in one.layers],
        "network": _counterfactual(one.counterfactual),
        "skipped": one.skipped,
    }


def _layer(layer: Layer, room: int) -> dict[str, Any]:
    """Return a layer; of one that is larger than there is room for, the units whose silence changes the score most."""
    steps = len(layer.states["h"])
    most = max(1, room // steps)
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
        "snippets": [
            [
                [_cut(one.before, True), _cut(one.step), _cut(one.after), round(one.output, 3)]
                for one in layer.snippets[unit]
            ]
            for unit in kept.tolist()
        ],
    }


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


def _counterfactual(given: Counterfactual | str) -> Any:
    """Return what the page computes with; a reason stays as it is."""
    if isinstance(given, str):
        return given
    return {"layers": _network(given.layers), "sequence": given.sequence, "words": given.words}


def _network(given: Any) -> Any:
    """Return layers with their arrays as text."""
    if isinstance(given, list):
        return [_network(one) for one in given] if given and isinstance(given[0], dict) else given
    if isinstance(given, dict):
        return {name: _network(value) for name, value in given.items()}
    if isinstance(given, np.ndarray):
        # Rows of all leading axes, below each other: a convolution's kernel is one matrix over its window.
        return {"floats": _base64(given.astype("<f4")), "columns": given.shape[-1]}
    return given


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
