"""Series that are made for tests and explained by a promotion that is known in advance, and by what was measured before."""

import numpy as np
import pandas as pd

COVARIATES = {"future": ["promo"], "past": ["lead"], "static": ["area"]}


def made_explained(series=2, time=72, ahead=0):
    """Return a frame in which a promotion adds half, and a number that was measured a month before a tenth."""
    months = 120
    frames = []
    for row in range(series):
        own = np.random.default_rng(row)
        promo = (own.random(months) < 0.25).astype(float)
        lead = own.standard_normal(months)
        levels = 4 + row + 0.02 * own.standard_normal(months).cumsum() + 0.1 * np.sin(np.arange(months) * np.pi / 6)
        levels += 0.4 * promo + 0.1 * np.r_[0.0, lead[:-1]] + 0.02 * own.standard_normal(months)
        ds = pd.date_range("2015-01-01", periods=months, freq="MS")
        area = "north" if row % 2 else "south"
        columns = {"unique_id": f"s{row}", "ds": ds, "y": np.exp(levels), "promo": promo, "lead": lead, "area": area}
        frames.append(pd.DataFrame(columns).iloc[: time + ahead])
    return pd.concat(frames, ignore_index=True)


def without_values(frame, ahead):
    """Return the frame as it is before its last steps: their values, and what is measured, are not known."""
    last = frame.groupby("unique_id").cumcount(ascending=False) < ahead
    frame = frame.copy()
    frame.loc[last, ["y", "lead"]] = np.nan
    return frame
