"""Law: a kernel gives the numbers and gradients of the scan, whatever the shape, the vectors and the threads.

The scan is the slow twin; `test_walks` compares it with the loop in Python, finite differences and Keras.
"""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.recurrent import equations, paths, scans
from gatewise.recurrent.equations import Inputs, Weights
from gatewise.recurrent.kernels import arrays, library, selftest, target
from gatewise.recurrent.kernels.calls import Call, kernel_name, kernel_walk
from gatewise.recurrent.paths import Extent, Needs, why_not_kernel

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

# Equations, gates, states, and whether the recurrence has a bias of its own.
CELLS = {
    "lstm": (equations.LSTM(), 4, 2, False),
    "gru": (equations.GRU(), 3, 1, True),
    "gru-without-bias": (equations.GRU(), 3, 1, False),
    "gru-reset-before": (equations.GRUResetBefore(), 3, 1, False),
    "simple": (equations.SimpleRNN(), 1, 1, False),
}
every_cell = pytest.mark.parametrize("name", CELLS)
ROOT = Path(__file__).parents[2]
LARGE = Extent(time=48, batch=256, features=8, units=64, gates=4)
# What the law below is asked for whatever is drawn: one of everything, full blocks, rests of blocks, rows by themselves.
SHAPES = {
    "single": ("outputs", 1, (1, 1, 1, 1), None, True),
    "blocks": ("last", 2, (5, 9, 3, 64), "left", True),
    "rests": ("states", 2, (3, 17, 33, 70), "gaps", True),
    "rows": ("last", 1, (3, 140, 4, 21), None, False),
}
# Of each cell so many shapes are drawn as well; GATEWISE_KERNEL_EXAMPLES=200 draws for as long as one has time.
EXAMPLES = int(os.environ.get("GATEWISE_KERNEL_EXAMPLES", "1"))
drawn = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def loaded():
    for cell in ("lstm", "gru", "gru_reset_before", "simple"):
        library.load(cell)


def problem(name, time, batch, features, units, mask=None, drops=""):
    _, gates, states, biased = CELLS[name]
    draw = np.random.default_rng(time + 7 * batch + 49 * units).normal
    make = lambda *shape: jnp.asarray(draw(size=shape), "float32")  # noqa: E731
    # As Glorot would have them, so that gates are neither linear nor saturated.
    inputs = Inputs(make(time, batch, features), Weights(make(features, gates * units), make(gates * units)))
    weights = Weights(make(units, gates * units) / np.sqrt(units), make(gates * units) if biased else None)
    first = tuple(make(batch, units) for _ in range(states))
    of_inputs, of_state = (
        jnp.asarray((draw(size=(gates, batch, depth)) < 0.8) / 0.8, "float32") if part in drops else None
        for part, depth in (("inputs", features), ("state", units))
    )
    inputs = inputs._replace(weights=inputs.weights._replace(dropout=of_inputs), mask=mask_of(mask, time, batch))
    return inputs, weights._replace(dropout=of_state), first


def mask_of(kind, time, batch):
    """Return no mask, or one with padding at the left or the right, with gaps anywhere, or without a step that counts."""
    random = np.random.default_rng(time + batch)
    steps, lengths = np.arange(time)[:, None], random.integers(0, time + 1, batch)
    masks = {
        "left": steps >= lengths,
        "right": steps < lengths,
        "gaps": random.random((time, batch)) < 0.5,
        "nothing": np.zeros((time, batch), bool),
    }
    return None if kind is None else jnp.asarray(masks[kind])


def by_kernel(name, returns, threads=1):
    def walk(inputs, weights, states):
        dropped = inputs.weights.dropout is not None or weights.dropout is not None
        library.load(kernel_name(CELLS[name][0], dropped))
        return kernel_walk(Call(CELLS[name][0], returns, threads, dropped), inputs, weights, states)

    return walk


def by_scan(name, returns):
    return lambda inputs, *rest: scans.walk(CELLS[name][0], returns, inputs.projected(), inputs.mask, *rest)


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
        size = float(jnp.nanmax(jnp.abs(jnp.where(jnp.isfinite(other), other, 0)), initial=1e-3))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * size)


def gradient(walk, of_inputs=True):
    """Return the function that gives the gradient of everything, or of all but the sequence."""

    def of(inputs, weights, states):
        def scalar(sequence, *rest):
            return weighed(walk)(inputs._replace(sequence=sequence, weights=rest[0]), *rest[1:])

        return jax.grad(scalar, argnums=(0, 1, 2, 3)[not of_inputs :])(inputs.sequence, inputs.weights, weights, states)

    return jax.jit(of)


def assert_equal_walks(name, returns, threads, given, of_inputs=True):
    def everything(walk):
        return jax.jit(lambda *given: (walk(*given), gradient(walk, of_inputs)(*given)))(*given)

    assert_close(everything(by_kernel(name, returns, threads)), everything(by_scan(name, returns)), 2e-5)


@pytest.mark.parametrize(("returns", "threads", "sizes", "mask", "of_inputs"), SHAPES.values(), ids=SHAPES)
@every_cell
def test_law_a_kernel_is_the_scan(name, returns, threads, sizes, mask, of_inputs, monkeypatch):
    if mask is not None:
        # As what is saved of a long walk.
        monkeypatch.setattr(arrays, "UNCACHED_BYTES", 1)
    assert_equal_walks(name, returns, threads, problem(name, *sizes, mask), of_inputs)


@every_cell
@drawn
@given(
    returns=st.sampled_from(["last", "outputs", "states"]),
    threads=st.integers(1, 3),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 70), st.integers(1, 20), st.integers(1, 70)),
    mask=st.sampled_from([None, "left", "right", "gaps", "nothing"]),
    of_inputs=st.booleans(),
    uncached=st.booleans(),
)
def test_a_kernel_is_the_scan_for_any_shape(name, returns, threads, sizes, mask, of_inputs, uncached):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "UNCACHED_BYTES", 1 if uncached else arrays.UNCACHED_BYTES)
        assert_equal_walks(name, returns, threads, problem(name, *sizes, mask), of_inputs)


@pytest.mark.parametrize(
    ("name", "drops", "returns", "threads", "sizes", "mask", "of_inputs"),
    [
        ("lstm", "inputs and state", "states", 2, (3, 17, 19, 70), "gaps", True),
        ("gru", "inputs", "last", 1, (3, 140, 4, 37), None, False),
        ("gru-reset-before", "inputs and state", "outputs", 2, (5, 45, 3, 37), "left", True),
        ("simple", "state", "states", 2, (5, 9, 3, 70), "right", True),
    ],
)
def test_law_a_kernel_with_dropout_is_the_scan(name, drops, returns, threads, sizes, mask, of_inputs):
    assert_equal_walks(name, returns, threads, problem(name, *sizes, mask, drops), of_inputs)


@every_cell
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_law_what_is_no_number_goes_the_same_way(name, bad):
    inputs, weights, states = problem(name, 5, 3, 2, 19)
    inputs = inputs._replace(sequence=inputs.sequence.at[2, 1, 0].set(bad))
    results = [
        jax.jit(walk)(inputs, weights, states) for walk in (by_kernel(name, "outputs"), by_scan(name, "outputs"))
    ]
    assert_close(*results, 1e-5)
    outputs = np.asarray(results[0][0][0])
    assert np.isfinite(outputs[:, [0, 2]]).all()
    assert np.isfinite(outputs[:2]).all()
    assert np.isfinite(outputs[2:, 1]).all() == bool(np.isinf(bad))


@pytest.mark.parametrize(
    ("name", "returns", "drops"),
    [*((name, returns, "") for name in CELLS for returns in ("last", "states")), ("lstm", "last", "inputs and state")],
)
def test_law_nothing_is_seen_of_a_step_that_does_not_count(name, returns, drops):
    inputs, weights, states = problem(name, 6, 5, 2, 19, "left", drops)
    hidden = jnp.where(inputs.mask[..., None], inputs.sequence, jnp.nan)
    slopes = gradient(by_kernel(name, returns, 2))
    whole = slopes(inputs, weights, states)
    assert_close(slopes(inputs._replace(sequence=hidden), weights, states), whole, 0)
    assert np.array_equal(np.asarray(whole[0] == 0).all(-1), ~np.asarray(inputs.mask))


def test_a_mask_of_ones_is_no_mask():
    inputs, weights, states = problem("lstm", 6, 11, 3, 24)
    masked = inputs._replace(mask=jnp.ones((6, 11), bool))
    for one, other in zip(
        jax.tree.leaves(gradient(by_kernel("lstm", "last"))(inputs, weights, states)),
        jax.tree.leaves(gradient(by_kernel("lstm", "last"))(masked, weights, states)),
        strict=True,
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_the_shares_of_threads_hold_every_row_once_and_as_much_that_counts(threads):
    mask = jnp.arange(100)[:, None] >= jnp.arange(100, 0, -1)[None]
    shares = np.asarray(arrays.of_mask(mask, 100, threads)["shares"])
    assert (shares[0], shares[-1]) == (0, 100)
    assert (np.diff(shares) > 0).all()
    counts = np.add.reduceat(np.asarray(mask.sum(0)), shares[:-1])
    assert counts.max() - counts.min() <= 2 * 100
    assert list(np.asarray(arrays.of_mask(None, 10, 3)["shares"])) == [0, 3, 6, 10]


@pytest.mark.parametrize("width", [4, 8])
def test_narrower_vectors_obey_the_laws(width, tmp_path):
    if os.environ.get("GATEWISE_VECTOR_WIDTH"):
        pytest.skip("is the run with narrower vectors")
    environment = {**os.environ, "GATEWISE_VECTOR_WIDTH": str(width)}
    # Of the cells with dropout two do: their products and sums are those of the others, and all would have to be compiled.
    which = "law and not single and not nothing_is_seen and not (with_dropout and (gru-inputs or simple))"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", __file__, "-k", which]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("name", "mask", "drops"),
    [*((name, mask, "") for name in CELLS for mask in (None, "gaps")), ("lstm", "gaps", "inputs and state")],
)
def test_threads_change_nothing(name, mask, drops):
    given = problem(name, 4, 29, 3, 24, mask, drops)
    one, many = (jax.jit(by_kernel(name, "outputs", threads))(*given) for threads in (1, 5))
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True))
    # Each thread adds up the gradient of the kernel over its own rows.
    assert_close(*(gradient(by_kernel(name, "outputs", threads))(*given) for threads in (1, 5)), 1e-6)


@pytest.mark.parametrize(("name", "drops"), [*((name, "") for name in CELLS), ("lstm", "state")])
def test_many_members_at_once_are_each_by_itself(name, drops):
    one = problem(name, 4, 3, 2, 5, drops=drops)
    members = [one, jax.tree.map(lambda array: -0.5 * array, one)]
    together = jax.vmap(gradient(by_kernel(name, "outputs")))(*jax.tree.map(lambda *all: jnp.stack(all), *members))
    alone = gradient(by_scan(name, "outputs"))
    for number, member in enumerate(members):
        one = alone(*member)
        assert_close(jax.tree.map(lambda array, k=number: array[k], together), one, 1e-5)


@pytest.mark.parametrize(("name", "drops"), [*((name, "") for name in CELLS), ("lstm", "inputs and state")])
def test_second_derivatives_are_those_of_the_scan(name, drops):
    inputs, weights, states = problem(name, 3, 2, 2, 5, "left", drops)

    def steepness(walk):
        def length(sequence, projection, *rest):
            slopes = gradient(walk)(Inputs(sequence, projection, inputs.mask), *rest)
            return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(slopes))

        return jax.jit(jax.grad(length, argnums=(0, 1, 2, 3)))(inputs.sequence, inputs.weights, weights, states)

    assert_close(steepness(by_kernel(name, "states")), steepness(by_scan(name, "states")), 1e-4)


# -- the choice -------------------------------------------------------------------------------------------------------


def test_a_large_walk_takes_the_kernel():
    assert why_not_kernel(CELLS["lstm"][0], LARGE) is None
    assert why_not_kernel(CELLS["lstm"][0], LARGE, Needs(dropout=True)) is None


@pytest.mark.parametrize(
    ("cell", "extent", "needs", "reason"),
    [
        (NotImplemented, LARGE, Needs(), "there is no kernel for a NotImplementedType"),
        (equations.LSTM(), LARGE, Needs("float64"), "it computes in float64, kernels in float32"),
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
    monkeypatch.setattr(selftest, "_deviation", lambda cell, dropped: float("nan"))
    assert why_not_kernel(equations.LSTM(), LARGE) == "its self-test differs from the scan by nan"
    assert "does without the kernels of LSTM" in caplog.text

    def broken(cell, dropped):
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(selftest, "_deviation", broken)
    assert why_not_kernel(equations.GRU(), LARGE) == "RuntimeError: no such instruction"
    selftest.fault.cache_clear()


def test_the_self_test_finds_the_kernels_right():
    library.load(kernel_name(CELLS["gru"][0], dropped=True))
    assert selftest._deviation(CELLS["gru"][0], dropped=False) < 2e-5
    assert selftest._deviation(CELLS["gru"][0], dropped=True) < 2e-5


def test_the_first_use_inside_of_a_trace():
    cell = equations.SimpleRNN()
    inputs, weights, states = problem("simple", 48, 64, 8, 64)

    @jax.jit
    def traced(inputs):
        return paths.walk(cell, "last", inputs, weights, states)[1][0]

    assert "custom_call" in traced.lower(inputs).as_text()
    np.testing.assert_allclose(traced(inputs), by_scan("simple", "last")(inputs, weights, states)[1][0], atol=1e-5)


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
        lambda: [
            layers.Bidirectional(layers.SimpleRNN(64, return_sequences=True)),
            layers.LSTM(20, dropout=0.2, recurrent_dropout=0.3, seed=1),
        ],
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
            layers.LSTM(64, recurrent_dropout=0.1, return_sequences=True, name="dropped"),
            layers.LSTM(2, activation="relu", name="third"),
        ]
    )
    shown = gw.show_backend(model)
    assert shown.vectors == target.shape().lanes
    assert str(shown).splitlines()[1:] == [
        f"first: kernel (on {paths.threads_for(Extent(48, 32, 8, 64, 4))} threads)".replace(" 1 threads", " 1 thread"),
        "second: kernel (on 1 thread)",
        f"dropped: kernel (on {paths.threads_for(Extent(48, 32, 8, 64, 4))} threads)".replace(
            " 1 threads", " 1 thread"
        ),
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
    count = paths.threads_for(Extent(60, 32, 8, 64, 4))
    assert reasons == [f"kernel (on {count} thread{'' if count == 1 else 's'})"] * 3
    short = keras.Sequential([keras.Input((5, 8)), layers.Bidirectional(layers.GRU(64))])
    assert [one.why for one in gw.show_backend(short).layers] == ["5 time steps"] * 2
