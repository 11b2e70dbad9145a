"""Law: a kernel gives the numbers and gradients of the scan, whatever the shape, the vectors and the threads.

The scan is the slow twin; `test_walks` compares it with the loop in Python, finite differences and Keras.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import gatewise as gw
from gatewise import backend
from gatewise.backend import import_keras
from gatewise.recurrent import equations, paths, scans
from gatewise.recurrent.equations import Weights
from gatewise.recurrent.kernels import frames, library, products, selftest, target
from gatewise.recurrent.kernels.calls import Call, Inputs, kernel_walk
from gatewise.recurrent.paths import Extent, Needs, why_not_kernel

keras = import_keras()
layers = keras.layers

# Equations, gates, states, and whether the recurrence has a bias of its own.
CELLS = {
    "lstm": (equations.LSTM(), 4, 2, False),
    "gru": (equations.GRU(), 3, 1, True),
    "gru-without-bias": (equations.GRU(), 3, 1, False),
    "simple": (equations.SimpleRNN(), 1, 1, False),
}
every_cell = pytest.mark.parametrize("name", CELLS)
ROOT = Path(__file__).parents[2]
LARGE = Extent(time=48, batch=256, features=8, units=64, gates=4)


@pytest.fixture(autouse=True, scope="module")
def loaded():
    for name in ("lstm", "gru", "simple"):
        library.load(name)


def problem(name, time, batch, features, units):
    _, gates, states, biased = CELLS[name]
    draw = np.random.default_rng(time + 7 * batch + 49 * units).normal
    make = lambda *shape: jnp.asarray(draw(size=shape), "float32")  # noqa: E731
    # As Glorot would have them, so that gates are neither linear nor saturated.
    inputs = Inputs.of(make(time, batch, features), make(features, gates * units), make(gates * units))
    weights = Weights(make(units, gates * units) / np.sqrt(units), make(gates * units) if biased else None)
    return inputs, weights, tuple(make(batch, units) for _ in range(states))


def by_kernel(name, sequences, threads=1):
    return lambda *given: kernel_walk(Call(CELLS[name][0], sequences, threads), *given)


def by_scan(name, sequences):
    returns = "outputs" if sequences else "last"

    def walk(inputs, *rest):
        along, after = scans.walk(CELLS[name][0], returns, inputs.projected(), None, *rest)
        return along[0] if sequences else None, after

    return walk


def weighed(walk):
    """A scalar in which every output and every state counts differently."""

    def scalar(*arguments):
        leaves = jax.tree.leaves(walk(*arguments))
        return sum(
            jnp.mean(leaf * jnp.cos(jnp.arange(leaf.size) + k).reshape(leaf.shape)) for k, leaf in enumerate(leaves)
        )

    return scalar


def assert_close(ours, theirs, tolerance):
    """Compare nests of arrays, each relative to its own size."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(1e-3, float(jnp.abs(other).max())))


def assert_equal_walks(name, sequences, threads, given):
    pair = by_kernel(name, sequences, threads), by_scan(name, sequences)

    def everything(walk):
        return jax.jit(lambda *given: (walk(*given), jax.grad(weighed(walk), argnums=(0, 1, 2))(*given)))(*given)

    assert_close(*map(everything, pair), 1e-5)


@every_cell
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    sequences=st.booleans(),
    threads=st.integers(1, 3),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 70), st.integers(1, 20), st.integers(1, 70)),
)
@example(sequences=True, threads=1, sizes=(1, 1, 1, 1))
@example(sequences=False, threads=2, sizes=(5, 9, 3, 64))
@example(sequences=True, threads=2, sizes=(3, 17, 33, 70))
def test_law_a_kernel_is_the_scan(name, sequences, threads, sizes):
    assert_equal_walks(name, sequences, threads, problem(name, *sizes))


@every_cell
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_law_what_is_no_number_goes_the_same_way(name, bad):
    inputs, weights, states = problem(name, 5, 3, 2, 19)
    inputs = inputs._replace(sequence=inputs.sequence.at[2, 1, 0].set(bad))
    results = [jax.jit(walk)(inputs, weights, states) for walk in (by_kernel(name, True), by_scan(name, True))]
    assert_close(*results, 1e-5)
    outputs = np.asarray(results[0][0])
    assert np.isfinite(outputs[:, [0, 2]]).all()
    assert np.isfinite(outputs[:2]).all()
    assert np.isfinite(outputs[2:, 1]).all() == bool(np.isinf(bad))


@pytest.mark.parametrize("width", [4, 8])
def test_narrower_vectors_obey_the_laws(width, tmp_path):
    if os.environ.get("GATEWISE_VECTOR_WIDTH"):
        pytest.skip("is the run with narrower vectors")
    environment = {**os.environ, "GATEWISE_VECTOR_WIDTH": str(width)}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", __file__, "-k", "law"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@every_cell
def test_threads_change_nothing(name):
    given = problem(name, 4, 29, 3, 24)
    one, many = (jax.jit(by_kernel(name, True, threads))(*given) for threads in (1, 5))
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True))
    # Each thread adds up the gradient of the kernel over its own rows.
    gradients = [jax.grad(weighed(by_kernel(name, True, threads)), argnums=(0, 1, 2))(*given) for threads in (1, 5)]
    assert_close(*gradients, 1e-6)


@every_cell
def test_many_members_at_once_are_each_by_itself(name):
    members = [problem(name, 4, 3, 2, 5), jax.tree.map(lambda array: -0.5 * array, problem(name, 4, 3, 2, 5))]
    gradient = jax.grad(weighed(by_kernel(name, True)), argnums=(0, 1, 2))
    together = jax.vmap(gradient)(*jax.tree.map(lambda *arrays: jnp.stack(arrays), *members))
    for number, member in enumerate(members):
        one = jax.grad(weighed(by_scan(name, True)), argnums=(0, 1, 2))(*member)
        assert_close(jax.tree.map(lambda array, k=number: array[k], together), one, 1e-5)


@every_cell
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequence"])
def test_second_derivatives_are_those_of_the_scan(name, sequences):
    given = problem(name, 3, 2, 2, 5)

    def steepness(walk):
        def length(*given):
            return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(jax.grad(weighed(walk), argnums=(0, 1, 2))(*given)))

        return jax.grad(length, argnums=(0, 1, 2))(*given)

    assert_close(steepness(by_kernel(name, sequences)), steepness(by_scan(name, sequences)), 1e-4)


# -- the choice -------------------------------------------------------------------------------------------------------


def test_a_large_walk_takes_the_kernel():
    assert why_not_kernel(CELLS["lstm"][0], LARGE) is None


@pytest.mark.parametrize(
    ("cell", "extent", "needs", "reason"),
    [
        (equations.GRUResetBefore(), LARGE, Needs(), "there is no kernel for a GRU with reset_after=False"),
        (equations.LSTM(), LARGE, Needs("float64"), "it computes in float64, kernels in float32"),
        (equations.LSTM(), LARGE, Needs(mask=True), "kernels do not know masks"),
        (equations.LSTM(), LARGE, Needs(dropout=True), "kernels do not know dropout for each gate"),
        (equations.LSTM(), LARGE, Needs(states=True), "kernels do not know all states"),
        (equations.LSTM(), Extent(9, 4, 2, 4, 4), Needs(), "it is too little work"),
        (equations.LSTM(), Extent(48, 1, 2, 256, 4), Needs(), "there are too few rows and steps for so many units"),
        (equations.LSTM(), Extent(0, 0, 2, 4, 4), Needs(), "it is too little work"),
    ],
)
def test_why_a_walk_is_a_scan(cell, extent, needs, reason):
    assert why_not_kernel(cell, extent, needs) == reason


def test_the_switch(monkeypatch):
    monkeypatch.setenv("GATEWISE_KERNELS", "0")
    assert why_not_kernel(CELLS["lstm"][0], LARGE) == "GATEWISE_KERNELS=0"


def test_without_llvmlite(monkeypatch):
    monkeypatch.setattr(paths.importlib.util, "find_spec", lambda name: None)
    assert why_not_kernel(CELLS["lstm"][0], LARGE) == "llvmlite is not installed"


def test_little_work_is_a_scan_whether_or_not_there_are_kernels():
    """Otherwise the same call would give other bits on the day after."""
    library.load("gru")
    assert why_not_kernel(CELLS["gru"][0], Extent(24, 8, 8, 32, 3)) == "it is too little work"


def test_a_kernel_that_fails_its_test_is_not_used(monkeypatch, caplog):
    selftest.fault.cache_clear()
    monkeypatch.setattr(selftest, "_deviation", lambda cell: float("nan"))
    assert why_not_kernel(equations.LSTM(), LARGE) == "its self-test differs from the scan by nan"
    assert "does without the kernels of LSTM" in caplog.text

    def broken(cell):
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(selftest, "_deviation", broken)
    assert why_not_kernel(equations.GRU(), LARGE) == "RuntimeError: no such instruction"
    selftest.fault.cache_clear()


def test_the_self_test_finds_the_kernels_right():
    assert selftest._deviation(CELLS["gru"][0]) < 1e-5


def test_the_first_use_inside_of_a_trace():
    cell = equations.SimpleRNN()
    inputs, weights, states = problem("simple", 48, 64, 8, 64)
    sequence, kernel = inputs

    @jax.jit
    def traced(sequence):
        return paths.walk(cell, "last", equations.Inputs(sequence, Weights(kernel)), weights, states)[1][0]

    assert "custom_call" in traced.lower(sequence).as_text()
    np.testing.assert_allclose(traced(sequence), by_scan("simple", False)(inputs, weights, states)[1][0], atol=1e-5)


# -- in models --------------------------------------------------------------------------------------------------------


def trained(monkeypatch, kernels, layer):
    monkeypatch.setenv("GATEWISE_KERNELS", kernels)
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((20, 3)), *layer(), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    x = np.random.default_rng(0).normal(size=(70, 20, 3)).astype("float32")
    history = gw.fit(model, x, x.mean((1, 2)), batch_size=32, epochs=3, verbose=0)
    ways = [one.way for one in gw.show_backend(model).layers]
    return ways, history.history["loss"], gw.predict(model, x), model.get_weights()


@pytest.mark.parametrize(
    "layer",
    [
        lambda: [layers.LSTM(32)],
        lambda: [layers.GRU(32, return_sequences=True, dropout=0.2, seed=1), layers.GRU(24, go_backwards=True)],
        lambda: [layers.Bidirectional(layers.SimpleRNN(64, return_sequences=True)), layers.LSTM(20)],
    ],
    ids=["lstm", "gru", "both"],
)
def test_training_with_and_without_kernels(monkeypatch, layer):
    (ways, *with_kernels), (others, *without) = (trained(monkeypatch, kernels, layer) for kernels in ("1", "0"))
    assert set(ways) == {"kernel"}
    assert set(others) == {"scan"}
    for ours, theirs in zip(jax.tree.leaves(with_kernels), jax.tree.leaves(without), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_ensembles_and_rows_on_several_devices_are_scans(monkeypatch):
    seen = []
    plain = paths.why_not_kernel

    def noting(*given):
        seen.append(plain(*given))
        return seen[-1]

    monkeypatch.setattr(paths, "why_not_kernel", noting)
    model = keras.Sequential([keras.Input((20, 3)), layers.LSTM(32), layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((32, 20, 3), "float32"), np.ones(32, "float32")
    ensemble = gw.fit_ensemble(model, x, y, members=2, batch_size=16, epochs=1, verbose=0)
    assert set(seen) == {"the members of an ensemble are computed together"}
    seen.clear()
    gw.predict(model, x)
    assert set(seen) == {None}
    seen.clear()
    gw.fit(model, x, y, batch_size=16, epochs=1, verbose=0, devices=2)
    assert set(seen) == {"the rows of a batch are spread over devices"}
    assert ensemble is not None


def test_show_backend():
    model = keras.Sequential(
        [
            keras.Input((48, 8)),
            layers.LSTM(64, return_sequences=True, name="first"),
            layers.GRU(8, reset_after=False, return_sequences=True, name="second"),
            layers.LSTM(2, activation="relu", name="third"),
        ]
    )
    shown = gw.show_backend(model)
    assert shown.vectors == target.shape().lanes
    assert str(shown).splitlines()[1:] == [
        f"first: kernel (on {paths.threads_for(Extent(48, 32, 8, 64, 4))} threads)".replace(" 1 threads", " 1 thread"),
        "second: scan (there is no kernel for a GRU with reset_after=False)",
        "third: Keras (activations other than tanh and sigmoid)",
    ]
    with pytest.raises(gw.errors.UsageError, match=r"needs a built keras\.Model"):
        gw.show_backend("model")


def test_show_backend_knows_of_masks_and_of_what_bidirectional_layers_read():
    model = keras.Sequential(
        [
            keras.Input((60,), dtype="int32"),
            layers.Embedding(50, 8, mask_zero=True),
            layers.LSTM(64, return_sequences=True, name="first"),
            layers.Bidirectional(layers.GRU(64), name="both"),
        ]
    )
    reasons = [str(one).partition(": ")[2] for one in gw.show_backend(model).layers]
    assert reasons == ["scan (kernels do not know masks)"] * 3
    short = keras.Sequential([keras.Input((5, 8)), layers.Bidirectional(layers.GRU(64))])
    assert [one.why for one in gw.show_backend(short).layers] == ["5 time steps"] * 2


# -- machine code -----------------------------------------------------------------------------------------------------


def test_code_is_kept_and_read_again(monkeypatch, tmp_path):
    monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path))
    loaded = []
    # XLA takes a name only once in a process.
    monkeypatch.setattr(library, "_loaded", lambda cell, code: loaded.append(code))
    monkeypatch.setattr(library, "_ENGINES", {})
    library.load("simple")
    library.load("simple")
    (file,) = tmp_path.rglob("simple-*")
    monkeypatch.setattr(library, "_ENGINES", {})
    monkeypatch.setattr(library, "compiled", lambda cell: pytest.fail("was compiled again"))
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
        (products.packed_units(shape, kernel), 0),
    ):
        assert packed.size == 3 * (columns or products.padded(shape, 2 * units))
        assert sorted(packed[packed > 0]) == sorted(kernel.reshape(-1))
    assert sum(products.panel_sizes(units)) == units
    assert max(products.panel_sizes(units)) <= products.MOST_VECTORS
