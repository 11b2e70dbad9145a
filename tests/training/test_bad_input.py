"""Data that no model can be trained on or read: what it is and what shape it has, refused in which words."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import DataError, NotCompilableError, ShapeError, UsageError
from training.bad_calls import (
    BOTH,
    LABELS,
    TARGETS,
    Bad,
    Batches,
    Broken,
    DataLoader,
    MapDataset,
    Own,
    Sparse,
    Table,
    Thing,
    X,
    Y,
    assert_refused,
    changed,
    generator,
    net,
    refusals,
    two_inputs,
)

keras = import_keras()

KIND = [
    Bad(
        "x is None",
        lambda: gw.fit(net(), None, Y),
        UsageError,
        "x is None: pass the inputs as arrays.",
    ),
    Bad(
        "validation x is None",
        lambda: gw.fit(net(), X, Y, validation_data=(None, Y)),
        UsageError,
        "validation x is None: pass the inputs as arrays.",
    ),
    Bad(
        "None to predict",
        lambda: gw.predict(net(), None),
        UsageError,
        "x is None: pass the inputs as arrays.",
    ),
    Bad(
        "y is None",
        lambda: gw.fit(net(), X),
        UsageError,
        "y is None, and the loss of model 'net' compares with targets: pass y.",
    ),
    Bad(
        "y of evaluate is None",
        lambda: gw.evaluate(net(), X),
        UsageError,
        "y is None, and the loss of model 'net' compares with targets: pass y.",
    ),
    Bad(
        "an observation that is None",
        lambda: gw.stream(net()).step(None),
        UsageError,
        "x is None: pass one observation.",
    ),
    Bad(
        "a state that is None",
        lambda: setattr(gw.stream(net()), "state", None),
        UsageError,
        "The state is None: pass a list of arrays, or call reset() to begin at zero.",
    ),
    Bad(
        "a generator",
        lambda: gw.fit(net(), generator()),
        NotCompilableError,
        "x is a generator, whose content a compiled program cannot hold: pass arrays (np.concatenate over "
        "its batches), or use model.fit for data that does not fit in memory.",
    ),
    Bad(
        "a dataset",
        lambda: gw.fit(net(), MapDataset()),
        NotCompilableError,
        "x is a MapDataset, whose content a compiled program cannot hold: pass arrays (np.concatenate over "
        "its batches), or use model.fit for data that does not fit in memory.",
    ),
    Bad(
        "a data loader",
        lambda: gw.fit_ensemble(net(), DataLoader(), members=2),
        NotCompilableError,
        "x is a DataLoader, whose content a compiled program cannot hold: pass arrays (np.concatenate over "
        "its batches), or use model.fit for data that does not fit in memory.",
    ),
    Bad(
        "a PyDataset",
        lambda: gw.evaluate(net(), Batches()),
        NotCompilableError,
        "x is a Batches, whose content a compiled program cannot hold: pass arrays (np.concatenate over its "
        "batches), or use model.fit for data that does not fit in memory.",
    ),
    Bad(
        "a function",
        lambda: gw.predict(net(), generator),
        NotCompilableError,
        "x is a function, whose content a compiled program cannot hold: pass arrays (np.concatenate over its "
        "batches), or use model.fit for data that does not fit in memory.",
    ),
    Bad(
        "text",
        lambda: gw.fit(net(), [["a"]], Y),
        DataError,
        "x holds text: give every word or class a number first.",
    ),
    Bad(
        "bytes",
        lambda: gw.predict(net(), np.array([b"a"])),
        DataError,
        "x holds text: give every word or class a number first.",
    ),
    Bad(
        "dates",
        lambda: gw.fit(net(), X, np.arange(40).astype("M8[D]")),
        DataError,
        "y holds dates: turn them into numbers first, for example days since the first one.",
    ),
    Bad(
        "time spans",
        lambda: gw.fit(net(), X, np.arange(40).astype("m8[s]")),
        DataError,
        "y holds time spans: turn them into numbers first, for example seconds.",
    ),
    Bad(
        "complex numbers",
        lambda: gw.fit(net(), X, Y + 1j),
        DataError,
        "y holds complex numbers: pass the real and the imaginary part as two features.",
    ),
    Bad(
        "objects",
        lambda: gw.fit(net(), X, np.array([Thing()] * 40)),
        DataError,
        "y holds objects: convert them to numbers first, for example with np.asarray(y, dtype='float32').",
    ),
    Bad(
        "records",
        lambda: gw.fit(net(), X, np.zeros(40, [("a", "f4")])),
        DataError,
        "y has the type [('a', '<f4')]: convert it to numbers first.",
    ),
    Bad(
        "masked values",
        lambda: gw.fit(net(), np.ma.masked_less(X, 0.5), Y),
        DataError,
        "x is a masked array with 60 masked values, and the mask would be lost: drop those rows, or fill "
        "them (x.filled(...)).",
    ),
    Bad(
        "a sparse matrix",
        lambda: gw.predict(net(), Sparse()),
        DataError,
        "x is sparse (Sparse): pass x.toarray().",
    ),
    Bad(
        "a table with a column of text",
        lambda: gw.predict(net(), Table()),
        DataError,
        "x['b'] is a column of type object: convert it to numbers first, or leave it out.",
    ),
    Bad(
        "lists of different lengths",
        lambda: gw.fit(net(), X, [[1.0], [1.0, 2.0]]),
        DataError,
        "y is a list whose parts have different lengths: pad them to one, for example with keras.utils.pad_sequences.",
    ),
    Bad(
        "something else",
        lambda: gw.fit(net(), Thing(), Y),
        DataError,
        "x is a Thing: pass a NumPy array, or something that np.asarray makes one of.",
    ),
    Bad(
        "a broken array",
        lambda: gw.fit(net(), Broken(), Y),
        DataError,
        "x is a Broken that NumPy makes no array of (out of reach): pass a NumPy array.",
    ),
    Bad(
        "whole numbers beyond 32 bits",
        lambda: gw.fit(net(), X, changed(LABELS, (3, 2**40))),
        DataError,
        "y holds whole numbers beyond 32 bits (up to 1099511627776): pass floats, better still scaled to "
        "about -1 to 1.",
    ),
    Bad(
        "a number beyond float32",
        lambda: gw.fit(net(), X, changed(Y, (3, 1e300), kind="float64")),
        DataError,
        "y holds a value beyond float32 at index (3, 0) (1e+300): scale the data, best to about -1 to 1.",
    ),
    Bad(
        "two numbers beyond float32",
        lambda: gw.predict(net(), changed(X, ((2, 1, 0), 1e39), ((3, 0, 0), -1e300), kind="float64")),
        DataError,
        "x holds 2 values beyond float32, the first at index (2, 1, 0) (1e+39): scale the data, best to about -1 to 1.",
    ),
    Bad(
        "a number beyond float32 in a list",
        lambda: gw.fit(net(), X[:1], [[1e300]]),
        DataError,
        "y holds a value beyond float32 at index (0, 0) (1e+300): scale the data, best to about -1 to 1.",
    ),
    Bad(
        "a key that is no name",
        lambda: gw.fit(two_inputs(), {1: X}, Y),
        UsageError,
        "x is a dict with the key 1: name every array by a str.",
    ),
    Bad(
        "an empty dict",
        lambda: gw.predict(net(), {}),
        ShapeError,
        "x holds no arrays: pass the inputs as arrays.",
    ),
    Bad(
        "an empty dict for validation",
        lambda: gw.fit(net(), X, Y, validation_data=({}, Y)),
        ShapeError,
        "validation x holds no arrays: pass the inputs as arrays.",
    ),
    Bad(
        "validation_data as an array",
        lambda: gw.fit(net(), X, Y, validation_data=X),
        UsageError,
        "validation_data is an ndarray: pass (x, y), (x, y, sample_weight) or (x, y, sample_weight, lengths).",
    ),
    Bad(
        "validation_data of one part",
        lambda: gw.fit(net(), X, Y, validation_data=(X,)),
        UsageError,
        "validation_data is a tuple of 1 parts: pass (x, y), (x, y, sample_weight) or (x, y, sample_weight, lengths).",
    ),
]


SHAPE = [
    Bad(
        "different lengths",
        lambda: gw.fit(net(), X, Y[:39]),
        ShapeError,
        "x has 40 samples and y has 39: give both the same number of samples.",
    ),
    Bad(
        "one sample and many targets",
        lambda: gw.fit(net(), X[:1], Y),
        ShapeError,
        "x has 1 sample and y has 40: give both the same number of samples.",
    ),
    Bad(
        "weights of another length",
        lambda: gw.fit(net(), X, Y, sample_weight=np.ones(3)),
        ShapeError,
        "x has 40 samples and sample_weight has 3: give both the same number of samples.",
    ),
    Bad(
        "different lengths for validation",
        lambda: gw.fit(net(), X, Y, validation_data=(X, Y[:2])),
        ShapeError,
        "validation x has 40 samples and validation y has 2: give both the same number of samples.",
    ),
    Bad(
        "different lengths to evaluate",
        lambda: gw.evaluate(net(), X, Y[:2]),
        ShapeError,
        "x has 40 samples and y has 2: give both the same number of samples.",
    ),
    Bad(
        "different lengths of inputs",
        lambda: gw.predict(two_inputs(), {"left": X, "right": np.ones((3, 2))}),
        ShapeError,
        "x['left'] has 40 samples and x['right'] has 3: give both the same number of samples.",
    ),
    Bad(
        "no samples",
        lambda: gw.fit(net(), X[:0], Y[:0]),
        ShapeError,
        "x has no samples (shape (0, 3, 1)): pass at least one.",
    ),
    Bad(
        "no values",
        lambda: gw.predict(net(), X[:, :0]),
        ShapeError,
        "x has samples without any values (shape (40, 0, 1)): pass at least one.",
    ),
    Bad(
        "a single value",
        lambda: gw.fit(net(), 3, Y),
        ShapeError,
        "x is a single value: an array with the axes (samples, …) is needed.",
    ),
    Bad(
        "one axis",
        lambda: gw.fit(net(), X[:, 0, 0], Y),
        ShapeError,
        "x has the shape (40,), and layer 'lstm' (LSTM) expects (samples, 3, 1): reshape x to that many axes.",
    ),
    Bad(
        "no features",
        lambda: gw.fit(net(), X[:, :, 0], Y),
        ShapeError,
        "x has the shape (40, 3), and layer 'lstm' (LSTM) expects (samples, 3, 1): its axes are (samples, "
        "time, features); reshape x, for example with x[..., None].",
    ),
    Bad(
        "no time",
        lambda: gw.fit(net(), X[:, 0], Y),
        ShapeError,
        "x has the shape (40, 1), and layer 'lstm' (LSTM) expects (samples, 3, 1): its axes are (samples, "
        "time, features); reshape x to them.",
    ),
    Bad(
        "two axes of other lengths",
        lambda: gw.fit_ensemble(net(), np.ones((40, 7)), Y, members=2),
        ShapeError,
        "x has the shape (40, 7), and layer 'lstm' (LSTM) expects (samples, 3, 1): its axes are (samples, "
        "time, features); reshape x to them.",
    ),
    Bad(
        "four axes",
        lambda: gw.predict(net(), X[..., None]),
        ShapeError,
        "x has the shape (40, 3, 1, 1), and layer 'lstm' (LSTM) expects (samples, 3, 1): reshape x to that many axes.",
    ),
    Bad(
        "another number of features",
        lambda: gw.fit(net(), np.repeat(X, 2, axis=2), Y),
        ShapeError,
        "x has the shape (40, 3, 2), and layer 'lstm' (LSTM) expects (samples, 3, 1): change x, or build the "
        "model for this shape.",
    ),
    Bad(
        "another number of features to evaluate",
        lambda: gw.evaluate(net(), np.repeat(X, 2, axis=2), Y),
        ShapeError,
        "x has the shape (40, 3, 2), and layer 'lstm' (LSTM) expects (samples, 3, 1): change x, or build the "
        "model for this shape.",
    ),
    Bad(
        "another number of features for validation",
        lambda: gw.fit(net(), X, Y, validation_data=(np.repeat(X, 2, axis=2), Y)),
        ShapeError,
        "validation x has the shape (40, 3, 2), and layer 'lstm' (LSTM) expects (samples, 3, 1): change "
        "validation x, or build the model for this shape.",
    ),
    Bad(
        "another number of features in a stream",
        lambda: gw.stream(net()).step([1.0, 2.0]),
        ShapeError,
        "x has the shape (2,), and a step of this stream needs (1, 1): one row for each sequence, one column "
        "for each feature.",
    ),
    Bad(
        "another number of features for a subclassed model",
        lambda: gw.fit(Own(), np.repeat(X, 2, axis=2), LABELS),
        ShapeError,
        "Model 'own' cannot be run on x (40, 3, 2): LSTMCell says: dot_general requires contracting "
        "dimensions to have the same shape, got (2,) and (1,).",
    ),
    Bad(
        "another number of features in a dict",
        lambda: gw.fit(two_inputs(), {**BOTH, "right": np.ones((40, 3))}, TARGETS),
        ShapeError,
        "x['right'] has the shape (40, 3), and layer 'both' (Concatenate) expects (samples, 2): change "
        "x['right'], or build the model for this shape.",
    ),
    Bad(
        "another key",
        lambda: gw.fit(two_inputs(), {"left": X, "rigth": Y}, TARGETS),
        ShapeError,
        "x has the keys 'left', 'rigth', and model 'two' has the inputs 'left', 'right': use those names.",
    ),
    Bad(
        "too few inputs",
        lambda: gw.fit(two_inputs(), [X], TARGETS),
        ShapeError,
        "x holds 1 array, and model 'two' has 2 inputs: pass a list or a dict with one array for each of "
        "'left', 'right'.",
    ),
    Bad(
        "too many inputs",
        lambda: gw.fit(net(), [X, X], Y),
        ShapeError,
        "x holds 2 arrays, and model 'net' has 1 input: pass one array (np.stack(x) makes one of a list of samples).",
    ),
    Bad(
        "too few targets",
        lambda: gw.fit(two_inputs(), BOTH, Y),
        ShapeError,
        "y holds 1 array, and model 'two' has 2 outputs: pass one array for each.",
    ),
    Bad(
        "another key of targets",
        lambda: gw.fit(two_inputs(), BOTH, {"one": Y, "three": Y}),
        ShapeError,
        "y has the keys 'one', 'three', and model 'two' has the outputs 'one', 'two': use those names.",
    ),
    Bad(
        "weights of another width",
        lambda: gw.fit(net(), X, Y, sample_weight=np.ones((40, 7))),
        ShapeError,
        "Model 'net' cannot be run on x (40, 3, 1), y (40, 1), sample_weight (40, 7): Incompatible shapes for "
        "broadcasting: shapes=[(32,), (32, 7)].",
    ),
    Bad(
        "weights of another width to evaluate",
        lambda: gw.evaluate(net(), X, Y, sample_weight=np.ones((40, 7))),
        ShapeError,
        "Model 'net' cannot be run on x (40, 3, 1), y (40, 1), sample_weight (40, 7): Incompatible shapes for "
        "broadcasting: shapes=[(32,), (32, 7)].",
    ),
    Bad(
        "targets of another width",
        lambda: gw.fit(net(3), X, np.ones((40, 2))),
        ShapeError,
        "y has the shape (40, 2), and the model puts out (samples, 3): mean_squared_error compares them "
        "value by value; give y the shape of the output.",
    ),
    Bad(
        "targets of another width for a subclassed model",
        lambda: gw.fit(Own(2, "mse"), X, np.ones((40, 3))),
        ShapeError,
        "y has the shape (40, 3), and the model puts out (samples, 2): mean_squared_error compares them "
        "value by value; give y the shape of the output.",
    ),
    Bad(
        "states of another shape",
        lambda: setattr(gw.stream(net()), "state", [np.ones((1, 3))] * 2),
        ShapeError,
        "The state of this stream has the shapes [(1, 2), (1, 2)], and [(1, 3), (1, 3)] were given.",
    ),
]


@refusals([*KIND, *SHAPE])
def test_is_refused_in_a_sentence(bad: Bad) -> None:
    assert_refused(bad)


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_float32_are_refused_without_a_warning_of_numpy() -> None:
    with pytest.raises(DataError):
        gw.fit(net(), X, changed(Y, (3, 1e300), kind="float64"))


def test_a_refused_call_leaves_the_weights_alone() -> None:
    model = net()
    before = model.get_weights()
    for call in (
        lambda: gw.fit(model, X, Y[:39]),
        lambda: gw.fit(model, X, Y, verbose=3),
        lambda: gw.fit(model, X, Y, shuffle="no"),
    ):
        with pytest.raises((ShapeError, UsageError)):
            call()
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
