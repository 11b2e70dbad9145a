"""Saved models of every kind, as the server asks them, say what they say when they are loaded by hand."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gatewise as gw
from gatewise.artifact import read_identity
from gatewise.backend import import_keras
from gatewise.errors import DataError, GatewiseError, ModelFileError, UsageError
from gatewise.report.inspection_page import inspection_page
from gatewise.serving.models.served import open_models
from gatewise.serving.models.stepped import SteppedNetwork
from gatewise.serving.models.worked import WorkedForecaster, WorkedModel
from gatewise.serving.terms.contract import Asked, Stepped, Tensor
from gatewise.serving.terms.problems import Problem
from gatewise.serving.workers import loaded_models
from gatewise.serving.workers.work import Work
from gatewise.serving.workers.works import WORKS
from recurrent_twins import wave, weights

keras = import_keras()
layers = keras.layers
pytestmark = pytest.mark.usefixtures("quickly_compiled")

X = wave((3, 6, 2), 0.9).astype("float32")
# Values that a forecaster was fitted to; those behind them it is told of later.
KNOWN = 8
VALUES = (np.arange(KNOWN + 4) * 7 % 11 + np.arange(KNOWN + 4) / 5).tolist()


class Here(Work):
    """Does in this process what a worker would, with what comes and goes as JSON."""

    def wait(self, work: str, asked: dict[str, Any], seconds: float | None = None) -> dict[str, Any]:
        given = json.loads(json.dumps(self._with_folder(asked)))
        found: dict[str, Any] = json.loads(json.dumps(WORKS[work](given, lambda share, what: None)))
        return found


def in_a_row(*some: Any, shape: tuple[int | None, ...] = (None, 2)) -> Any:
    model = keras.Sequential([keras.Input(shape), *some])
    model.set_weights([0.7 * one for one in weights([variable.shape for variable in model.weights])])
    return model


def two_inputs() -> Any:
    a, b = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    joined = layers.Concatenate()([a, b])
    return keras.Model([a, b], [layers.Dense(1, name="one")(joined), layers.Dense(2, name="two")(joined)])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Save a model of each kind; return them with their folders."""
    root = tmp_path_factory.mktemp("models")
    made: dict[str, Any] = {
        "feeding": in_a_row(layers.LSTM(4), layers.Dense(2)),
        "bare": in_a_row(layers.GRU(2)),
        "words": in_a_row(layers.Embedding(7, 3), layers.GRU(4, return_sequences=True), layers.Dense(2), shape=(None,)),
        "both-ways": in_a_row(layers.Bidirectional(layers.LSTM(2)), layers.Dense(1), shape=(6, 2)),
        "two": two_inputs(),
    }
    for name, model in made.items():
        gw.save(model, root / name)
    made["one-series"] = gw.Forecaster(horizon=2, network=[], baselines=["Naive", "Drift"]).fit(VALUES[:KNOWN])
    dates = pd.date_range("2024-01-01", periods=KNOWN, freq="D")
    frame = pd.concat([pd.DataFrame({"unique_id": name, "ds": dates, "y": VALUES[:KNOWN]}) for name in ("a", "b")])
    made["two-series"] = gw.Forecaster(horizon=2, network=[], baselines=["Naive", "Drift"]).fit(frame)
    texts = ["a good film", "good fun", "so good", "a bad film", "bad taste", "so bad"] * 4
    made["moods"] = gw.TextClassifier(network=()).fit(texts, ["pos", "pos", "pos", "neg", "neg", "neg"] * 4)
    for name in ("one-series", "two-series", "moods"):
        made[name].save(root / name)
    return {"root": root, **made}


@pytest.fixture(scope="module")
def served(folders: dict[str, Any]) -> Iterator[dict[str, Any]]:
    opened = open_models([folders["root"] / name for name in folders if name != "root"], Here())
    yield {model.name: model for model in opened.models}
    opened.work.close()


def test_each_kind_is_served_as_it_can_be(served: dict[str, Any], folders: dict[str, Any]) -> None:
    kinds = {name: (type(model), model.kind, model.quick) for name, model in served.items()}
    recurrent, worked = (SteppedNetwork, "recurrent", True), (WorkedModel, "recurrent", False)
    assert kinds == {
        "feeding": recurrent,
        "bare": recurrent,
        "words": recurrent,
        "both-ways": worked,
        "two": worked,
        "one-series": (WorkedForecaster, "forecaster", False),
        "two-series": (WorkedForecaster, "forecaster", False),
        "moods": (WorkedModel, "classifier", False),
    }
    for name, model in served.items():
        assert isinstance(model, Asked)
        assert isinstance(model, Stepped) == (type(model) is not WorkedModel)
        assert model.sha256 == read_identity(folders["root"] / name)[1]
    assert served["feeding"].inputs == (Tensor("x", "FP32", (-1, -1, 2)),)
    assert served["feeding"].outputs == (Tensor("y", "FP32", (-1, 2)),)
    assert served["words"].inputs == (Tensor("x", "INT64", (-1, -1)),)
    assert served["words"].outputs == (Tensor("y", "FP32", (-1, -1, 2)),)
    steps = {name: (served[name].step_input, served[name].step_output) for name in ("feeding", "words", "one-series")}
    assert steps == {
        "feeding": (Tensor("x", "FP32", (1, -1, 2)), Tensor("y", "FP32", (1, 2))),
        "words": (Tensor("x", "INT64", (1, -1)), Tensor("y", "FP32", (1, -1, 2))),
        "one-series": (Tensor("x", "FP64", (1, -1, 1)), Tensor("y", "FP64", (1, -1, 1))),
    }
    assert served["both-ways"].inputs == (Tensor("x", "FP32", (-1, 6, 2)),)
    assert served["two"].inputs == (Tensor("left", "FP32", (-1, 2)), Tensor("right", "FP32", (-1, 3)))
    assert served["two"].outputs == (Tensor("one", "FP32", (-1, 1)), Tensor("two", "FP32", (-1, 2)))
    assert served["moods"].outputs == tuple(
        Tensor(name, kind, (-1,)) for name, kind in (("label", "BYTES"), ("p(neg)", "FP64"), ("p(pos)", "FP64"))
    )


def test_networks_answer_batches_as_gatewise_predicts(served: dict[str, Any], folders: dict[str, Any]) -> None:
    numbers = (np.arange(18).reshape(3, 6) * 5) % 7
    for name, x in (("feeding", X), ("bare", X), ("words", numbers), ("both-ways", X)):
        expected = gw.predict(folders[name], x)
        for rows in (3, 1):
            found = served[name].predict({"x": x[:rows]})["y"]
            assert (found.dtype, found.shape) == (np.float32, expected[:rows].shape)
            np.testing.assert_allclose(found, expected[:rows], rtol=0, atol=1e-6)
    left, right = X[:, 0], X[:, 1, :1].repeat(3, 1)
    found, expected = served["two"].predict({"left": left, "right": right}), gw.predict(folders["two"], [left, right])
    for name, one in zip(("one", "two"), expected, strict=True):
        np.testing.assert_allclose(found[name], one, rtol=0, atol=1e-6)
    # More sequences than are computed side by side; and none.
    many = np.tile(X, (30, 1, 1))
    np.testing.assert_allclose(
        served["bare"].predict({"x": many})["y"], np.tile(gw.predict(folders["bare"], X), (30, 1)), rtol=0, atol=1e-6
    )
    assert served["bare"].predict({"x": many[:0]})["y"].shape == (0, 2)
    with pytest.raises(DataError, match="no time step"):
        served["bare"].predict({"x": X[:, :0]})
    with pytest.raises(DataError, match="from 0 to 6"):
        served["words"].predict({"x": numbers + 1})


def test_networks_with_a_state_or_many_members_remember_nothing_between_batches(tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input(batch_shape=(1, 6, 2)), layers.Bidirectional(layers.GRU(2, stateful=True)), layers.Dense(1)]
    )
    gw.save(model, tmp_path / "stateful")
    plain = in_a_row(layers.LSTM(2), layers.Dense(1), shape=(6, 2))
    plain.compile("adam", "mse")
    ensemble = gw.fit_ensemble(plain, X, X[:, 0, :1], members=2, epochs=1, batch_size=3, verbose=0)
    gw.save(ensemble, tmp_path / "many")
    (one, many), work = open_models([tmp_path / "stateful", tmp_path / "many"], Here())
    for _ in range(2):
        gw.reset_states(model)
        np.testing.assert_allclose(one.predict({"x": X[:1]})["y"], gw.predict(model, X[:1]), rtol=0, atol=1e-6)  # type: ignore[attr-defined]
        found = many.predict({"x": X})["y"]  # type: ignore[attr-defined]
        np.testing.assert_allclose(found, ensemble.predict(X).mean(axis=0), rtol=0, atol=1e-6)
    # Rows of a batch have a state each.
    repeated = one.predict({"x": X[:1].repeat(3, 0)})["y"]  # type: ignore[attr-defined]
    np.testing.assert_allclose(repeated, one.predict({"x": X[:1]})["y"].repeat(3, 0), rtol=0, atol=1e-6)  # type: ignore[attr-defined]
    work.close()


def test_steps_of_a_network_are_those_of_a_stream(served: dict[str, Any], folders: dict[str, Any]) -> None:
    for name, rows in (
        ("feeding", X[0].astype(float)),
        ("bare", X[0].astype(float)),
        ("words", np.array([[3.0], [6.0]])),
    ):
        model, stream = served[name], gw.stream(folders[name])
        state, said = model.step(model.begin(), rows)
        for row, one in zip(rows, said, strict=True):
            np.testing.assert_array_equal(one, stream.step(row if name != "words" else int(row[0])).ravel())
        assert model.fault(state) is None
        assert state == b"".join(array.tobytes() for array in stream.state)
    for rows in ([[7.0]], [[-1.0]], [[0.5]]):
        with pytest.raises(DataError, match="Words are whole numbers"):
            served["words"].step(served["words"].begin(), np.array(rows))
    model = served["feeding"]
    assert model.fault(b"123") == "it has 3 bytes and should have 32"
    assert model.fault(np.full(8, np.nan, "<f4").tobytes()) == "it holds a value that is not finite"
    with pytest.raises(UsageError, match="no series to choose"):
        model.begin("a")


def test_a_network_forecasts_by_reading_its_own_outputs(served: dict[str, Any], folders: dict[str, Any]) -> None:
    for name in ("feeding", "bare"):
        model, stream = served[name], gw.stream(folders[name])
        state, _ = model.step(model.begin(), X[0].astype(float))
        said = [stream.step(row) for row in X[0]][-1:]
        while len(said) < 5:
            said.append(stream.step(said[-1]))
        np.testing.assert_allclose(model.forecast(state, 5, ())["y"], said, rtol=0, atol=1e-7)
        assert model.forecast(state, 5, ()) == model.forecast(state, 5, ())
    with pytest.raises(UsageError, match="reads numbers of words and gives 2"):
        served["words"].forecast(served["words"].begin(), 2, ())
    with pytest.raises(UsageError, match="says no intervals"):
        served["bare"].forecast(served["bare"].begin(), 2, (80.0,))


def updated(folders: dict[str, Any], name: str, rows: Any) -> Any:
    forecaster = gw.Forecaster.load(folders["root"] / name)
    return forecaster.update(rows) if len(rows) else forecaster


def columns(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        **frame.to_dict("list"),
        "ds": frame["ds"].astype(str).tolist(),
        "unique_id": frame["unique_id"].astype(str).tolist(),
    }


def test_a_session_of_a_forecaster_is_an_update_of_it(served: dict[str, Any], folders: dict[str, Any]) -> None:
    model, states, said = served["one-series"], [], []
    state = model.begin()
    for value in VALUES[KNOWN:]:
        states.append(state)
        state, outputs = model.step(state, np.array([[value]]))
        said.append(outputs[0, 0])
        assert model.fault(state) is None
    # What it said of each value is what it had forecast before.
    before = [
        updated(folders, "one-series", VALUES[KNOWN : KNOWN + n]).predict(1)["gatewise"].iloc[0] for n in range(4)
    ]
    assert said == before
    expected = updated(folders, "one-series", VALUES[KNOWN:]).predict(2, level=(80, 95.5))
    assert model.forecast(state, 2, (80.0, 95.5)) == columns(expected)
    # All at once, after others, from a state in the middle: the same.
    model.step(model.begin(), np.array([[99.0], [0.0]]))
    again, outputs = model.step(states[1], np.array(VALUES[KNOWN + 1 :])[:, None])
    assert (again, outputs.ravel().tolist()) == (state, said[1:])
    assert model.forecast(states[0], 2, ()) == columns(updated(folders, "one-series", []).predict(level=()))
    assert model.tell(states[1], np.array(VALUES[KNOWN + 1 :])[:, None]) == state
    assert len(model.tell(state, np.zeros((1000, 1)))) == len(state) + 8000
    with pytest.raises(DataError, match="may have 100,000"):
        model.tell(state, np.zeros((100_000, 1)))
    assert model.fault(b"12") == model.fault(b"\x00" * 12) == "it is not that of a forecaster"
    with pytest.raises(DataError, match="65 values, and each takes a forecast of its own: give at most 64"):
        model.step(state, np.zeros((65, 1)))
    with pytest.raises(UsageError, match="horizon is 3"):
        model.forecast(state, 3, ())


def test_a_forecaster_of_several_series_is_told_which(served: dict[str, Any], folders: dict[str, Any]) -> None:
    model = served["two-series"]
    state = model.tell(model.begin("b"), np.array([[3.0], [5.0]]))
    assert model.history(state, 4) == {
        "ds": ["2024-01-07", "2024-01-08", "2024-01-09", "2024-01-10"],
        "y": [*VALUES[KNOWN - 2 : KNOWN], 3.0, 5.0],
        "ds_after": ["2024-01-11", "2024-01-12", "2024-01-13", "2024-01-14"],
    }
    with pytest.raises(UsageError, match="knows 2 series, the first is 'a': name one"):
        model.begin()
    with pytest.raises(UsageError, match="knows no such series"):
        model.begin("c")
    state, _ = model.step(model.begin("b"), np.array(VALUES[KNOWN : KNOWN + 2])[:, None])
    rows = pd.DataFrame(
        {"unique_id": "b", "ds": pd.date_range("2024-01-09", periods=2), "y": VALUES[KNOWN : KNOWN + 2]}
    )
    expected = updated(folders, "two-series", rows).predict(level=80)
    assert model.forecast(state, 2, (80.0,)) == columns(expected[expected["unique_id"] == "b"])


def test_forecasts_and_classes_are_given_for_the_asking(served: dict[str, Any], folders: dict[str, Any]) -> None:
    found = served["two-series"].predict({"horizon": np.array([2])})
    assert {name: list(column) for name, column in found.items()} == columns(folders["two-series"].predict(2))
    texts = ["a good day", "so bad"]
    found = served["moods"].predict({"text": np.array(texts, object)})
    assert found["label"].tolist() == folders["moods"].predict(texts).tolist() == ["pos", "neg"]
    chances = folders["moods"].predict_proba(texts)
    np.testing.assert_array_equal(np.stack([found["p(neg)"], found["p(pos)"]], axis=1), chances)
    with pytest.raises(DataError, match="The text at index 1 is empty"):
        served["moods"].predict({"text": np.array(["good", " "], object)})


def test_what_the_page_asks_of_models(folders: dict[str, Any]) -> None:
    work = Here()
    open_models([folders["root"] / "moods", folders["root"] / "one-series"], work)
    explained = work.wait("model.explain", {"model": "moods", "text": "a bad day", "label": None})
    assert explained == folders["moods"].explain("a bad day").to_json()
    assert work.wait("model.explain", {"model": "moods", "text": "bad", "label": "pos"})["class"] == "pos"
    for asked, reason in (({"model": "moods"}, "give one"), ({"model": "one-series", "series": None}, "network")):
        with pytest.raises(UsageError, match=reason):
            work.wait("model.inspect", asked)
    with pytest.raises(Problem, match="is in no folder that a worker could load"):
        work.wait("model.explain", {"model": "feeding", "text": "x"})


def test_a_network_is_looked_into_while_it_reads_rows(served: dict[str, Any], folders: dict[str, Any]) -> None:
    work = served["one-series"]._work
    page = work.wait("model.inspect", {"model": "feeding", "rows": [[0.1, 0.2], [0.3, 0.4], [0, 1]]})["page"]
    right = gw.inspect(folders["feeding"], np.array([[0.1, 0.2], [0.3, 0.4], [0, 1]]))
    assert page == inspection_page([right])
    words = work.wait("model.inspect", {"model": "words", "rows": [1, 2.0, 6]})["page"]
    assert words == inspection_page([gw.inspect(folders["words"], np.array([1, 2, 6]))])
    for rows, sentence in (
        (None, "A network is looked into while it reads a sequence: give its observations as rows."),
        ([[1, 2], [3]], "The rows have 1 and 2 numbers: give as many in each."),
    ):
        with pytest.raises(UsageError, match=f"^{sentence}$"):
            work.wait("model.inspect", {"model": "feeding", "rows": rows})
    with pytest.raises(GatewiseError, match="3"):
        work.wait("model.inspect", {"model": "feeding", "rows": [[1, 2, 3]]})


def test_a_folder_that_was_replaced_is_not_taken_for_what_it_was(folders: dict[str, Any], tmp_path: Path) -> None:
    folders["one-series"].save(tmp_path / "sales")
    (model,), work = open_models([tmp_path / "sales"], Here())
    before = model.begin()  # type: ignore[attr-defined]
    gw.Forecaster(horizon=2, network=[], baselines=["Naive"]).fit(VALUES[: KNOWN - 1]).save(
        tmp_path / "sales", overwrite=True
    )
    # It has been loaded, and stays what it was.
    assert model.begin() == before  # type: ignore[attr-defined]
    loaded_models._MODELS.clear()
    with pytest.raises(UsageError, match="has been replaced since the server began"):
        model.begin()  # type: ignore[attr-defined]
    work.close()


def test_names_and_folders_that_cannot_be_served_are_refused(folders: dict[str, Any], tmp_path: Path) -> None:
    root = folders["root"]
    (one, other), _ = open_models([root / "bare", f"other={root / 'bare'}"])
    assert (one.name, other.name, one.sha256) == ("bare", "other", other.sha256)
    gw.stream(folders["bare"]).save(tmp_path / "state")
    (root / "bare").rename(root / "bäre")
    try:
        cases: list[tuple[list[Any], type[Exception], str]] = [
            ([root / "feeding", root / "feeding"], UsageError, "Two models are called 'feeding'"),
            ([root / "bäre"], UsageError, "'bäre' cannot be the name of a model"),
            ([f"named={root / 'none'}"], ModelFileError, "there is no such folder"),
            ([tmp_path / "state"], UsageError, "is of the kind 'stream-state', which is no model"),
        ]
        for given, kind, reason in cases:
            with pytest.raises(kind, match=reason):
                open_models(given)
    finally:
        (root / "bäre").rename(root / "bare")


def test_a_worker_says_what_was_said_here(served: dict[str, Any], folders: dict[str, Any]) -> None:
    (model,), work = open_models([folders["root"] / "two-series"])
    try:
        state, said = model.step(model.begin("a"), np.array([[3.0]]))  # type: ignore[attr-defined]
        expected_state, expected = served["two-series"].step(served["two-series"].begin("a"), np.array([[3.0]]))
        assert (state, said.tolist()) == (expected_state, expected.tolist())
        assert model.forecast(state, 2, (80.0,)) == served["two-series"].forecast(state, 2, (80.0,))  # type: ignore[attr-defined]
    finally:
        work.close()


def test_a_server_that_answers_steps_has_loaded_neither_keras_nor_hdf5(folders: dict[str, Any], tmp_path: Path) -> None:
    code = f"""
import asyncio, json, sys
from pathlib import Path
from gatewise.serving import server
from gatewise.serving.routes.app import Application
from gatewise.serving.http.guards import Guards
from gatewise.serving.models.served import open_models
from gatewise.serving.service import Service

opened = open_models([{str(folders["root"] / "feeding")!r}])

async def steps():
    service = Service(opened.models, Path({str(tmp_path / "data")!r}))
    server.Server(service, Application(service, Guards("127.0.0.1")))
    begun = await service.sessions.create(service.stepped("feeding"), {{}})
    answer = await service.sessions.step(begun.session.row.name, {{"seq": 1, "x": [0.5, 0.25]}})
    await service.stop()
    return json.loads(answer)["y"]

said = asyncio.run(steps())
heavy = "keras jax jaxlib h5py pandas scipy safetensors plotly jinja2 llvmlite".split()
print(json.dumps([said, opened.work.questions.process_id, [name for name in heavy if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, worker, heavy = json.loads(done.stdout)
    assert said == gw.stream(folders["feeding"]).step([0.5, 0.25]).tolist()
    assert (worker, heavy) == (None, [])
