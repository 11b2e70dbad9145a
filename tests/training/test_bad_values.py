"""Values that no model can be trained on: NaN, labels and class weights outside the classes, refused in which words."""

from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import DataError, GatewiseWarning, NonFiniteError, ShapeError, UsageError
from training.bad_calls import (
    BOTH,
    LABELS,
    SPARSE,
    TARGETS,
    Bad,
    Carrier,
    Own,
    X,
    Y,
    assert_refused,
    changed,
    net,
    reader,
    refusals,
    stateful,
    tagger,
    two_inputs,
)

keras = import_keras()

VALUE = [
    Bad(
        "NaN in x",
        lambda: gw.fit(net(), changed(X, ((7, 2, 0), np.nan)), Y),
        NonFiniteError,
        "x holds a value that is NaN or infinite, at index (7, 2, 0): remove or replace it.",
    ),
    Bad(
        "infinity in y",
        lambda: gw.fit(net(), X, changed(Y, (4, np.inf), (6, np.nan), (9, -np.inf))),
        NonFiniteError,
        "y holds 3 values that are NaN or infinite, the first at index (4, 0): remove or replace them.",
    ),
    Bad(
        "NaN in x of an ensemble",
        lambda: gw.fit_ensemble(
            net(), np.stack([X, changed(X, (5, np.nan))]), np.stack([Y, Y]), members=2, member_data=True
        ),
        NonFiniteError,
        "x holds 3 values that are NaN or infinite, the first at index (1, 5, 0, 0): remove or replace them.",
    ),
    Bad(
        "NaN in validation",
        lambda: gw.fit(net(), X, Y, validation_data=(X, changed(Y, (4, np.nan)))),
        NonFiniteError,
        "validation y holds a value that is NaN or infinite, at index (4, 0): remove or replace it.",
    ),
    Bad(
        "NaN in weights",
        lambda: gw.fit(net(), X, Y, sample_weight=np.full(40, np.nan)),
        NonFiniteError,
        "sample_weight holds 40 values that are NaN or infinite, the first at index (0,): remove or replace them.",
    ),
    Bad(
        "NaN in a dict",
        lambda: gw.fit(two_inputs(), {**BOTH, "left": changed(X, ((7, 2, 0), -np.inf))}, TARGETS),
        NonFiniteError,
        "x['left'] holds a value that is NaN or infinite, at index (7, 2, 0): remove or replace it.",
    ),
    Bad(
        "NaN to evaluate",
        lambda: gw.evaluate(net(), changed(X, ((7, 2, 0), np.nan)), Y),
        NonFiniteError,
        "x holds a value that is NaN or infinite, at index (7, 2, 0): remove or replace it.",
    ),
    Bad(
        "NaN to a state",
        lambda: gw.predict(stateful(), changed(X, ((7, 2, 0), np.nan))),
        NonFiniteError,
        "x holds a value that is NaN or infinite, at index (7, 2, 0): remove or replace it.",
    ),
    Bad(
        "NaN in a stream",
        lambda: gw.stream(net()).step([np.nan]),
        NonFiniteError,
        "x holds a value that is NaN or infinite, at index (0,): remove or replace it.",
    ),
    Bad(
        "a label too large",
        lambda: gw.fit(net(3, SPARSE), X, changed(LABELS, (5, 3))),
        DataError,
        "y holds the label 3 at index (5,), and the model has 3 classes, numbered 0 to 2: number the labels "
        "from 0, or give the last layer more units.",
    ),
    Bad(
        "a negative label",
        lambda: gw.fit(net(3, SPARSE), X, changed(LABELS, (0, -1))),
        DataError,
        "y holds the label -1 at index (0,), and the model has 3 classes, numbered 0 to 2: number the labels "
        "from 0, or give the last layer more units.",
    ),
    Bad(
        "half a label",
        lambda: gw.fit(net(3, SPARSE), X, changed(LABELS, (5, 0.5), kind="float32")),
        DataError,
        "y holds the label 0.5 at index (5,), and the model has 3 classes, numbered 0 to 2: number the "
        "labels from 0, or give the last layer more units.",
    ),
    Bad(
        "a label too large for a subclassed model",
        lambda: gw.fit(Own(), X, changed(LABELS, (5, 3))),
        DataError,
        "y holds the label 3 at index (5,), and the model has 3 classes, numbered 0 to 2: number the labels "
        "from 0, or give the last layer more units.",
    ),
    Bad(
        "a negative label for a subclassed model",
        lambda: gw.evaluate(Own(), X, changed(LABELS, (0, -1))),
        DataError,
        "y holds the label -1 at index (0,), and the model has 3 classes, numbered 0 to 2: number the labels "
        "from 0, or give the last layer more units.",
    ),
    Bad(
        "a label too large for subclassed members",
        lambda: gw.fit_ensemble(Own(), X, changed(LABELS, (5, 7)), members=2),
        DataError,
        "y holds the label 7 at index (5,), and the model has 3 classes, numbered 0 to 2: number the labels "
        "from 0, or give the last layer more units.",
    ),
    Bad(
        "a label too large for one of two outputs",
        lambda: gw.fit(Own(loss={"a": SPARSE, "b": "mse"}, nested=True), X, {"a": changed(LABELS, (5, 3)), "b": Y}),
        DataError,
        "y['a'] holds the label 3 at index (5,), and the model has 3 classes, numbered 0 to 2: number the "
        "labels from 0, or give the last layer more units.",
    ),
    Bad(
        "a label too large for validation",
        lambda: gw.fit(Own(), X, LABELS, validation_data=(X, changed(LABELS, (5, 3)))),
        DataError,
        "validation y holds the label 3 at index (5,), and the model has 3 classes, numbered 0 to 2: number "
        "the labels from 0, or give the last layer more units.",
    ),
    Bad(
        "one-hot rows for labels",
        lambda: gw.fit(net(3, SPARSE), X, np.eye(3)[LABELS]),
        ShapeError,
        "y has 3 values for each sample, and sparse_categorical_crossentropy needs one class number: use "
        "categorical_crossentropy for one-hot rows, or y.argmax(axis=-1).",
    ),
    Bad(
        "labels for one-hot rows",
        lambda: gw.fit(net(3, "categorical_crossentropy"), X, LABELS),
        ShapeError,
        "y has the shape (40,), and the model puts out (samples, 3): categorical_crossentropy needs one-hot "
        "rows (keras.utils.to_categorical(y)), and sparse_categorical_crossentropy takes class numbers.",
    ),
    Bad(
        "three classes for two",
        lambda: gw.fit(net(1, "binary_crossentropy"), X, LABELS),
        DataError,
        "y holds the label 2 at index (2,), and binary_crossentropy needs values from 0 to 1: for more than "
        "two classes use sparse_categorical_crossentropy and a last layer with a unit for each, for other "
        "values another loss.",
    ),
    Bad(
        "a word too large",
        lambda: gw.fit(reader(), changed(np.zeros((40, 3)), ((3, 1), 5)), np.ones((40, 2))),
        DataError,
        "x holds the index 5.0 at (3, 1), and layer 'words' has 5 rows, numbered 0 to 4: give it a larger "
        "input_dim, or replace rare words.",
    ),
    Bad(
        "a negative word",
        lambda: gw.predict(reader(), np.full((2, 3), -1)),
        DataError,
        "x holds the index -1 at (0, 0), and layer 'words' has 5 rows, numbered 0 to 4: give it a larger "
        "input_dim, or replace rare words.",
    ),
    Bad(
        "class_weight as a list",
        lambda: gw.fit(net(), X, Y, class_weight=[1, 2]),
        UsageError,
        "class_weight is a list: pass a dict from class number to weight, such as {0: 1.0, 1: 5.0}.",
    ),
    Bad(
        "class_weight with text",
        lambda: gw.fit(net(), X, Y, class_weight={0: "a"}),
        UsageError,
        "class_weight[0]='a': a class number with a finite number as its weight is needed.",
    ),
    Bad(
        "class_weight with a name",
        lambda: gw.fit(net(), X, Y, class_weight={"a": 1.0}),
        UsageError,
        "class_weight['a']=1.0: a class number with a finite number as its weight is needed.",
    ),
    Bad(
        "class_weight for a class too many",
        lambda: gw.fit(net(3, SPARSE), X, LABELS, class_weight={3: 1.0}),
        UsageError,
        "class_weight has an entry for class 3, and there are 3 classes, numbered 0 to 2: leave that entry out.",
    ),
    Bad(
        "class_weight for a class too many of one-hot rows",
        lambda: gw.fit(net(3, "categorical_crossentropy"), X, np.eye(3)[LABELS], class_weight={-1: 1.0}),
        UsageError,
        "class_weight has an entry for class -1, and there are 3 classes, numbered 0 to 2: leave that entry out.",
    ),
    Bad(
        "class_weight for a class that does not occur",
        lambda: gw.fit(net(), X, LABELS, class_weight={3: 1.0}),
        UsageError,
        "class_weight has an entry for class 3, which y does not hold: leave that entry out.",
    ),
    Bad(
        "class_weight and two targets",
        lambda: gw.fit(two_inputs(), BOTH, TARGETS, class_weight={0: 1.0}),
        UsageError,
        "class_weight needs y as one array of classes: pass sample_weight instead.",
    ),
    Bad(
        "class_weight and a class for every step",
        lambda: gw.fit(tagger(), X, np.zeros((40, 3), int), class_weight={0: 1.0}),
        UsageError,
        "class_weight needs one class for each sample, and y has the shape (40, 3): pass sample_weight instead.",
    ),
    Bad(
        "a label too large for a subclassed model with a state",
        lambda: gw.fit(Carrier(), X, changed(LABELS, (5, 3))),
        DataError,
        "y holds the label 3 at index (5,), and the model has 3 classes, numbered 0 to 2: number the labels from 0, or "
        "give the last layer more units.",
    ),
    Bad(
        "class_weight and data of the members",
        lambda: gw.fit_ensemble(
            net(), np.stack([X, X]), np.stack([Y, Y]), members=2, member_data=True, class_weight={0: 1.0}
        ),
        UsageError,
        "class_weight is for rows that all members share, and member_data=True gives each its own: pass "
        "sample_weight with a leading members axis instead.",
    ),
]


@refusals(VALUE)
def test_is_refused_in_a_sentence(bad: Bad) -> None:
    assert_refused(bad)


@pytest.mark.parametrize("model", [net(1), Own(1, "mse")], ids=["functional", "subclassed"])
def test_targets_that_would_be_repeated_are_warned_of(model: Any) -> None:
    with pytest.warns(GatewiseWarning) as caught:
        gw.fit(model, X, np.ones((40, 3)), verbose=0)
    assert [str(one.message) for one in caught if one.category is GatewiseWarning] == [
        "y has the shape (40, 3), and the model puts out (samples, 1): mean_squared_error repeats one until it fits the "
        "other, which is rarely meant; give y the shape of the output."
    ]


def test_labels_of_subclassed_models_that_are_right_are_taken() -> None:
    model = Own(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    scores = np.asarray(model(X), "float64")
    expected = np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(40), LABELS])
    assert gw.evaluate(model, X, LABELS) == pytest.approx(expected, rel=1e-5)
    losses = gw.fit(model, X, LABELS, batch_size=40, epochs=2, verbose=0).history["loss"]
    assert losses[0] == pytest.approx(expected, rel=1e-5)
    assert losses[1] < losses[0]


def test_a_class_that_does_not_occur_may_have_a_weight() -> None:
    runs = [
        gw.fit(net(3, SPARSE), X, LABELS % 2, class_weight=weight, shuffle=False, verbose=0).epoch
        for weight in ({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0, 2: 5.0})
    ]
    assert runs == [[0], [0]]
    # Only among the rows for validation, and the loss does not tell the classes.
    gw.fit(net(), X, np.sort(LABELS), class_weight={2: 5.0}, validation_split=0.3, verbose=0)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "binary_crossentropy", "mse"])
def test_one_hot_rows_may_have_class_weights_with_any_loss(loss: str) -> None:
    losses = []
    for weights in (None, {1: 5.0}):
        model = net(3, loss)
        gw.initialize(model, 3)
        call = {"class_weight": weights, "shuffle": False, "verbose": 0}
        losses.append(gw.fit(model, X, np.eye(3)[LABELS], **call).history["loss"][0])
    assert losses[0] != losses[1]


def test_classes_of_a_binary_loss() -> None:
    gw.fit(net(1, "binary_crossentropy"), X, np.zeros(40), class_weight={1: 2.0}, verbose=0)
    sentence = "class_weight has an entry for class 2, and there are 2 classes, numbered 0 to 1: leave that entry out."
    call = lambda: gw.fit(net(1, "binary_crossentropy"), X, np.zeros(40), class_weight={2: 2.0})  # noqa: E731
    assert_refused(Bad("", call, UsageError, sentence))
