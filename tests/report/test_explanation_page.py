"""The teaching page: its numbers are those of a loop in NumPy, each equation is lit in turn, in both languages."""

import json
import re
from importlib.resources import files

import numpy as np
import pytest

from browser import probed
from gatewise.errors import UsageError
from gatewise.inspection.teaching import MONTHS, lesson
from gatewise.report.explanation_page import EQUATIONS, explanation_page
from gatewise.report.explanation_words import words_of
from recurrent_twins import gru_step, lstm_step, simple_step

pytestmark = pytest.mark.usefixtures("quickly_compiled")
STEPS = {"rnn": simple_step, "lstm": lstm_step, "gru": gru_step}


@pytest.fixture(scope="module")
def lessons(quickly_compiled):
    return {cell: lesson(cell) for cell in STEPS}


def data_of(page):
    (content,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(content)


@pytest.mark.parametrize("cell", STEPS)
def test_the_numbers_are_those_of_a_loop_in_numpy(lessons, cell):
    data = data_of(explanation_page(cell, lessons))
    given = data["weights"]
    bias = np.array(given["bias"])
    weights = [np.array(given["kernel"])[None], np.array(given["recurrent"]), bias if cell == "gru" else bias[0]]
    state = [np.zeros((1, 2)) for _ in range(2 if cell == "lstm" else 1)]
    for month in range(MONTHS):
        state = STEPS[cell](np.array([[data["passengers"][month] / data["scale"]]]), state, weights)
        for name, array in zip("hc", state, strict=False):
            np.testing.assert_allclose(data["values"][name][month], array[0], atol=2e-6)
    head = lessons[cell].head
    said = (state[0][0] @ head[:2] + head[2]) * data["scale"]
    assert data["says"][-1] == pytest.approx(said, rel=1e-5)


def test_a_plain_network_forgets_and_an_lstm_remembers(lessons):
    cells = data_of(explanation_page("lstm", lessons))["cells"]
    assert cells["rnn"][-1] < 0.1 * min(cells["lstm"][-1], cells["gru"][-1])
    assert all(values[0] == pytest.approx(1) for values in cells.values())


_WALK = """
const seen = [];
const look = () => ({lit: [...document.querySelectorAll(".equations li")].findIndex(one => one.classList.contains("lit")),
  numbers: document.querySelector(".equations li.lit .numbers")?.textContent, told: get("told").textContent,
  where: get("where").textContent, back: document.querySelectorAll(".boxes .back").length});
const key = name => document.body.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
seen.push(look());
for (let k = 1; k < COUNT; k++) { key("ArrowRight"); seen.push(look()); }
key("PageDown");
seen.push(look());
get("turn").click();
seen.push(look());
key("End");
seen.push(look());
return {seen, width: innerWidth, content: document.documentElement.scrollWidth, language: document.documentElement.lang};
"""


@pytest.mark.parametrize(("cell", "language", "width"), [("lstm", "en", 390), ("gru", "zh", 1200)])
def test_each_equation_is_lit_in_turn_and_then_the_way_back(lessons, tmp_path, cell, language, width):
    count = len(EQUATIONS[cell])
    page = explanation_page(cell, lessons, language)
    found, faults = probed(page, _WALK.replace("COUNT", str(count)), tmp_path, width)
    assert faults == []
    assert (found["content"], found["language"]) == (width, "en" if language == "en" else "zh-CN")
    words, seen, values = words_of(language), found["seen"], data_of(page)["values"]
    assert [one["lit"] for one in seen[:count]] == list(range(count))
    assert [one["told"] for one in seen[:count]] == [words[name] for name, _ in EQUATIONS[cell]]
    for (name, _), one in zip(EQUATIONS[cell], seen, strict=False):
        result = float(one["numbers"].split("= ")[-1].replace("−", "-"))
        assert result == pytest.approx(values[name][0][0], abs=0.0051)
    # Where the last equals sign but one stands, what is written out has been added up.
    assert seen[count]["where"].startswith(f"{words['forward']}: {words['month']} 1957-02")
    assert (seen[-2]["where"], seen[-2]["back"]) == (f"{words['backward']}: {words['month']} 1958-12", 1)
    assert (seen[-1]["where"], seen[-1]["back"]) == (f"{words['backward']}: {words['month']} 1957-01", MONTHS)
    assert words[f"back-{cell}"] in seen[-1]["told"]


def test_both_languages_say_everything():
    texts = json.loads(files("gatewise.report").joinpath("templates", "explanation.json").read_text(encoding="utf-8"))
    for name, both in texts.items():
        assert set(both) == {"en", "zh"}, name
        assert set(re.findall(r"\{\w+\}", both["en"])) == set(re.findall(r"\{\w+\}", both["zh"])), name
    with pytest.raises(UsageError, match=r"^language is 'de': give one of 'en', 'zh'\.$"):
        words_of("de")
    with pytest.raises(UsageError, match=r"^There is no cell 'qrnn': give one of 'rnn', 'lstm', 'gru'\.$"):
        lesson("qrnn")
