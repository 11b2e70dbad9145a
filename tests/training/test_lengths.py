"""Laws of rows of different lengths: who meets whom in a batch, and that padding never counts."""

import itertools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.training import checkpoint as checkpoint_module
from gatewise.training import run as run_module
from gatewise.training.checkpoint import Checkpoint
from gatewise.training.lengths import mask_of, window_rows
from gatewise.training.order import Steps, epoch_order, run_key, windowed_order
from gatewise.training.state import model_variables, read_values, write_values
from training.comparison import distance

keras = import_keras()
layers = keras.layers

# More time steps than are written out, for a loop compiles sooner; shorter rows by themselves are written out.
ROWS, TIME, FEATURES, BATCH = 19, 9, 2, 4
LENGTHS = np.random.default_rng(5).permutation([1, 2, 3, 5, 8, 9] * 3 + [3])
RNG = np.random.default_rng(6)
NUMBERS = [RNG.normal(size=(n, FEATURES)).astype("float32") for n in LENGTHS]
WORDS = [RNG.integers(1, 9, n) for n in LENGTHS]
Y = RNG.normal(size=(ROWS, 1)).astype("float32")
CLOSE = 1e-5
# The same in many tests, so that one program serves them.
CALL = {"batch_size": BATCH, "validation_split": 0.3, "verbose": 0}


def padded(rows, side="post", value=0):
    """Return rows as one array, by a loop."""
    array = np.full((len(rows), TIME, *rows[0].shape[1:]), value, rows[0].dtype)
    for place, row in zip(array, rows, strict=True):
        place[slice(len(row)) if side == "post" else slice(TIME - len(row), TIME)] = row
    return array


def network(*body, first=None, optimizer="adam"):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((None, FEATURES)) if first is None else first, *body])
    model.compile(optimizer, "mse")
    return model


@cache
def simple():
    """One model for many tests: its programs are compiled once."""
    return network(layers.SimpleRNN(5), layers.Dense(1))


def reader():
    return network(
        layers.Embedding(9, 3, mask_zero=True),
        layers.GRU(5),
        layers.Dense(1),
        first=keras.Input((TIME,), dtype="int32"),
    )


# -- the order


def in_order(epoch, lengths, batch, window, seed=11):
    """Return the windowed order of an epoch, and the shuffled one that it is made of."""
    steps, key, epoch = Steps(len(lengths), batch), run_key(seed), jnp.int32(epoch)
    windowed = windowed_order(key, epoch, jnp.asarray(lengths), steps, window)
    return np.asarray(windowed), np.asarray(epoch_order(key, epoch, len(lengths)))


@pytest.mark.parametrize(("rows", "batch", "window"), [(100, 8, 32), (96, 8, 32), (50, 7, 49), (9, 4, 8), (5, 5, 5)])
def test_an_order_is_a_permutation_of_sorted_windows_in_shuffled_batches(rows, batch, window):
    lengths = np.random.default_rng(1).integers(0, 12, rows)
    whole, seen = rows // batch * batch, set()
    for epoch in range(3):
        order, shuffled = in_order(epoch, lengths, batch, window)
        np.testing.assert_array_equal(order, in_order(epoch, lengths, batch, window)[0])
        np.testing.assert_array_equal(np.sort(order), np.arange(rows))
        np.testing.assert_array_equal(order[whole:], shuffled[whole:])
        batches = [tuple(part) for part in order[:whole].reshape(-1, batch)]
        # A slow twin of the sorted windows: every one of their batches is there, in an order of its own.
        expected = []
        for start in range(0, whole, window):
            part = sorted(shuffled[start : min(start + window, whole)], key=lambda row: lengths[row])
            expected += [tuple(part[at : at + batch]) for at in range(0, len(part), batch)]
        assert sorted(batches) == sorted(expected)
        assert batches != expected or len(batches) < 3
        seen.add(tuple(order))
    assert len(seen) == (3 if rows > batch else 1)


def test_a_window_of_one_batch_sorts_nothing():
    order, shuffled = in_order(0, np.arange(40), 8, window_rows(1, 8, 40))
    assert {frozenset(part) for part in order.reshape(-1, 8)} == {frozenset(part) for part in shuffled.reshape(-1, 8)}


def test_windows_are_whole_batches():
    assert window_rows(None, 64, 25_000) == 512
    assert window_rows(None, 48, 25_000) == 528
    assert window_rows(None, 128, 25_000) == 1024
    assert window_rows(None, 32, 100) == 64
    assert window_rows(None, 32, 40) == 32
    assert window_rows(100, 32, 25_000) == 128


def test_a_mask_is_true_where_a_step_is_real():
    spans = np.array([[0, 2], [1, 3], [0, 0], [0, 3]], "int32")
    expected = [[True, True, False], [False, True, True], [False] * 3, [True] * 3]
    np.testing.assert_array_equal(mask_of(jnp.asarray(spans), 3), expected)


# -- prediction: padding never counts


def _texts(rows):
    return [gw.datasets.Sequences.of(rows)] if rows is WORDS else []


def masking():
    return network(layers.Masking(-1.0), layers.SimpleRNN(4), layers.Dense(1))


def bidirectional():
    return network(layers.Bidirectional(layers.GRU(3)), layers.Dense(1))


@pytest.mark.parametrize(
    ("build", "rows", "value"),
    [(simple, NUMBERS, 0), (masking, NUMBERS, -1.0), (bidirectional, NUMBERS, 0), (reader, WORDS, 0)],
)
def test_a_list_of_rows_is_a_padded_array_with_lengths_is_each_row_alone(build, rows, value):
    model = build()
    if model.input_shape[1] is None:
        alone = np.full((ROWS, 1), np.nan, "float32")
        for length in set(LENGTHS):
            same = np.flatnonzero(length == LENGTHS)
            alone[same] = gw.predict(model, np.stack([rows[row] for row in same]))
    else:
        alone = model.predict(padded(rows), verbose=0)
    listed = gw.predict(model, rows)
    assert distance(alone, listed) < CLOSE
    for given in (
        tuple(rows),
        np.array([*rows, None], dtype=object)[:-1],
        [row.tolist() for row in rows],
        *_texts(rows),
    ):
        np.testing.assert_array_equal(gw.predict(model, given), listed)
    for side in ("post", "pre") if build is not reader else ("post",):
        lengths = gw.Lengths(LENGTHS, mask=side)
        assert distance(alone, gw.predict(model, padded(rows, side, value), lengths=lengths)) < CLOSE
        # Several batches, each of rows of similar length, back in the order of the caller.
        assert distance(alone, gw.predict(model, padded(rows, side, value), batch_size=4, lengths=lengths)) < CLOSE
    loss = gw.evaluate(model, rows, Y)
    assert distance(np.mean((alone - Y) ** 2), loss) < CLOSE
    assert gw.evaluate(model, padded(rows, value=value), Y, lengths=LENGTHS) == loss


def test_rows_of_one_length_are_an_array():
    model = simple()
    x = np.stack([row[:1] for row in NUMBERS])
    np.testing.assert_array_equal(gw.predict(model, list(x)), gw.predict(model, x))


def test_without_a_mask_lengths_change_nothing_but_the_order():
    model, x = simple(), padded(NUMBERS, "pre", 0.5)
    lengths = gw.Lengths(LENGTHS, mask=None)
    assert distance(gw.predict(model, x), gw.predict(model, x, lengths=lengths)) < CLOSE
    assert distance(gw.predict(model, x), gw.predict(model, x, lengths=gw.Lengths(LENGTHS, mask="pre"))) > 1e-3
    first = jax.tree.map(np.array, read_values(model))
    call = {"batch_size": BATCH, "epochs": 2, "shuffle": False, "verbose": 0}
    gw.fit(model, x, Y, **call)
    plain = model.get_weights()
    write_values(model, first)
    gw.fit(model, x, Y, lengths=lengths, **call)
    for one, other in zip(plain, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# -- training: Keras's numbers, given the same batches and masks


def keras_twin(body):
    """The same layers for Keras alone, with the mask as a second input."""
    keras.utils.set_random_seed(3)
    x, mask = keras.Input((TIME, FEATURES)), keras.Input((TIME,), dtype="bool")
    recurrent, *rest = body()
    outputs = recurrent(x, mask=mask)
    for layer in rest:
        outputs = layer(outputs)
    model = keras.Model([x, mask], outputs)
    model.compile("adam", "mse")
    return model


BODIES = {
    "gru": (lambda: [layers.GRU(3), layers.Dense(1)], "pre", Y),
    # A loss at every time step, which leaves out the masked ones.
    "every-step": (
        lambda: [layers.LSTM(4, return_sequences=True), layers.Dense(1)],
        "post",
        np.repeat(Y[:, None], TIME, 1),
    ),
}


@pytest.mark.parametrize("which", BODIES)
def test_training_equals_keras_on_the_same_batches_with_the_same_masks(which):
    body, side, y = BODIES[which]
    ours, theirs = network(*body()), keras_twin(body)
    theirs.set_weights(ours.get_weights())
    x, window, epochs = padded(NUMBERS, side), 8, 3
    lengths = gw.Lengths(LENGTHS, mask=side, window=window)
    call = {"batch_size": BATCH, "epochs": epochs, "seed": 11, "verbose": 0}
    history = gw.fit(ours, x, y, lengths=lengths, **call).history
    steps = np.arange(TIME)
    real = steps < LENGTHS[:, None] if side == "post" else steps >= TIME - LENGTHS[:, None]
    for epoch in range(epochs):
        order, _ = in_order(epoch, LENGTHS, BATCH, window)
        told = theirs.fit([x[order], real[order]], y[order], batch_size=BATCH, shuffle=False, verbose=0)
        assert distance(told.history["loss"][0], history["loss"][epoch]) < 1e-4
    for group in ("trainable", "optimizer"):
        pairs = zip(getattr(model_variables(theirs), group), getattr(model_variables(ours), group), strict=True)
        # A momentum may pass through zero, and is as exact then as it was before.
        assert max(distance(one.value, other.value, least=1e-3) for one, other in pairs) < 1e-4


def test_training_on_a_list_of_rows_is_training_on_a_padded_array_with_lengths():
    model = simple()
    first = jax.tree.map(np.array, read_values(model))
    call = {"epochs": 2, "seed": 2, **CALL}
    listed = gw.fit(model, NUMBERS, Y, **call)
    weights = model.get_weights()
    write_values(model, first)
    array = gw.fit(model, padded(NUMBERS), Y, lengths=LENGTHS, **call)
    assert listed.history == array.history
    for one, other in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # Only the first 13 rows were trained on, and the mask of the others was theirs.
    last = gw.evaluate(model, NUMBERS[13:], Y[13:])
    assert distance(last, array.history["val_loss"][-1]) < CLOSE


class Killed(Exception):
    """Stands for the end of a process, right after it has written a checkpoint."""


def test_a_run_killed_inside_an_epoch_goes_on_with_the_same_batches(tmp_path, monkeypatch):
    model = simple()
    first = jax.tree.map(np.array, read_values(model))
    call = {"lengths": LENGTHS, "epochs": 3, "seed": 3, **CALL}
    monkeypatch.setattr(run_module.Pace, "learn", lambda self, *_: setattr(self, "steps", 1))
    gw.fit(model, padded(NUMBERS), Y, **call)
    undisturbed = model.get_weights()
    monkeypatch.setattr(checkpoint_module, "_FIRST_AFTER", 0.0)
    monkeypatch.setattr(checkpoint_module, "_SHARE", float("inf"))
    write, places = Checkpoint.write, []
    for writes in (2, 9):
        write_values(model, first)
        count = itertools.count(1)

        def write_and_die(self, state, history, count=count, writes=writes):
            write(self, state, history)
            if next(count) == writes:
                places.append((int(state.epoch), int(state.step)))
                raise Killed

        monkeypatch.setattr(Checkpoint, "write", write_and_die)
        with pytest.raises(Killed):
            gw.fit(model, padded(NUMBERS), Y, checkpoint=tmp_path / str(writes), **call)
        monkeypatch.setattr(Checkpoint, "write", write)
        gw.fit(model, padded(NUMBERS), Y, checkpoint=tmp_path / str(writes), **call)
        for one, other in zip(undisturbed, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    # Steps 0 to 3 train, 4 and 5 validate.
    assert places == [(0, 2), (1, 3)]
    other = {**call, "lengths": gw.Lengths(LENGTHS, window=4)}
    with pytest.raises(gw.errors.UsageError, match="its lengths is not the one of this call"):
        gw.fit(model, padded(NUMBERS), Y, checkpoint=tmp_path / "2", **other)


# -- ensembles


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own-data"])
def test_a_member_equals_its_solo_run(own):
    model, members = simple(), 2
    x, y, lengths = padded(NUMBERS), Y, LENGTHS
    if own:
        turned = NUMBERS[::-1]
        x, y, lengths = np.stack([x, padded(turned)]), np.stack([Y, Y]), np.stack([LENGTHS, LENGTHS[::-1]])
    call = {"epochs": 2, **CALL}
    ensemble = gw.fit_ensemble(model, x, y, members=members, member_data=own, seed=5, lengths=lengths, **call)
    outputs = ensemble.predict(NUMBERS, batch_size=8)
    for member in range(members):
        seed = gw.member_seed(5, member)
        gw.initialize(model, seed)
        part = (x[member], y[member], lengths[member]) if own else (x, y, lengths)
        history = gw.fit(model, *part[:2], lengths=part[2], seed=seed, **call)
        assert distance(history.history["val_loss"], ensemble.history.history["val_loss"][member]) < CLOSE
        alone = [array[member] for array in ensemble.values.trainable]
        assert max(distance(*pair) for pair in zip(model.get_weights(), alone, strict=True)) < CLOSE
        assert distance(gw.predict(model, NUMBERS), outputs[member]) < 1e-4
