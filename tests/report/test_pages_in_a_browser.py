"""Pages as a browser has them: drawn without a fault, on a phone and in the dark, usable without a mouse, safe."""

import pytest

from browser import probed
from gatewise.report import verdict
from gatewise.report.forecast_page import Told, forecast_page
from gatewise.report.recipes_page import recipes_page
from made_backtests import made_backtest, made_explanation, made_forecast, made_table
from made_results import made

EVIL = ['<img src=x onerror="document.title = 1">', "</script><script>document.title = 2</script>", "<b>a</b>&amp;"]

_LOOK = """
const root = document.documentElement;
const colour = element => getComputedStyle(element).color.match(/[0-9.]+/g).map(Number);
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map(one => one / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const paper = light(getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number));
const contrast = element => {
  const ink = light(colour(element));
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
};
return {
  width: innerWidth, content: root.scrollWidth, paper,
  plots: [...document.querySelectorAll(".figure")].filter(one => one.querySelector(".main-svg")).length,
  wide: [...document.querySelectorAll(".main-svg")].filter(one => one.getBoundingClientRect().right > innerWidth + 1).length,
  contrast: Math.min(...["h1", "p.conclusion", ".soft", "td", "summary"].map(s => contrast(document.querySelector(s)))),
};
"""

_USE = """
const select = document.getElementById("series");
const state = () => ({
  about: document.getElementById("about").textContent,
  label: document.getElementById("fan").getAttribute("aria-label"),
  last: document.getElementById("fan").data.at(-1).y[0],
  cell: document.querySelectorAll("#numbers td")[1].textContent,
  ends: [document.getElementById("before").disabled, document.getElementById("after").disabled],
});
const seen = [state()];
document.getElementById("after").focus();
document.activeElement.click();
seen.push(state());
select.value = "2";
select.dispatchEvent(new Event("change"));
seen.push(state());
document.querySelector("[data-series='0']").click();
seen.push(state());
const reach = [...document.querySelectorAll("select, button, summary, a[href]")].filter(one => one.tabIndex < 0).length;
return {
  seen, reach, title: document.title, images: document.images.length, bold: document.querySelectorAll("b").length,
  options: [...select.options].map(one => one.textContent),
};
"""


@pytest.fixture(scope="module")
def page():
    table = made_table(names=EVIL)
    told = Told("sales.csv", {"horizon": "6 steps"}, {"fit": 1.0}, (EVIL[0],))
    return forecast_page(table, told, made_forecast(table), verdict.standing(made_backtest(table)), made_explanation(3))


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1200, True)], ids=["phone, light", "desk, dark"])
def test_it_is_drawn_within_the_window_and_readable(page, tmp_path, width, dark):
    found, faults = probed(page, _LOOK, tmp_path, width, dark)
    assert faults == []
    assert (found["width"], found["content"], found["wide"]) == (width, width, 0)
    assert found["plots"] == 7
    assert found["paper"] < 0.02 if dark else found["paper"] == 1
    # What WCAG 2.1 asks of text.
    assert found["contrast"] >= 4.5


def test_a_series_is_chosen_by_keys_and_names_stay_text(page, tmp_path):
    table, forecast = made_table(names=EVIL), made_forecast(made_table(names=EVIL))
    found, faults = probed(page, _USE, tmp_path)
    assert faults == []
    first, second, third, again = found["seen"]
    assert first == again
    for place, state in enumerate((first, second, third)):
        assert state["label"] == f"The series and its forecast with intervals: {EVIL[place]}"
        assert state["last"] == pytest.approx(forecast["gatewise"][6 * place], rel=1e-4)
        assert state["cell"] == f"{forecast['gatewise'][6 * place]:,.6g}"
        assert state["about"].startswith("60 values; MASE ")
        assert state["ends"] == [place == 0, place == 2]
    assert found["reach"] == 0
    assert found["options"] == list(table.ids) == EVIL
    assert (found["images"], found["bold"]) == (0, 0)
    assert found["title"] == "Forecast of sales.csv: gatewise"


def test_the_page_on_recipes_is_drawn_by_the_same_parts(tmp_path):
    found, faults = probed(recipes_page([made("lstm"), made("gru")]), _LOOK, tmp_path, 390, True)
    assert faults == []
    assert (found["content"], found["plots"], found["wide"]) == (390, 5, 0)
    assert found["contrast"] >= 4.5
