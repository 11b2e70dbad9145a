"""Saved folders: what goes in comes out, and what does not belong is refused in a sentence that names it."""

import os
import pickle
import zipfile
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest

from gatewise.artifact import check_target, read_folder, write_folder
from gatewise.artifact import manifest as manifests
from gatewise.artifact.folder import WEIGHTS
from gatewise.errors import EnvironmentFault, ModelFileError, UsageError
from gatewise.version import __version__

ARRAYS = {
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(12, dtype=np.int32)[::3],
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "big-endian": np.array([1.5, -2.0], ">f4"),
    "scalar": np.array(3, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "flags": np.array([True, False]),
    "half": np.array([1, -2], np.float16),
    "brain": np.array([1, 2, 3], ml_dtypes.bfloat16),
    "odd": np.array([np.nan, np.inf, -0.0, 5e-324]),
    "keys": np.array([1, 2**32 - 1], np.uint32),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "saved", {"kind": "thing", "note": "å"}, {"a": np.arange(4.0)})
    return tmp_path / "saved"


def test_everything_comes_back_bit_for_bit_in_order(tmp_path: Path) -> None:
    entries = {"kind": "thing", "numbers": [1, 0.1, -1e-300, None, True], "nested": {"b": {}, "a": []}}
    write_folder(tmp_path / "saved", entries, ARRAYS)
    manifest, arrays = read_folder(tmp_path / "saved", "thing")
    assert {key: manifest[key] for key in entries} == entries
    assert list(manifest["nested"]) == ["b", "a"]
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype.newbyteorder("="), name
        assert arrays[name].tobytes() == np.ascontiguousarray(array).astype(arrays[name].dtype).tobytes(), name
        assert arrays[name].shape == array.shape, name


def test_holds_two_files_the_versions_and_nothing_else(folder: Path) -> None:
    assert sorted(os.listdir(folder)) == ["manifest.json", "weights.safetensors"]
    assert os.listdir(folder.parent) == ["saved"]
    manifest, _ = read_folder(folder, "thing")
    assert manifest["written_by"]["gatewise"] == __version__
    assert set(manifest["written_by"]) == {"gatewise", "keras", "jax"}
    assert manifest["files"][WEIGHTS]["bytes"] == (folder / WEIGHTS).stat().st_size


def test_other_programs_can_read_the_weights(folder: Path) -> None:
    import safetensors.numpy

    np.testing.assert_array_equal(safetensors.numpy.load_file(folder / WEIGHTS)["a"], np.arange(4.0))


def test_files_are_as_readable_as_any_other(folder: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert (folder / WEIGHTS).stat().st_mode & 0o777 == 0o666 & ~mask
    assert folder.stat().st_mode & 0o777 == 0o777 & ~mask


def test_overwrites_only_when_told_to(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_folder(folder, {"kind": "thing"}, {})
    assert str(caught.value) == f"{folder} already holds a saved model: pass overwrite=True, or choose another path."
    write_folder(folder, {"kind": "thing"}, {"b": np.zeros(2)}, overwrite=True)
    assert list(read_folder(folder, "thing")[1]) == ["b"]
    assert os.listdir(folder.parent) == ["saved"]


def test_replaces_nothing_but_a_saved_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(UsageError) as caught:
        write_folder(tmp_path / "mine", {"kind": "thing"}, {}, overwrite=True)
    assert str(caught.value) == (
        f"{tmp_path}/mine holds 'thesis.tex', which is no part of a saved model, so gatewise does not replace that "
        "folder: choose another path."
    )
    with pytest.raises(UsageError, match=r"thesis\.tex is a file, and a folder is to be written there"):
        check_target(tmp_path / "mine" / "thesis.tex", overwrite=True)


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    write_folder(tmp_path, {"kind": "thing"}, {})
    assert sorted(os.listdir(tmp_path)) == ["manifest.json", "weights.safetensors"]


def test_a_missing_parent_is_the_environments_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        write_folder(tmp_path / "no" / "saved", {"kind": "thing"}, {})
    assert str(caught.value) == (
        f"{tmp_path}/no/saved cannot be written: the folder {tmp_path}/no does not exist; create it."
    )


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_the_environments_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EnvironmentFault, match="no permission to write"):
        write_folder(tmp_path / "saved", {"kind": "thing"}, {})


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, where nobody may write")
def test_a_system_folder_is_the_environments_fault() -> None:
    with pytest.raises(EnvironmentFault, match=r"/proc/saved cannot be written: "):
        write_folder("/proc/saved", {"kind": "thing"}, {})


def test_a_name_that_is_too_long_is_the_environments_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="File name too long"):
        write_folder(tmp_path / ("x" * 300), {"kind": "thing"}, {})


@pytest.mark.parametrize("name", ["con", "été 🌦", "-rf", "x" * 255, " ", "a\nb"])
def test_any_name_that_the_system_allows(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        write_folder(tmp_path / name, {"kind": "thing"}, {"a": np.ones(1)}, overwrite=True)
    assert list(read_folder(tmp_path / name, "thing")[1]) == ["a"]
    assert os.listdir(tmp_path) == [name]


def test_a_link_to_the_folder_is_followed(folder: Path) -> None:
    link = folder.parent / "latest"
    link.symlink_to(folder)
    write_folder(link, {"kind": "thing"}, {"b": np.zeros(2)}, overwrite=True)
    assert link.is_symlink()
    assert list(read_folder(link, "thing")[1]) == ["b"]
    assert list(read_folder(folder, "thing")[1]) == ["b"]


def test_refuses_to_write_what_it_could_not_read(tmp_path: Path) -> None:
    target = tmp_path / "saved"
    with pytest.raises(UsageError, match="dtype complex128: model files hold booleans, integers and floats"):
        write_folder(target, {"kind": "thing"}, {"a": np.zeros(2, complex)})
    with pytest.raises(UsageError, match="plain JSON values only"):
        write_folder(target, {"kind": "thing", "a": float("nan")}, {})
    with pytest.raises(UsageError, match="needs a string 'kind'"):
        write_folder(target, {}, {})
    with pytest.raises(UsageError, match="stack arrays of the same shape"):
        write_folder(target, {"kind": "thing"}, {f"{k:060d}": np.zeros(1) for k in range(10_000)})
    assert os.listdir(tmp_path) == []


# What does not belong.


def refused(path: Path, kind: str = "thing") -> str:
    with pytest.raises(ModelFileError) as caught:
        read_folder(path, kind)
    assert caught.value.exit_status == 4
    return str(caught.value)


AGAIN = "Restore it from a copy, or save the model again."


def test_missing_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "no") == f"{tmp_path}/no is refused: there is no such folder. Check the path."


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors"])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refused(folder) == (
        f"{folder} is refused: {name} is missing. Give a folder that gw.save wrote, or restore it from a copy."
    )


def test_extra_file(folder: Path) -> None:
    (folder / "code.py").write_text("")
    assert refused(folder) == (
        f"{folder} is refused: it holds 'code.py', which gatewise did not write. Move that out of the folder."
    )


def test_another_kind(folder: Path) -> None:
    assert refused(folder, "model") == (
        f"{folder}/manifest.json is refused: it is of the kind 'thing', and 'model' was expected. Give another folder."
    )


def test_truncated_weights(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[:-1])
    assert refused(folder) == (
        f"{folder}/weights.safetensors is refused: it has {len(data) - 1} bytes and manifest.json says {len(data)}: "
        f"it is truncated. {AGAIN}"
    )


def test_changed_weights(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    assert refused(folder) == (
        f"{folder}/weights.safetensors is refused: its SHA-256 is not the one in manifest.json, so it was changed "
        f"after it was written. {AGAIN}"
    )


def test_grown_weights(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data + b"\0")
    assert refused(folder) == (
        f"{folder}/weights.safetensors is refused: it has {len(data) + 1} bytes and may have {len(data)}. {AGAIN}"
    )


def test_changed_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"note": "\\u00e5"', '"note": "\\u00e6"'))
    assert refused(folder) == (
        f"{folder}/manifest.json is refused: its content does not match its own SHA-256, so it was changed after it was "
        f"written. {AGAIN}"
    )


def test_newer_format_says_which_gatewise_wrote_it(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    text = text.replace('"format_version": 1', '"format_version": 3').replace(f'"{__version__}"', '"9.1.0"')
    (folder / "manifest.json").write_text(text)
    assert refused(folder) == (
        f"{folder}/manifest.json is refused: it has format version 3, written by gatewise '9.1.0', and gatewise "
        f"{__version__} reads up to version 1. Upgrade gatewise to at least the release that wrote it."
    )


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors"])
def test_links_are_refused(folder: Path, name: str) -> None:
    outside = folder.parent / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    assert refused(folder) == (f"{folder}/{name} is refused: it is a symbolic link. Put the file itself in its place.")
    (folder / name).unlink()
    os.link(outside, folder / name)
    assert refused(folder) == (
        f"{folder}/{name} is refused: it has 2 hard links, so it can be changed under another name. Copy it, and load "
        "the copy."
    )


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors"])
@pytest.mark.timeout(10)
def test_a_fifo_or_folder_in_the_place_of_a_file_does_not_block(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert refused(folder) == f"{folder}/{name} is refused: it is not a plain file. {AGAIN}"
    (folder / name).unlink()
    (folder / name).mkdir()
    assert refused(folder) == f"{folder}/{name} is refused: it is not a plain file. {AGAIN}"


@pytest.mark.timeout(10)
def test_a_fifo_in_the_place_of_the_folder_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "is refused: it is a file, not a folder" in refused(tmp_path / "fifo")


SANDBOX = (
    "Such a file can run code when it is opened: open it with the program that wrote it, in a sandbox if you did not "
    "make it yourself, and save the model with gw.save."
)


def _pickle(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps({"weights": [1.0]}, protocol))


def _hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = [1.0]


def _zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")


@pytest.mark.parametrize(
    ("make", "what", "remedy"),
    [
        (lambda path: _pickle(path, 0), "a pickle", SANDBOX),
        (lambda path: _pickle(path, 2), "a pickle", SANDBOX),
        (lambda path: _pickle(path, 5), "a pickle", SANDBOX),
        (_hdf5, "an HDF5 file (.h5)", SANDBOX),
        (
            lambda path: _zip(path, "metadata.json", "config.json", "model.weights.h5"),
            "a Keras file (.keras)",
            "Read it with gw.from_keras, then gw.save.",
        ),
        (
            lambda path: _zip(path, "archive/data.pkl", "archive/version"),
            "a PyTorch file (.pt), a zip with a pickle in it",
            SANDBOX,
        ),
        (lambda path: _zip(path, "a.txt"), "a zip file", "Unpack it, and give the folder that gw.save wrote."),
        (
            lambda path: path.write_bytes(b"\x1f\x8b\x08rest"),
            "a gzip file",
            "Unpack it, and give the folder that gw.save wrote.",
        ),
        (
            lambda path: path.write_bytes((2).to_bytes(8, "little") + b"{}"),
            "a bare safetensors file",
            "Give the folder that it lies in; a model is weights and manifest.json.",
        ),
        (lambda path: path.write_bytes(b""), "a file, not a folder that gw.save wrote", "Give the folder."),
    ],
)
def test_foreign_files_are_named(tmp_path: Path, make, what: str, remedy: str) -> None:
    path = tmp_path / "model"
    make(path)
    assert refused(path) == f"{path} is refused: it is {what}. {remedy}"


def test_foreign_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert refused(tmp_path) == f"{tmp_path} is refused: it is a TensorFlow SavedModel. {SANDBOX}"


def test_a_folder_replaced_while_it_is_read_is_read_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = manifests.decode

    def decode(data: bytes, where: object):
        monkeypatch.setattr(manifests, "decode", original)
        found = original(data, where)
        write_folder(folder, {"kind": "thing"}, {"new": np.ones(3)}, overwrite=True)
        return found

    monkeypatch.setattr(manifests, "decode", decode)
    assert list(read_folder(folder, "thing")[1]) == ["new"]
