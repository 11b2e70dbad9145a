"""Keras's recurrent layers in a model exchanged for gatewise's, and back."""

import warnings
from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.errors import GatewiseWarning, UsageError
from gatewise.recurrent.layers import OURS
from gatewise.recurrent.states import layer_states, recurrent_layers

keras = import_keras()

_FUNCTIONAL = keras.src.models.Functional


def accelerate(model: Any, undo: bool = False) -> Any:
    """Return a copy of a Keras model with gatewise's recurrent layers in place of Keras's, wherever they are in it.

    Weights, carried state, the seeds of dropout, the arguments of ``compile`` and what the optimizer has learnt go along.
    The copy is a model by itself: training one does not change the other. Layers of the user's own classes stay.

    Args:
        model: A Sequential or functional model.
        undo: The other way: Keras's layers in place of gatewise's.

    Returns:
        The copy.

    Raises:
        UsageError: It is no such model, or cannot be copied from its config.

    Example:
        >>> import gatewise as gw, keras
        >>> model = keras.Sequential([keras.Input((9, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> type(gw.accelerate(model).layers[0])
        <class 'gatewise.recurrent.layers.LSTM'>
    """
    if not isinstance(model, (keras.Sequential, _FUNCTIONAL)):
        remedy = "pass such a model"
        if isinstance(model, keras.Model):
            remedy = "write gatewise.layers into its class, or train it by gw.fit, which walks its layers as they are"
        raise UsageError(
            f"accelerate exchanges the layers of Sequential and functional models, and got a {type(model).__name__}: "
            f"{remedy}."
        )
    config = _exchanged(keras.saving.serialize_keras_object(model), _names(undo))
    config.pop("compile_config", None)
    own = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    try:
        copy = keras.saving.deserialize_keras_object(config, custom_objects=own, safe_mode=False)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"Model {model.name!r} cannot be copied from its config ({str(error).splitlines()[0]}): give its layers a "
            "get_config that holds all their arguments."
        ) from error
    _hand_over(model, copy)
    return copy


def _names(undo: bool) -> dict[tuple[str, str], tuple[str, str, str | None]]:
    """Return (module, class) -> (module, class, name under which it is registered) of what is exchanged."""
    plain = {kind: ("keras.layers", kind.__name__, None) for kind in OURS}
    ours = {kind: (own.__module__, own.__name__, f"gatewise>{own.__name__}") for kind, own in OURS.items()}
    before, after = (ours, plain) if undo else (plain, ours)
    return {before[kind][:2]: after[kind] for kind in OURS}


def _exchanged(config: Any, names: dict[tuple[str, str], tuple[str, str, str | None]]) -> Any:
    """Return a serialised model in which other classes stand for some."""
    if isinstance(config, (list, tuple)):
        return type(config)(_exchanged(value, names) for value in config)
    if not isinstance(config, dict):
        return config
    config = {key: _exchanged(value, names) for key, value in config.items()}
    found = (config.get("module"), config.get("class_name"))
    if found in names:
        config["module"], config["class_name"], config["registered_name"] = names[found]
    return config


def _hand_over(model: Any, copy: Any) -> None:
    """Give a copy what is not in a config: values, and what Keras leaves out of it."""
    for old, new in zip(recurrent_layers(model), recurrent_layers(copy), strict=True):
        if hasattr(old, "use_cudnn"):
            new.use_cudnn = old.use_cudnn
        for name in ("implementation", "dropout_mask_count", "seed"):
            if hasattr(old.cell, name):
                setattr(new.cell, name, getattr(old.cell, name))
    if not model.built:
        return
    copy.set_weights(model.get_weights())
    for old, new in zip(model._flatten_layers(), copy._flatten_layers(), strict=True):
        for theirs, ours in zip(old._seed_generators, new._seed_generators, strict=True):
            _assign(ours.state, theirs.state)
    for old, new in zip(recurrent_layers(model), recurrent_layers(copy), strict=True):
        for theirs, ours in zip(layer_states(old), layer_states(new), strict=True):
            _assign(ours, theirs)
    if model.compiled:
        _hand_over_training(model, copy)


def _hand_over_training(model: Any, copy: Any) -> None:
    """Compile a copy as the model was compiled, with what its optimizer has learnt."""
    try:
        copy.compile_from_config(model.get_compile_config())
    except (TypeError, ValueError) as error:
        warnings.warn(
            f"The copy of model {model.name!r} is not compiled, since a part of what compile was given cannot be copied "
            f"({str(error).splitlines()[0]}): compile it.",
            GatewiseWarning,
            stacklevel=4,
        )
        return
    if model.optimizer is not None and model.optimizer.built:
        for theirs, ours in zip(model.optimizer.variables, copy.optimizer.variables, strict=True):
            _assign(ours, theirs)


def _assign(variable: Any, other: Any) -> None:
    # Through NumPy: Keras gives its arrays away to its compiled functions, and two variables must not hold the same one.
    variable.assign(np.array(other.value))
