"""Peers of `forecast_side_by_side.py`, each in a process of its own: series in, forecasts out. Does not know gatewise.

Each is run as its documentation shows it, at its defaults. What a default leaves open (how far a window looks back, how
many trials a search has) is written at its place below.
"""

import json
import os
import resource
import sys
import time
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
# For darts and skforecast, which ask for it; the shortest series has 48 months. neuralforecast takes three horizons, and pads.
LOOK_BACK = 24
TRIALS = 3
EPOCHS_OF_SKFORECAST = 25


def _long(values):
    rows, columns = np.nonzero(np.isfinite(values))
    return pd.DataFrame({"unique_id": rows, "ds": columns, "y": values[rows, columns]})


def _neuralforecast(model, values, horizon):
    from neuralforecast import NeuralForecast

    frame = _long(values)
    started = time.perf_counter()
    forecaster = NeuralForecast(models=[model], freq=1)
    forecaster.fit(frame)
    found = forecaster.predict().sort_values(["unique_id", "ds"])
    column = next(name for name in found.columns if name not in ("unique_id", "ds"))
    return time.perf_counter() - started, found[column].to_numpy().reshape(len(values), horizon)


def neuralforecast_lstm(values, horizon, minutes):
    """LSTM of neuralforecast: a thousand steps, windows that look back three horizons."""
    from neuralforecast.models import LSTM

    return _neuralforecast(LSTM(h=horizon, start_padding_enabled=True), values, horizon)


def neuralforecast_auto(values, horizon, minutes):
    """AutoLSTM of neuralforecast, searched by optuna with few trials."""
    from neuralforecast.auto import AutoLSTM
    from neuralforecast.losses.pytorch import MAE

    own = AutoLSTM.get_default_config(h=horizon, backend="optuna")

    def _padded(trial):
        return {**own(trial), "start_padding_enabled": True}

    return _neuralforecast(
        AutoLSTM(h=horizon, loss=MAE(), num_samples=TRIALS, backend="optuna", config=_padded), values, horizon
    )


def _stopped_after(minutes):
    return {"max_time": {"minutes": minutes}, "accelerator": "cpu", "enable_progress_bar": False, "logger": False}


def darts_block_rnn(values, horizon, minutes):
    """BlockRNNModel of darts with an LSTM: a hundred epochs, or as many as there is time for."""
    from darts import TimeSeries
    from darts.dataprocessing.transformers import Scaler
    from darts.models import BlockRNNModel

    series = [TimeSeries.from_values(row[np.isfinite(row)].astype(np.float32)) for row in values]
    started = time.perf_counter()
    scaler = Scaler()
    scaled = scaler.fit_transform(series)
    model = BlockRNNModel(
        input_chunk_length=LOOK_BACK,
        output_chunk_length=horizon,
        model="LSTM",
        pl_trainer_kwargs=_stopped_after(minutes),
    )
    model.fit(scaled)
    found = scaler.inverse_transform(model.predict(horizon, series=scaled))
    return (
        time.perf_counter() - started,
        np.stack([one.values()[:, 0] for one in found]),
        {"epochs": int(model.epochs_trained)},
    )


def skforecast_rnn(values, horizon, minutes):
    """ForecasterRnn of skforecast, one network with all series as its inputs and outputs, so as many months as all have."""
    os.environ["KERAS_BACKEND"] = "torch"
    from skforecast.deep_learning import ForecasterRnn, create_and_compile_model

    months = int(np.isfinite(values).sum(axis=1).min())
    frame = pd.DataFrame(values[:, -months:].T, columns=[f"s{row}" for row in range(len(values))])
    started = time.perf_counter()
    model = create_and_compile_model(series=frame, levels=list(frame.columns), lags=LOOK_BACK, steps=horizon)
    forecaster = ForecasterRnn(
        estimator=model,
        levels=list(frame.columns),
        lags=LOOK_BACK,
        fit_kwargs={"epochs": EPOCHS_OF_SKFORECAST, "verbose": 0},
    )
    forecaster.fit(series=frame)
    found = forecaster.predict(steps=horizon)
    seconds = time.perf_counter() - started
    return seconds, found.pivot(columns="level", values="pred")[list(frame.columns)].to_numpy().T


def darts_backtest(values, horizon, minutes):
    """Historical forecasts of darts with ``retrain=True``: one series, fresh weights at each of 24 cutoffs, one network."""
    from darts import TimeSeries
    from darts.dataprocessing.transformers import Scaler
    from darts.models import BlockRNNModel

    series = Scaler().fit_transform(TimeSeries.from_values(values[0].astype(np.float32)))
    model = BlockRNNModel(
        input_chunk_length=LOOK_BACK,
        output_chunk_length=horizon,
        model="LSTM",
        pl_trainer_kwargs={"accelerator": "cpu", "enable_progress_bar": False, "logger": False},
    )
    cutoffs = 24
    started = time.perf_counter()
    found = model.historical_forecasts(
        series,
        start=len(series) - horizon - cutoffs + 1,
        forecast_horizon=horizon,
        retrain=True,
        last_points_only=False,
        verbose=False,
    )
    assert len(found) == cutoffs, len(found)
    return time.perf_counter() - started, np.stack([one.values()[:, 0] for one in found])


PEERS = {
    "neuralforecast LSTM": (neuralforecast_lstm, "neuralforecast"),
    "neuralforecast AutoLSTM": (neuralforecast_auto, "neuralforecast"),
    "darts BlockRNNModel": (darts_block_rnn, "darts"),
    "skforecast ForecasterRnn": (skforecast_rnn, "skforecast"),
    "darts backtest": (darts_backtest, "darts"),
}


def main():
    name, series, out, minutes = sys.argv[1:]
    given = np.load(series)
    run, package = PEERS[name]
    seconds, forecasts, *more = run(given["values"], int(given["horizon"]), float(minutes))
    np.save(out, forecasts)
    cell = {
        "name": name,
        "version": f"{package} {metadata.version(package)}",
        "about": run.__doc__,
        "seconds": seconds,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **(more[0] if more else {}),
    }
    Path(out).with_suffix(".json").write_text(json.dumps(cell), encoding="utf-8")


if __name__ == "__main__":
    main()
