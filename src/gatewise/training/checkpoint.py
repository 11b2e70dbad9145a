"""A run on disk: everything that the rest of it depends on, so that a resumed run ends bit for bit like any other.

A checkpoint is a folder as `gatewise.artifact` writes it: whole or not there, without code.
"""

import hashlib
import json
import math
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gatewise.artifact import check_target, durable, read_folder, write_folder
from gatewise.errors import UsageError
from gatewise.training.data import Data
from gatewise.training.history import History
from gatewise.training.program import RunState

_KIND = "training-run"

# A checkpoint may take at most this share of the time that training takes.
_SHARE = 0.03
_FIRST_AFTER = 1.0


def fingerprint(model: Any, data: Data, validation: Data | None, plan: Any, seed: int) -> dict[str, str]:
    """Describe a call by everything that decides its numbers, so that a run is only resumed by the same call."""
    return {
        "data": _digest_of_arrays((data, validation)),
        "model": hashlib.sha256(_description(model).encode()).hexdigest(),
        "batch_size": str(plan.steps.batch),
        "shuffle": str(plan.shuffle),
        "lengths": str(plan.window),
        "callbacks": json.dumps([plan.scheduled, [[type(rule).__name__, asdict(rule)] for rule in plan.rules]]),
        "validation": str((plan.validation, plan.validation_freq)),
        "reset_states": plan.reset_states,
        "seed": str(seed),
    }


def _description(model: Any) -> str:
    """Describe layers, loss and optimizer in words that are the same in every process."""
    loss = model._compile_loss
    # A learning rate is among the saved values.
    optimizer = {name: value for name, value in _config(model.optimizer).items() if name != "learning_rate"}
    parts = {
        "variables": [(tuple(variable.shape), str(variable.dtype)) for variable in model.variables],
        "layers": [(type(layer).__name__, _config(layer)) for layer in model._flatten_layers()],
        "optimizer": (type(model.optimizer).__name__, optimizer),
        "loss": None if loss is None else (loss._user_loss, loss._user_loss_weights),
    }
    text = json.dumps(parts, sort_keys=True, default=lambda part: [type(part).__name__, _config(part) or str(part)])
    # Names that Keras makes up count the layers of the process, and functions show their address.
    return re.sub(r"_\d+\b|0x[0-9a-f]+", "", text)


def _config(part: Any) -> dict[str, Any]:
    """Return what a layer, loss or optimizer says of itself; empty where it says nothing."""
    try:
        return dict(part.get_config())
    except (AttributeError, NotImplementedError):
        return {}


def _digest_of_arrays(nest: Any) -> str:
    digest = hashlib.sha256()
    for array in jax.tree.leaves(nest):
        contiguous = np.ascontiguousarray(array)
        digest.update(f"{contiguous.shape}{contiguous.dtype}".encode())
        digest.update(contiguous.data)
    return digest.hexdigest()


class Checkpoint:
    """The checkpoint of one run.

    Args:
        folder: Where it is.
        fingerprint: Of the call, from `fingerprint`.

    Raises:
        UsageError: Something is there that is no saved run.
        EnvironmentFault: The folder cannot be written.
    """

    def __init__(self, folder: str | Path, fingerprint: dict[str, str]) -> None:
        self.folder = Path(folder)
        # Better now than after an hour of training.
        check_target(folder, overwrite=True)
        self.fingerprint = fingerprint
        self.next_write = time.perf_counter() + _FIRST_AFTER

    def write_if_due(self, state: RunState, history: History) -> None:
        """Write if the last write is long enough ago for the share of time that checkpoints may take."""
        if time.perf_counter() >= self.next_write:
            self.write(state, history)

    def write(self, state: RunState, history: History) -> None:
        """Write the state and the history of a run."""
        started = time.perf_counter()
        tensors = {f"state.{index:05d}": _plain(leaf) for index, leaf in enumerate(jax.tree.leaves(state))}
        manifest = {
            "kind": _KIND,
            "call": self.fingerprint,
            "history": {
                "epoch": history.epoch,
                "logs": {k: [_exact(v) for v in vs] for k, vs in history.history.items()},
            },
        }
        write_folder(self.folder, manifest, tensors, overwrite=True)
        took = time.perf_counter() - started
        self.next_write = time.perf_counter() + max(_FIRST_AFTER, took / _SHARE)

    def read(self, template: RunState, history: History) -> RunState | None:
        """Return the saved state and fill the history; None where there is no checkpoint yet.

        Args:
            template: The state that the run would begin with, for the structure.
            history: Is filled with the epochs that were finished.

        Raises:
            UsageError: The checkpoint was written by another call.
            ModelFileError: It is damaged.
        """
        if not durable.current(self.folder).exists():
            return None
        manifest, tensors = read_folder(self.folder, _KIND)
        for name, value in self.fingerprint.items():
            if manifest["call"].get(name) != value:
                raise UsageError(
                    f"The checkpoint {self.folder} belongs to another run: its {name} is not the one of this call. Give "
                    "the same arguments to resume it, or another folder to begin anew."
                )
        for epoch, row in enumerate(manifest["history"]["epoch"]):
            logs = {name: float.fromhex(values[epoch]) for name, values in manifest["history"]["logs"].items()}
            history.add(row, {name: value for name, value in logs.items() if not math.isnan(value)})
        leaves, structure = jax.tree.flatten(template)
        loaded = [tensors[f"state.{index:05d}"] for index in range(len(leaves))]
        return jax.tree.unflatten(structure, [_like(array, leaf) for array, leaf in zip(loaded, leaves, strict=True)])


def _plain(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.ascontiguousarray(leaf)


def _like(array: np.ndarray, leaf: Any) -> Any:
    if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jax.numpy.asarray(array))
    return jax.numpy.asarray(array, dtype=leaf.dtype).reshape(leaf.shape)


def _exact(value: float) -> str:
    return float(value).hex()
