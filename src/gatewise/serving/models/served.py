"""Folders of saved models -> models that the server can be asked about, and the workers that some of them need."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gatewise.artifact import read_folder, read_identity
from gatewise.artifact.manifest import fingerprint
from gatewise.errors import UsageError
from gatewise.serving.models.stepped import SteppedNetwork
from gatewise.serving.models.worked import WorkedForecaster, WorkedModel
from gatewise.serving.terms.contract import ServedModel
from gatewise.serving.workers.work import Folder, Work
from gatewise.stepping import NoChain
from gatewise.stepping.network import network_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Loading Keras, and a model in it.
_START_SECONDS = 300.0


class Opened(NamedTuple):
    """Models, and what does their work.

    Attributes:
        models: In the order in which they were named.
        work: Workers; none is running unless a model needs one.
    """

    models: tuple[ServedModel, ...]
    work: Work


def open_models(folders: Iterable[str | Path], work: Work | None = None) -> Opened:
    """Open saved models to be served.

    Networks that NumPy steps through are read into this process; whatever else a folder holds is loaded by a worker, here and
    now, so that what is wrong with it is said before anybody asks.

    Args:
        folders: Folders that `gatewise.save`, ``Forecaster.save`` or ``TextClassifier.save`` wrote. A model is called as its
            folder is, or what stands before it: ``"sales=models/2024"``.
        work: The workers. Default: workers with the usual limits.

    Raises:
        UsageError: A name that cannot stand in a path, or twice the same; a kind of folder that is no model.
        ModelFileError: A folder is missing, damaged or newer.
    """
    work = work or Work()
    models: list[ServedModel] = []
    try:
        for given in folders:
            name, path = _named(given)
            if name in {model.name for model in models}:
                raise UsageError(f"Two models are called {name!r}: give one of them another name, as in other={path}.")
            models.append(_opened(name, path, work))
    except BaseException:
        work.close()
        raise
    return Opened(tuple(models), work)


def _named(given: str | Path) -> tuple[str, Path]:
    """Return the name and the folder of a model."""
    before, equals, after = str(given).partition("=")
    if equals and _NAME.fullmatch(before) and not Path(str(given)).exists():
        return before, Path(after)
    path = Path(given)
    name = path.resolve().name
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a model, which is 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter or digit: "
            f"put a name before the folder, as in model={path}."
        )
    return name, path


def _opened(name: str, path: Path, work: Work) -> ServedModel:
    """Return a model, and let the workers know it."""
    kind, sha256 = read_identity(path)
    if kind == "model":
        manifest, arrays = read_folder(path, kind)
        sha256 = fingerprint(manifest)
        # To be looked into: a worker loads it when somebody wants to.
        work.models[name] = Folder(str(path.resolve()), sha256)
        try:
            return SteppedNetwork(name, sha256, network_of(manifest, arrays, path))
        except NoChain:
            # Needs Keras.
            pass
    elif kind not in ("ensemble", "forecaster", "text-classifier"):
        raise UsageError(f"{str(path)!r} is of the kind {kind!r}, which is no model that can be served.")
    work.models[name] = Folder(str(path.resolve()), sha256)
    described = work.wait("model.describe", {"model": name}, _START_SECONDS)
    if kind == "forecaster":
        # Of one with covariates a value alone says too little.
        stepped = not described["covariates"]
        return (WorkedForecaster if stepped else WorkedModel)(name, "forecaster", sha256, work, described)
    return WorkedModel(name, "classifier" if kind == "text-classifier" else "recurrent", sha256, work, described)
