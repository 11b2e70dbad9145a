"""The page on forecasts: who won, in words first; the numbers of the backtest; safe, and of a sane size."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from gatewise.errors import UsageError
from gatewise.report import verdict
from gatewise.report.evidence import gathered
from gatewise.report.forecast_page import Told, forecast_page, write_backtest
from gatewise.report.out_of_fold import OutOfFold
from gatewise.report.residuals import autocorrelation, in_own_units, places_in_intervals
from gatewise.report.shown_series import said, shown_places
from made_backtests import made_backtest, made_explanation, made_forecast, made_table

TOLD = Told("sales.csv", {"horizon": "6 steps"}, {"choosing and training": 12.34}, ("One value is empty.",))


def content(page, name):
    (text,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def without_plotly(page):
    first, second = [match.start() for match in re.finditer("<script>", page)]
    return page[:first] + page[second:]


@pytest.fixture(scope="module")
def table():
    return made_table()


@pytest.fixture(scope="module")
def page(table):
    return forecast_page(
        table, TOLD, made_forecast(table), verdict.standing(made_backtest(table)), made_explanation(len(table))
    )


class TestTheVerdict:
    def test_a_baseline_that_won_is_said_first(self, table):
        found = verdict.standing(made_backtest(table, gatewise=2.0))
        mase = dict(zip(found.names, found.errors["mase"], strict=True))
        assert found.names[0] == "ETS"
        assert verdict.verdict(found) == (
            f"A baseline is better here: from 12 past cutoffs ETS has a MASE of {mase['ETS']:.3f}, gatewise "
            f"{mase['gatewise']:.3f}; the networks alone {mase['gatewise-network']:.3f}."
        )

    def test_gatewise_that_won_is_beside_the_best_baseline(self, table):
        found = verdict.standing(made_backtest(table))
        mase = dict(zip(found.names, found.errors["mase"], strict=True))
        assert verdict.verdict(found) == (
            f"gatewise is better than every baseline here: from 12 past cutoffs it has a MASE of {mase['gatewise']:.3f}, "
            f"the best baseline, ETS, {mase['ETS']:.3f}; the networks alone {mase['gatewise-network']:.3f}."
        )

    def test_the_networks_own_methods_are_no_baselines(self, table):
        assert verdict.standing(made_backtest(table)).baselines == ("ETS", "Naive")

    def test_series_without_a_scale_are_ordered_by_mae(self):
        constant = made_table(series=1)
        flat = replace(constant, values=np.where(np.arange(60) < 59, 5.0, 6.0))
        found = verdict.standing(made_backtest(flat))
        assert (found.measure, found.title) == ("mae", "MAE")
        assert "has a MAE of" in verdict.verdict(found)

    def test_rounding_makes_no_winner(self):
        flat = replace(made_table(series=1), values=np.full(60, 7.0))
        backtest = made_backtest(flat)
        for name, noise in (("gatewise", 4e-16), ("Naive", 0.0), ("ETS", 1.0), ("local", 1.0)):
            backtest.scores.forecasts[name][:] = 7.0 + noise
        assert verdict.verdict(verdict.standing(backtest)).startswith(
            "Naive, a baseline, is as good as gatewise here: from 12 past cutoffs both have a MAE of 0;"
        )

    def test_one_cutoff_is_one(self, table):
        assert "from 1 past cutoff " in verdict.verdict(verdict.standing(made_backtest(table, windows=1)))

    def test_the_table_says_for_how_many_series_each_is_best(self, table):
        found = verdict.standing(made_backtest(table))
        headings, rows = verdict.table(found)
        assert [heading.title for heading in headings] == [
            "method", "MASE", "RMSE", "MAE", "sMAPE", "CRPS", "95 % held", "MSIS", "best for",
        ]  # fmt: skip
        assert [row[0] for row in rows] == list(found.names)
        assert rows[0][1] == f"{found.errors['mase'].min():.3f}"
        assert sum(found.best_for) == pytest.approx(1 + found.best_for[found.names.index("local")])


class TestOutOfFold:
    def test_rows_know_their_series_cutoff_and_step_whatever_their_order(self, table):
        frame = made_backtest(table).frame
        rows = OutOfFold.of(frame.sample(frac=1, random_state=3))
        again = OutOfFold.of(frame)
        assert (len(rows.ids), len(rows.cutoffs), rows.horizon) == (3, 12, 6)
        for name in ("series", "window", "step", "actual"):
            np.testing.assert_array_equal(getattr(rows, name), getattr(again, name))
        shuffled = frame.iloc[40]
        at = (rows.times == np.datetime64(shuffled["ds"])) & (
            rows.cutoffs[rows.window] == np.datetime64(shuffled["cutoff"])
        )
        at &= np.array(rows.ids)[rows.series] == shuffled["unique_id"]
        assert rows.actual[at].tolist() == [shuffled["y"]]
        months = (shuffled["ds"].year - shuffled["cutoff"].year) * 12 + shuffled["ds"].month - shuffled["cutoff"].month
        assert rows.step[at].tolist() == [months]

    def test_what_an_interval_held_is_what_the_backtest_counts(self, table):
        backtest = made_backtest(table)
        rows, scores = OutOfFold.of(backtest.frame), backtest.metrics()
        for level in (80, 95):
            assert np.nanmean(rows.held(level)) == pytest.approx(scores[f"coverage-{level}"][0])
            by_step = backtest.metrics("horizon").query("method == 'gatewise'")[f"coverage-{level}"]
            np.testing.assert_allclose(rows.by_step(rows.held(level)), by_step)

    def test_times_on_a_clock_are_read(self, table):
        frame = made_backtest(table).frame
        zoned = frame.assign(ds=frame["ds"].dt.tz_localize("Europe/Berlin"))
        np.testing.assert_array_equal(OutOfFold.of(zoned).times, OutOfFold.of(frame).times)


class TestResiduals:
    def frame(self, errors, step=1):
        windows = len(errors)
        cutoffs = pd.date_range("2020-01-01", periods=windows, freq="MS")
        ds = cutoffs + pd.DateOffset(months=step)
        return OutOfFold.of(
            pd.DataFrame(
                {"unique_id": "a", "ds": ds, "cutoff": cutoffs, "y": 100 + np.array(errors), "gatewise": 100.0}
            )
        )

    def test_dependence_is_found_and_none_is_not(self):
        random = np.random.default_rng(0)
        noise = random.normal(size=400)
        dependent = np.convolve(noise, [1, 0.9], "valid")
        assert autocorrelation(self.frame(dependent)).p_value < 1e-6
        found = autocorrelation(self.frame(noise))
        # statsmodels' acorr_ljungbox(noise, lags=[24]) says 0.385; it has the factor (n + 2) / n, too.
        assert found.p_value == pytest.approx(0.385, abs=0.01)
        # By NumPy's own correlation of the two shifted series.
        centred = noise - noise.mean()
        expected = (centred[3:] * centred[:-3]).mean() / (centred**2).mean()
        assert found.values[2] == pytest.approx(expected)
        assert found.edge[2] == pytest.approx(1.96 / np.sqrt(397))

    def test_few_cutoffs_say_nothing(self):
        assert autocorrelation(self.frame([1.0] * 7)) is None

    def test_errors_are_in_units_of_their_series(self):
        residuals = in_own_units(self.frame([3.0, -4.0, np.nan]))
        np.testing.assert_allclose(residuals, np.array([3.0, -4.0]) / np.sqrt(12.5))

    def test_values_fall_where_they_fall(self):
        frame = pd.DataFrame(
            {
                "unique_id": "a",
                "ds": pd.date_range("2020-01-02", periods=4),
                "cutoff": pd.Timestamp("2020-01-01"),
                "y": [1.0, 9.0, 11.0, 100.0],
                "gatewise": 10.0,
                "gatewise-lo-80": 5.0,
                "gatewise-hi-80": 15.0,
            }
        )
        names, shares, promised = places_in_intervals(OutOfFold.of(frame))
        assert names == ["0–10 %", "10–50 %", "50–90 %", "90–100 %"]
        assert shares.tolist() == [0.25] * 4
        np.testing.assert_allclose(promised, [0.1, 0.4, 0.4, 0.1])


class TestWhichSeriesAreShown:
    def test_the_worst_are_first_and_the_whole_range_is_there(self):
        errors = np.random.default_rng(0).permutation(10_000).astype(float)
        places = shown_places(errors)
        assert len(set(places.tolist())) == 24
        assert errors[places[:10]].tolist() == list(range(9999, 9989, -1))
        assert errors[places[-4:]].tolist() == [3, 2, 1, 0]
        assert np.all(np.diff(errors[places]) < 0)

    def test_it_is_said(self):
        assert said(10_000, 24).startswith("24 of 10,000 series are shown: ")
        assert said(24, 24) is None


class TestThePage:
    def test_it_says_who_won_and_shows_every_number_of_the_table(self, page, table):
        found = gathered(verdict.standing(made_backtest(table)), table)
        assert found.sentences[0].replace(" %", "\u00a0%") in page
        for row in found.table.rows:
            assert all(f"<td>{cell}</td>" in page for cell in row)
        for words in (
            "The forecast is local 70\u00a0%, ETS 30\u00a0%.",
            "<li>One value is empty.</li>",
            "<dd>12.3 s</dd>",
        ):
            assert words in page

    def test_every_figure_has_its_place_and_plotly_knows_its_properties(self, page):
        figures = content(page, "figures")
        shown = content(page, "data")
        expected = {"fan", "cutoffs", "by-horizon", "coverage", "places", "histogram", "dependence"}
        assert set(figures) == expected
        assert all(page.count(f'id="{name}"') == 1 for name in figures)
        for figure in [*figures.values(), *(each for one in shown for each in one["figures"].values())]:
            go.Figure(json.loads(re.sub(r"var\(--[a-z0-9-]+\)", "#123456", json.dumps(figure, allow_nan=False))))

    def test_every_colour_is_there_in_light_and_dark(self, page):
        light, dark = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
        shown = json.dumps([content(page, "figures"), content(page, "data")])
        for name in set(re.findall(r"var\((--[a-z0-9-]+)\)", shown)):
            assert f"{name}:" in light
            assert f"{name}:" in dark

    def test_the_fan_is_the_forecast_behind_the_last_values(self, page, table):
        figure = content(page, "data")[1]["figures"]["fan"]
        low, high, *_, series, forecast = figure["data"]
        frame = made_forecast(table)[6:12]
        np.testing.assert_allclose(forecast["y"], frame["gatewise"], rtol=1e-4)
        np.testing.assert_allclose(low["y"], frame["gatewise-lo-95"], rtol=1e-4)
        np.testing.assert_allclose(high["y"], frame["gatewise-hi-95"], rtol=1e-4)
        assert (series["x"][-1], forecast["x"][0], low["x"][-1]) == ("2024-12-01", "2025-01-01", "2025-06-01")

    def test_past_forecasts_that_would_cover_each_other_wait_in_the_legend(self, page):
        lines = [one for one in content(page, "data")[0]["figures"]["cutoffs"]["data"] if one.get("name") == "forecast"]
        begins = [one["x"][0] for one in lines]
        assert begins[-2:] == ["2024-01-01", "2024-07-01"]
        assert len(begins) == 4
        assert all(one["visible"] is True for one in lines)
        ends = [one["x"][-1] for one in lines]
        assert all(end < begin for end, begin in zip(ends, begins[1:], strict=False))

    def test_it_asks_the_network_for_nothing(self, page):
        page = without_plotly(page)
        assert "default-src 'none'" in page
        assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)|url\(|@import|https?://""", page)

    def test_names_cannot_break_out_of_it(self):
        evil = ['</script><script>alert("1")</script>', "<img src=x onerror=alert(1)>", "{{ 7 * 7 }}"]
        table = made_table(names=evil)
        told = Told(evil[0], {evil[1]: evil[0]}, {evil[1]: 1.0}, (evil[0],))
        page = forecast_page(
            table, told, made_forecast(table), verdict.standing(made_backtest(table)), made_explanation(3)
        )
        plain = forecast_page(
            made_table(), TOLD, made_forecast(made_table()), verdict.standing(made_backtest(made_table()))
        )
        assert page.count("<script") == plain.count("<script")
        assert "<img src=x" not in without_plotly(page)
        assert "{{ 7 * 7 }}" in page
        assert {one["id"] for one in content(page, "data")} == set(evil)

    def test_series_too_short_for_cutoffs_have_a_page_that_says_so(self, table):
        page = forecast_page(table, TOLD, made_forecast(table), None)
        assert "The series are too short for forecasts from past cutoffs" in page
        assert set(content(page, "figures")) == {"fan"}

    def test_infinite_bounds_are_left_out(self, table):
        forecast = made_forecast(table)
        forecast["gatewise-hi-95"], forecast["gatewise-lo-95"] = np.inf, -np.inf
        page = forecast_page(table, TOLD, forecast, None)
        assert [one.get("name") for one in content(page, "figures")["fan"]["data"]] == [
            None,
            "80 %",
            "series",
            "gatewise",
        ]
        assert content(page, "data")[0]["rows"][1][-1] == "–"

    def test_ten_thousand_series_make_no_larger_page_than_24(self):
        many, few = made_table(series=2000, length=40), made_table(series=24, length=40)
        pages = [
            forecast_page(one, TOLD, made_forecast(one), verdict.standing(made_backtest(one, windows=3)))
            for one in (many, few)
        ]
        sizes = [len(page) for page in pages]
        assert abs(sizes[0] - sizes[1]) < 20_000
        assert "24 of 2,000 series are shown" in pages[0]

    def test_a_backtest_has_a_page_without_a_forecast(self, table, tmp_path):
        write_backtest(tmp_path / "page.html", verdict.standing(made_backtest(table)), table, TOLD)
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert "<h1>Backtest of sales.csv</h1>" in page
        assert "fan" not in content(page, "figures")
        with pytest.raises(UsageError, match="exists"):
            write_backtest(tmp_path / "page.html", verdict.standing(made_backtest(table)), table, TOLD)
