"""Strict JSON: the manifest of a saved folder, and any other JSON that comes from a file.

The manifest carries its own SHA-256, so a flipped bit anywhere in it is seen. The hash guards against damage, not
against somebody who wants to deceive: whoever writes a file can also hash it. Against those stand the checks of what
the manifest says.
"""

import hashlib
import json
import re
from importlib import metadata
from typing import Any, NoReturn

from gatewise.errors import ModelFileError, UsageError
from gatewise.version import __version__

NAME = "manifest.json"
FORMAT = "gatewise folder"
FORMAT_VERSION = 1
MOST_BYTES = 64 * 2**20
# A nested Keras config needs about six levels a nested layer; parsers recurse once a level.
MOST_LEVELS = 100

_HEAD = ("format", "format_version", "kind", "written_by")
_TAIL = ("files", "tensors")
_HASH = "manifest_sha256"
_RESERVED = {"format", "format_version", "written_by", *_TAIL, _HASH}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(r"[\[\]{}]")

AGAIN = "Restore it from a copy, or save the model again."


def refusal(where: object, reason: str, remedy: str = AGAIN) -> ModelFileError:
    """Return the error that names a file, says why it is refused, and what to do."""
    return ModelFileError(f"{where} is refused: {reason}. {remedy}")


def parse_json(data: bytes, where: object) -> Any:
    """Parse JSON from a file, refusing what Python's parser lets through.

    Args:
        data: The file's bytes, UTF-8.
        where: The file's name, for the message.

    Raises:
        ModelFileError: The bytes are not JSON, nest too deeply, repeat a key, or hold NaN or an infinite number.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refusal(where, f"it is not UTF-8 text at byte {error.start}") from None
    _check_depth(text, where)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise refusal(where, f"the key {short(twice)} stands twice in one JSON object")
        return found

    def constant(name: str) -> NoReturn:
        raise refusal(where, f"it holds the constant {name}, which is not JSON")

    def number(digits: str) -> float:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            raise refusal(where, f"the number {short(digits)} is beyond what a float holds")
        return value

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_float=number)
    except json.JSONDecodeError as error:
        raise refusal(where, f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits
        raise refusal(where, f"it is not JSON that can be read ({short(error)})") from None


def _check_depth(text: str, where: object) -> None:
    level = 0
    for match in _BRACKET.finditer(_STRING.sub("", text)):
        level += 1 if match.group() in "[{" else -1
        if level > MOST_LEVELS:
            raise refusal(where, f"its JSON nests deeper than {MOST_LEVELS} levels")


def short(value: object) -> str:
    """Return a value from a file as printable text of at most 80 characters."""
    text = repr(value) if not isinstance(value, Exception) else str(value)
    text = text.encode("ascii", "backslashreplace").decode("ascii")
    return text if len(text) <= 80 else text[:77] + "..."


def written_by() -> dict[str, str]:
    """Return the versions of what a file is written with."""
    return {"gatewise": __version__, **{name: metadata.version(name) for name in ("keras", "jax")}}


def encode(manifest: dict[str, Any], files: dict[str, Any], tensors: dict[str, Any]) -> bytes:
    """Return the bytes of a manifest file.

    Args:
        manifest: The caller's entries, plain JSON values with ``"kind"`` among them.
        files: Name → ``{"bytes": int, "sha256": str}``.
        tensors: Name → ``{"dtype": str, "shape": list[int]}``.

    Raises:
        UsageError: The entries are not plain JSON, or use a reserved name.
    """
    taken = sorted(_RESERVED & manifest.keys())
    if taken or not isinstance(manifest.get("kind"), str):
        raise UsageError(f"A manifest needs a string 'kind' and must leave {sorted(_RESERVED)} alone, got {taken}.")
    whole = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": manifest["kind"],
        "written_by": written_by(),
        **manifest,
        "files": files,
        "tensors": tensors,
    }
    try:
        text = _dump(whole)
    except (TypeError, ValueError) as error:
        raise UsageError(f"A manifest holds plain JSON values only, and finite numbers: {error}.") from error
    data = _dump({**whole, _HASH: hashlib.sha256(text.encode()).hexdigest()}).encode()
    if len(data) > MOST_BYTES:
        raise UsageError(f"The manifest has {len(data)} bytes and may have {MOST_BYTES}: put large tables in tensors.")
    return data


def decode(data: bytes, where: object) -> dict[str, Any]:
    """Return a manifest from the bytes of its file, checked for version, hash and form.

    Raises:
        ModelFileError: The bytes are not a manifest of this format, or are damaged, or newer.
    """
    manifest = parse_json(data, where)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise refusal(where, f"it does not say that it is a {FORMAT}", "Give a folder that gw.save wrote.")
    _check_version(manifest, where)
    stated = manifest.pop(_HASH, None)
    whole = _dump({**manifest, _HASH: stated})
    if stated != fingerprint(manifest) or whole.encode() != data:
        raise refusal(where, "its content does not match its own SHA-256, so it was changed after it was written")
    _check_form(manifest, where)
    return manifest


def fingerprint(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest that `decode` returned, 64 hexadecimal digits."""
    return hashlib.sha256(_dump(manifest).encode()).hexdigest()


def _dump(value: Any) -> str:
    return json.dumps(value, indent=1, allow_nan=False)


def _check_version(manifest: dict[str, Any], where: object) -> None:
    version = manifest.get("format_version")
    if type(version) is not int or version < 1:
        raise refusal(where, f"its format version is {short(version)}")
    if version > FORMAT_VERSION:
        author = manifest.get("written_by")
        release = author.get("gatewise") if isinstance(author, dict) else None
        raise refusal(
            where,
            f"it has format version {version}, written by gatewise {short(release)}, and gatewise {__version__} "
            f"reads up to version {FORMAT_VERSION}",
            "Upgrade gatewise to at least the release that wrote it.",
        )


def _check_form(manifest: dict[str, Any], where: object) -> None:
    """Refuse a manifest whose own entries have other types than `encode` gives them."""
    author, files, tensors = (manifest.get(name) for name in ("written_by", *_TAIL))
    well = (
        tuple(manifest)[: len(_HEAD)] == _HEAD
        and isinstance(manifest["kind"], str)
        and isinstance(author, dict)
        and all(isinstance(version, str) for version in author.values())
        and isinstance(files, dict)
        and all(_is_file_entry(entry) for entry in files.values())
        and isinstance(tensors, dict)
        and all(_is_tensor_entry(entry) for entry in tensors.values())
    )
    if not well:
        raise refusal(where, "an entry is missing or has another type than gatewise writes")


def _is_file_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"bytes", "sha256"}
        and type(entry["bytes"]) is int
        and isinstance(entry["sha256"], str)
    )


def _is_tensor_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"dtype", "shape"}
        and isinstance(entry["dtype"], str)
        and isinstance(entry["shape"], list)
        and all(type(length) is int for length in entry["shape"])
    )
