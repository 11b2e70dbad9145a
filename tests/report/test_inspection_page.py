"""The page of an inspection in a browser: drawn, safe, by keys alone, and its counterfactuals are those of the network."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import gatewise as gw
from browser import probed
from gatewise.backend import import_keras
from gatewise.classification.chunk_reader import ChunkReader
from gatewise.classification.word_runs import WordRuns
from gatewise.datasets import Vocabulary
from gatewise.inspection.attribution import Attribution
from gatewise.inspection.inspection import Inspection, Layer, Snippet
from gatewise.inspection.network import Inspected
from gatewise.inspection.portable import Counterfactual, counterfactual
from gatewise.inspection.sequences import as_read
from gatewise.inspection.texts import _by_chunks
from gatewise.report.inspection_page import _shorter, inspection_page, write_inspection
from inspection.made_networks_to_inspect import made, reader
from recurrent_twins import FEATURES, wave

pytestmark = pytest.mark.usefixtures("quickly_compiled")
keras = import_keras()
layers = keras.layers

EVIL = [
    "",
    "</script><script>document.title = 1</script>",
    '<img src=x onerror="document.title = 2">',
    "film",
    "not",
    "bad",
    "good",
    "dull",
]
TOKENS = [3, 1, 4, 5, 2, 3]
SERIES = wave((12, FEATURES), 0.7)


@pytest.fixture(scope="module")
def text_model(quickly_compiled):
    return reader()


@pytest.fixture(scope="module")
def series_model(quickly_compiled):
    """A plain layer, a GRU with the reset gate before the product, and an LSTM."""
    return made("simple-gru-lstm")[0]


@pytest.fixture(scope="module")
def text(text_model):
    return gw.inspect(text_model, TOKENS, words=EVIL, names=["bad", "fair", "<i>good</i>"], output=2)


@pytest.fixture(scope="module")
def series(series_model):
    return gw.inspect(series_model, SERIES)


_LOOK = """
const light = text => {
  const parts = text.match(/[0-9.]+/g).map(one => one / 255);
  const [r, g, b] = parts.map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = light(getComputedStyle(document.body).backgroundColor);
const contrast = one => {
  const ink = light(getComputedStyle(one).color);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
};
const pixels = canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer;
const shades = canvas => new Set(new Uint32Array(pixels(canvas))).size;
const texts = [...document.querySelectorAll(".panel:first-child .sequence button")].map(one => one.textContent);
const inks = ["h1", ".conclusion", ".soft", "figcaption", ".step"].map(one => contrast(document.querySelector(one)));
const charts = [...document.querySelectorAll(".chart")].map(one => one.querySelector("polyline").getAttribute("points"));
const ends = panels.map(one => one.chosen);
panels[0].choose(2);
const together = panels.map(one => one.chosen);
document.querySelector(".together input").click();
panels[0].choose(4);
const apart = panels.map(one => one.chosen);
return {
  ends, together, apart, beside: [...document.querySelectorAll(".beside tbody tr")].map(one => one.children[2].textContent),
  width: innerWidth, content: document.documentElement.scrollWidth, paper,
  contrast: Math.min(...inks), charts: charts.every(points => points.length > 20),
  shades: [...document.querySelectorAll("canvas")].map(shades),
  ready: performance.now(),
  images: document.images.length, bold: document.querySelectorAll("h1 b").length, title: document.title, words: texts,
};
"""


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1400, True)], ids=["phone, light", "desk, dark"])
def test_two_are_drawn_side_by_side_and_names_stay_text(text, series, tmp_path, width, dark):
    found, faults = probed(inspection_page([text, series]), _LOOK, tmp_path, width, dark)
    assert faults == []
    assert (found["width"], found["content"]) == (width, width)
    assert found["charts"]
    # Three maps of a GRU's gates, or one of a plain layer's state, and the connectivity.
    assert min(found["shades"]) > 3
    assert found["contrast"] >= 4.5
    assert found["paper"] < 0.02 if dark else found["paper"] == 1
    assert (found["images"], found["bold"]) == (0, 0)
    assert found["title"] == "Inside <b>reader: gatewise"
    assert found["words"] == [EVIL[token] for token in TOKENS]
    # A step that is chosen in one is chosen in both, until that is not wanted.
    assert (found["ends"], found["together"], found["apart"]) == ([5, 11], [2, 2], [4, 2])
    assert found["beside"][1:3] == ["12", "SimpleRNN of 4, GRU of 3, LSTM of 2"]
    assert found["beside"][4] == f"{series.reach} steps"


_USE = """
const panel = document.querySelector(".panel"), get = name => panel.querySelector(`.${name}`);
const key = (element, name) => element.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
const seen = [get("step").textContent];
get("sequence").querySelector("[tabindex='0']").focus();
key(document.activeElement, "Home");
key(document.activeElement, "ArrowRight");
seen.push(get("step").textContent);
const focus = document.activeElement.textContent;
get("method").value = "occlusion";
get("method").dispatchEvent(new Event("change"));
seen.push(get("step").textContent);
get("layer").value = "2";
get("layer").dispatchEvent(new Event("change"));
get("unit").value = "1";
get("unit").dispatchEvent(new Event("change"));
const unit = [get("unit-name").textContent, get("unit-facts").textContent, get("snippets").children.length];
const reached = [...panel.querySelectorAll("button, select, input, [tabindex]")];
const stops = reached.filter(one => one.tabIndex >= 0 && one.offsetParent !== null).length;
return {seen, focus, unit, stops, maps: [...panel.querySelectorAll(".maps b")].map(one => one.textContent)};
"""


def test_steps_and_units_are_chosen_by_keys(text, tmp_path):
    found, faults = probed(inspection_page([text]), _USE, tmp_path)
    assert faults == []
    says = [f"{100 * row[2]:.1f} % <i>good</i>" for row in text.running]
    assert found["seen"][0].startswith(f"Step 6 of 6: “film”. After it the network says {says[-1]}. It adds ")
    # Two words are a step of the recurrent layers.
    assert found["seen"][1].startswith(f"Step 2 of 6: “{EVIL[1]}”. After it the network says {says[1]}. It adds ")
    assert found["focus"] == EVIL[1]
    adds = text.attribution.occlusion[1]
    number = float(re.search(r"adds (.*) to", found["seen"][2])[1].replace("−", "-"))
    assert number == pytest.approx(adds, rel=1e-2)
    layer = text.layers[2]
    assert found["unit"][0] == f"Unit {layer.order[1]} of {layer.name}"
    silent = float(re.search(r"by (\S+)\. Half", found["unit"][1])[1].replace("−", "-"))
    assert silent == pytest.approx(layer.ablation[layer.order[1]], rel=1e-2)
    assert found["unit"][2] >= 1
    assert found["maps"] == ["update", "reset", "candidate", "h"]
    # Not one for each word: a text of five hundred would be five hundred stops.
    assert found["stops"] == 8


_WHAT_IF = """
const panel = panels[0], get = name => panel.get(name);
const say = (place, value) => {
  panel.choose(place);
  get(panel.edited === null ? "new" : "exact").value = value;
  get("edit").requestSubmit();
};
say(...FIRST);
const one = {outputs: Array.from(panel.says_), text: get("answer").textContent};
say(...SECOND);
const kept = run(panel.network, panel.sequence ?? panel.edited).kept;
const plain = rows => rows === null ? null : rows.map(row => Array.from(row));
const h = kept.map(all => plain(all.map(step => step.h)));
const two = {outputs: Array.from(panel.says_), running: plain(panel.running), h};
get("undo").click();
return {one, two, after: [get("answer").textContent, panel.running === panel.shown.running]};
"""


def _asked(first, second):
    # As they may stand in a script element.
    one, two = (json.dumps(value).replace("<", "\\u003c") for value in (first, second))
    return _WHAT_IF.replace("FIRST", one).replace("SECOND", two)


def test_another_word_gives_what_the_network_says_of_it(text_model, text, tmp_path):
    found, faults = probed(inspection_page([text]), _asked([2, "bad"], [5, EVIL[1]]), tmp_path)
    assert faults == []
    for answer, tokens in ((found["one"], [3, 1, 5, 5, 2, 3]), (found["two"], [3, 1, 5, 5, 2, 1])):
        expected = gw.predict(text_model, np.array([[0, 0, *tokens]]))[0]
        np.testing.assert_allclose(answer["outputs"], expected, atol=1e-5)
    again = gw.inspect(text_model, [3, 1, 5, 5, 2, 1])
    for layer, steps in zip(again.layers, found["two"]["h"], strict=True):
        np.testing.assert_allclose(np.array(steps)[1:], layer.states["h"], atol=1e-5)
    assert found["one"]["text"].startswith("It said ")
    assert found["after"] == ["", True]


def test_another_value_gives_what_the_network_says_of_it(series_model, series, tmp_path):
    found, faults = probed(inspection_page([series]), _asked([3, "2.5"], [10, "-1"]), tmp_path)
    assert faults == []
    changed = SERIES.copy()
    changed[3, 0] = 2.5
    np.testing.assert_allclose(found["one"]["outputs"], gw.predict(series_model, changed[None])[0], atol=1e-5)
    changed[10, 0] = -1
    again = gw.inspect(series_model, changed)
    np.testing.assert_allclose(found["two"]["running"], again.running, atol=1e-5)
    for layer, steps in zip(again.layers, found["two"]["h"], strict=True):
        np.testing.assert_allclose(steps, layer.states["h"], atol=1e-5)


def test_a_network_that_the_page_cannot_compute_is_named_with_the_reason(series, tmp_path):
    big = keras.Sequential([keras.Input((None, 1)), layers.LSTM(256), layers.Dense(1)], name="big")
    network = Inspected.of(big)
    reason = counterfactual(network, as_read(network, np.sin(np.arange(6.0))), None)
    assert reason == "it has 264,449 weights, and a page takes 232,000 along"
    path = tmp_path / "big.html"
    write_inspection(path, [replace(series, counterfactual=reason)])
    assert "it has 264,449 weights" in path.read_text(encoding="utf-8")


def test_another_word_gives_what_a_classifier_says_of_it(tmp_path, quickly_compiled):
    vocabulary = Vocabulary(tuple(EVIL[1:]))
    phrases = ["film not bad", "was good film", "not bad was", "film not dull"]
    runs = WordRuns.of(vocabulary.encode(phrases).words, vocabulary.size, 3, 1)
    chunks = ChunkReader(gw.Network(units=3, embedding=4, chunk=4, runs=3, run_texts=1), vocabulary, 1, 20, runs)
    gw.initialize(chunks.network, 5)
    draw = np.random.default_rng(0).standard_normal
    weights = [0.5 * draw(variable.shape).astype(np.float32) for variable in chunks.network.trainable_variables]
    chunks.put(weights)

    def looked(words):
        return _by_chunks(chunks, "sigmoid", vocabulary, (words, None, ["bad", "good"], None))

    words = ["film", "not", "bad", "was", "good", "film", "not", "dull", "strange", "bad"]
    page = inspection_page([looked(" ".join(words))])
    found, faults = probed(page, _asked([2, "good"], [9, "dull"]), tmp_path)
    assert faults == []
    for place, new, answer in ((2, "good", found["one"]), (9, "dull", found["two"])):
        words[place] = new
        assert runs.numbers(vocabulary.encode([" ".join(words)]).words)[:, 1].any()
        score = chunks.scores(weights, vocabulary.encode([" ".join(words)]).words)[0]
        np.testing.assert_allclose(answer["outputs"], 1 / (1 + np.exp(-score)), atol=1e-5)
    again = looked(" ".join(words))
    np.testing.assert_allclose(found["two"]["running"], again.running, atol=1e-5)
    for layer, steps in zip(again.layers, found["two"]["h"], strict=True):
        np.testing.assert_allclose(steps, layer.states["h"], atol=1e-5)


def _large(steps, units, weights):
    """Return an inspection of two layers as large as they may be, of noise, which is the worst that can be drawn."""
    draw = np.random.default_rng(0).standard_normal
    snippets = ((Snippet("word " * 8, "word", "word " * 8, 0.5),) * 4,) * units
    gates = {name: draw((steps, units)) for name in ("input", "forget", "cell", "output")}
    states, decay = {"h": gates["cell"], "c": gates["cell"]}, {"h": np.ones(steps), "c": np.ones(steps)}
    order, ablation = np.arange(units), draw(units)
    layer = Layer("layer", "LSTM", False, gates, states, decay, order, ablation, snippets, draw((5, units)))
    table = {"type": "embedding", "rows": list(range(20_000)), "vectors": draw((20_000, 64)), "masks": False}
    rest = {"type": "dense", "kernel": draw((weights // 100, 100)), "bias": None, "activation": "linear"}
    words = tuple(f"word {place}" for place in range(20_000))
    return Inspection(
        name="large",
        steps=words[:steps],
        values=None,
        said="log-odds of pos",
        names=("pos",),
        output=0,
        running=draw((steps, 1)),
        scores=draw(steps),
        connectivity=np.abs(draw((steps, steps))),
        attribution=Attribution(draw(steps), draw(steps), draw(steps), 1.0, 0.0, 32),
        layers=(replace(layer, name="first"), replace(layer, name="second")),
        counterfactual=Counterfactual([table, rest], list(range(steps)), words),
        corpus_scores=draw(5),
    )


@pytest.mark.parametrize(("units", "weights"), [(128, 232_000), (100, 53_000), (16, 2_000)])
def test_a_page_on_five_hundred_steps_stays_below_a_megabyte_and_a_half(units, weights):
    page = inspection_page([_large(500, units, weights)])
    size = len(page.encode())
    assert size < 1_500_000
    (text,) = re.findall(r'id="data">(.*?)</script>', page)
    (shown,) = json.loads(text)
    # Some units of each layer are shown, and hundreds of words can be asked about besides those that were read.
    assert len(shown["layers"][0]["order"]) >= min(units, 8)
    assert len(shown["network"]["words"]) >= 500 + 250
    assert len(shown["network"]["words"]) == len(shown["network"]["layers"][0]["rows"])


def test_numbers_are_rounded_to_three_bytes():
    given = np.array([1.0, -1e-30, 3.1415927, 65504.0, -0.1], np.float32)
    upper = np.pad(_shorter(given), ((0, 0), (1, 0))).view("<f4").ravel()
    np.testing.assert_allclose(upper, given, rtol=2.0**-16)
    assert upper[0] == 1


def test_the_page_asks_the_network_for_nothing(text):
    page = inspection_page([text])
    assert "default-src 'none'" in page
    assert not re.search(
        r"""(?:src|href)\s*=\s*["'](?!#)|url\(|@import|https?://(?!www\.w3\.org/2000/svg)""",
        page.split('id="data">')[0],
    )
    assert page.count("<script") == 2
    assert len(page) < 100_000
