"""Damage and forgery: every change of every file is refused with a ModelFileError, never another error, never accepted."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewise.artifact import manifest as manifests
from gatewise.artifact import read_folder, tensors, write_folder
from gatewise.artifact.folder import WEIGHTS
from gatewise.errors import ModelFileError

NAMES = ("manifest.json", WEIGHTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    arrays = {"kernel": np.arange(12, dtype=np.float32).reshape(3, 4), "bias": np.zeros(4, np.float32)}
    write_folder(tmp_path / "saved", {"kind": "thing", "rate": 0.25, "words": ["a", "b"]}, arrays)
    return tmp_path / "saved"


@pytest.mark.parametrize("name", NAMES)
def test_truncation_at_every_byte(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    for length in range(len(data)):
        (folder / name).write_bytes(data[:length])
        with pytest.raises(ModelFileError, match=name.replace(".", r"\.")):
            read_folder(folder, "thing")


def test_truncation_of_a_large_file_at_every_page(tmp_path: Path) -> None:
    write_folder(tmp_path / "saved", {"kind": "thing"}, {"a": np.random.default_rng(0).normal(size=30_000)})
    data = (tmp_path / "saved" / WEIGHTS).read_bytes()
    for length in range(0, len(data), 4096):
        (tmp_path / "saved" / WEIGHTS).write_bytes(data[:length])
        with pytest.raises(ModelFileError, match="it is truncated"):
            read_folder(tmp_path / "saved", "thing")


@pytest.mark.parametrize("name", NAMES)
def test_bit_flips_anywhere(folder: Path, name: str) -> None:
    rng = np.random.default_rng(1)
    data = (folder / name).read_bytes()
    for position in rng.integers(0, len(data), 400):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(rng.integers(8))
        (folder / name).write_bytes(flipped)
        with pytest.raises(ModelFileError):
            read_folder(folder, "thing")


def test_bytes_swapped_inserted_and_removed(folder: Path) -> None:
    rng = np.random.default_rng(2)
    for name in NAMES:
        data = (folder / name).read_bytes()
        for _ in range(100):
            first, second = sorted(rng.integers(0, len(data), 2))
            changed = data[:first] + data[second:] if rng.random() < 0.5 else data[:second] + data[first:]
            if changed == data:
                continue
            (folder / name).write_bytes(changed)
            with pytest.raises(ModelFileError):
                read_folder(folder, "thing")
        (folder / name).write_bytes(data)


# Forgery: with hashes that fit, as somebody with bad intent would write them.


def forge(folder: Path, weights: bytes | None = None, **changed: Any) -> None:
    """Write other weights or entries with all hashes right."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.pop("manifest_sha256")
    if weights is not None:
        (folder / WEIGHTS).write_bytes(weights)
        manifest["files"][WEIGHTS] = {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    manifest.update(changed)
    sha = hashlib.sha256(json.dumps(manifest, indent=1).encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({**manifest, "manifest_sha256": sha}, indent=1))


def safetensors(header: Any, data: bytes = b"", claimed: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if claimed is None else claimed) + text + data


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


EIGHT = b"\0" * 8


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (b"", "it has 0 bytes, too few for safetensors"),
        (safetensors({}, claimed=2**63), "its header claims 9223372036854775808 bytes and may have 1048576"),
        (safetensors({}, claimed=1000), "its header claims 1000 bytes and only 2 follow"),
        (safetensors(b" " * (2**20 + 1)), "its header claims 1048577 bytes"),
        (safetensors([]), "its header is not a JSON object"),
        (safetensors(b"{"), "it is not JSON"),
        (safetensors(b"\xff\xfe"), "it is not UTF-8 text"),
        (safetensors({"__metadata__": {"format": "pt"}}), "the header entry '__metadata__' is not that of a tensor"),
        (safetensors({"a": entry(dtype="F8_E4M3")}, EIGHT), "the tensor 'a' has the unknown dtype 'F8_E4M3'"),
        (safetensors({"a": entry(dtype=["F32"])}, EIGHT), "the tensor 'a' has the unknown dtype ['F32']"),
        (safetensors({"a": entry(shape=[-2])}, EIGHT), "the tensor 'a' has the shape [-2]"),
        (safetensors({"a": entry(shape=[2.0])}, EIGHT), "the tensor 'a' has the shape [2.0]"),
        (safetensors({"a": entry(shape=[True, 2])}, EIGHT), "the tensor 'a' has the shape [True, 2]"),
        (safetensors({"a": entry(shape=[1] * 33)}, EIGHT), "the tensor 'a' has the shape [1, 1,"),
        (safetensors({"a": entry(shape=[2**62, 2**62])}, EIGHT), "the tensor 'a' needs"),
        (safetensors({"a": entry(shape=[3])}, EIGHT), "the tensor 'a' needs 12 bytes and has 8"),
        (safetensors({"a": entry(offsets=[8, 0])}, EIGHT), "the tensor 'a' needs 8 bytes and has -8"),
        (safetensors({"a": entry(offsets=[-8, 0])}, EIGHT), "the tensor 'a' has the offsets [-8, 0]"),
        (safetensors({"a": entry(offsets=[0, 8, 8])}, EIGHT), "the tensor 'a' has the offsets [0, 8, 8]"),
        (safetensors({"a": entry(offsets=[8, 16])}, EIGHT), "the tensor 'a' ends at byte 16 of 8"),
        (safetensors({"a": entry(offsets=[4, 12])}, EIGHT * 2), "the tensor 'a' leaves a gap before it"),
        (
            safetensors({"a": entry(), "b": entry(offsets=[4, 12])}, EIGHT * 2),
            "the tensor 'b' overlaps another: it starts at byte 4 and not at 8",
        ),
        (safetensors({"a": entry()}, EIGHT + b"PK"), "its tensors end at byte 8 and 10 bytes follow the header"),
        (
            safetensors(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}', EIGHT),
            "the key 'a' stands twice in one JSON object",
        ),
        (safetensors({"a": entry()}, EIGHT), "its tensor 'a' is not as manifest.json describes it"),
    ],
)
def test_forged_weights(folder: Path, weights: bytes, reason: str) -> None:
    forge(folder, weights)
    with pytest.raises(ModelFileError) as caught:
        read_folder(folder, "thing")
    assert str(caught.value).startswith(f"{folder}/weights.safetensors is refused: {reason}")


def test_a_million_tensors_are_refused_before_they_are_made(folder: Path) -> None:
    entries = b",".join(b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % k for k in range(1_000_000))
    forge(folder, safetensors(b"{" + entries + b"}"))
    with pytest.raises(ModelFileError, match=r"its header claims .* bytes and may have 1048576"):
        read_folder(folder, "thing")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"format": "zip"}, "it does not say that it is a gatewise folder"),
        ({"format_version": True}, "its format version is True"),
        ({"format_version": 0}, "its format version is 0"),
        ({"format_version": "1"}, "its format version is '1'"),
        ({"kind": ["thing"]}, "an entry is missing or has another type than gatewise writes"),
        ({"written_by": {"gatewise": 1}}, "an entry is missing or has another type than gatewise writes"),
        ({"files": {}}, "it lists [] and not weights.safetensors alone"),
        ({"files": {"../x": {"bytes": 1, "sha256": ""}}}, "it lists ['../x'] and not weights.safetensors alone"),
        ({"files": {WEIGHTS: {"bytes": "9", "sha256": ""}}}, "an entry is missing or has another type"),
        ({"tensors": []}, "an entry is missing or has another type than gatewise writes"),
        ({"tensors": {"a": {"dtype": "float32"}}}, "an entry is missing or has another type than gatewise writes"),
    ],
)
def test_forged_manifests(folder: Path, changed: dict[str, Any], reason: str) -> None:
    forge(folder, **changed)
    with pytest.raises(ModelFileError) as caught:
        read_folder(folder, "thing")
    assert str(caught.value).startswith(f"{folder}/manifest.json is refused: {reason}")


def test_a_right_forgery_is_read(folder: Path) -> None:
    """So that the refusals above are about what they name."""
    forge(folder, note="added")
    assert read_folder(folder, "thing")[0]["note"] == "added"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "it is not JSON: Expecting value at line 1, column 1"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' stands twice in one JSON object"),
        (b'{"a": NaN}', "it holds the constant NaN, which is not JSON"),
        (b'{"a": -Infinity}', "it holds the constant -Infinity, which is not JSON"),
        (b'{"a": 1e999}', "the number '1e999' is beyond what a float holds"),
        (b"[" * 100_000, "its JSON nests deeper than 100 levels"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "its JSON nests deeper than 100 levels"),
        (b"9" * 5000, "it is not JSON that can be read (Exceeds the limit"),
        (b'{"a": "\xff"}', "it is not UTF-8 text at byte 7"),
        (b'{"a": "\x00"}', "it is not JSON: Invalid control character at at line 1, column 8"),
        (b"{} {}", "it is not JSON: Extra data at line 1, column 4"),
    ],
)
def test_strict_json(text: bytes, reason: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        manifests.parse_json(text, "file.json")
    assert str(caught.value).startswith(f"file.json is refused: {reason}")


def test_brackets_in_strings_are_no_depth() -> None:
    assert manifests.parse_json(json.dumps({"a": "[" * 1000 + '"\\' + "{" * 1000}).encode(), "x")["a"][0] == "["


def test_names_from_files_are_shown_without_control_signs() -> None:
    with pytest.raises(ModelFileError) as caught:
        tensors.decode(safetensors({"\x1b[31m\ud800" + "x" * 200: {}}), "x")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250
