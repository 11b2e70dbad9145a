"""What a saved ensemble holds beside its model: every member's arrays, the seeds and the history."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.artifact.folder import WEIGHTS
from gatewise.artifact.manifest import NAME, refusal
from gatewise.training.history import EnsembleHistory
from gatewise.training.members import Ensemble
from gatewise.training.saved_values import check_finite, check_fit, named_arrays, take_values
from gatewise.training.state import ModelValues


def describe_members(ensemble: Ensemble) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what an ensemble holds beside its model: entries of the manifest, and arrays by name.

    Raises:
        NonFiniteError: The weights of a member hold NaN or infinity.
    """
    arrays = named_arrays(ensemble.model, ensemble.values, "members")
    check_finite(ensemble.model, arrays)
    history = ensemble.history
    for index, rows in enumerate(history.history.values()):
        arrays[f"history/{index:04d}"] = np.asarray(rows, np.float32)
    entries = {
        "seeds": [int(seed) for seed in ensemble.seeds],
        "history": {
            "names": list(history.history),
            "epochs": int(history.shape[1]),
            "compile_seconds": float(history.compile_seconds),
            "run_seconds": float(history.run_seconds),
            "steps": int(history.steps),
            "stopped_epoch": [None if epoch is None else int(epoch) for epoch in history.stopped_epoch],
            "bad": [[int(member), int(epoch), int(step)] for member, (epoch, step) in history.bad.items()],
        },
    }
    return entries, arrays


def read_members(model: Any, manifest: Mapping[str, Any], arrays: Mapping[str, np.ndarray], path: Path) -> Ensemble:
    """Return the ensemble around its model.

    Raises:
        ModelFileError: Members' arrays do not fit the model, or seeds or history have another form than written.
    """
    seeds, saved = manifest.get("seeds"), manifest.get("history")
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise refusal(path / NAME, "its seeds are missing")
    values = take_values(arrays, "members", path / WEIGHTS)
    check_fit(model, values, path / WEIGHTS, members=len(seeds))
    try:
        history = _read_history(saved, arrays, len(seeds))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise refusal(path / NAME, "its history has another form than gatewise writes") from error
    return Ensemble(model, seeds, ModelValues(*([np.array(one) for one in group] for group in values)), history)


def _read_history(saved: Any, arrays: Mapping[str, np.ndarray], members: int) -> EnsembleHistory:
    history = EnsembleHistory(members, int(saved["epochs"]))
    for index, name in enumerate(saved["names"]):
        rows = arrays[f"history/{index:04d}"]
        if rows.shape != history.shape or not isinstance(name, str):
            raise ValueError(name)
        history.history[name] = np.array(rows)
    history.compile_seconds, history.run_seconds = float(saved["compile_seconds"]), float(saved["run_seconds"])
    history.steps = int(saved["steps"])
    history.stopped_epoch = [None if epoch is None else int(epoch) for epoch in saved["stopped_epoch"]]
    history.bad = {int(member): (int(epoch), int(step)) for member, epoch, step in saved["bad"]}
    if len(history.stopped_epoch) != members:
        raise ValueError(members)
    return history
