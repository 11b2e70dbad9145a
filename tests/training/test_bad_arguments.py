"""Numbers and switches that cannot be meant: refused before anything runs, in which words; and the order of arguments."""

import inspect
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import EnvironmentFault, NotCompilableError, ShapeError, UsageError
from training.bad_calls import Bad, X, Y, assert_refused, net, refusals, stateful

keras = import_keras()

NUMBER = [
    Bad(
        "batch_size larger than the data",
        lambda: gw.fit(net(), X, Y, batch_size=41),
        UsageError,
        "batch_size=41 is larger than the data, which have 40 samples: use a batch_size of at most 40.",
    ),
    Bad(
        "batch_size larger than one sample",
        lambda: gw.fit(net(), X[:1], Y[:1], batch_size=2),
        UsageError,
        "batch_size=2 is larger than the data, which have 1 sample: use a batch_size of at most 1.",
    ),
    Bad(
        "batch_size of members larger than the data",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, batch_size=64),
        UsageError,
        "batch_size=64 is larger than the data, which have 40 samples: use a batch_size of at most 40.",
    ),
    Bad(
        "batch_size larger than the part for training",
        lambda: gw.fit(net(), X, Y, batch_size=21, validation_split=0.5),
        UsageError,
        "batch_size=21 is larger than the training part of the data, which has 20 samples (validation_split "
        "keeps 20 more for validation): use a batch_size of at most 20.",
    ),
    Bad(
        "batch_size 0",
        lambda: gw.fit(net(), X, Y, batch_size=0),
        UsageError,
        "batch_size=0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "negative batch_size",
        lambda: gw.fit(net(), X, Y, batch_size=-1),
        UsageError,
        "batch_size=-1: a whole number of at least 1 is needed.",
    ),
    Bad(
        "batch_size as a float",
        lambda: gw.fit(net(), X, Y, batch_size=2.0),
        UsageError,
        "batch_size=2.0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "batch_size as text",
        lambda: gw.predict(net(), X, batch_size="8"),
        UsageError,
        "batch_size='8': a whole number of at least 1 is needed.",
    ),
    Bad(
        "batch_size as a flag",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, batch_size=True),
        UsageError,
        "batch_size=True: a whole number of at least 1 is needed.",
    ),
    Bad(
        "batch_size 0 to predict",
        lambda: gw.predict(net(), X, batch_size=0),
        UsageError,
        "batch_size=0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "negative batch_size to evaluate",
        lambda: gw.evaluate(net(), X, Y, batch_size=-2),
        UsageError,
        "batch_size=-2: a whole number of at least 1 is needed.",
    ),
    Bad(
        "batch_size 0 of a stream",
        lambda: gw.stream(net(), 0),
        UsageError,
        "batch_size=0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "validation_batch_size 0",
        lambda: gw.fit(net(), X, Y, validation_split=0.5, validation_batch_size=0),
        UsageError,
        "validation_batch_size=0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "epochs 0",
        lambda: gw.fit(net(), X, Y, epochs=0),
        UsageError,
        "epochs=0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "half an epoch",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, epochs=1.5),
        UsageError,
        "epochs=1.5: a whole number of at least 1 is needed.",
    ),
    Bad(
        "negative initial_epoch",
        lambda: gw.fit(net(), X, Y, initial_epoch=-1),
        UsageError,
        "initial_epoch=-1: a whole number of at least 0 is needed.",
    ),
    Bad(
        "steps_per_epoch",
        lambda: gw.fit(net(), X, Y, steps_per_epoch=5),
        UsageError,
        "steps_per_epoch=5 is for data without an end, and here an epoch goes through all rows of the "
        "arrays: leave it out, and pass fewer rows for a shorter epoch.",
    ),
    Bad(
        "steps_per_epoch of members",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, steps_per_epoch=5),
        UsageError,
        "steps_per_epoch=5 is for data without an end, and here an epoch goes through all rows of the "
        "arrays: leave it out, and pass fewer rows for a shorter epoch.",
    ),
    Bad(
        "validation_steps",
        lambda: gw.fit(net(), X, Y, validation_steps=5),
        UsageError,
        "validation_steps=5 is for data without an end, and here validation goes through all rows of the "
        "arrays: leave it out, and pass fewer rows in validation_data for a shorter one.",
    ),
    Bad(
        "shuffle as text",
        lambda: gw.fit(net(), X, Y, shuffle="no"),
        UsageError,
        "shuffle='no': True or False is needed.",
    ),
    Bad(
        "verbose 3",
        lambda: gw.fit(net(), X, Y, verbose=3),
        UsageError,
        "verbose=3: choose 'auto', 0, 1 or 2.",
    ),
    Bad(
        "verbose of members",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, verbose=-1),
        UsageError,
        "verbose=-1: choose 'auto', 0, 1 or 2.",
    ),
    Bad(
        "verbose to predict",
        lambda: gw.predict(net(), X, verbose="yes"),
        UsageError,
        "verbose='yes': choose 'auto', 0, 1 or 2.",
    ),
    Bad(
        "verbose to evaluate",
        lambda: gw.evaluate(net(), X, Y, verbose=None),
        UsageError,
        "verbose=None: choose 'auto', 0, 1 or 2.",
    ),
    Bad(
        "reset_states",
        lambda: gw.fit(net(), X, Y, reset_states="day"),
        UsageError,
        "reset_states='day': choose one of 'epoch', 'batch', 'never'.",
    ),
    Bad(
        "validation_freq 0",
        lambda: gw.fit(net(), X, Y, validation_freq=0),
        UsageError,
        "validation_freq=0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "validation_freq with a 0",
        lambda: gw.fit(net(), X, Y, validation_freq=[1, 0]),
        UsageError,
        "validation_freq[1]=0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "an empty validation_freq",
        lambda: gw.fit(net(), X, Y, validation_freq=[]),
        UsageError,
        "validation_freq=[]: a whole number of at least 1 is needed.",
    ),
    Bad(
        "a negative seed",
        lambda: gw.fit(net(), X, Y, seed=-1),
        UsageError,
        "seed=-1: a whole number from 0 to 2**63 - 1 is needed.",
    ),
    Bad(
        "half a seed",
        lambda: gw.initialize(net(), 1.5),
        UsageError,
        "seed=1.5: a whole number from 0 to 2**63 - 1 is needed.",
    ),
    Bad(
        "seeds as text",
        lambda: gw.member_seed("a", 1),
        UsageError,
        "seed='a': a whole number from 0 to 2**63 - 1 is needed.",
    ),
    Bad(
        "a negative member",
        lambda: gw.member_seed(0, -1),
        UsageError,
        "member=-1: a whole number of at least 0 is needed.",
    ),
    Bad(
        "half a member",
        lambda: gw.member_seed(0, 1.5),
        UsageError,
        "member=1.5: a whole number of at least 0 is needed.",
    ),
    Bad(
        "no devices",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, devices=0),
        UsageError,
        "devices=0: choose from 1 to 2, the devices of this process (jax.devices()).",
    ),
    Bad(
        "more devices than there are",
        lambda: gw.fit(net(), X, Y, devices=99),
        UsageError,
        "devices=99: choose from 1 to 2, the devices of this process (jax.devices()).",
    ),
    Bad(
        "devices that do not divide a batch",
        lambda: gw.fit(net(), X, Y, batch_size=5, devices=2),
        UsageError,
        "devices=2 does not divide batch_size=5: each device takes as many rows of a batch as any other, so "
        "choose another of the two.",
    ),
    Bad(
        "validation_split that leaves nothing to train",
        lambda: gw.fit(net(), X, Y, validation_split=0.99),
        UsageError,
        "validation_split=0.99 leaves 0 of 40 samples for training and 40 for validation: choose a value "
        "that leaves at least one for each.",
    ),
    Bad(
        "validation_split of one sample",
        lambda: gw.fit(net(), X[:1], Y[:1], validation_split=0.5),
        UsageError,
        "validation_split=0.5 leaves 0 of 1 sample for training and 1 for validation: choose a value that "
        "leaves at least one for each.",
    ),
    Bad(
        "validation_split 1",
        lambda: gw.fit(net(), X, Y, validation_split=1.0),
        UsageError,
        "validation_split=1.0: a number from 0 to 1, below 1 itself, is needed.",
    ),
    Bad(
        "negative validation_split",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, validation_split=-0.1),
        UsageError,
        "validation_split=-0.1: a number from 0 to 1, below 1 itself, is needed.",
    ),
    Bad(
        "validation_split as text",
        lambda: gw.fit(net(), X, Y, validation_split="half"),
        UsageError,
        "validation_split='half': a number from 0 to 1, below 1 itself, is needed.",
    ),
]


MEMBERS = [
    Bad(
        "no members",
        lambda: gw.fit_ensemble(net(), X, Y, members=0),
        UsageError,
        "members=0: a whole number of at least 1 is needed.",
    ),
    Bad(
        "member_data as text",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, member_data="no"),
        UsageError,
        "member_data='no': True or False is needed.",
    ),
    Bad(
        "member_data without a members axis",
        lambda: gw.fit_ensemble(net(), X, Y[:39], members=2, member_data=True),
        ShapeError,
        "x has the shape (40, 3, 1), and member_data=True needs (2, rows, …), one part for each member: pass "
        "arrays with that leading axis, or leave member_data out where all members share them.",
    ),
    Bad(
        "validation without a members axis",
        lambda: gw.fit_ensemble(
            net(), np.stack([X, X]), np.stack([Y, Y]), members=2, member_data=True, validation_data=(X, Y)
        ),
        ShapeError,
        "validation x has the shape (40, 3, 1), and member_data=True needs (2, rows, …), one part for each "
        "member: pass arrays with that leading axis, or leave member_data out where all members share them.",
    ),
    Bad(
        "member_data of different lengths",
        lambda: gw.fit_ensemble(net(), np.stack([X, X]), np.stack([Y[1:], Y[1:]]), members=2, member_data=True),
        ShapeError,
        "x has 40 samples and y has 39: give both the same number of samples.",
    ),
    Bad(
        "rates as text",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, learning_rates=["a", "b"]),
        UsageError,
        "learning_rates[0]='a': a finite number of at least 0 is needed.",
    ),
    Bad(
        "one rate",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, learning_rates=0.1),
        UsageError,
        "learning_rates=0.1: a list is needed, with a number for each of the 2 members.",
    ),
    Bad(
        "a text for rates",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, learning_rates="ab"),
        UsageError,
        "learning_rates='ab': a list is needed, with a number for each of the 2 members.",
    ),
    Bad(
        "too few rates",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, learning_rates=[0.1]),
        UsageError,
        "learning_rates has 1 value for 2 members: give one for each.",
    ),
    Bad(
        "a rate of NaN",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, learning_rates=[0.1, np.nan]),
        UsageError,
        "learning_rates[1]=nan: a finite number of at least 0 is needed.",
    ),
    Bad(
        "an infinite rate",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, learning_rates=[np.inf, 0.1]),
        UsageError,
        "learning_rates[0]=inf: a finite number of at least 0 is needed.",
    ),
    Bad(
        "a negative rate",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, learning_rates=np.array([0.1, -0.5])),
        UsageError,
        "learning_rates[1]=-0.5: a finite number of at least 0 is needed.",
    ),
    Bad(
        "rates and a schedule",
        lambda: gw.fit_ensemble(
            net(optimizer=keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9))),
            X,
            Y,
            members=2,
            learning_rates=[0.1, 0.2],
        ),
        UsageError,
        "learning_rates needs an optimizer with a number as learning rate, and this one has a schedule: "
        "compile the model with a number, or leave learning_rates out.",
    ),
    Bad(
        "rates and a scheduler",
        lambda: gw.fit_ensemble(
            net(),
            X,
            Y,
            members=2,
            learning_rates=[0.1, 0.2],
            callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)],
        ),
        UsageError,
        "learning_rates gives each member a rate of its own, and LearningRateScheduler sets one for all: "
        "leave one of them out.",
    ),
    Bad(
        "a callback for one model",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, callbacks=[keras.callbacks.LambdaCallback()]),
        NotCompilableError,
        "LambdaCallback works on one model, and an ensemble trains many at once: use EarlyStopping, "
        "ReduceLROnPlateau, LearningRateScheduler or TerminateOnNaN, or gw.fit for a single model.",
    ),
    Bad(
        "max_memory as text",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, max_memory="1 GB"),
        UsageError,
        "max_memory='1 GB': a number of bytes is needed, at least 1, such as 2 * 2**30 for two gibibytes.",
    ),
    Bad(
        "too little max_memory",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, max_memory=10),
        EnvironmentFault,
        "One member needs about 11 KiB and 10 bytes may be used: use a smaller batch or model, or raise max_memory.",
    ),
    Bad(
        "negative max_memory",
        lambda: gw.fit_ensemble(net(), X, Y, members=2, max_memory=-5),
        UsageError,
        "max_memory=-5: a number of bytes is needed, at least 1, such as 2 * 2**30 for two gibibytes.",
    ),
]


@refusals([*NUMBER, *MEMBERS])
def test_is_refused_in_a_sentence(bad: Bad) -> None:
    assert_refused(bad)


def test_arguments_come_in_the_order_of_keras() -> None:
    for ours, keras_own in (
        (gw.fit, keras.Model.fit),
        (gw.evaluate, keras.Model.evaluate),
        (gw.predict, keras.Model.predict),
    ):
        positional = [
            name
            for name, parameter in inspect.signature(ours).parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        assert positional[1:] == list(inspect.signature(keras_own).parameters)[1 : len(positional)]
    whole = list(inspect.signature(keras.Model.fit).parameters)[1:]
    assert list(inspect.signature(gw.fit).parameters)[1 : len(whole) + 1] == whole


@pytest.mark.parametrize("batch_size", [{}, {"batch_size": None}], ids=["left-out", "None"])
def test_without_a_batch_size_few_rows_are_one_batch(batch_size: dict[str, None]) -> None:
    assert gw.fit(net(), X[:10], Y[:10], epochs=3, verbose=0, **batch_size).steps == 3
    assert gw.fit(net(), X, Y, epochs=3, verbose=0, **batch_size).steps == 6  # 32 rows and 8
    assert gw.fit(net(), X, Y, epochs=3, verbose=0, validation_split=0.9, **batch_size).steps == 3
    assert gw.fit(stateful(), X, Y, epochs=3, verbose=0, **batch_size).steps == 30  # ten batches of its state
    assert gw.fit_ensemble(net(), X[:10], Y[:10], members=2, epochs=3, verbose=0, **batch_size).history.steps == 3


def test_numbers_of_numpy_will_do() -> None:
    history = gw.fit(
        net(),
        X,
        Y,
        np.int64(8),
        np.int32(2),
        verbose=np.int64(0),
        shuffle=np.bool_(False),
        validation_freq=np.array([1, 2]),
    )
    assert history.steps == 10


@pytest.mark.parametrize("rates", [[0.1, 0.5], (0.1, 0.5), np.array([0.1, 0.5]), keras.ops.array([0.1, 0.5])], ids=type)
def test_rates_may_be_any_list_of_numbers(rates: Any) -> None:
    ensemble = gw.fit_ensemble(net(), X, Y, members=2, learning_rates=rates, verbose=0)
    assert float(ensemble.member(1).optimizer.learning_rate) == 0.5
