"""The contract of a served model is what the made models fulfil, and what an error looks like."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gatewise.errors import DataError, EnvironmentFault, UsageError
from gatewise.serving.routes.shapes import schemas
from gatewise.serving.sessions.bodies import levels_of, read_create, read_step
from gatewise.serving.terms import problems
from gatewise.serving.terms.contract import Asked, Stepped
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import CODES, Problem, as_problem, shown
from serving.made_models import Lengths, Memory


def test_made_models_fulfil_the_contract():
    assert isinstance(Memory(), Stepped)
    assert isinstance(Memory(), Asked)
    assert isinstance(Lengths(), Asked)
    assert not isinstance(Lengths(), Stepped)


def test_steps_by_hand():
    model = Memory()
    state, said = model.step(model.begin(), np.array([[1.0, 2.0], [0.0, 4.0]]))
    assert said.tolist() == [[3.0], [5.5]]
    assert np.frombuffer(state, "<f4").tolist() == [0.5, 5.0]
    assert model.forecast(state, 2, ()) == {"y": [[2.75], [1.375]]}
    assert model.fault(state[:-1]) == "it has 7 bytes and should have 8"


def test_a_problem_says_what_and_what_to_do():
    problem = Problem("seq_gap", "Step 9 came, and step 4 is next.", field="seq", detail={"expected": 4})
    assert json.loads(problem.body("r-1")) == {
        "error": "Step 9 came, and step 4 is next.",
        "code": "seq_gap",
        "field": "seq",
        "detail": {"expected": 4},
        "remedy": "Send the step with the number in detail.expected.",
        "request_id": "r-1",
    }
    assert problem.status == 409


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (UsageError("No."), "data_refused", 422),
        (DataError("No."), "data_refused", 422),
        (EnvironmentFault("No."), "busy", 503),
        (ZeroDivisionError("secret"), "internal", 500),
    ],
)
def test_what_a_call_raises_becomes_a_problem(error, code, status):
    problem = as_problem(error)
    assert (problem.code, problem.status) == (code, status)
    assert "secret" not in str(problem)


def test_every_code_has_a_remedy_in_a_sentence():
    for code, (status, remedy) in CODES.items():
        assert 400 <= status <= 507, code
        assert remedy.endswith("."), code


def test_every_code_is_given_somewhere():
    room = Path(problems.__file__).parents[1]
    said = "".join(path.read_text() for path in room.rglob("*.py") if path.name != "problems.py")
    said += Path(problems.__file__).read_text().partition("class Problem")[2]
    assert [code for code in CODES if f'"{code}"' not in said] == []


def test_values_of_a_request_are_shown_without_control_characters():
    assert shown("a\r\n\x1b[31mé") == r"'a\r\n\x1b[31m\xe9'"
    assert len(shown("x" * 1000)) == 80


def test_the_document_has_the_limits_that_bodies_are_held_to():
    limits = replace(Limits(), rows=7, horizon=9, ttl_seconds=50.0, ttl_most=100.0)
    forms = schemas(limits)
    assert forms["AskForecast"]["properties"]["horizon"]["maximum"] == 9
    assert forms["Step"]["properties"]["xs"]["maxItems"] == 7
    assert read_step({"seq": 1, "xs": [[1, 2]] * 7}, Memory(), limits).rows.shape == (7, 2)
    with pytest.raises(Problem, match="and may have 7"):
        read_step({"seq": 1, "xs": [[1, 2]] * 8}, Memory(), limits)
    create = forms["Create"]["properties"]
    bounds = {"ttl_s": create["ttl_s"], "time_step_s": create["time_step_s"]["anyOf"][0]}
    assert bounds["ttl_s"]["maximum"] == 100.0
    for field, form in bounds.items():
        for right, wrong in ((form["minimum"], form["minimum"] / 2), (form["maximum"], 2 * form["maximum"])):
            assert read_create({field: right}, Memory(), limits).name is None
            with pytest.raises(Problem, match=f"^{field} is"):
                read_create({field: wrong}, Memory(), limits)
    level = forms["AskForecast"]["properties"]["level"]["anyOf"]
    assert levels_of([level[0]["minimum"], level[0]["maximum"]] * (level[1]["maxItems"] // 2))
    with pytest.raises(Problem):
        levels_of([50] * (level[1]["maxItems"] + 1))
