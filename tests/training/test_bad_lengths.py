"""Every row and length that cannot be meant is refused in one sentence."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.errors import DataError, NotCompilableError, ShapeError, UsageError
from training.bad_calls import (
    BOTH,
    TARGETS,
    Bad,
    Own,
    X,
    Y,
    assert_refused,
    changed,
    dense,
    keras,
    layers,
    net,
    reader,
    refusals,
    stateful,
    two_inputs,
)

# Rows of one, two and three steps in turn, padded at the end.
LENGTHS = np.arange(40) % 3 + 1
PADDED = X * (np.arange(3)[:, None] < LENGTHS[:, None, None])
LISTED = [row[:length] for row, length in zip(X, LENGTHS, strict=True)]
TOKENS = [[1, 2], [3]]


def convolution():
    model = keras.Sequential(
        [keras.Input((3, 1)), layers.Conv1D(2, 2, name="conv"), layers.LSTM(2), layers.Dense(1)], name="net"
    )
    model.compile("sgd", "mse")
    return model


def masked():
    model = keras.Sequential([keras.Input((3, 1)), layers.Masking(-1.0), layers.LSTM(2), layers.Dense(1)], name="net")
    model.compile("sgd", "mse")
    return model


PRE = (
    "correct the lengths or the padding, or pass gw.Lengths(lengths, mask=...) with 'pre' for rows padded in front, or None "
    "for no mask at all."
)
AS_IT_IS = "pass gw.Lengths(..., mask=None) to compute padded rows as they are."

VALUES = [
    Bad(
        "too few",
        lambda: gw.fit(net(), PADDED, Y, lengths=LENGTHS[1:]),
        ShapeError,
        "lengths has 39 values for 40 samples of x: give one for each.",
    ),
    Bad(
        "negative",
        lambda: gw.fit(net(), PADDED, Y, lengths=changed(LENGTHS, (7, -1))),
        DataError,
        "lengths holds -1 at index 7, and the rows of x have 3 time steps: a length is from 0 to 3.",
    ),
    Bad(
        "longer than the rows",
        lambda: gw.predict(net(), PADDED, lengths=changed(LENGTHS, (7, 4))),
        DataError,
        "lengths holds 4 at index 7, and the rows of x have 3 time steps: a length is from 0 to 3.",
    ),
    Bad(
        "floats",
        lambda: gw.evaluate(net(), PADDED, Y, lengths=LENGTHS / 1),
        DataError,
        "lengths are of type float32: pass one array of whole numbers, the true length of each row.",
    ),
    Bad(
        "several arrays",
        lambda: gw.fit(net(), PADDED, Y, lengths=[LENGTHS, LENGTHS]),
        DataError,
        "lengths are several arrays: pass one array of whole numbers, the true length of each row.",
    ),
    Bad(
        "a column",
        lambda: gw.fit(net(), PADDED, Y, lengths=LENGTHS[:, None]),
        ShapeError,
        "lengths have the shape (40, 1): pass one whole number for each row, (rows,).",
    ),
    Bad(
        "without members",
        lambda: gw.fit_ensemble(
            net(), np.stack([PADDED] * 2), np.stack([Y] * 2), members=2, member_data=True, lengths=LENGTHS
        ),
        ShapeError,
        "lengths has the shape (40,), and member_data=True needs (2, rows, …), one part for each member: pass arrays with "
        "that leading axis, or leave member_data out where all members share them.",
    ),
    Bad(
        "of another side",
        lambda: gw.fit(net(), PADDED[:, ::-1], Y, lengths=LENGTHS),
        DataError,
        "x holds 0.0252101 at step 2 of row 1, which is padding by its length of 2, and padding is the same value "
        f"everywhere: {PRE}",
    ),
    Bad(
        "other padding than the model's",
        lambda: gw.predict(masked(), PADDED, lengths=LENGTHS),
        DataError,
        f"x holds 0 at step 1 of row 0, which is padding by its length of 1, and the model takes -1.0 for padding: {PRE}",
    ),
    Bad(
        "missing for validation",
        lambda: gw.fit(net(), PADDED, Y, lengths=LENGTHS, validation_data=(PADDED, Y)),
        UsageError,
        "lengths are given for x and not for validation x, which would be computed without a mask: pass validation_data="
        "(x, y, sample_weight, lengths), with None where there is no sample_weight.",
    ),
    Bad(
        "too few for validation",
        lambda: gw.fit(net(), PADDED, Y, lengths=LENGTHS, validation_data=(PADDED, Y, None, LENGTHS[1:])),
        ShapeError,
        "validation lengths has 39 values for 40 samples of validation x: give one for each.",
    ),
    Bad(
        "a mask of another name",
        lambda: gw.Lengths(LENGTHS, mask="left"),
        UsageError,
        "mask='left': choose 'post' for rows padded at the end, 'pre' for rows padded in front, or None for no mask.",
    ),
    Bad(
        "half a window",
        lambda: gw.Lengths(LENGTHS, window=0.5),
        UsageError,
        "window=0.5: a whole number of at least 1 is needed.",
    ),
]

ROWS = [
    Bad(
        "lengths besides",
        lambda: gw.predict(net(), LISTED, lengths=LENGTHS),
        UsageError,
        "x is a list of rows, which has lengths of its own, and lengths are given besides: leave them out, or pass x as "
        "one padded array.",
    ),
    Bad(
        "too long",
        lambda: gw.predict(net(), [*LISTED, np.ones((5, 1))]),
        ShapeError,
        "x[40] has 5 time steps, and model 'net' reads 3: cut it, or build the model for more.",
    ),
    Bad(
        "other features",
        lambda: gw.predict(net(), [*LISTED, np.ones((2, 2))]),
        ShapeError,
        "x[40] has the shape (2, 2), and rows before it have the shape (any, 1): give all rows the same axes after the "
        "first one.",
    ),
    Bad(
        "another rank",
        lambda: gw.predict(net(), [*LISTED, np.ones(2)]),
        ShapeError,
        "x[40] has the shape (2,), and rows before it have the shape (any, 1): give all rows the same axes after the "
        "first one.",
    ),
    Bad(
        "text",
        lambda: gw.predict(reader(), [["good", "film"], ["bad"]]),
        DataError,
        "x holds text: give every word or class a number first.",
    ),
    Bad(
        "words that the model does not know",
        lambda: gw.predict(reader(), [[1, 2], [9]]),
        DataError,
        "x holds the index 9 at (1, 0), and layer 'words' has 5 rows, numbered 0 to 4: give it a larger input_dim, or "
        "replace rare words.",
    ),
    Bad(
        "for a model of two inputs",
        lambda: gw.fit(two_inputs(), {**BOTH, "left": LISTED}, TARGETS),
        ShapeError,
        "x['left'] is a list of rows of different lengths, which only a model with one input takes: pad them to one array, "
        "for example with keras.utils.pad_sequences.",
    ),
]

MODELS = [
    Bad(
        "an embedding that passes no mask on",
        lambda: gw.predict(reader(), TOKENS),
        NotCompilableError,
        "Layer 'words' (Embedding) is given a mask and passes none on, so the layers after it would read the padding: "
        f"build it with mask_zero=True, or {AS_IT_IS}",
    ),
    Bad(
        "a layer that passes no mask on",
        lambda: gw.fit(convolution(), PADDED, Y, lengths=LENGTHS),
        NotCompilableError,
        "Layer 'conv' (Conv1D) is given a mask and passes none on, so the layers after it would read the padding: leave it "
        f"out or let it support masks, or {AS_IT_IS}",
    ),
    Bad(
        "nobody who reads a mask",
        lambda: gw.predict(keras.Sequential([keras.Input((5,)), layers.Dense(1)], name="net"), TOKENS),
        NotCompilableError,
        f"Model 'net' has no layer that reads a mask, so padding would count like any other value: {AS_IT_IS}",
    ),
    Bad(
        "a call without masks",
        lambda: gw.fit(Own(), PADDED, LENGTHS % 2, lengths=LENGTHS),
        NotCompilableError,
        f"Own has a call without the argument `mask`, so it cannot be told of padding: give it one, or {AS_IT_IS}",
    ),
    Bad(
        "two inputs",
        lambda: gw.fit(two_inputs(), BOTH, TARGETS, lengths=LENGTHS),
        UsageError,
        "x holds 2 arrays, and lengths can mask one: pass gw.Lengths(..., mask=None), and masks to the layers of the model.",
    ),
    Bad(
        "a carried state",
        lambda: gw.fit(stateful(), PADDED, Y, lengths=LENGTHS),
        UsageError,
        "Model 'carrier' carries its state from batch to batch, so its rows stay in the order given and are whole: leave "
        "lengths out.",
    ),
]


@refusals([*VALUES, *ROWS, *MODELS])
def test_is_refused_in_a_sentence(bad: Bad) -> None:
    assert_refused(bad)


@pytest.mark.parametrize("build", [convolution, dense, two_inputs])
def test_any_model_takes_lengths_without_a_mask(build) -> None:
    model = build()
    x = BOTH if build is two_inputs else PADDED
    plain, sorted_rows = gw.predict(model, x), gw.predict(model, x, lengths=gw.Lengths(LENGTHS, mask=None))
    for one, other in zip(keras.tree.flatten(plain), keras.tree.flatten(sorted_rows), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
