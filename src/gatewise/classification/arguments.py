"""The arguments of a classifier as plain values, and back again: what a saved one is trained anew with."""

import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from gatewise.classification.kinds import NETWORKS
from gatewise.classification.specification import Calibration, Linear, Network, Rows, Validation

_SPECS = {"linear": Linear, "validation": Validation, "calibration": Calibration}


def as_plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a `TextClassifier` as JSON can hold them; without the networks, which are kept by themselves."""
    found = {name: _plain(value) for name, value in arguments.items() if name != "network"}
    weights = arguments["class_weight"]
    if isinstance(weights, Mapping):
        # Classes may be numbers, and keys of JSON are not.
        found["class_weight"] = [[_plain(name), float(weight)] for name, weight in weights.items()]
    minutes = float(arguments["minutes"])
    found["minutes"] = minutes if math.isfinite(minutes) else None
    return found


def from_plain(plain: dict[str, Any], kinds: tuple[Network | Rows, ...]) -> dict[str, Any]:
    """Return the arguments that `as_plain` was given.

    Args:
        plain: What it returned.
        kinds: The networks.

    Raises:
        UsageError: An argument cannot be meant.
    """
    found = dict(plain)
    for name, kind in _SPECS.items():
        if isinstance(plain[name], dict):
            parts = {part: tuple(value) if isinstance(value, list) else value for part, value in plain[name].items()}
            found[name] = kind(**parts)
    if isinstance(plain["class_weight"], list):
        found["class_weight"] = dict(plain["class_weight"])
    found["minutes"] = math.inf if plain["minutes"] is None else plain["minutes"]
    found["network"] = None if kinds == NETWORKS else kinds
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.item() if hasattr(value, "item") else value
