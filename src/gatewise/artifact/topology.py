"""Check a serialised Keras model against the whitelist, before Keras sees it.

A config is data of nested dicts; Keras turns every dict with a ``class_name`` into an object. Here every such dict is
looked at first, and every string that could be taken for the name of something registered. What is not on the list of
`gatewise.artifact.whitelist` is refused by name, unless the user hands over that very class.
"""

from collections.abc import Iterator, Set
from typing import Any

from gatewise.artifact import whitelist
from gatewise.artifact.manifest import refusal, short
from gatewise.backend import import_keras

keras = import_keras()

MOST_NODES = 500_000
# Where a config says how often Python itself repeats something, numbers have an end.
MOST_TURNS = 100_000
_COUNTS = frozenset({"num_thresholds", "num_classes", "num_labels"})
_OBJECT_KEYS = frozenset(
    {
        "module",
        "class_name",
        "config",
        "registered_name",
        "build_config",
        "compile_config",
        "name",
        "inbound_nodes",
        "shared_object_id",
    }
)


def check(config: Any, where: object, custom: Set[str] = frozenset()) -> None:
    """Refuse a serialised model that names anything but whitelisted classes.

    Args:
        config: What Keras's ``serialize_keras_object`` returns, from JSON.
        where: The file's name, for the message.
        custom: Names of the user's own classes and functions that were handed over.

    Raises:
        ModelFileError: Something in it is not on the whitelist, or has not the form that Keras writes.
    """
    unrolled = False
    for count, value in enumerate(_values(config)):
        if count > MOST_NODES:
            raise refusal(where, f"its config has more than {MOST_NODES} entries")
        if isinstance(value, str):
            _check_string(value, where, custom)
        elif isinstance(value, dict):
            unrolled = unrolled or value.get("unroll") not in (None, False)
            _check_counts(value, where)
            if "class_name" in value:
                _check_object(value, where, custom)
            elif "dtype" in value:
                _check_dtype(value["dtype"], where)
    if unrolled:
        _check_turns(config, where)


def unknown_names(config: Any, where: object) -> set[str]:
    """Return the names of the user's own classes and functions in a serialised model.

    Raises:
        ModelFileError: It holds something of Keras's that is not on the whitelist, or a lambda.
    """
    names = {name for value in _values(config) if isinstance(value, dict) for name in _foreign(value)}
    check(config, where, names)
    return names


def _values(config: Any) -> Iterator[Any]:
    """Yield every value of a nested config, without recursion."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)


def _foreign(node: dict[str, Any]) -> Iterator[str]:
    """Yield the name of a node that is neither Keras's nor gatewise's; `_check_object` judges the rest."""
    module, kind, name = node.get("module"), node.get("class_name"), node.get("registered_name")
    if kind == "function":
        name = node.get("config")
        if isinstance(name, str) and name not in whitelist.FUNCTIONS and not _is_ours(name):
            yield name
    elif isinstance(kind, str) and isinstance(name, str) and isinstance(node.get("config"), dict):
        keras_own = isinstance(module, str) and module.split(".")[0] == "keras"
        if not keras_own and not _is_ours(name):
            yield name


def _is_ours(name: str) -> bool:
    """Say whether a name is registered, and by gatewise itself."""
    found = keras.saving.get_registered_object(name) if name.startswith("gatewise>") else None
    return found is not None and str(found.__module__).split(".")[0] == "gatewise"


def _check_object(node: dict[str, Any], where: object, custom: Set[str]) -> None:
    """Refuse a dict with a ``class_name`` unless it is a value, a whitelisted object, ours, or the user's own."""
    kind, config = node["class_name"], node.get("config")
    if isinstance(kind, str) and kind in whitelist.VALUES:
        return _check_value(node, where)
    if kind == "__lambda__":
        raise refusal(
            where,
            "it holds a lambda, which is code",
            "Write the lambda as a function with def and a name, and save the model again.",
        )
    name, module = node.get("registered_name"), node.get("module")
    if "module" not in node or not node.keys() <= _OBJECT_KEYS or not isinstance(kind, str):
        raise refusal(where, f"its entry for {short(kind)} has not the form that Keras 3 writes")
    if kind == "function":
        if not isinstance(config, str) or module != "builtins":
            raise refusal(where, f"it names the function {short(config)} in a form that Keras does not write")
        if config in whitelist.FUNCTIONS or _is_ours(config) or config in custom:
            return None
        raise refusal(
            where, f"it names the function {short(config)}, which is not on the whitelist", _hand_over(config)
        )
    if not isinstance(config, dict):
        raise refusal(where, f"its entry for {short(kind)} has no config", "Wrap such a function in one of your own.")
    if isinstance(module, str) and kind in whitelist.CLASSES.get(module, ()):
        if name not in (None, kind):
            raise refusal(where, f"it registers {short(kind)}, which is Keras's own, as {short(name)}")
        return None
    if isinstance(name, str) and (_is_ours(name) or name in custom):
        return None
    if isinstance(module, str) and module.split(".")[0] == "keras":
        raise refusal(
            where,
            f"it names {short(f'{module}.{kind}')}, which is not on gatewise's whitelist of Keras classes",
            "Leave that part out of the model, and do its work before or after it.",
        )
    raise refusal(where, f"it names the class {short(name or kind)}, which is not Keras's", _hand_over(name or kind))


def _hand_over(name: object) -> str:
    return f"If you trust it, hand it over: gw.load(path, custom_objects={{{short(name)}: …}})."


def _check_value(node: dict[str, Any], where: object) -> None:
    kind, config = node["class_name"], node.get("config")
    if (
        node.keys() != {"class_name", "config"}
        or not isinstance(config, dict)
        or config.keys() != whitelist.VALUES[kind]
    ):
        raise refusal(where, f"its entry for {short(kind)} has not the form that Keras 3 writes")
    if "dtype" in config:
        _check_dtype(config["dtype"], where)


def _check_dtype(dtype: Any, where: object) -> None:
    """Refuse the names of quantised and other dtype policies; a policy as an object is checked like every object."""
    if isinstance(dtype, dict) or dtype is None:
        return
    if not isinstance(dtype, str) or dtype not in whitelist.DTYPES:
        raise refusal(where, f"it has the dtype {short(dtype)}")


def _check_string(text: str, where: object, custom: Set[str]) -> None:
    """Refuse the name of anything registered in this process: Keras would put the registered thing in its place."""
    if keras.saving.get_registered_object(text) is not None and text not in custom and not _is_ours(text):
        raise refusal(where, f"it names {short(text)}, which was registered with Keras by other code", _hand_over(text))


def _check_counts(node: dict[str, Any], where: object) -> None:
    for key in _COUNTS & node.keys():
        if isinstance(node[key], (int, float)) and node[key] > MOST_TURNS // 10:
            raise refusal(where, f"its {key} is {short(node[key])} and may be {MOST_TURNS // 10}")


def _check_turns(config: Any, where: object) -> None:
    """Refuse long unrolled loops: Python itself would write out every turn of them."""
    for value in _values(config):
        if isinstance(value, dict):
            for key, number in value.items():
                numbers = number if isinstance(number, list) else [number]
                if key != "seed" and any(isinstance(one, int) and one > MOST_TURNS for one in numbers):
                    raise refusal(where, f"it unrolls a loop and its {short(key)} is {short(number)}")
