"""Save and load Keras models and ensembles: weights, compile settings, optimizer state, recurrent state, seeds.

These are the doors; how files lie on disk, and what is refused, is the business of `gatewise.artifact`.
"""

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import gatewise.recurrent.activations
import gatewise.recurrent.layers  # noqa: F401  both register what a saved model may name
from gatewise.artifact import check_target, keras_file, read_folder, rebuild, write_folder
from gatewise.artifact.folder import WEIGHTS
from gatewise.artifact.manifest import NAME, refusal, short
from gatewise.backend import import_keras
from gatewise.errors import GatewiseWarning, ModelFileError, UsageError
from gatewise.recurrent import recurrent_layers, state_variables
from gatewise.training.checks import check_built
from gatewise.training.members import Ensemble
from gatewise.training.saved_members import describe_members, read_members
from gatewise.training.saved_values import check_finite, check_fit, named_arrays, take_values
from gatewise.training.state import ModelValues, read_values, write_values
from gatewise.training.wording import a_or_an

keras = import_keras()

_MODEL, _ENSEMBLE = "model", "ensemble"


def save(model: Any, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Save a Keras model or an ensemble as a folder without code: ``manifest.json`` and ``weights.safetensors``.

    Kept are the network, its weights, compile settings and optimizer state, the state of stateful layers, and for an
    ensemble the same of every member with the seeds and the history. The folder appears whole or not at all, whenever
    the process is killed.

    Args:
        model: A built Keras model, or what `gatewise.fit_ensemble` returned.
        path: The folder to be; its parent must exist.
        overwrite: Whether a saved model that is there may be replaced.

    Raises:
        UsageError: The model has a part that data alone cannot describe, or something is in the way.
        NonFiniteError: The weights hold NaN or infinity.
        EnvironmentFault: The folder cannot be written.

    Example:
        >>> import tempfile
        >>> import gatewise as gw
        >>> model = keras.Sequential([keras.Input((None, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     gw.save(model, f"{folder}/airline")
        ...     gw.load(f"{folder}/airline").count_params()
        101
    """
    check_target(path, overwrite)
    if isinstance(model, Ensemble):
        entries, arrays = _describe_model(model.model)
        more_entries, more_arrays = describe_members(model)
        write_folder(path, {**entries, **more_entries, "kind": _ENSEMBLE}, {**arrays, **more_arrays}, overwrite)
    elif isinstance(model, keras.Model):
        entries, arrays = _describe_model(model)
        write_folder(path, {**entries, "kind": _MODEL}, arrays, overwrite)
    else:
        raise UsageError(f"gw.save saves a Keras model or an ensemble, got {type(model).__name__}: give one of those.")


def load(path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Load what `save` saved, executing nothing of it.

    Args:
        path: The folder.
        custom_objects: Classes and functions of your own that the model was saved with, by name.

    Returns:
        A compiled Keras model (not compiled if it was not), or an `Ensemble`.

    Raises:
        UsageError: `path` is no path, or `custom_objects` no dict.
        ModelFileError: The folder is missing, damaged, foreign or newer, or names what is not allowed; the message
            names the file and the reason.
        EnvironmentFault: A file cannot be read.
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise UsageError(
            f"custom_objects is {a_or_an(custom_objects)}: pass a dict from names to classes and functions."
        )
    manifest, arrays = read_folder(path, (_MODEL, _ENSEMBLE))
    where = Path(path) / NAME
    plan = _read_plan(manifest, where)
    own = take_values(arrays, "model", Path(path) / WEIGHTS)
    model = rebuild.build(plan, where, custom_objects or {}, lambda built: check_fit(built, own, path))
    _set_cudnn(model, manifest.get("use_cudnn"), where)
    write_values(model, own)
    _finish(model)
    known = ("model/",) if manifest["kind"] == _MODEL else ("model/", "members/", "history/")
    strange = [name for name in arrays if not name.startswith(known)]
    if strange:
        raise refusal(Path(path) / WEIGHTS, f"its tensor {short(strange[0])} belongs to nothing")
    return model if manifest["kind"] == _MODEL else read_members(model, manifest, arrays, Path(path))


def to_keras(model: Any, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Save a Keras model as a ``.keras`` file, for programs that do not know gatewise.

    Unlike Keras's own ``save``, a process killed at any moment leaves the old file or the new one. What the format
    cannot hold is left out with a warning: the carried state of stateful layers, and arguments of losses that Keras
    forgets.

    Args:
        model: A built Keras model; of an ensemble give ``ensemble.member(k)``.
        path: The file to be, ending in ``.keras``.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        UsageError: The name does not end in ``.keras``, a file is in the way, or Keras cannot describe the model.
        EnvironmentFault: The file cannot be written.
    """
    if not isinstance(model, keras.Model):
        raise UsageError(
            f"gw.to_keras saves a Keras model, got {type(model).__name__}: of an ensemble give ensemble.member(k)."
        )
    check_built(model)
    keras_file.write(model, path, overwrite)
    if any(np.any(np.asarray(state)) for state in state_variables(model)):
        warnings.warn(
            f"{path} holds no recurrent state: the .keras format has no place for it; use gw.save to keep it.",
            GatewiseWarning,
            stacklevel=2,
        )
    lost = rebuild.forgotten_by_keras(model)
    if lost:
        warnings.warn(
            f"{path} does not hold {', '.join(lost)}, which Keras forgets: compile the model again after reading it, "
            "or use gw.save.",
            GatewiseWarning,
            stacklevel=2,
        )


def from_keras(path: str | os.PathLike[str]) -> Any:
    """Read a ``.keras`` file into a Keras model, with its compile settings and optimizer state.

    Keras's ``load_model`` is not used: only whitelisted layers, and weights that are plain arrays, are read.

    Args:
        path: The file.

    Raises:
        ModelFileError: The file is damaged, another kind of file, or holds what is not on the whitelist.
        EnvironmentFault: The file cannot be read.
    """
    return keras_file.read(path)


def _describe_model(model: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return a model's entries in the manifest and its arrays, after checking that both come back as the same model."""
    check_built(model)
    plan = rebuild.describe(model)
    values = ModelValues(*([np.asarray(array) for array in group] for group in read_values(model)))
    arrays = named_arrays(model, values, "model")
    check_finite(model, arrays)
    if not plan.custom:
        # The user's own classes are only at hand again when the model is loaded.
        _check_comes_back(model, plan, values)
    entries = {
        "custom_objects": sorted(plan.custom),
        "topology": plan.topology,
        "compile": plan.compiled,
        "trainable": list(plan.trainable or ()),
        "use_cudnn": [_cudnn(layer) for layer in recurrent_layers(model)],
    }
    return entries, arrays


def _check_comes_back(model: Any, plan: rebuild.Plan, values: ModelValues) -> None:
    """Refuse a model that Keras's own description of it does not bring back, with every variable in its place."""
    what = f"Model {model.name!r}"
    order = _layer_order(model)

    def check(built: Any) -> None:
        check_fit(built, values, what)
        if _layer_order(built) != order:
            raise refusal(what, "its layers come back in another order")

    try:
        rebuild.build(plan, what, {}, check)
    except ModelFileError as error:
        raise UsageError(
            f"{what} cannot be saved: it does not come back from Keras's own description of it ({error})"
        ) from error


def _layer_order(model: Any) -> list[str]:
    """Return the layers' names in the order of their variables, without the numbers that Keras adds to its own."""
    return [re.sub(r"_\d+$", "", layer.name) for layer in model._flatten_layers()]


def _cudnn(layer: Any) -> bool | str | None:
    """Return the one argument of a recurrent layer that Keras's description of it leaves out."""
    return getattr(layer, "use_cudnn", None)


def _set_cudnn(model: Any, saved: Any, where: Path) -> None:
    layers = recurrent_layers(model)
    if not isinstance(saved, list) or [_cudnn(layer) is None for layer in layers] != [one is None for one in saved]:
        raise refusal(where, "its entry use_cudnn does not fit its recurrent layers")
    for layer, value in zip(layers, saved, strict=True):
        if value not in (None, True, False, "auto"):
            raise refusal(where, f"its entry use_cudnn has the value {short(value)}")
        if value is not None:
            layer.use_cudnn = value


def _finish(model: Any) -> None:
    """Let layers that compute constants from their weights do so (Normalization)."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _read_plan(manifest: Mapping[str, Any], where: Path) -> rebuild.Plan:
    topology, compiled, custom = (manifest.get(name) for name in ("topology", "compile", "custom_objects"))
    trainable = manifest.get("trainable")
    if (
        isinstance(topology, dict)
        and (compiled is None or isinstance(compiled, dict))
        and isinstance(custom, list)
        and all(isinstance(name, str) for name in custom)
        and isinstance(trainable, list)
        and all(isinstance(flag, bool) for flag in trainable)
    ):
        return rebuild.Plan(topology, compiled, frozenset(custom), tuple(trainable))
    raise refusal(where, "its topology, compile settings, custom objects or trainable flags are missing")
