"""`forecast`: many series in blocks, here or on an engine that runs on many machines."""

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from gatewise.errors import EnvironmentFault, UsageError
from gatewise.forecasting.engines.blocks import forecast_block
from gatewise.forecasting.engines.lots import Draw, lots_of
from gatewise.forecasting.engines.order import (
    SAMPLE_TAKES,
    Options,
    Order,
    as_folder,
    on_engine,
    order_of,
    read,
)
from gatewise.forecasting.engines.shared import Shared, shared_from
from gatewise.progress import Progress, shown

if TYPE_CHECKING:
    import pandas as pd


def forecast(
    data: Any,
    horizon: int,
    *,
    engine: Any = None,
    out: str | os.PathLike[str] | None = None,
    level: float | Sequence[float] = (80, 95),
    sample: int | None = None,
    future: Any = None,
    progress: Progress | bool = True,
    **options: Unpack[Options],
) -> Any:
    """Forecast every series of a table, in blocks, on this machine or on an engine that runs on many.

    Networks and baselines are chosen, global networks trained, and what is usual for errors measured on a sample of the
    series, which a hash of their names draws. With that each block of about 450 series is forecast by itself, wherever it
    is; local networks are trained there. The numbers do not depend on the engine.

    Args:
        data: What `read_series` takes; a folder of Parquet files; a frame of Dask, Ray or Spark in the long form.
        horizon: Steps to forecast.
        engine: ``"dask"``, ``"ray"`` or ``"spark"``, a client or session of these, or whatever Fugue takes for an engine.
            Default: that of the frame, and else this machine.
        out: A folder to be, for Parquet files with the forecasts; not with a frame to be returned.
        level: The share of values that intervals are to hold, in per cent; empty for no intervals.
        sample: Series that everything is learned from, at most. Default: 2,000.
        future: Rows with the covariates that are known in advance, for the times to forecast: whatever `data` may be. Not
            needed where the series have such rows below their last value.
        progress: True for a bar, on a terminal or in a notebook; False for none; or what is called with the share that is
            done, from 0 to 1, and with what is being done. On an engine not within the blocks, as it has a page of its own.
        **options: ``mode``, ``network``, ``network_only``, ``baselines``, ``season_length`` and ``seed`` of `Forecaster`;
            ``id_col``, ``time_col``, ``target_col``, ``freq``, ``covariates``, ``fix`` and ``format`` of `read_series`.

    Returns:
        The columns of `Forecaster.predict`: a frame of pandas; with an engine a frame of that engine, not computed yet; with
        `out` that path.

    Raises:
        UsageError: An argument cannot be meant.
        DataError: The series cannot be read, or a covariate that should be known in advance is not; of a block that an engine
            reads the sentence names the series.
        EnvironmentFault: Fugue, or the engine, is not installed.

    >>> import gatewise as gw
    >>> forecast = gw.forecast([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 2, baselines=["Drift"], network="mlp-window")
    >>> forecast.columns.tolist()[:3]
    ['unique_id', 'ds', 'gatewise']
    """
    order = order_of(horizon, level, sample, options)
    if out is not None:
        out = new_folder(out)
    if engine is None and not any(on_engine(frame) for frame in (data, future)):
        with shown(progress) as told:
            frame, _ = forecast_here(data, order, told, future)
        if out is None:
            return frame
        return as_folder(frame, out)
    from gatewise.forecasting.engines.fugue_run import forecast_on

    with shown(progress) as told:
        return forecast_on(engine, data, order, out, future, told)[0]


def forecast_here(data: Any, order: Order, progress: Progress, future: Any = None) -> "tuple[pd.DataFrame, Shared]":
    """Forecast on this machine, block by block.

    Args:
        data: As in `forecast`.
        order: What is to be forecast.
        progress: Told how far it is.
        future: As in `forecast`.

    Returns:
        The forecasts in the order of the series, and what was learned from the sample.
    """
    import pandas as pd

    table = read(data, order, future)
    lots = lots_of(table.ids.tolist(), order.plan.seed)
    draw = Draw.of(lots, order.sample)
    places = np.argsort(lots, kind="stable")
    whole = SAMPLE_TAKES + draw.blocks

    def told(share: float, what: str, before: float, takes: float) -> None:
        progress((before + share * takes) / whole, what)

    chosen = places[draw.in_sample(lots[places])]
    data = order.learned_from(table.select(chosen), draw, partial(told, before=0.0, takes=SAMPLE_TAKES))
    shared = shared_from(data)
    blocks = draw.block_of(lots)[places]
    parts, rows = [], []
    for number, block in enumerate(np.unique(blocks)):
        own = places[blocks == block]
        parts.append(forecast_block(shared, table.select(own), partial(told, before=SAMPLE_TAKES + number, takes=1.0)))
        rows.append(own)
    frame = pd.concat(parts, ignore_index=True)
    back = np.argsort(np.concatenate(rows), kind="stable")
    ordered = frame.take((back[:, None] * shared.horizon + np.arange(shared.horizon)).ravel())
    return ordered.reset_index(drop=True), shared


def new_folder(out: str | os.PathLike[str]) -> str:
    """Return the path of a folder that is to be made.

    Raises:
        UsageError: Something is there.
        EnvironmentFault: It cannot be made there.
    """
    path = os.fspath(out)
    if os.path.exists(path):
        raise UsageError(f"{path!r} exists: give a folder that is to be made, or remove that one.")
    parent = os.path.dirname(os.path.abspath(path))
    if "://" not in path and not os.path.isdir(parent):
        raise EnvironmentFault(f"{path!r} cannot be made: the folder {parent} does not exist; create it.")
    return path
