"""A Keras model to plain JSON values and back: topology and compile settings, no weights.

Keras's own serialisation does most of it. Added here: arguments that Keras forgets (a Huber loss loses its delta),
small numbers for shared objects instead of memory addresses, and a rehearsal without memory before a model is built,
so that a config that asks for a billion units is compared with the weights before anything of that size is allocated.
"""

import copy
import inspect
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from gatewise.artifact import topology, whitelist
from gatewise.artifact.manifest import refusal, short
from gatewise.backend import import_keras
from gatewise.errors import GatewiseError, ModelFileError, UsageError

keras = import_keras()

# Keras writes parts of its errors in bold.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Plan(NamedTuple):
    """What a model is, without its weights.

    Attributes:
        topology: Keras's serialised model, without compile settings.
        compiled: Keras's serialised compile settings, or None for a model that is not compiled.
        custom: The names of the user's own classes and functions in both.
        trainable: The flag of every layer, in the order of ``model._flatten_layers()``; None to take what Keras keeps
            of it, which is not the flag of a Sequential inside another model.
    """

    topology: dict[str, Any]
    compiled: dict[str, Any] | None
    custom: frozenset[str]
    trainable: tuple[bool, ...] | None


def describe(model: Any) -> Plan:
    """Return the plan of a model.

    Raises:
        UsageError: A part of the model cannot be described by data alone; the message names it.
    """
    from keras.src.saving.serialization_lib import ObjectSharingScope

    _check_own_classes(model)
    try:
        with ObjectSharingScope():
            serialised = keras.saving.serialize_keras_object(model)
            compiled = _compile_settings(model)
    except GatewiseError:
        raise
    except Exception as error:
        raise UsageError(f"Model {model.name!r} cannot be saved: {first_line(error)}.") from error
    serialised.pop("compile_config", None)
    serialised, compiled = _plain([serialised, compiled])
    where = f"Model {model.name!r}"
    try:
        custom = frozenset(topology.unknown_names([serialised, compiled], where))
    except ModelFileError as error:
        raise UsageError(str(error).replace(" is refused: ", " cannot be saved: ", 1)) from None
    return Plan(serialised, compiled, custom, tuple(bool(layer.trainable) for layer in model._flatten_layers()))


def _check_own_classes(model: Any) -> None:
    """Refuse classes of the user's own that Keras would describe without their arguments."""
    for layer in model._flatten_layers():
        kind = type(layer)
        if kind.__module__.split(".")[0] in {"keras", "gatewise"}:
            continue
        if not any("get_config" in vars(base) for base in kind.__mro__ if base.__module__.split(".")[0] != "keras"):
            what = "Model" if isinstance(layer, keras.Model) else "Layer"
            raise UsageError(
                f"{what} {layer.name!r} cannot be saved: its class {kind.__name__} does not define get_config; define "
                f"it to return the constructor's arguments, and load with custom_objects={{{kind.__name__!r}: "
                f"{kind.__name__}}}, or build the network from keras.Sequential or keras.Model(inputs, outputs)."
            )
    for layer in model._flatten_layers():
        for name in ("activation", "recurrent_activation"):
            _check_function(getattr(layer, name, None), f"the {name} of layer {layer.name!r}")


def _check_function(function: Any, what: str) -> None:
    """Refuse functions that Keras would write under a name that means something else, or as code."""
    if not inspect.isfunction(function) or function.__module__.split(".")[0] in {"keras", "gatewise"}:
        return
    if function.__name__ == "<lambda>":
        raise UsageError(f"The model cannot be saved: {what} is a lambda; write it as a function with def and a name.")
    if function.__name__ in whitelist.FUNCTIONS:
        raise UsageError(
            f"The model cannot be saved: {what} is a function of your own named {function.__name__!r}, as one of "
            "Keras's is, and would come back as Keras's; give it another name."
        )


def _compile_settings(model: Any) -> dict[str, Any] | None:
    if not getattr(model, "compiled", False):
        return None
    settings = getattr(model, "_compile_config", None)
    if settings is None:
        raise UsageError(
            f"Model {model.name!r} cannot be saved: its class overrides compile, so its settings are lost."
        )
    found: dict[str, Any] = _serialise(settings.config)
    # Keras does not keep this argument; it decides whether 16-bit training scales its loss.
    found["auto_scale_loss"] = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    return found


def _serialise(value: Any) -> Any:
    """Serialise compile settings, completing what Keras forgets of losses and metrics."""
    if isinstance(value, Mapping):
        return {key: _serialise(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_serialise(one) for one in value]
    _check_function(value, "a loss or metric")
    node = keras.saving.serialize_keras_object(value)
    if isinstance(node, dict) and isinstance(node.get("config"), dict):
        node["config"].update(_forgotten(value, node["config"]))
    return node


def recompile(twin: Any, model: Any) -> None:
    """Compile a copy of a model as the model is, with an optimizer, losses and metrics of its own.

    Unlike Keras's ``get_compile_config`` this keeps functions of the user's own, and the arguments that Keras forgets.
    """

    def again(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: again(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [again(one) for one in value]
        if type(value).__module__.split(".")[0] != "keras" or not hasattr(value, "from_config"):
            return value
        return keras.saving.deserialize_keras_object(_plain(_serialise(value)))

    settings = again(model._compile_config.config)
    twin.compile(**settings, auto_scale_loss=isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer))


def _forgotten(value: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Return the constructor's arguments that ``get_config`` of a Keras loss or metric leaves out."""
    accepted = inspect.signature(type(value).__init__).parameters
    given = dict(getattr(value, "_fn_kwargs", None) or {})
    if isinstance(value, keras.losses.Loss) and value.dtype != keras.config.floatx():
        given["dtype"] = value.dtype
    return {name: argument for name, argument in given.items() if name in accepted and name not in config}


def forgotten_by_keras(model: Any) -> list[str]:
    """Return the losses' and metrics' arguments that Keras's own files leave out, as ``Huber.delta``."""
    found: list[str] = []
    waiting = [model._compile_config.config] if getattr(model, "compiled", False) else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
        elif isinstance(value, (keras.losses.Loss, keras.metrics.Metric)):
            missing = _forgotten(value, value.get_config())
            defaults = inspect.signature(type(value).__init__).parameters
            found += [f"{type(value).__name__}.{name}" for name in missing if defaults[name].default != missing[name]]
    return sorted(set(found))


def _plain(value: Any, numbers: dict[int, int] | None = None) -> Any:
    """Return a config as JSON gives it back, with shared objects numbered from 0 instead of by memory address."""
    numbers = {} if numbers is None else numbers
    if isinstance(value, dict):
        plain = {str(key): _plain(one, numbers) for key, one in value.items()}
        if isinstance(plain.get("shared_object_id"), int):
            plain["shared_object_id"] = numbers.setdefault(plain["shared_object_id"], len(numbers))
        return plain
    if isinstance(value, (list, tuple)):
        return [_plain(one, numbers) for one in value]
    return value


def build(plan: Plan, where: object, custom_objects: Mapping[str, Any], check: Callable[[Any], None]) -> Any:
    """Build the model of a plan, with fresh weights and compiled as it was.

    Args:
        plan: From a file or from `describe`.
        where: The file's name, for messages.
        custom_objects: The user's own classes and functions by name.
        check: Called with the model twice, first as a rehearsal in which its variables have shapes and no memory; to
            raise ModelFileError if they are not those of the weights.

    Raises:
        ModelFileError: The plan is not on the whitelist, or Keras cannot build it.
    """
    missing = sorted(plan.custom - _names(custom_objects).keys())
    if missing:
        raise refusal(
            where,
            f"the model was saved with {short(missing[0])}, a class or function of the user's own",
            f"Hand it over: gw.load(path, custom_objects={{{short(missing[0])}: …}}).",
        )
    used = {name: thing for name, thing in _names(custom_objects).items() if name in plan.custom}
    topology.check([plan.topology, plan.compiled], where, used.keys())
    unknown = sorted((plan.compiled or {}).keys() - whitelist.COMPILE_KEYS)
    if unknown:
        raise refusal(where, f"its compile settings have the unknown entry {short(unknown[0])}")
    _rehearse(plan, where, used, check)
    model = _build(plan, where, used)
    check(model)
    return model


def _names(custom_objects: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user's objects under their own names and under those they are registered as."""
    registered = {keras.saving.get_registered_name(thing): thing for thing in custom_objects.values()}
    return {**registered, **custom_objects}


def _rehearse(plan: Plan, where: object, custom: Mapping[str, Any], check: Callable[[Any], None]) -> None:
    """Build the model where arrays have shapes but no memory, and check it."""
    import jax

    try:
        jax.eval_shape(lambda: check(_build(plan, where, custom)))
    except ModelFileError as error:
        # A class of the user's own may read its weights while it is built, which a rehearsal cannot answer.
        if not (custom and isinstance(error.__cause__, (TypeError, jax.errors.JAXTypeError))):
            raise


def _build(plan: Plan, where: object, custom: Mapping[str, Any]) -> Any:
    from keras.src.saving.serialization_lib import ObjectSharingScope

    # Keras's from_config methods take their dicts apart.
    config, settings = copy.deepcopy((plan.topology, plan.compiled))
    try:
        with randomness_kept(), keras.saving.custom_object_scope(dict(custom)):
            with ObjectSharingScope():
                model = keras.saving.deserialize_keras_object(config, custom_objects=dict(custom), safe_mode=True)
            if not isinstance(model, keras.Model):
                raise refusal(where, f"its topology is a {short(type(model).__name__)}, not a model")
            _set_trainable(model, plan.trainable, where)
            if settings is not None:
                model.compile_from_config(settings)
        return model
    except GatewiseError:
        raise
    except Exception as error:
        raise refusal(where, f"Keras cannot build its network ({first_line(error)})") from error


def _set_trainable(model: Any, flags: tuple[bool, ...] | None, where: object) -> None:
    layers = model._flatten_layers()
    if flags is None:
        return
    if len(flags) != len(layers):
        raise refusal(where, f"it has {len(flags)} trainable flags for {len(layers)} layers")
    for layer, flag in zip(layers, flags, strict=True):
        # Keras's own setter would set the layers inside as well, and these have flags of their own here.
        layer._trainable = flag


def first_line(error: Exception) -> str:
    """Return the class and the beginning of another library's error, on one line."""
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {' '.join(lines[:3])}" if lines else type(error).__name__
    return "".join(sign if sign.isprintable() else " " for sign in text[:300]).rstrip(". ")


@contextmanager
def randomness_kept() -> Iterator[None]:
    """Leave Python's own random numbers as they were; Keras draws the seeds of layers without one from them."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
