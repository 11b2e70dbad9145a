"""The page's files and what it asks: policies, words in both languages, tables read and refused, jobs."""

import asyncio
import json
import os
import re
from importlib.resources import files

import pytest
from fastapi.testclient import TestClient

import gatewise as gw
from gatewise.evaluation.simple_baselines import Drift, Naive, SeasonalNaive
from gatewise.forecasting import planning
from gatewise.serving.routes.app import make_app
from gatewise.serving.routes.page import page_files
from gatewise.serving.service import Service
from gatewise.serving.terms.problems import CODES
from gatewise.serving.workers import table_work
from gatewise.serving.workers.work import Work
from gatewise.tables.files import given
from made_backtests import made_table
from serving.made_models import Lengths, Memory
from serving_page_stand import EVIL, DoneAtOnce, asked_of, made_answer

ROOM = files("gatewise.serving").joinpath("page")
SALES = "day,sold\n" + "".join(f"2024-{1 + k // 28:02}-{1 + k % 28:02},{10 + k % 7}\n" for k in range(28))


@pytest.fixture
def client(tmp_path):
    service = Service([Memory("net"), Lengths("moods")], tmp_path / "store")
    service.work = DoneAtOnce()
    client = TestClient(make_app(service))
    client.works = service.work
    yield client
    asyncio.run(service.stop())


def test_every_file_comes_with_its_type_and_policy(client):
    assert {"/", "/page/main.js", "/page/style.css", "/page/frame.html", "/page/airline.csv"} <= set(page_files())
    for path in page_files():
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert answer.status_code == 200
        assert policy.count("default-src 'none'") == 1
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        if path != "/page/frame.html":
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
    framed = client.get("/page/frame.html").headers["content-security-policy"]
    assert framed.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in framed
    assert "connect-src" not in framed
    for path in (
        "/page/",
        "/page/index.html",
        "/page/..%2froutes_page.py",
        "/page/%2e%2e/routes_page.py",
        "/page/a.js",
    ):
        assert client.get(path).status_code == 404


def _texts():
    return {one.name: one.read_text(encoding="utf-8") for one in ROOM.iterdir() if one.name.endswith((".js", ".html"))}


def _words(name):
    return dict(
        re.findall(r'^  "([^"]+)": ("(?:[^"\\]|\\.)*"),$', ROOM.joinpath(name).read_text(encoding="utf-8"), re.M)
    )


def test_both_languages_say_the_same_things_and_everything_asked_for():
    english, chinese = _words("english.js"), _words("chinese.js")
    # What the server refuses is English by itself, and stands in a file of its own in Chinese.
    english = {name: text for name, text in english.items() if not name.startswith("problem-")}
    assert list(english) == list(chinese)
    for name, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[name])), name
    texts = _texts()
    asked = set(re.findall(r'data-(?:say|label|place)="([^"]+)"', texts["index.html"]))
    asked |= {name for text in texts.values() for name in re.findall(r'\bsay\("([^"]+)"', text)}
    assert asked <= set(english)
    counted = {
        name
        for text in texts.values()
        for name in re.findall(r'\bcount\([^()]*(?:\([^()]*\))?[^()]*, "([^"]+)"\)', text)
    }
    assert counted
    assert {f"{name}-other" for name in counted} <= set(english)


def test_every_error_of_the_server_is_said_in_chinese():
    text = ROOM.joinpath("chinese_problems.js").read_text()
    said = dict(re.findall(r'^  "(\w+)": \["(.+?)", ".+?"\],$', text, re.MULTILINE))
    assert list(said) == list(CODES)
    # Details that the server gives with these codes, and the field.
    assert set(re.findall(r"\{\w+\}", "".join(said.values()))) <= {"{field}", "{expected}", "{seq}", "{missing}"}


def test_what_stands_in_the_page_is_what_it_says_in_english():
    english = {name: json.loads(text) for name, text in _words("english.js").items()}
    for name, text in re.findall(r'data-say="([^"]+)"[^>]*>([^<]*)<', _texts()["index.html"]):
        assert text == english[name], name


def test_nothing_in_the_page_reads_text_as_markup_or_asks_elsewhere():
    for name, text in _texts().items():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|DOMParser|\beval\(|new Function|localStorage", text
        ), name
        # Of an address of another kind there is one: what SVG is called.
        assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}, name
        if name != "frame.html":
            assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=\"", text), name


def test_a_table_is_read_and_what_is_found_is_told(client):
    found = client.post("/v1/tables", json=asked_of(SALES))
    assert found.status_code == 200
    told = found.json()
    facts = {name: told[name] for name in ("series", "rows", "freq", "from", "to", "missing", "horizon", "names")}
    assert facts == {
        "series": 1, "rows": 28, "freq": "D", "from": "2024-01-01", "to": "2024-01-28", "missing": 0, "horizon": 7,
        "names": ["day", "sold"],
    }  # fmt: skip
    assert told["shown"][0]["values"][:3] == [10.0, 11.0, 12.0]
    assert told["notes"][0] == "A row is one value: one series, time 'day', value 'sold'."


def test_a_table_that_is_refused_says_where_and_what_columns_there_are(client):
    text = SALES.replace("2024-01-05,14", "2024-01-05,x4")
    answer = client.post("/v1/tables", json=asked_of(text, EVIL[0]))
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "table_refused"
    assert problem["error"].startswith(f"{EVIL[0]!r}, row 6, column 'sold'")
    assert problem["detail"] == {"row": 6, "names": ["day", "sold"]}
    # The page offers what a sentence names.
    twice = client.post("/v1/tables", json=asked_of(SALES + "2024-01-28,3\n")).json()["error"]
    assert "duplicates-last" in twice
    mended = client.post("/v1/tables", json=asked_of(SALES + "2024-01-28,3\n", fix=["duplicates-last"])).json()
    assert mended["shown"][0]["values"][-1] == 3.0


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"{", "bad_json", None),
        (b'{"csv": "y\\n\\ud800"}', "bad_json", None),
        (b'{"name": "a"}', "field_missing", "csv"),
        (b'{"csv": 3}', "field_wrong", "csv"),
        (b'{"csv": "y\\n1", "path": "/etc/passwd"}', "field_unknown", "path"),
        (b'{"csv": "y\\n1", "fix": ["all"]}', "field_wrong", "fix.0"),
        (b"[]", "field_wrong", "body"),
    ],
)
def test_bodies_that_cannot_be_meant_are_refused(client, body, code, field):
    answer = client.post("/v1/tables", content=body, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert (problem["code"], problem.get("field")) == (code, field)
    assert problem["remedy"]


def test_a_forecast_needs_numbers_that_can_be_meant(client):
    for more, field in (
        ({"horizon": 0}, "horizon"),
        ({"horizon": 1001}, "horizon"),
        ({"horizon": 2.5}, "horizon"),
        ({"horizon": 3, "level": [100]}, "level.0"),
        ({"horizon": 3, "minutes": 31}, "minutes"),
    ):
        answer = client.post("/v1/tables/forecast", json=asked_of(SALES, **more))
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert client.post("/v1/tables", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_job_is_asked_for_until_it_is_done_and_then_forgotten(client):
    begun = client.post("/v1/tables/forecast", json=asked_of(made_csv(), horizon=6))
    assert begun.status_code == 202
    way = begun.headers["location"]
    state = client.get(way).json()
    while state["state"] == "running":
        state = client.get(way).json()
    assert "report" not in state["answer"]
    assert len(state["answer"]["forecast"]) == 3
    report = client.get(f"{way}/report")
    assert report.headers["content-security-policy"].startswith("sandbox allow-scripts;")
    assert "Forecast of sales.csv" in report.text
    assert client.delete(way).status_code == 204
    assert client.get(way).json()["code"] == "job_unknown"
    assert client.delete(way).status_code == 204


def made_csv(names=("a", "b", "c")):
    """Return three monthly series as a person would have them in a file."""
    frame = made_table(names=list(names)).to_frame()
    return frame.to_csv(index=False)


@pytest.mark.parametrize(("missing", "won"), [(0.8, "gatewise"), (3.0, "baseline")])
def test_an_answer_says_first_who_won(missing, won):
    answer = made_answer(asked_of(made_csv(EVIL), horizon=6), missing)
    assert answer["won"] == won
    sentence = {"gatewise": "gatewise is better than every baseline here", "baseline": "A baseline is better here"}[won]
    assert answer["conclusion"][0].startswith(sentence)
    (first, *_) = answer["forecast"]
    assert first["id"] == EVIL[0]
    assert first["times"][0] == "2025-01-01"
    low, high = first["bounds"]["95"]
    assert all(a < b < c for a, b, c in zip(low, first["values"], high, strict=True))
    assert answer["scores"]["rows"][0][0] == ("gatewise" if won == "gatewise" else "ETS")
    assert (
        answer["csv"].splitlines()[0]
        == "unique_id,ds,gatewise,gatewise-lo-80,gatewise-hi-80,gatewise-lo-95,gatewise-hi-95"
    )
    json.dumps({name: value for name, value in answer.items() if name != "report"}, allow_nan=False)


def test_a_real_forecast_is_told_as_the_page_shows_it(monkeypatch):
    monkeypatch.setattr("gatewise.forecasting.validation.networks_for", lambda *_: ())
    monkeypatch.setattr(planning, "usual_baselines", lambda *_, **__: (Naive(), SeasonalNaive(), Drift()))
    heard = []
    asked = asked_of(
        page_files()["/page/airline.csv"].content.decode(), "airline.csv", horizon=3, level=[90.0], inside=True
    )
    answer = table_work.forecast(asked, lambda share, what: heard.append(share))
    assert heard == sorted(heard)
    assert heard[-1] < 1
    table = given("airline.csv", page_files()["/page/airline.csv"].content)
    frame = gw.Forecaster(3).fit(table).predict(level=90)
    (series,) = answer["forecast"]
    assert series["id"] == "passengers"
    assert series["times"] == ["1961-01-01", "1961-02-01", "1961-03-01"]
    assert series["values"] == frame["gatewise"].tolist()
    assert series["bounds"] == {"90": [frame[f"gatewise-{side}-90"].tolist() for side in ("lo", "hi")]}
    assert answer["inside"]["reason"].startswith("The forecaster has no recurrent network")


def test_a_worker_of_its_own_reads_tables(tmp_path):
    service = Service([], tmp_path / "store")
    service.work = Work()
    found = TestClient(make_app(service)).post("/v1/tables", json=asked_of(SALES)).json()
    worker = service.work.questions.process_id
    asyncio.run(service.stop())
    assert (found["rows"], found["freq"]) == (28, "D")
    assert worker not in (None, os.getpid())


def test_a_forecast_of_a_table_that_is_refused_fails_with_its_sentence(client):
    refused = table_work.forecast({**asked_of("y\n1\n2..3\n"), "horizon": 5, "level": [80]}, lambda share, what: None)
    assert refused["refused"]["row"] == 3
    client.works.jobs["j"] = {"job": "j", "state": "done", "answer": refused}
    state = client.get("/v1/jobs/j").json()
    assert (state["state"], state["error"]["code"]) == ("failed", "table_refused")
    assert state["error"]["error"] == refused["refused"]["error"]
    assert client.get("/v1/jobs/j/report").json()["code"] == "job_not_done"


def test_only_classifiers_explain_texts(client):
    answer = client.post("/v1/models/net/explain", json={"text": "a"})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_of_model")
    assert answer.json()["error"] == "The model net is a network: only classifiers explain texts."
    assert client.post("/v1/models/none/explain", json={"text": "a"}).json()["code"] == "model_unknown"
    assert client.post("/v1/models/moods/explain", json={"text": "a b"}).json()["tokens"][1]["token"] == "b"
    page = client.post("/v1/models/moods/inspect", json={"text": "a"})
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts;")
