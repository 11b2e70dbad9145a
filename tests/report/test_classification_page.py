"""The page on a classifier: the figures of the assessment, and nothing of the user's that the page obeys."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import gatewise as gw
from gatewise.classification import assess
from gatewise.classification.decision import Decision
from gatewise.classification.lessons import Curves
from gatewise.report import classification_figures as figures
from gatewise.report.classification_page import classification_page, write_classification

EVIL = "<script>alert(1)</script>"
LABELS = ("good<img src=x onerror=alert(2)>", '"bad" & </script><b>')


@pytest.fixture(scope="module")
def assessment():
    random = np.random.default_rng(0)
    texts, labels = [], []
    for number in range(160):
        label = number % 2
        words = [f"w{place}" for place in random.integers(0, 30, random.integers(2, 12))]
        if random.random() < 0.85:
            words.append(("superb", "dull")[label])
        texts.append(f"{EVIL} {' '.join(words)} n{number}")
        labels.append(LABELS[label])
    rows = list(zip(texts, labels, strict=True))
    corpus = gw.read_corpus(rows[:100], test=rows[100:])
    found = assess(gw.TextClassifier(network=()).fit(corpus), corpus.test)
    return replace(found, curves_of_networks=(Curves((0.6, 0.3), (0.5, 0.4), (0.75, 0.8)), Curves((0.7,))))


class Elements(HTMLParser):
    """Notes every element of a page with its attributes, and the text outside of scripts and styles."""

    def __init__(self):
        super().__init__()
        self.elements, self.texts, self.inside = [], [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        self.inside.append("")

    def handle_data(self, data):
        if not self.inside or self.inside[-1] not in ("script", "style"):
            self.texts.append(data)


def test_everything_of_the_users_is_text(assessment):
    page = classification_page(assessment, (f"'{EVIL}.csv' holds cells.",))
    parsed = Elements()
    parsed.feed(page)
    tags = [tag for tag, _ in parsed.elements]
    # Figures, data, Plotly, what draws.
    assert tags.count("script") == 4
    assert "img" not in tags
    assert not [attributes for _, attributes in parsed.elements if any(name.startswith("on") for name in attributes)]
    shown = "".join(parsed.texts)
    assert LABELS[0] in shown
    assert LABELS[1] in shown
    assert f"'{EVIL}.csv' holds cells." in shown
    assert assessment.conclusion()[0].replace(" %", "\u00a0%") in shown.replace("\u2060", "")
    drawn = json.loads(re.search(r'id="figures">(.*?)</script>', page)[1])
    names = drawn["confusion"]["data"][0]["x"]
    # Plotly reads some of HTML in names.
    assert not any("<" in name for name in names)


def test_plots_show_the_figures(assessment):
    heat = figures.confusion(assessment)["data"][0]
    assert heat["text"] == [[str(value) for value in row] for row in assessment.confusion.tolist()]
    roc, precision = figures.curves(assessment)
    assert roc["data"][0]["name"].endswith(f"AUC {assessment.curves(1)[0].area:.4f}")
    assert precision["data"][0]["y"][-1] == pytest.approx(assessment.found.truth[:, 1].mean(), rel=1e-4)
    bars, _, points = figures.reliability(assessment)["data"]
    assert sum(bars["y"]) == 60
    assert len(points["x"]) == int((assessment.reliability.counts > 0).sum())
    marks = figures.groups(assessment.by_length, "tokens")["data"][0]
    for one, y, up in zip(assessment.by_length, marks["y"], marks["error_y"]["array"], strict=True):
        assert y == pytest.approx(100 * one.accuracy, rel=1e-4)
        assert y + up == pytest.approx(100 * one.interval[1], rel=1e-3)
    lines = figures.learning(assessment.curves_of_networks)["data"]
    assert [one["y"] for one in lines] == [[0.6, 0.3], [0.7], [0.5, 0.4], [75, 80]]
    assert [one["yaxis"] for one in lines] == ["y", "y", "y", "y2"]


def test_mistakes_are_shown_with_what_each_token_adds(assessment):
    page = classification_page(assessment)
    assert page.count('class="mistake"') == len(assessment.mistakes) > 0
    first = assessment.mistakes[0]
    place = int(np.argmax(np.abs(first.explanation.attribution)))
    title = f"gradient {first.explanation.gradient[place]:+.2f}, occlusion {first.explanation.occlusion[place]:+.2f}"
    assert f'title="{title}">{first.explanation.tokens[place]}</span>' in page


def test_mistakes_of_texts_held_out_are_not_said_to_be_explained(assessment):
    sentence = "The colours are of the whole classifier, which has learnt from all of these texts"
    assert sentence not in classification_page(assessment)
    assert sentence in classification_page(replace(assessment, part="training texts held out"))


def test_without_mistakes_and_with_many_classes(assessment):
    page = classification_page(replace(assessment, mistakes=(), curves_of_networks=()))
    assert "<p>There are none.</p>" in page
    assert 'id="learning"' not in page
    many = replace(
        assessment,
        classes=tuple(f"class {place}" for place in range(40)),
        found=replace(
            assessment.found,
            truth=np.eye(40, dtype=bool),
            probabilities={"combined": np.eye(40)},
            decision=Decision.plain(40),
        ),
    )
    assert figures.confusion(many) is None
    assert len(figures.curves(many)[0]["data"]) == figures.MOST_CURVES + 1


def test_the_page_is_written_whole_and_nothing_is_fetched(assessment, tmp_path):
    path = tmp_path / "page.html"
    write_classification(assessment, path)
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'" in page
