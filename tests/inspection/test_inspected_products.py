"""Classifiers and forecasters looked into: what their networks say, step by step, is what they say of the shorter text."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.datasets import tokenize
from gatewise.errors import DataError, UsageError
from made_texts import made

pytestmark = pytest.mark.usefixtures("quickly_compiled")


@pytest.fixture(scope="module")
def classifier(quickly_compiled):
    spec = gw.Network(units=3, embedding=4, chunk=4, runs=3, run_texts=2, members=1, epochs=2)
    return gw.TextClassifier(network=spec).fit(*made(60))


def _scores(classifier, texts):
    members = classifier._fitted.network.model
    reader, member = members.reader(0), members.trained[0]
    return reader.scores(member.weights, classifier.vocabulary_.encode(texts).words)[:, 0]


def test_a_classifier_is_read_word_by_word(classifier):
    text = "w1 superb w2 w3 awful w4 superb w5 w6"
    found = gw.inspect(classifier, text, corpus=[text])
    words = tokenize(text)
    assert found.steps == tuple(words)
    expected = _scores(classifier, [" ".join(words[: step + 1]) for step in range(len(words))])
    np.testing.assert_allclose(found.scores, expected, atol=2e-6)
    np.testing.assert_allclose(found.running[:, 0], 1 / (1 + np.exp(-expected)), atol=1e-6)
    assert found.attribution.completeness_error <= 0.01
    forward, backward = found.layers
    assert forward.gates["forget"].shape == backward.gates["forget"].shape == (9, 3)
    # Chunks of four words: each begins with a fresh state, from its first word or from its last.
    alone = gw.inspect(classifier, " ".join(words[4:8]))
    np.testing.assert_allclose(forward.states["c"][4:8], alone.layers[0].states["c"], atol=1e-6)
    np.testing.assert_allclose(backward.states["c"][4:8], alone.layers[1].states["c"], atol=1e-6)
    # The last chunk has one word.
    assert [layer.decay["h"].tolist() for layer in found.layers] == [[1.0], [1.0]]
    assert alone.layers[0].decay["h"][-1] == alone.layers[1].decay["h"][0] == 1
    assert found.notes[0].startswith("This is 'lstm', the only network; the whole classifier says ")


def test_silencing_a_unit_of_a_classifier_is_cutting_its_weights(classifier):
    text = "w1 superb w2 w3 awful"
    found = gw.inspect(classifier, text)
    members = classifier._fitted.network.model
    weights = [np.array(array) for array in members.trained[0].weights]
    shapes = [array.shape for array in weights]
    cut = [array.copy() for array in weights]
    recurrent = next(place for place, shape in enumerate(shapes) if shape == (3, 12))
    cut[recurrent][1] = 0
    reader = members.reader(0)
    silent = reader.scores(cut, classifier.vocabulary_.encode([text]).words)[0, 0]
    # The last layer reads the maximum and the sum of both directions, then the runs: both are zero for a silent unit.
    gone = found.layers[0].ablation[1] + found.scores[-1]
    cut[-2][1] = cut[-2][7] = 0
    assert reader.scores(cut, classifier.vocabulary_.encode([text]).words)[0, 0] == pytest.approx(float(gone), abs=2e-5)
    assert silent != pytest.approx(float(gone), abs=1e-6)


def test_classifiers_that_have_no_gates_say_so(classifier):
    plain = gw.TextClassifier(network=()).fit(*made(60))
    with pytest.raises(
        UsageError, match=r"^The classifier is the linear model alone, which has no gates to look into: fit"
    ):
        gw.inspect(plain, "superb")
    with pytest.raises(DataError, match=r"^The text is empty: give at least one word\.$"):
        gw.inspect(classifier, " ")
    with pytest.raises(
        UsageError, match=r"^Of two classes the second is looked at, 'good': what speaks against it speaks for"
    ):
        gw.inspect(classifier, "superb", output="bad")


def test_a_forecaster_is_read_value_by_value():
    series = gw.datasets.load_airline()[:72]
    forecaster = gw.Forecaster(horizon=3, network="lstm-time-steps", baselines=["Naive"], seed=1).fit(series)
    found = gw.inspect(forecaster, None)
    trained = forecaster.fitted.trained[0]
    assert len(found.steps) == trained.look_back
    assert found.names == ("1 step ahead", "2 steps ahead", "3 steps ahead")
    assert found.sentences[0].startswith(f"After {trained.look_back} steps the forecast 1 step ahead is ")
    # In the units of the series this is the first member's forecast.
    forecast = trained.forecast(forecaster.fitted.panel)[0, 0]
    glasses = trained.glasses[0]
    shown = glasses.see(forecaster.fitted.panel.values)
    from gatewise.forecasting.networks.local_samples import last_windows

    _, last = last_windows(glasses, forecaster.fitted.panel.values, trained.look_back, trained.horizon)
    assert np.isfinite(shown).any()
    ahead = found.running[-1][None, None].astype(np.float64) + last.guess[:, 0]
    expected = glasses.back(forecaster.fitted.panel.values, ahead)[0, 0]
    np.testing.assert_allclose(forecast, expected, rtol=1e-6)
    with pytest.raises(UsageError, match=r"^There is no series 'sales' in the forecaster: give one of "):
        gw.inspect(forecaster, "sales")
