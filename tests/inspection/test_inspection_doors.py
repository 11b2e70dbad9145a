"""What can be inspected, what cannot, and the sentence for each; tokens, padding, pooling, several outputs."""

import re

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.errors import DataError, GatewiseError, NonFiniteError, ShapeError, UsageError
from gatewise.inspection.memory import order_of_units
from gatewise.inspection.network import Inspected
from gatewise.inspection.portable import portable
from inspection.made_networks_to_inspect import reader as made_reader

pytestmark = pytest.mark.usefixtures("quickly_compiled")
keras = import_keras()
layers = keras.layers

WORDS = ["", "start", "?", "the", "film", "was", "not", "bad"]


@pytest.fixture(scope="module")
def reader(quickly_compiled):
    return made_reader()


@pytest.fixture(scope="module")
def pooled(quickly_compiled):
    """A network in both directions that pools over all steps, with the mask of its embedding."""
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(8, 4),
            gw.layers.Bidirectional(gw.layers.GRU(3, return_sequences=True)),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="pooled",
    )
    gw.initialize(model, 1)
    return model


def test_a_text_is_filled_up_in_front_and_the_padding_is_not_shown(reader):
    found = gw.inspect(reader, [1, 3, 4, 6, 7], words=WORDS, names=["bad", "fair", "good"], output="good")
    padded = np.array([[0, 0, 0, 1, 3, 4, 6, 7]])
    assert (found.steps, found.skipped) == (("start", "the", "film", "not", "bad"), 3)
    chances = gw.predict(reader, padded)[0]
    np.testing.assert_allclose(found.running[-1], chances, atol=1e-6)
    assert found.said == "log-odds of good"
    assert found.scores[-1] == pytest.approx(np.log(chances[2] / (1 - chances[2])), abs=1e-5)
    # What it says of nothing, and of the text without a word.
    nothing = gw.predict(reader, np.zeros((1, 8), int))[0, 2]
    assert found.attribution.baseline == pytest.approx(np.log(nothing / (1 - nothing)), abs=1e-5)
    without = gw.predict(reader, np.where(np.arange(8) == 6, 0, padded))[0, 2]
    assert found.attribution.occlusion[3] == pytest.approx(found.scores[-1] - np.log(without / (1 - without)), abs=1e-5)
    # Two words are a step of the recurrent layers; the first of their steps here has read one pad.
    assert found.layers[2].gates["update"].shape == (3, 3)
    assert found.attribution.completeness_error <= 0.01
    np.testing.assert_array_equal(gw.inspect(reader, padded[0], words=WORDS, output=2).scores, found.scores)


def test_pooling_leaves_out_what_is_behind_a_cut(pooled):
    tokens = np.array([3, 4, 5, 6, 7])
    found = gw.inspect(pooled, tokens, words=WORDS)
    for step in range(5):
        said = gw.predict(pooled, tokens[None, : step + 1])[0]
        np.testing.assert_allclose(found.running[step], said, atol=1e-6)
    signs = [(said > 0) == (found.scores[-1] > 0) for said in found.scores.tolist()]
    assert all(signs[found.decided :])
    assert found.decided == 0 or not signs[found.decided - 1]
    assert f"it has this sign from step {found.decided + 1} on ({found.steps[found.decided]!r})." in found.sentences[0]
    assert [layer.backwards for layer in found.layers] == [False, True]
    assert [layer.name.split(", ")[1] for layer in found.layers] == ["forward", "backward"]
    assert found.layers[1].decay["h"][0] == 1


def test_snippets_are_the_places_where_a_unit_is_most_active(pooled):
    # One is longer: what it is filled up with behind is no place.
    corpus = [[3, 4, 5, 6, 7], [7, 7, 4, 3, 5, 4]]
    found = gw.inspect(pooled, corpus[0], corpus=corpus, words=WORDS)
    values = {}
    for number, sequence in enumerate(corpus):
        alone = gw.inspect(pooled, sequence)
        for place, value in enumerate(alone.layers[0].states["h"][:, 1]):
            values[(tuple(sequence), place)] = float(value)
        np.testing.assert_allclose(found.layers[1].corpus_ablation[number], alone.layers[1].ablation, atol=1e-6)
    assert found.layers[1].corpus_ablation.shape == (2, 3)
    # Texts of both lengths were read by the same programs.
    network = Inspected.of(pooled)
    assert [program._cache_size() for program in (network._seen, network._sloped, network._scored)] == [1, 1, 1]
    (sequence, place), most = max(values.items(), key=lambda one: abs(one[1]))
    first = found.layers[0].snippets[1][0]
    assert first.output == pytest.approx(most, abs=1e-6)
    words = [WORDS[token] for token in sequence]
    assert (first.before.split(), first.step, first.after.split()) == (words[:place], words[place], words[place + 1 :])


def test_a_network_that_says_something_of_every_step():
    model = keras.Sequential([keras.Input((None, 1)), layers.LSTM(2, return_sequences=True), layers.Dense(1)])
    series = np.sin(np.arange(6.0))
    found = gw.inspect(model, series)
    np.testing.assert_allclose(found.running, gw.predict(model, series[None, :, None])[0], atol=1e-6)


def test_a_stateful_network_reads_a_long_series_from_a_fresh_state_and_keeps_its_own():
    model = gw.recipe("lstm-stateful").build("keras3")
    gw.predict(model, np.ones((1, 3, 1)))
    state = [np.asarray(one) for one in model.layers[0].states]
    series = gw.datasets.load_airline()[:9] / 622
    found = gw.inspect(model, series)
    gw.reset_states(model)
    expected = [gw.predict(model, series[None, start : start + 3, None])[0, 0] for start in (0, 3, 6)]
    np.testing.assert_allclose(found.running[2::3, 0], expected, atol=1e-6)
    assert all(np.any(one) for one in state)


def test_a_page_takes_a_functional_chain_along():
    given = keras.Input((None, 1))
    model = keras.Model(given, layers.Dense(1)(layers.Dropout(0.1)(layers.LSTM(2)(given))))
    assert [one["type"] for one in portable(Inspected.of(model), np.zeros((3, 1)))] == ["lstm", "dense"]


def test_units_that_move_alike_stand_together():
    time = np.arange(30)
    outputs = np.stack([np.sin(time), np.cos(time), -np.sin(time), np.cos(time) + 0.01 * time], axis=1)
    order = order_of_units(outputs).tolist()
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1


def _attention():
    given = keras.Input((5, 2))
    walked = layers.LSTM(2, return_sequences=True, name="walked")(given)
    flat = layers.Flatten(name="flat")(walked)
    return keras.Model(given, layers.Dense(1)(flat))


BAD = {
    "no model": (
        lambda: "imdb",
        [1.0],
        UsageError,
        "A keras.Model is needed, and a str was passed: pass a model, such as a keras.Sequential.",
    ),
    "no recurrent layer": (
        lambda: keras.Sequential([keras.Input((3,)), layers.Dense(1)], name="mlp"),
        [1.0],
        UsageError,
        "Model 'mlp' has no recurrent layer, so there are no gates to look into: give a model with an LSTM, a GRU or a "
        "SimpleRNN.",
    ),
    "other activations": (
        lambda: keras.Sequential([keras.Input((3, 1)), layers.LSTM(2, activation="relu", name="odd")]),
        [1.0],
        UsageError,
        "Layer 'odd' cannot be looked into (activations other than tanh and sigmoid): inspect shows LSTM, GRU and SimpleRNN "
        "with tanh, and gates with sigmoid or hard sigmoid.",
    ),
    "one of several": (
        lambda: keras.Sequential([keras.Input((None, 1)), layers.GRU(2)]),
        [1.0],
        UsageError,
        "network= chooses among those of a classifier or forecaster: leave it out for a single model.",
    ),
    "all steps at once": (
        _attention,
        [1.0],
        UsageError,
        "Layer 'flat' (Flatten) reads all steps of a recurrent layer at once, so what the model says after each step is not "
        "defined: let the recurrent layer return its last output, or pool by GlobalMaxPooling1D or GlobalAveragePooling1D.",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_looked_into_is_said_in_a_sentence(case):
    make, sequence, kind, sentence = BAD[case]
    with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
        gw.inspect(make(), sequence, network="lstm" if case == "one of several" else None)


TOKENS = {
    "empty": ([], {}, DataError, "sequence is empty: give at least one step."),
    "padding": ([0, 0], {}, DataError, "sequence holds nothing but padding (0): give at least one token."),
    "text": ("not bad", {}, DataError, "sequence holds str224 values: give numbers, for texts those of their tokens."),
    "too long": (
        np.ones(9, int),
        {},
        ShapeError,
        "sequence has 9 steps, and model '<b>reader' reads 8: give its last 8 steps.",
    ),
    "unknown token": (
        [3, 8],
        {},
        DataError,
        "sequence holds the index 8 at (0, 1), and layer 'embedding' has 8 rows, numbered 0 to 7: give it a larger input_dim, "
        "or replace rare words.",
    ),
    "values": (
        [[0.5]],
        {},
        ShapeError,
        "sequence has the shape (1, 1) and the type float64, and model '<b>reader' reads tokens: give one row of whole "
        "numbers.",
    ),
    "tokens": (
        [3, 4],
        {"tokens": ["the"]},
        ShapeError,
        "tokens has 1 entries, and the sequence 2 steps: give one for each.",
    ),
    "corpus": ([3], {"corpus": []}, DataError, "corpus is empty: give at least one sequence, or leave it out."),
    "names": (
        [3],
        {"names": ["a", "b"]},
        UsageError,
        "names has 2 entries, and the model 3 outputs: give a name for each output.",
    ),
    "output": (
        [3],
        {"output": 3},
        UsageError,
        "output is 3, and the model has 3: give a number from 0 to 2, or a name.",
    ),
    "name": (
        [3],
        {"output": "best"},
        UsageError,
        "There is no output 'best': give one of 'output 0', 'output 1', 'output 2'.",
    ),
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_text_that_cannot_be_read_is_refused_in_a_sentence(reader, case):
    sequence, options, kind, sentence = TOKENS[case]
    with pytest.raises(kind) as caught:
        gw.inspect(reader, sequence, **options)
    said = re.sub(r"'embedding\w*'", "'embedding'", str(caught.value))
    assert re.sub(r"str\d+", "str224", said) == sentence


def test_series_of_other_lengths_features_and_with_gaps_are_refused():
    model = keras.Sequential([keras.Input((3, 2)), layers.GRU(2)], name="window")
    for sequence, kind, sentence in (
        (
            np.zeros((3, 1)),
            ShapeError,
            "sequence has the shape (3, 1), and model 'window' reads (time, 2): give one sequence of that shape.",
        ),
        (np.zeros((2, 2)), ShapeError, "sequence has 2 steps, and model 'window' reads 3: give 3 steps."),
        (
            np.full((3, 2), np.nan),
            NonFiniteError,
            "sequence holds NaN or infinity: fill in or leave out the missing values.",
        ),
    ):
        with pytest.raises(kind, match=f"^{re.escape(sentence)}$"):
            gw.inspect(model, sequence)
    endless = keras.Sequential([keras.Input((None, 1)), layers.GRU(2)])
    with pytest.raises(
        UsageError, match=r"^sequence has 2,001 steps, and inspect takes at most 2,000: give the part that"
    ):
        gw.inspect(endless, np.zeros(2001))


def test_unknown_layers_and_units_are_refused(pooled):
    found = gw.inspect(pooled, [3, 4, 5, 6, 7])
    name = found.layers[0].name
    assert found.unit(name, 1)["update"].tolist() == found.layer(name).gates["update"][:, 1].tolist()
    with pytest.raises(UsageError, match=r"^There is no recurrent layer 'lstm' in model 'pooled': give one of 'bid"):
        found.layer("lstm")
    with pytest.raises(GatewiseError, match=r"^unit is 3, and layer '.*' has 3: give a whole number from 0 to 2\.$"):
        found.unit(name, 3)
