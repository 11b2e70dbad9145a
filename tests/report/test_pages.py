"""The report: whole, self-contained, safe whatever the names in it, and showing the numbers of the results."""

import json
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from gatewise.errors import EnvironmentFault, UsageError
from gatewise.recipes.airline.summary import conclusion, table
from gatewise.report import check_target, recipes_figures, write_text
from gatewise.report.recipes_page import recipes_page, write_recipes
from made_results import made


@pytest.fixture(scope="module")
def results():
    return [made("mlp", error=40.0), made("lstm-stacked-stateful", error=60.0), made("gru", units=(2,))]


def parsed_figures(page):
    (content,) = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    return json.loads(content)


def without_plotly(page):
    """Return the page without Plotly's own source, which is not ours to judge."""
    first, second = [match.start() for match in re.finditer("<script>", page)]
    return page[:first] + page[second:]


def test_the_page_holds_the_table_the_conclusion_and_all_figures(results):
    page = recipes_page(results)
    assert conclusion(results).replace(" %", "\u00a0%") in page
    for place, cells in enumerate(table(results).rows):
        assert f'<a href="#recipe-{place}">{cells[0]}</a>' in page
        assert all(f"<td>{cell}</td>" in page for cell in cells[1:])
    shown = parsed_figures(page)
    assert set(shown) == {"distribution"} | {f"{kind}-{k}" for kind in ("fit", "learning") for k in range(3)}
    assert all(f'id="{name}"' in page for name in shown)


def test_the_page_asks_the_network_for_nothing(results):
    page = without_plotly(recipes_page(results))
    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)|url\(|@import|https?://""", page)


def test_names_cannot_break_out_of_the_page(results):
    evil = '</script><script>alert("1")</script>&'
    poisoned = replace(results[0], recipe=replace(results[0].recipe, name=evil))
    page = recipes_page([poisoned], series=evil)
    assert "<script>alert" not in page
    assert page.count("<script") == recipes_page(results[:1]).count("<script")
    assert parsed_figures(page)["distribution"]["data"][0]["name"] == evil


def test_plotly_knows_every_property_and_colours_are_the_pages(results):
    for figure in (
        recipes_figures.distribution(results),
        recipes_figures.fit(results[0]),
        recipes_figures.learning(results[0]),
    ):
        text = json.dumps(figure, allow_nan=False)
        go.Figure(json.loads(re.sub(r"var\(--[a-z-]+\)", "#123456", text)))
    page = recipes_page(results)
    light, dark = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    for name in set(re.findall(r"var\((--[a-z-]+)\)", json.dumps(parsed_figures(page)))):
        assert f"{name}:" in light
        assert f"{name}:" in dark


def test_the_fit_is_the_median_within_the_band_at_the_months_it_is_about(results):
    result = results[1]
    series, *train_and_test = recipes_figures.fit(result)["data"]
    assert series["x"][0] == "1949-01"
    assert series["x"][-1] == "1960-12"
    np.testing.assert_allclose(series["y"], result.values)
    for part, (low, high, median) in ((result.train, train_and_test[:3]), (result.test, train_and_test[3:])):
        expected = np.quantile(part.predictions, (0.05, 0.95, 0.5), axis=0)
        for trace, line in zip((low, high, median), expected, strict=True):
            np.testing.assert_allclose(trace["y"], line, rtol=1e-4)
            assert [series["x"].index(month) for month in trace["x"]] == part.at.tolist()
        assert high["fill"] == "tonexty"


def test_another_series_is_drawn_over_its_positions(results):
    other = replace(results[0], values=results[0].values + 1)
    assert recipes_figures.fit(other)["data"][0]["x"] == list(range(144))


def test_members_that_failed_are_left_out_of_the_plots():
    result = made(members=4)
    broken = result.test.predictions.copy()
    broken[0] = np.nan
    rmse = result.test.rmse.copy()
    rmse[0] = np.nan
    failed = replace(result, test=result.test._replace(predictions=broken, rmse=rmse))
    low = recipes_figures.fit(failed)["data"][4]["y"]
    np.testing.assert_allclose(low, np.quantile(broken[1:], 0.05, axis=0), rtol=1e-4)
    assert len(recipes_figures.distribution([failed])["data"][0]["x"]) == 3
    everything = replace(result, test=result.test._replace(predictions=broken * np.nan, rmse=rmse * np.nan))
    assert "NaN" not in json.dumps([recipes_figures.fit(everything), recipes_figures.distribution([everything])])


def test_the_learning_axis_is_marked_at_1_2_and_5():
    result = made(members=3)
    ticks = recipes_figures.learning(result)["layout"]["yaxis"]["tickvals"]
    assert ticks == [10, 20, 50, 100, 200, 500]


def test_a_file_is_replaced_only_when_forced_and_only_whole(tmp_path, results, monkeypatch):
    path = tmp_path / "page.html"
    write_recipes(results[:1], path)
    first = path.read_text(encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        write_recipes(results, path)
    assert str(caught.value) == f"'{path}' exists: give another name, or force=True to overwrite it."
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half" + "\ud800", force=True)
    assert path.read_text(encoding="utf-8") == first
    write_recipes(results, path, force=True)
    assert path.read_text(encoding="utf-8") != first
    assert list(tmp_path.iterdir()) == [path]


def test_targets_that_cannot_be_written_are_refused_beforehand(tmp_path):
    with pytest.raises(UsageError) as caught:
        check_target(tmp_path)
    assert str(caught.value) == f"'{tmp_path}' is a folder: give the name of a file in it."
    assert check_target(tmp_path / "page.html") == tmp_path / "page.html"
    assert list(tmp_path.iterdir()) == []
    none = tmp_path / "none"
    with pytest.raises(EnvironmentFault) as fault:
        check_target(none / "page.html")
    assert str(fault.value) == f"{none / 'page.html'} cannot be written: the folder {none} does not exist; create it."


def test_a_folder_that_looks_fine_and_takes_no_file_is_refused_beforehand(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    with pytest.raises(EnvironmentFault) as fault:
        check_target(tmp_path / "page.html")
    assert str(fault.value) == f"{tmp_path / 'page.html'} cannot be written: No space left on device."
