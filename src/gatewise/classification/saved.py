"""A fitted classifier as a folder without code: ``manifest.json`` and ``weights.safetensors``, and back again."""

import os
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.artifact import read_folder, rebuild, write_folder
from gatewise.artifact.manifest import NAME, refusal, short
from gatewise.classification.arguments import from_plain
from gatewise.classification.combination import Combination
from gatewise.classification.decision import Decision
from gatewise.classification.fitting import Fitted, Part
from gatewise.classification.held_out import LINEAR, NETWORK, HeldOut
from gatewise.classification.lessons import Curves
from gatewise.classification.linear import LinearModel
from gatewise.classification.linear_views import LinearViews
from gatewise.classification.members import Member, Members
from gatewise.classification.ngrams import NGrams
from gatewise.classification.quickness import Quickness
from gatewise.classification.row_reader import RowReader
from gatewise.classification.runs import Runs
from gatewise.classification.specification import Network, Rows
from gatewise.classification.word_clusters import Clusters
from gatewise.classification.word_runs import WordRuns
from gatewise.datasets import Vocabulary
from gatewise.errors import GatewiseError, ModelFileError, UsageError

KIND = "text-classifier"
# What is kept of networks of somebody else's, beside the network itself and its words.
_OF_ROWS = ("epochs", "batch_texts", "name")
_KINDS_OF_CLASSES = {"U": str, "i": int, "u": int, "f": float, "b": bool}

Arrays = dict[str, np.ndarray]


def write(
    path: str | os.PathLike[str], fitted: Fitted, classes: np.ndarray, arguments: dict[str, Any], overwrite: bool
) -> None:
    """Write a classifier.

    Raises:
        UsageError: Something is in the way, or a network cannot be described by data alone.
        EnvironmentFault: The folder cannot be written.
    """
    decision = fitted.held_out.decision
    arrays: Arrays = {"decision/weights": decision.weights, "decision/thresholds": decision.thresholds}
    arrays["decision/shares"] = fitted.shares
    linear: LinearViews = fitted.linear.model
    known = [id(view.runs.ngrams) for view, _ in linear]
    for number, (view, _) in enumerate(linear):
        arrays |= _view_arrays(f"linear/{number}", view, known.index(known[number]) == number)
    arrays |= _combination_arrays("combination", fitted.combination)
    arrays |= _combination_arrays(f"alone/{LINEAR}", fitted.linear.combination)
    if fitted.quick is not None:
        arrays |= _combination_arrays("quick", fitted.quick.combination)
    held = fitted.held_out
    arrays |= {"held_out/rows": held.rows, "held_out/folds": held.folds, "held_out/truth": held.truth}
    arrays |= {f"held_out/probabilities/{name}": found for name, found in held.probabilities.items()}
    entries: dict[str, Any] = {
        "kind": KIND,
        "arguments": arguments,
        "classes": [name.item() for name in classes],
        "several": held.several,
        "asked": list(fitted.asked),
        "quick_below": None if fitted.quick is None else fitted.quick.below,
        "vocabulary": fitted.vocabulary.to_json(),
        "linear_views": [
            {"share": share, "last": view.runs.last, "runs_of": known.index(id(view.runs.ngrams))}
            for view, share in linear
        ],
        "seconds": fitted.seconds,
        "notes": list(fitted.notes),
        "networks": None,
    }
    if fitted.network is not None:
        members: Members = fitted.network.model
        arrays |= _combination_arrays(f"alone/{NETWORK}", fitted.network.combination)
        entries["networks"] = {
            "outputs": members.outputs,
            "longest": members.longest,
            "weights": list(members.weights or ()),
            "runs": [list(key) for key in members.runs],
            "kinds": [_described(members, kind) for kind in range(len(members.kinds))],
            "trained": [
                [member.kind, member.fold, member.seconds, [list(curve) for curve in member.curves]]
                for member in members.trained
            ],
        }
        for number, runs in enumerate(members.runs.values()):
            arrays |= {f"runs/{number}/terms/{order}": keys for order, keys in enumerate(runs.keys, 1)}
        for number, member in enumerate(members.trained):
            for place, array in enumerate(member.weights):
                arrays[f"network/{number:04d}/{place:04d}"] = np.asarray(array)
    write_folder(path, entries, arrays, overwrite)


def read(
    path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None
) -> tuple[Fitted, np.ndarray, dict[str, Any]]:
    """Read a classifier: what was fitted, the classes, and the arguments of `TextClassifier`.

    Raises:
        ModelFileError: The folder is missing, damaged, foreign or newer.
    """
    entries, arrays = read_folder(path, KIND)
    where = Path(path) / NAME
    try:
        return _read(entries, arrays, where, custom_objects or {})
    except GatewiseError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise refusal(where, f"it does not describe a whole classifier ({short(error)})") from error


def _read(
    entries: dict[str, Any], arrays: Arrays, where: Path, custom: Mapping[str, Any]
) -> tuple[Fitted, np.ndarray, dict[str, Any]]:
    vocabulary = Vocabulary.from_json(entries["vocabulary"])
    classes, several = np.array(entries["classes"]), bool(entries["several"])
    if classes.ndim != 1 or classes.dtype.kind not in _KINDS_OF_CLASSES:
        raise refusal(where, "its classes are no list of names")
    outputs = 1 if len(classes) == 2 and not several else len(classes)
    linear = _read_linear(entries["linear_views"], arrays, vocabulary, outputs, where)
    found = {
        name.rpartition("/")[2]: array for name, array in arrays.items() if name.startswith("held_out/probabilities/")
    }
    decision = Decision(arrays["decision/weights"], arrays["decision/thresholds"], several)
    shares = arrays["decision/shares"]
    if not decision.weights.shape == decision.thresholds.shape == shares.shape == classes.shape:
        raise refusal(where, "its decisions do not fit its classes")
    held = HeldOut(arrays["held_out/rows"], arrays["held_out/folds"], arrays["held_out/truth"], found, decision)
    network = None
    if entries["networks"] is not None:
        members = _read_members(entries["networks"], arrays, vocabulary, outputs, where, custom)
        network = Part(members, _read_combination(f"alone/{NETWORK}", arrays, several))
    fitted = Fitted(
        vocabulary,
        Part(linear, _read_combination(f"alone/{LINEAR}", arrays, several)),
        network,
        _read_combination("combination", arrays, several),
        tuple(entries["asked"]),
        held,
        shares,
        _read_quickness(entries["quick_below"], arrays, several),
        dict(entries["seconds"]),
        tuple(entries["notes"]),
    )
    known = {LINEAR} | ({NETWORK} if network is not None else set())
    if not fitted.asked or not set(fitted.asked) <= known or len(fitted.combination.weights) != len(fitted.asked):
        raise refusal(where, "its combination does not fit its parts")
    kinds = () if network is None else network.model.kinds
    try:
        arguments = from_plain(entries["arguments"], kinds)
    except UsageError as error:
        raise refusal(where, f"its arguments cannot be meant ({short(error)})") from error
    return fitted, classes, arguments


def _view_arrays(name: str, view: LinearModel, with_runs: bool) -> Arrays:
    """Return the arrays of a view; of the runs that it shares with one before it, none."""
    ngrams, clusters = view.runs.ngrams, view.runs.clusters
    found = {"weights": view.weights, "squares": view.squares, "intercepts": view.intercepts}
    if with_runs:
        found |= {f"terms/{order}": keys for order, keys in enumerate(ngrams.orders, 1)}
        found |= {} if ngrams.apart is None else {"terms/apart": ngrams.apart}
        found |= {} if clusters is None else {"clusters": clusters.of_words, "roles": clusters.roles}
    return {f"{name}/{part}": array for part, array in found.items()}


def _read_linear(
    entries: list[dict[str, Any]], arrays: Arrays, vocabulary: Vocabulary, outputs: int, where: Path
) -> LinearViews:
    views: list[LinearModel] = []
    shares = [float(entry["share"]) for entry in entries]
    if not entries or not all(np.isfinite(shares)):
        raise refusal(where, "it does not say how much its linear models count")
    for number, entry in enumerate(entries):
        name, shared, last = f"linear/{number}", entry["runs_of"], entry["last"]
        if shared not in range(number + 1) or not (last is None or (isinstance(last, int) and last > 0)):
            raise refusal(where, f"its linear model {number + 1} looks at runs that there are not")
        runs = _read_runs(name, arrays, vocabulary, where) if shared == number else views[shared].runs
        given = {part: arrays[f"{name}/{part}"] for part in ("weights", "squares", "intercepts")}
        if given["weights"].shape != (runs.ngrams.terms, outputs) or given["squares"].shape != given["weights"].shape:
            raise refusal(where, "its linear model does not fit its words and classes")
        views.append(LinearModel(replace(runs, last=last), **given))
    return LinearViews(tuple(views), tuple(shares))


def _read_runs(name: str, arrays: Arrays, vocabulary: Vocabulary, where: Path) -> Runs:
    orders = _orders(name, arrays)
    if f"{name}/clusters" not in arrays:
        return Runs(NGrams(vocabulary.size, orders, arrays.get(f"{name}/terms/apart")))
    clusters = Clusters(arrays[f"{name}/clusters"], arrays[f"{name}/roles"])
    if len(clusters.roles) != vocabulary.size or not len(clusters.of_words) or clusters.of_words.min() < 1:
        raise refusal(where, "its clusters do not fit its words")
    return Runs(NGrams(clusters.size, orders), clusters)


def _orders(name: str, arrays: Arrays) -> tuple[np.ndarray, ...]:
    """Return the numbers of runs of one word, of two and so on."""
    return tuple(arrays[f"{name}/terms/{order}"] for order in range(1, 6) if f"{name}/terms/{order}" in arrays)


def _read_quickness(below: float | None, arrays: Arrays, several: bool) -> Quickness | None:
    return None if below is None else Quickness(float(below), _read_combination("quick", arrays, several))


def _read_members(
    entry: dict[str, Any], arrays: Arrays, vocabulary: Vocabulary, outputs: int, where: Path, custom: Mapping[str, Any]
) -> Members:
    if entry["outputs"] != outputs:
        raise refusal(where, "its networks do not fit its classes")
    kinds = tuple(_read_kind(kind, where, custom) for kind in entry["kinds"])
    runs = {
        (longest, texts, known): WordRuns(
            NGrams(min(vocabulary.size, known), _orders(f"runs/{number}", arrays)), longest
        )
        for number, (longest, texts, known) in enumerate(entry["runs"])
    }
    members = Members(kinds, vocabulary, outputs, int(entry["longest"]), runs)
    members.weights = tuple(map(float, entry["weights"]))
    if len(members.weights) != len(kinds):
        raise refusal(where, "its networks do not fit their weights")
    for number, (kind, fold, seconds, curves) in enumerate(entry["trained"]):
        start = f"network/{number:04d}/"
        names = sorted(name for name in arrays if name.startswith(start))
        weights = [arrays[name] for name in names]
        shapes = members.reader(kind).shapes()
        if [array.shape for array in weights] != shapes:
            raise refusal(where, f"the weights of its network {number + 1} do not fit it")
        members.trained.append(Member(kind, fold, weights, seconds, Curves(*map(tuple, curves))))
    if not members.trained:
        raise refusal(where, "it has no networks that were trained")
    return members


def _described(members: Members, kind: int) -> dict[str, Any]:
    """Return a kind of network as plain values."""
    given = members.kinds[kind]
    if isinstance(given, Network):
        values = asdict(given)
        return {"spec": {**values, "vectors": str(values["vectors"])}}
    reader = members.reader(kind)
    assert isinstance(reader, RowReader)
    plan = reader.plan()
    described = {"topology": plan.topology, "custom": sorted(plan.custom), "trainable": list(plan.trainable or ())}
    return {**described, "words": reader.words, **{name: getattr(given, name) for name in _OF_ROWS}}


def _read_kind(entry: dict[str, Any], where: Path, custom: Mapping[str, Any]) -> Any:
    if "spec" in entry:
        names = {one.name for one in fields(Network)}
        if set(entry["spec"]) != names:
            raise refusal(where, "its description of a network is another version's")
        return Network(**entry["spec"])
    plan = rebuild.Plan(entry["topology"], None, frozenset(entry["custom"]), tuple(entry["trainable"]))

    def make(words: int, outputs: int) -> Any:
        return rebuild.build(plan, where, custom, lambda built: None)

    return Rows(make, entry["words"], **{name: entry[name] for name in _OF_ROWS})


def _combination_arrays(name: str, combination: Combination) -> Arrays:
    found = {f"{name}/weights": combination.weights, f"{name}/shifts": combination.shifts}
    for number, curve in enumerate(combination.curves or ()):
        found[f"{name}/curves/{number:04d}"] = curve
    return found


def _read_combination(name: str, arrays: Arrays, several: bool) -> Combination:
    start = f"{name}/curves/"
    curves = tuple(arrays[key] for key in sorted(arrays) if key.startswith(start))
    weights, shifts = arrays[f"{name}/weights"], arrays[f"{name}/shifts"]
    if not all(np.isfinite(array).all() for array in (weights, shifts, *curves)):
        raise ModelFileError(f"The tensors {name!r} hold NaN or infinity: restore the folder from a copy.")
    return Combination(weights, shifts, several, curves or None)
