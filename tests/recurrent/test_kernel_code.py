"""The machine code of kernels: kept and read again, laid out as XLA's header says, fed with weights packed for its vectors."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

from gatewise import backend
from gatewise.recurrent.kernels import frames, library, products, target

# Before a test names another cache.
backend.import_keras()


def test_code_is_kept_and_read_again(monkeypatch, tmp_path):
    monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path))
    loaded = []
    # XLA takes a name only once in a process.
    monkeypatch.setattr(library, "_loaded", lambda name, code, functions: loaded.append(code))
    monkeypatch.setattr(library, "_ENGINES", {})
    library.load("simple")
    library.load("simple")
    (file,) = tmp_path.rglob("simple-*")
    monkeypatch.setattr(library, "_ENGINES", {})
    monkeypatch.setattr(library, "compiled", lambda written: pytest.fail("was compiled again"))
    library.load("simple")
    assert len(loaded) == 2
    assert loaded[0] == loaded[1]
    files, size = backend.clear_cache()
    assert (files, size > 10_000, file.exists()) == (1, True, False)


def struct_fields(name):
    """Return the names of a struct's fields in jaxlib's header, in order."""
    body = re.search(rf"struct {name} \{{(.*?)\n\}}", frames.header(), re.DOTALL)[1]
    return re.findall(r"(\w+);", re.sub(r"//.*", "", body))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("XLA_FFI_Extension_Base", ["struct_size", "type", "next"]),
        ("XLA_FFI_Api_Version", ["struct_size", "extension_start", "major_version", "minor_version"]),
        ("XLA_FFI_Buffer", ["struct_size", "extension_start", "dtype", "data", "rank", "dims"]),
        ("XLA_FFI_Scalar", ["dtype", "value"]),
        ("XLA_FFI_Args", ["struct_size", "extension_start", "size", "types", "args"]),
        ("XLA_FFI_Rets", ["struct_size", "extension_start", "size", "types", "rets"]),
        ("XLA_FFI_Attrs", ["struct_size", "extension_start", "size", "types", "names", "attrs"]),
        (
            "XLA_FFI_CallFrame",
            ["struct_size", "extension_start", "api", "ctx", "stage", "args", "rets", "attrs", "future"],
        ),
        ("XLA_FFI_Metadata_Extension", ["extension_base", "metadata"]),
    ],
)
def test_the_header_of_xla_says_what_the_offsets_say(name, fields):
    assert struct_fields(name) == fields


def test_the_rest_of_the_header():
    assert struct_fields("XLA_FFI_Metadata")[:3] == ["struct_size", "api_version", "traits"]
    assert "XLA_FFI_Extension_Metadata = 1" in frames.header()
    assert frames.api_version() == (0, 3)


@pytest.mark.parametrize("units", [1, 4, 15, 16, 17, 64, 100])
def test_packed_weights_hold_every_number_once(units):
    shape = target.Shape(16, 32)
    kernel = 1.0 + jnp.arange(3 * 2 * units, dtype="float32").reshape(3, 2 * units)
    room = products.padded(shape, units)
    for packed, columns in (
        (products.packed_gates(shape, kernel, 2), 2 * room),
        (products.packed_units(shape, kernel), products.padded(shape, 2 * units)),
    ):
        assert packed.size == 3 * columns
        assert sorted(packed[packed > 0]) == sorted(kernel.reshape(-1))
    assert np.array_equal(products.unblocked(shape, products.blocked(shape, kernel, 2), 2, units), kernel)
    assert sum(products.panel_sizes(units)) == units
    assert max(products.panel_sizes(units)) <= products.MOST_VECTORS
