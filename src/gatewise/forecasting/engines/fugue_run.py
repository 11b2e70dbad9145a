"""Blocks on an engine: Dask, Ray or Spark, each by way of Fugue, whose functions here get frames of pandas.

Three passes: over the names, for the sample's lots; over the rows, for the sample, which one worker learns from; and over the
blocks, which are not computed before somebody wants them. Nothing comes to this machine but some thousand lots and what
is shared, as text.
"""

import base64
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gatewise import errors
from gatewise.errors import EnvironmentFault, GatewiseError, UsageError
from gatewise.forecasting.engines.blocks import forecast_block
from gatewise.forecasting.engines.lots import Draw, least, lots_of
from gatewise.forecasting.engines.order import SAMPLE_TAKES, Order, as_folder, on_engine
from gatewise.forecasting.engines.rows import read_rows
from gatewise.forecasting.engines.shared import Shared, shared_from
from gatewise.forecasting.engines.sources import long_frame, with_rows_in_advance
from gatewise.forecasting.frames import bounds_names
from gatewise.progress import Progress, silent

if TYPE_CHECKING:
    import types

_LOT, _BLOCK = "gatewise_lot", "gatewise_block"
_PACKAGES = {"dask": "distributed", "ray": "ray", "spark": "pyspark"}
# An error of ours inside of what another language says of it, as Spark does.
_SENTENCE = re.compile(r"gatewise\.errors\.(\w+): (.+)")


def forecast_on(
    engine: Any, data: Any, order: Order, out: str | None, future: Any = None, progress: Progress = silent
) -> tuple[Any, Shared]:
    """Forecast on an engine; see `gatewise.forecast`.

    Args:
        engine: Whatever Fugue takes for an engine; None for that of the frame.
        data: As in `gatewise.forecast`.
        order: What is to be forecast.
        out: A folder to be; None returns a frame.
        future: Rows with what is known in advance, as in `gatewise.forecast`.
        progress: Told what is being done; how far the blocks are, the engine shows.

    Returns:
        The frame of the engine, or the folder, and what was learned from the sample.

    Raises:
        DataError: The series cannot be read; the sentence names one of them.
        EnvironmentFault: Fugue is not installed, or the engine does not start.
    """
    fa = _fugue()
    with _sentences(), _context(fa, engine, [frame for frame in (data, future) if on_engine(frame)]):
        frame, order, future = long_frame(fa, data, order, future)
        names = fa.select_columns(frame, fa.get_column_names(frame)[:1])
        if future is not None:
            frame = with_rows_in_advance(fa, frame, future, order.covariates["future"])
        seed = order.plan.seed
        progress(0.0, "counting series")
        lots = fa.transform(
            names,
            least_lots,
            schema=f"{_LOT}:long",
            params={"seed": seed, "count": order.sample + 1},
            as_local=True,
        )
        draw = Draw.of(fa.as_pandas(lots)[_LOT].to_numpy(np.int64), order.sample)
        progress(0.0, "learning from a sample")
        first = {"seed": seed, "first_outside": draw.first_outside}
        learned = fa.transform(
            fa.transform(frame, only_sample, schema="*", params=first),
            learned_from,
            schema="shared:str",
            partition={"num": 1},
            params={"order": order, "draw": draw},
            as_local=True,
        )
        text = str(fa.as_pandas(learned)["shared"].iloc[0])
        shared = shared_from(base64.b64decode(text))
        forecasts = _blocks(fa, frame, shared, text, order)
        if out is None:
            return _plain(forecasts), shared
        progress(SAMPLE_TAKES / (SAMPLE_TAKES + draw.blocks), f"forecasting {draw.blocks:,} blocks")
        if isinstance(forecasts, pd.DataFrame):
            return as_folder(_plain(forecasts), out), shared
        fa.save(forecasts, out, format_hint="parquet", mode="error")
        return out, shared


def as_pandas(frame: Any) -> pd.DataFrame:
    """Compute the frame of an engine and bring it here, ordered by series and time."""
    with _sentences():
        found: pd.DataFrame = _fugue().as_pandas(frame)
    found["ds"] = found["ds"].to_numpy()
    return found.sort_values(["unique_id", "ds"], ignore_index=True)


def _blocks(fa: "types.ModuleType", frame: Any, shared: Shared, text: str, order: Order) -> Any:
    """Return the forecasts of all blocks, which are computed where and when they are wanted."""
    blocks = shared.draw.blocks
    numbered = fa.transform(
        frame, with_block, schema=f"*,{_BLOCK}:long", params={"seed": shared.seed, "blocks": blocks}
    )
    names = "str" if _is_text(fa, frame) else "long"
    times = "datetime" if shared.kind == "M" else "long"
    columns = ",".join(f"`{column}`:double" for column in bounds_names("gatewise", shared.levels.tolist()))
    # Several blocks may come together: "coarse" leaves it to the function to tell them apart.
    partition: Any = {"by": [_BLOCK], "algo": "coarse", "num": blocks}
    if _is_dask(numbered):
        # A block is a part, without the passes over the data in which Fugue would look where parts are to end.
        ends = list(range(blocks + 1))
        numbered, partition = numbered.set_index(_BLOCK, drop=False, divisions=ends).reset_index(drop=True), None
    return fa.transform(
        numbered,
        forecast_blocks,
        schema=f"unique_id:{names},ds:{times},{columns}",
        partition=partition,
        params={"text": text, "covariates": order.covariates, "mending": order.mending},
    )


def least_lots(rows: pd.DataFrame, seed: int, count: int) -> pd.DataFrame:
    """Return the least lots of the series of a partition."""
    return pd.DataFrame({_LOT: least(lots_of(rows.iloc[:, 0].unique().tolist(), seed), count)})


def only_sample(rows: pd.DataFrame, seed: int, first_outside: int) -> pd.DataFrame:
    """Return the rows of the series that are in the sample."""
    return rows[Draw(first_outside, 1).in_sample(_lots_of_rows(rows, seed))]


def with_block(rows: pd.DataFrame, seed: int, blocks: int) -> pd.DataFrame:
    """Return rows with the block that each belongs to."""
    return rows.assign(**{_BLOCK: Draw(0, blocks).block_of(_lots_of_rows(rows, seed))})


def learned_from(rows: pd.DataFrame, order: Order, draw: Draw) -> pd.DataFrame:
    """Return what the sample has to share, as text."""
    table = read_rows(rows, order.reading.get("freq"), order.covariates, order.plan.horizon, order.mending)
    table = table.select(np.argsort(lots_of(table.ids.tolist(), order.plan.seed), kind="stable"))
    return pd.DataFrame({"shared": [base64.b64encode(order.learned_from(table, draw, silent)).decode()]})


def forecast_blocks(rows: pd.DataFrame, text: str, covariates: dict[str, list[str]], mending: Any) -> pd.DataFrame:
    """Return the forecasts of some whole blocks."""
    shared = shared_from(base64.b64decode(text))
    parts = []
    for _, block in rows.groupby(_BLOCK, sort=True):
        table = read_rows(block.drop(columns=_BLOCK), shared.freq, covariates, shared.horizon, mending)
        lots = lots_of(table.ids.tolist(), shared.seed)
        parts.append(forecast_block(shared, table.select(np.argsort(lots, kind="stable")), silent))
    # Spark cannot take the string columns of pandas 3: their Arrow arrays come in chunks.
    return pd.concat(parts, ignore_index=True).astype({"unique_id": object})


def _lots_of_rows(rows: pd.DataFrame, seed: int) -> np.ndarray:
    codes, names = pd.factorize(rows.iloc[:, 0], use_na_sentinel=False)
    return lots_of(names.tolist(), seed)[codes]


def _fugue() -> "types.ModuleType":
    try:
        import fugue.api as fa
    except ImportError:
        raise EnvironmentFault(
            "Engines are reached by way of Fugue, which is not installed: pip install 'gatewise[engine]'."
        ) from None
    return fa


@contextmanager
def _context(fa: "types.ModuleType", engine: Any, data: list[Any]) -> Iterator[None]:
    """Make an engine the one that all of this runs on."""
    try:
        context = fa.engine_context(engine, infer_by=data)
    except Exception as error:
        shown = engine if isinstance(engine, str) else type(engine).__name__
        if isinstance(engine, str) and engine in _PACKAGES:
            if importlib.util.find_spec(_PACKAGES[engine]) is None:
                raise EnvironmentFault(
                    f"The engine {engine!r} is not installed: pip install 'fugue[{engine}]'."
                ) from None
            raise EnvironmentFault(
                f"The engine {engine!r} could not be started ({error}): look whether it is there with pip install "
                f"'fugue[{engine}]', give a client or session of it, and in a script that starts one put what it does below "
                'if __name__ == "__main__".'
            ) from None
        raise UsageError(
            f"engine is {shown!r}, which is none: give 'dask', 'ray' or 'spark', or a client or session of one of them."
        ) from None
    with context:
        yield


def _is_text(fa: "types.ModuleType", frame: Any) -> bool:
    """Return whether series are named by texts, and not by whole numbers.

    Raises:
        UsageError: Neither.
    """
    import pyarrow as pa

    schema = fa.get_schema(frame)
    name = schema.names[0]
    kind = schema[name].type
    if pa.types.is_integer(kind):
        return False
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise UsageError(f"Column {name!r} names the series by values of type {kind}: make texts of them.")
    return True


def _is_dask(frame: Any) -> bool:
    return type(frame).__module__.startswith("dask.")


def _plain(frame: Any) -> Any:
    """Return a frame of Dask or pandas with the types that pandas has by itself; those of other engines are theirs."""
    if isinstance(frame, pd.DataFrame):
        whole = pd.api.types.infer_dtype(frame["unique_id"]) == "integer"
        return frame.astype({"unique_id": "int64" if whole else "str"})
    if not _is_dask(frame):
        return frame
    plain = {name: "float64" for name in frame.columns if name.startswith("gatewise")}
    if "timestamp" in str(frame.dtypes["ds"]) or "datetime" in str(frame.dtypes["ds"]):
        plain["ds"] = "datetime64[ns]"
    else:
        plain["ds"] = "int64"
    return frame.astype({**plain, "unique_id": "str" if "str" in str(frame.dtypes["unique_id"]) else "int64"})


@contextmanager
def _sentences() -> Iterator[None]:
    """Let an error of a worker arrive as the sentence that it is, without what the engine tells around it."""
    try:
        yield
    except Exception as error:
        seen: BaseException | None = error
        while seen is not None and not isinstance(seen, GatewiseError):
            seen = seen.__cause__ or seen.__context__
        if isinstance(seen, GatewiseError):
            raise seen.with_traceback(None) from None
        found = _SENTENCE.search(str(error))
        if found is None:
            raise
        raise getattr(errors, found[1], GatewiseError)(found[2]) from None
