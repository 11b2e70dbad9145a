"""What tokens add: exactly for the linear model, by finite differences for networks, by leaving them out for all."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.artifact import read_folder, write_folder
from gatewise.classification import Network
from gatewise.errors import ModelFileError, UsageError
from made_texts import made

TEXT = "w1 superb w2 w3 w4 w5 superb w6 w7 zzz w8 w9"


def log_odds(p):
    return np.log(p) - np.log1p(-p)


@pytest.fixture(scope="module")
def linear():
    return gw.TextClassifier(network=()).fit(*made(200))


@pytest.fixture(scope="module")
def networks():
    kind = Network(units=3, embedding=4, chunk=5, members=2, epochs=1)
    return gw.TextClassifier(network=kind, network_only=True).fit(*made(60, ("bad", "good", "odd")))


def test_what_runs_of_the_linear_model_add_is_its_log_odds(linear):
    for label, sign in (("good", 1), ("bad", -1)):
        found = linear.explain(TEXT, label)
        rest = linear._fitted.combination.weights[0] * linear.linear_.model.intercepts[0]
        rest += linear._fitted.combination.shifts[0]
        probability = found.probabilities[found.explained]
        assert found.gradient.sum() + sign * rest == pytest.approx(log_odds(probability), rel=1e-4)
        assert found.classes[found.explained] == label
    assert found.tokens[np.argmin(found.gradient)] == "superb"


def test_all_views_add_what_they_add_and_come_back_from_their_folder(tmp_path):
    """Words that stand together are of one class, each in few texts, and in half of the texts only at their end."""
    random = np.random.default_rng(0)
    labels = [("bad", "good")[row % 2] for row in range(80)]
    numbers = random.integers(0, 40, (80, 8))
    sides = [["bad", "good"] if row % 4 < 2 else [labels[row]] * 2 for row in range(80)]
    sides = [[*random.permutation(side), labels[row]] for row, side in enumerate(sides)]
    texts = [
        " ".join(f"{side[place // 3]}{numbers[row, place]}" for place in range(8)) for row, side in enumerate(sides)
    ]
    spec = gw.Linear(clusters=4, min_texts=1, endings=(3,))
    classifier = gw.TextClassifier(network=(), linear=spec).fit(texts, labels)
    model = classifier.linear_.model
    kinds = {(view.runs.clusters is not None, view.runs.last) for view, _ in model}
    assert {(True, None), (False, 3)} <= kinds
    found = classifier.explain("good1 good2 bad3 good4 good1 good2 bad4", "good")
    rest = classifier._fitted.combination.weights[0] * model.intercepts[0] + classifier._fitted.combination.shifts[0]
    assert found.gradient.sum() + rest == pytest.approx(log_odds(found.probabilities[1]), rel=1e-4)
    classifier.save(tmp_path / "views")
    again = gw.TextClassifier.load(tmp_path / "views")
    np.testing.assert_array_equal(again.predict_proba(texts), classifier.predict_proba(texts))
    entries, arrays = read_folder(tmp_path / "views", "text-classifier")
    entries = {
        name: entries[name] for name in entries if not name.startswith(("files", "format", "tensors", "written"))
    }
    entries["linear_views"][-1]["runs_of"] = 7
    write_folder(tmp_path / "forged", entries, arrays, False)
    with pytest.raises(ModelFileError, match="looks at runs that there are not"):
        gw.TextClassifier.load(tmp_path / "forged")


def test_what_stands_twice_counts_half_in_each_place(linear):
    found = linear.explain("superb superb superb")
    assert found.gradient[0] == pytest.approx(found.gradient[2], rel=0.5)
    assert (linear.explain("superb w1 superb").gradient[[0, 2]] > 0).all()


@pytest.mark.parametrize("label", ["bad", "odd"])
def test_the_gradient_of_networks_is_that_of_the_log_odds_by_factors_of_tokens(networks, label):
    found = networks.explain(TEXT, label)
    words = networks.vocabulary_.encode([TEXT]).words
    place = found.classes.index(label)

    def odds(token, step):
        scores = 0.0
        for member in networks.network_.model.trained:
            reader = networks.network_.model.reader(member.kind)
            reader.put(member.weights)
            packs = reader.one_text(words)
            factors = np.ones(packs.words.size, np.float32)
            factors[token] += step
            outputs = reader.network({**packs.inputs(), "factors": factors.reshape(packs.words.shape)})
            scores = scores + np.asarray(outputs, np.float64)[0, 0] / len(networks.network_.model.trained)
        return log_odds(networks._fitted.combination.probabilities(scores[None, None])[0, place])

    for token in (1, 5, 11):
        assert found.gradient[token] == pytest.approx(
            # A step so small that no other word becomes the one with the maximum.
            (odds(token, 0.001) - odds(token, -0.001)) / 0.002,
            rel=0.02,
            abs=3e-5,
        )


@pytest.mark.parametrize("which", ["linear", "networks"])
def test_occlusion_is_the_fall_of_the_log_odds_without_the_token(which, request):
    classifier = request.getfixturevalue(which)
    found = classifier.explain(TEXT)
    assert found.explained == found.probabilities.argmax()
    words = TEXT.split()
    for place in (1, 6, 9):
        rest = classifier.predict_proba([" ".join(words[:place] + words[place + 1 :])])[0, found.explained]
        fall = log_odds(found.probabilities[found.explained]) - log_odds(rest)
        assert found.occlusion[place] == pytest.approx(fall, rel=1e-4, abs=1e-6)


def test_of_long_texts_neighbours_are_left_out_together(linear):
    words = [f"w{number % 40}" for number in range(600)]
    words[300] = "superb"
    found = linear.explain(" ".join(words))
    without = " ".join(words[:300] + words[303:])
    fall = log_odds(found.probabilities[found.explained]) - log_odds(
        linear.predict_proba([without])[0, found.explained]
    )
    assert len(found.occlusion) == 600
    np.testing.assert_allclose(found.occlusion[300:303], fall / 3, rtol=1e-6)


def test_unknown_tokens_are_marked_and_add_nothing_to_the_linear_model(linear):
    found = linear.explain("superb zzz")
    assert found.known.tolist() == [True, False]
    assert found.gradient[1] == 0


def test_a_text_without_tokens_has_nothing_to_explain(linear):
    found = linear.explain(" ")
    assert (found.tokens, len(found.gradient), len(found.occlusion), len(found.shades)) == ((), 0, 0, 0)
    assert str(found).endswith("no tokens")


def test_networks_of_the_users_own_are_explained_by_leaving_out(monkeypatch, networks):
    monkeypatch.setattr(networks.network_.model, "kinds", (lambda words, outputs: None,))
    found = networks.explain(TEXT)
    assert found.gradient is None
    np.testing.assert_array_equal(found.attribution, found.occlusion)
    assert found.to_json()["tokens"][0]["gradient"] is None


def test_shown_in_words_and_in_colour(linear):
    found = linear.explain("superb <b>")
    assert str(found).startswith("good (")
    assert "superb +" in str(found)
    page = found._repr_html_()
    assert ">superb</span>" in page
    assert ">&lt;</span>" in page
    assert np.abs(found.shades).max() == 1
    content = found.to_json()
    assert (content["class"], [one["token"] for one in content["tokens"]]) == ("good", ["superb", "<", "b", ">"])


def test_refusals(linear):
    with pytest.raises(UsageError, match=r"^text is a list: give one text, a str\.$"):
        linear.explain(["a"])
    with pytest.raises(UsageError, match=r"^label is 'fine': give one of the classes, 'bad', 'good', or None for the"):
        linear.explain("superb", "fine")
    with pytest.raises(UsageError, match="learnt nothing yet"):
        gw.TextClassifier().explain("superb")


def test_all_parts_are_asked_at_once_and_say_the_same(networks):
    texts = made(12, ("bad", "good", "odd"), seed=3)[0]
    found = networks.probabilities_of_parts(texts)
    assert list(found) == ["combined", "linear", "network"]
    for part, other in zip(found.values(), (networks, networks.linear_, networks.network_), strict=True):
        np.testing.assert_allclose(part, other.predict_proba(texts), rtol=1e-6)
