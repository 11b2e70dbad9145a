"""The recipes are the published ones, and the models built from them are what their data says."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import UsageError
from gatewise.recipes import recipe, recipes
from gatewise.recurrent.activations import hard_sigmoid_keras2

keras = import_keras()

# Brownlee 2016, the last lines of each script's output: train RMSE, test RMSE.
PUBLISHED = {
    "mlp": (23.06, 48.53),
    "mlp-window": (23.75, 47.38),
    "lstm": (22.93, 47.53),
    "lstm-window": (24.19, 58.03),
    "lstm-time-steps": (23.69, 58.88),
    "lstm-stateful": (20.74, 52.23),
    "lstm-stacked-stateful": (20.49, 56.35),
}


def test_the_seven_are_followed_by_their_gru_twins():
    names = [one.name for one in recipes("airline")]
    twins = [name.replace("lstm", "gru") for name in PUBLISHED if name.startswith("lstm")]
    assert names == [*PUBLISHED, *twins]
    for one in recipes("airline"):
        assert (one.published_train, one.published_test) == PUBLISHED.get(one.name, (None, None))
        assert gw.recipe(one.name) is one


@pytest.mark.parametrize(
    ("name", "shape", "network", "epochs", "batch_size", "stateful"),
    [
        ("mlp", (1,), "Dense 8 relu → Dense 1", 200, 2, False),
        ("mlp-window", (3,), "Dense 12 relu → Dense 8 relu → Dense 1", 400, 2, False),
        ("lstm", (1, 1), "LSTM 4 → Dense 1", 100, 1, False),
        ("lstm-window", (1, 3), "LSTM 4 → Dense 1", 100, 1, False),
        ("lstm-time-steps", (3, 1), "LSTM 4 → Dense 1", 100, 1, False),
        ("lstm-stateful", (3, 1), "LSTM 4 → Dense 1", 100, 1, True),
        ("gru-stacked-stateful", (3, 1), "GRU 4 → GRU 4 → Dense 1", 100, 1, True),
    ],
)
def test_recipes_say_what_they_are(name, shape, network, epochs, batch_size, stateful):
    one = recipe(name)
    assert (one.input_shape, one.network, one.epochs, one.batch_size) == (shape, network, epochs, batch_size)
    assert (one.stateful, one.shuffle) == (stateful, not stateful)
    assert one.scale is (one.cell != "dense")
    assert one.leak
    assert one.drop_last


@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
@pytest.mark.parametrize("one", recipes("airline"), ids=lambda one: one.name)
def test_the_model_is_the_recipe(one, dialect):
    model = one.build(dialect)
    assert model.input_shape == (1 if one.stateful else None, *one.input_shape)
    assert model.output_shape == (1 if one.stateful else None, 1)
    assert model.loss == "mse"
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    *hidden, last = model.layers
    assert (last.units, last.activation) == (1, keras.activations.linear)
    assert tuple(layer.units for layer in hidden) == one.units
    for place, layer in enumerate(hidden):
        if one.cell == "dense":
            assert layer.activation is keras.activations.relu
            continue
        assert type(layer) is {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[one.cell]
        assert layer.stateful is one.stateful
        assert layer.return_sequences is (place < len(hidden) - 1)
        old = dialect == "keras2"
        assert layer.recurrent_activation is (hard_sigmoid_keras2 if old else keras.activations.sigmoid)
        if one.cell == "gru":
            assert layer.reset_after is not old


def test_the_old_hard_sigmoid_is_not_the_new_one():
    x = np.linspace(-4, 4, 81, dtype=np.float32)
    np.testing.assert_allclose(hard_sigmoid_keras2(x), np.clip(0.2 * x + 0.5, 0, 1), atol=1e-7)
    assert np.abs(hard_sigmoid_keras2(x) - np.asarray(keras.activations.hard_sigmoid(x))).max() > 0.05
    name = keras.saving.get_registered_name(hard_sigmoid_keras2)
    assert keras.saving.get_registered_object(name) is hard_sigmoid_keras2


def test_a_changed_recipe_is_no_longer_comparable():
    one = recipe("lstm-stacked-stateful")
    wider = one.varied(look_back=12, units=8, epochs=5)
    assert (wider.input_shape, wider.units, wider.epochs) == ((12, 1), (8, 8), 5)
    assert (wider.published_train, wider.published_test) == (None, None)
    assert one.varied(units=4) == one
    honest = one.varied(leak=False)
    assert (honest.leak, honest.published_test) == (False, 56.35)


def test_other_data_gets_neither_of_the_published_faults():
    other = recipe("lstm").for_other_data()
    assert (other.leak, other.drop_last, other.published_train, other.published_test) == (False, False, None, None)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lstm-windows", "There is no recipe 'lstm-windows': did you mean 'lstm-window'?"),
        ("LSTM", "There is no recipe 'LSTM': did you mean 'lstm'?"),
        (
            "transformer",
            "There is no recipe 'transformer': choose among mlp, mlp-window, lstm, lstm-window, lstm-time-steps, "
            "lstm-stateful, lstm-stacked-stateful, gru, gru-window, gru-time-steps, gru-stateful, "
            "gru-stacked-stateful, imdb-lstm, imdb-lstm-dropout, imdb-lstm-gate-dropout, imdb-lstm-word-dropout, "
            "imdb-cnn-lstm, imdb-gru, imdb-gru-dropout, imdb-gru-gate-dropout, imdb-gru-word-dropout, imdb-cnn-gru.",
        ),
    ],
)
def test_an_unknown_name_gets_the_nearest(name, sentence):
    with pytest.raises(UsageError) as caught:
        recipe(name)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("change", ["look_back", "units", "epochs"])
def test_numbers_below_one_are_refused(change):
    with pytest.raises(UsageError) as caught:
        recipe("lstm").varied(**{change: 0})
    assert str(caught.value) == f"{change} is 0: give a whole number of at least 1."


def test_an_unknown_dialect_is_refused():
    with pytest.raises(UsageError) as caught:
        recipe("lstm").build("keras1")
    assert str(caught.value) == "dialect is 'keras1': give 'keras2' or 'keras3'."
