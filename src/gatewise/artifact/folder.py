"""Write and read a saved folder: ``manifest.json`` and ``weights.safetensors`` and nothing else."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.artifact import durable, foreign
from gatewise.artifact import manifest as manifests
from gatewise.artifact import tensors as safe
from gatewise.artifact.manifest import refusal, short
from gatewise.artifact.plain_file import head_of, read_plain
from gatewise.errors import EnvironmentFault, ModelFileError

WEIGHTS = "weights.safetensors"
NAMES = frozenset({manifests.NAME, WEIGHTS})
_KINDS = {
    "ensemble": "a saved ensemble",
    "text-classifier": "a saved text classifier",
    "stream-state": "the saved state of a stream",
    "training-run": "the checkpoint of a run",
}
# Times a read starts again because another process replaced the folder under it.
_ATTEMPTS = 3


def check_target(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Return the resolved path where `write_folder` would write, or say why it may not.

    Args:
        path: The folder to be; its parent must exist.
        overwrite: Whether a saved folder that is there may be replaced.

    Raises:
        UsageError: Something else is there, or a saved folder is there and `overwrite` is False.
        EnvironmentFault: The parent folder is missing or cannot be written.
    """
    return durable.check_target(path, NAMES, overwrite, _held)


def _held(folder: Path) -> str:
    """Say what a saved folder holds; a damaged one is taken for a model."""
    try:
        where = folder / manifests.NAME
        kind = manifests.decode(read_plain(where, manifests.MOST_BYTES), where)["kind"]
    except (ModelFileError, EnvironmentFault):
        kind = None
    return _KINDS.get(kind, "a saved model")


def write_folder(
    path: str | os.PathLike[str],
    manifest: Mapping[str, Any],
    tensors: Mapping[str, Any],
    overwrite: bool = False,
) -> None:
    """Write a folder that appears whole or not at all.

    Both files are written beside the target, read back and compared bit for bit, brought to the disk, and moved in
    place with one rename; a process killed at any moment leaves the old folder or the new one.

    Args:
        path: The folder to be; its parent must exist.
        manifest: Its own entries: plain JSON values, ``"kind"`` among them. The versions of gatewise, Keras
            and JAX, hashes, and the arrays' dtypes and shapes are added here.
        tensors: Name → array of booleans, integers or floats, of any memory order.
        overwrite: Whether to replace a saved folder that is there.

    Raises:
        UsageError: Something else is there, or a saved folder is there and `overwrite` is False; or the manifest or the
            tensors cannot be held by such a folder.
        EnvironmentFault: The folder cannot be written.
    """
    target = check_target(path, overwrite)
    arrays = {name: np.asarray(array) for name, array in tensors.items()}
    weights = safe.encode(arrays)
    files = {WEIGHTS: {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}}
    head = manifests.encode(dict(manifest), files, safe.described(arrays))
    with durable.staged_folder(target, overwrite) as staging:
        durable.write_synced(staging / WEIGHTS, weights)
        del weights
        durable.write_synced(staging / manifests.NAME, head)
        _, found = _read(staging, str(manifest["kind"]))
        wrong = [name for name, array in arrays.items() if not safe.same_bits(array, found[name])]
        if wrong:
            raise EnvironmentFault(
                f"{target} was not written: the array {wrong[0]!r} read back differs; check the disk."
            )


def read_kind(path: str | os.PathLike[str]) -> str:
    """Return what kind of thing a saved folder holds, without reading its weights; see `read_identity`."""
    return read_identity(path)[0]


def read_identity(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return what kind of thing a saved folder holds, and the SHA-256 of its manifest, without reading its weights.

    The manifest holds the SHA-256 of the weights: two folders with the same one hold the same model.

    Raises:
        UsageError: `path` is no path.
        ModelFileError: There is no such folder, or its manifest is missing, damaged, foreign or newer.
        EnvironmentFault: The manifest is there and the system does not let it be read.
    """
    folder = durable.current(durable.as_path(path))
    _check_names(folder)
    where = folder / manifests.NAME
    entries = manifests.decode(read_plain(where, manifests.MOST_BYTES), where)
    return str(entries["kind"]), manifests.fingerprint(entries)


def read_folder(
    path: str | os.PathLike[str], kind: str | tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a folder that `write_folder` wrote.

    Nothing in the folder is executed or unpickled, no other file is opened, and nothing larger than the files
    themselves is allocated.

    Args:
        path: The folder; a symbolic link to it is followed, links inside it are refused.
        kind: The kind that the manifest must have, or the kinds of which it must have one.

    Returns:
        The manifest, and name → read-only array. NaN in the arrays is the caller's to judge.

    Raises:
        UsageError: `path` is no path.
        ModelFileError: The folder is missing, damaged, foreign, newer, of another kind, or holds what does not belong.
        EnvironmentFault: A file is there and the system does not let it be read.
    """
    for attempt in range(_ATTEMPTS):
        folder = durable.current(durable.as_path(path))
        before = _identity(folder)
        try:
            return _read(folder, kind)
        except ModelFileError:
            # A save in another process may have put a new folder in the place of the one that was being read.
            if attempt == _ATTEMPTS - 1 or _identity(durable.current(Path(path))) == before:
                raise
    raise AssertionError  # pragma: no cover: the last attempt returns or raises


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _read(folder: Path, kind: str | tuple[str, ...]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    _check_names(folder)
    where = folder / manifests.NAME
    entries = manifests.decode(read_plain(where, manifests.MOST_BYTES), where)
    wanted = (kind,) if isinstance(kind, str) else kind
    if entries["kind"] not in wanted:
        reason = f"it is of the kind {short(entries['kind'])}, and {' or '.join(map(repr, wanted))} was expected"
        raise refusal(where, reason, "Give another folder.")
    if set(entries["files"]) != {WEIGHTS}:
        raise refusal(where, f"it lists {short(sorted(entries['files']))} and not {WEIGHTS} alone")
    stated = entries["files"][WEIGHTS]
    where = folder / WEIGHTS
    data = read_plain(where, stated["bytes"])
    if len(data) != stated["bytes"]:
        raise refusal(where, f"it has {len(data)} bytes and {manifests.NAME} says {stated['bytes']}: it is truncated")
    if hashlib.sha256(data).hexdigest() != stated["sha256"]:
        raise refusal(where, f"its SHA-256 is not the one in {manifests.NAME}, so it was changed after it was written")
    arrays = safe.decode(data, where)
    described = safe.described(arrays)
    if described != entries["tensors"]:
        differing = sorted(
            name
            for name in described.keys() | entries["tensors"].keys()
            if described.get(name) != entries["tensors"].get(name)
        )
        raise refusal(where, f"its tensor {short(differing[0])} is not as {manifests.NAME} describes it")
    return entries, {name: arrays[name] for name in entries["tensors"]}


def _check_names(folder: Path) -> None:
    """Refuse a folder that is none, or that holds other names than a saved one."""
    try:
        names = set(os.listdir(folder))
    except FileNotFoundError:
        raise refusal(folder, "there is no such folder", "Check the path.") from None
    except NotADirectoryError:
        what, remedy = foreign.describe_file(folder, head_of(folder))
        raise refusal(folder, f"it is {what}", remedy) from None
    except OSError as error:
        raise EnvironmentFault(f"{folder} cannot be read: {error.strerror or error}.") from error
    if manifests.NAME not in names:
        known = foreign.describe_folder(names)
        if known:
            raise refusal(folder, *known)
    extra, missing = sorted(names - NAMES), sorted(NAMES - names)
    if extra and not missing:
        raise refusal(
            folder, f"it holds {short(extra[0])}, which gatewise did not write", "Move that out of the folder."
        )
    if missing:
        raise refusal(
            folder, f"{missing[0]} is missing", "Give a folder that gw.save wrote, or restore it from a copy."
        )
