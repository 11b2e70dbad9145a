"""``.keras`` files: read by checks of our own, written whole or not at all.

A ``.keras`` file is a zip of ``config.json``, ``metadata.json`` and ``model.weights.h5``. Keras's ``load_model`` is
never called: the config goes through the whitelist of `gatewise.artifact.topology`, and every object of the HDF5 file
is looked at before one number is read. HDF5 itself is parsed by the HDF5 library, in C.
"""

import io
import os
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py

from gatewise.artifact import durable, foreign, rebuild
from gatewise.artifact.manifest import NAME, parse_json, refusal, short
from gatewise.artifact.plain_file import read_plain
from gatewise.errors import ModelFileError, UsageError

MOST_BYTES = 2 * 2**30
MOST_OBJECTS = 100_000
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MOST_CONFIG = 64 * 2**20
_ENCRYPTED = 1


def check_target(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """Return the resolved path where `write` would write, or say why it may not.

    Raises:
        UsageError: The name does not end in ``.keras``, or a file is there and `overwrite` is False.
        EnvironmentFault: The parent folder is missing or cannot be written.
    """
    target = durable.resolve_target(path)
    if target.suffix != ".keras":
        raise UsageError(f"{target} does not end in .keras, and Keras reads no other name: add that ending.")
    if target.is_dir():
        raise UsageError(f"{target} is a folder, and a file is to be written there: choose another path.")
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"{target} already exists: pass overwrite=True, or choose another path.")
    return target


def write(model: Any, path: str | os.PathLike[str], overwrite: bool) -> None:
    """Write a model as a ``.keras`` file that appears whole or not at all.

    Raises:
        UsageError: See `check_target`; or Keras cannot describe the model.
        EnvironmentFault: The file cannot be written.
    """
    target = check_target(path, overwrite)
    with durable.staged_file(target) as staging:
        try:
            model.save(staging)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise UsageError(f"Model {model.name!r} cannot be saved by Keras: {rebuild.first_line(error)}.") from error


def read(path: str | os.PathLike[str]) -> Any:
    """Read a ``.keras`` file into a Keras model, with its compile settings and optimizer state.

    Raises:
        UsageError: `path` is no path.
        ModelFileError: The file is damaged, is another kind of file, holds what is not on the whitelist, or more than
            plain arrays.
        EnvironmentFault: The file cannot be read.
    """
    where = Path(os.path.realpath(durable.as_path(path)))
    if where.is_dir():
        if (where / NAME).exists():
            raise refusal(where, "it is a folder that gw.save wrote", "Read it with gw.load.")
        raise refusal(where, "it is a folder", "Give a file that ends in .keras.")
    data = read_plain(where, MOST_BYTES, alone=False)
    members = _unzip(data, where)
    config = parse_json(members[_CONFIG], f"{where} ({_CONFIG})")
    parse_json(members[_METADATA], f"{where} ({_METADATA})")
    if not isinstance(config, dict):
        raise refusal(where, "its config is not a JSON object")
    weights = members[_WEIGHTS]
    size = _check_hdf5(weights, f"{where} ({_WEIGHTS})")

    def check(model: Any) -> None:
        needed = sum(variable.value.nbytes for variable in model.weights)
        if needed > size:
            raise refusal(where, f"its network needs {needed} bytes of weights and {_WEIGHTS} holds {size}")

    compiled = config.pop("compile_config", None) or None
    model = rebuild.build(rebuild.Plan(config, compiled, frozenset(), None), where, {}, check)
    _load_weights(model, weights, where)
    return model


def _unzip(data: bytes, where: Path) -> dict[str, bytes]:
    """Return the members of the zip, which must be the three that Keras writes, each stored as it is."""
    if not data.startswith(b"PK\x03\x04"):
        what, remedy = foreign.describe_file(where, data[:4096])
        raise refusal(where, f"it is {what}", remedy)
    expected = {_CONFIG, _METADATA, _WEIGHTS}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            strange = sorted(set(names) - expected)
            if strange:
                raise refusal(
                    where,
                    f"it holds {short(strange[0])} besides the model, which gatewise does not read",
                    "Leave such layers (vocabularies, lookups) out of the model.",
                )
            if sorted(names) != sorted(expected):
                raise refusal(
                    where, f"it holds {short(sorted(names))} and not {', '.join(sorted(expected))}, once each"
                )
            for info in infos:
                _check_member(info, len(data), where)
            return {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise refusal(where, f"it is a damaged zip ({rebuild.first_line(error)})") from error


def _check_member(info: zipfile.ZipInfo, size: int, where: Path) -> None:
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED or info.file_size != info.compress_size:
        raise refusal(
            where,
            f"its member {info.filename} is compressed or encrypted, which Keras does not do",
            "Zip the three files without compression.",
        )
    most = _MOST_CONFIG if info.filename != _WEIGHTS else size
    if info.file_size > min(most, size):
        raise refusal(where, f"its member {info.filename} claims {info.file_size} bytes")


def _check_hdf5(data: bytes, where: str) -> int:
    """Refuse an HDF5 file that holds anything but groups and plain arrays; return the arrays' bytes."""
    total = 0
    seen: set[int] = set()
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            waiting: list[Any] = [file]
            while waiting:
                group = waiting.pop()
                _check_attributes(group, where)
                for name in group:
                    found = _linked(group, name, where)
                    address = h5py.h5o.get_info(found.id).addr
                    if address in seen or len(seen) > MOST_OBJECTS:
                        raise refusal(where, f"its object {short(name)} has two names, or there are too many objects")
                    seen.add(address)
                    if isinstance(found, h5py.Group):
                        waiting.append(found)
                    else:
                        _check_attributes(found, where)
                        total += _checked_bytes(found, len(data), where)
                        if total > len(data):
                            raise refusal(where, "its arrays claim more bytes than the file has")
    except ModelFileError:
        raise
    except Exception as error:  # h5py reports damage by whatever class comes to it
        raise refusal(where, f"it is a damaged HDF5 file ({rebuild.first_line(error)})") from error
    return total


def _linked(group: Any, name: str, where: str) -> Any:
    """Return a member of a group after looking at the link that leads to it."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise refusal(where, f"its object {short(name)} is a link to somewhere else")
    found = group[name]
    if not isinstance(found, (h5py.Group, h5py.Dataset)):
        raise refusal(where, f"its object {short(name)} is neither a group nor an array")
    return found


def _check_attributes(found: Any, where: str) -> None:
    """Refuse attributes other than the short texts that Keras writes."""
    for name in found.attrs:
        attribute = found.attrs.get_id(name)
        if name not in ("name", "dtype") or attribute.shape != () or not h5py.check_string_dtype(attribute.dtype):
            raise refusal(where, f"its attribute {short(name)} is none that Keras writes")


def _checked_bytes(dataset: Any, size: int, where: str) -> int:
    """Return the bytes of an array that lies plainly in the file."""
    properties = dataset.id.get_create_plist()
    layout = properties.get_layout()
    numbers = dataset.dtype.kind in "biuf" or (dataset.dtype.kind == "V" and dataset.dtype == "V2")
    needed: int = dataset.dtype.itemsize
    for length in dataset.shape or ():
        needed *= int(length)
    here = (
        dataset.shape is not None
        and layout in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
        and properties.get_nfilters() == 0
        and (layout != h5py.h5d.CONTIGUOUS or properties.get_external_count() == 0)
        and not dataset.is_virtual
        # A contiguous array that was never written has no place in the file and would be made up when read.
        and (layout == h5py.h5d.COMPACT or needed == 0 or dataset.id.get_offset() is not None)
        and needed <= size
        and dataset.id.get_storage_size() in (needed, 0 if needed == 0 else needed)
    )
    if not numbers or not here:
        raise refusal(where, f"its array {short(dataset.name)} is not a plain array of numbers inside the file")
    return needed


def _load_weights(model: Any, weights: bytes, where: Path) -> None:
    """Let Keras read the checked HDF5 file; it wants a name to open."""
    fresh = _load_unused_optimizer(model, weights)
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / _WEIGHTS
        copied.write_bytes(weights)
        try:
            with warnings.catch_warnings():
                # Keras only warns where an optimizer's state does not fit, and goes on without it.
                warnings.filterwarnings("error", message="Skipping variable loading")
                model.load_weights(copied, objects_to_skip=[model.optimizer] if fresh else None)
        except Exception as error:
            reason = f"its weights do not fit its network ({rebuild.first_line(error)})"
            raise refusal(where, reason) from error


def _load_unused_optimizer(model: Any, weights: bytes) -> bool:
    """Set the counter and the learning rate of an optimizer that had taken no step; False where it had.

    Keras writes only these two for a model that was compiled and never trained, and warns when it reads them back.
    """
    optimizer = getattr(model, "optimizer", None)
    with h5py.File(io.BytesIO(weights), "r") as file:
        saved = file.get("optimizer/vars")
        if optimizer is None or not isinstance(saved, h5py.Group) or len(saved) != 2 or len(optimizer.variables) == 2:
            return False
        for variable, name in zip(optimizer.variables[:2], ("0", "1"), strict=True):
            value = saved.get(name)
            if not isinstance(value, h5py.Dataset) or value.shape != tuple(variable.shape):
                return False
            variable.assign(value[()])
    return True
