"""Series that are made for tests."""

import numpy as np
import pandas as pd


def made_frame(series=2, time=48):
    noise = np.random.default_rng(0).standard_normal((series, 400))[:, :time]
    ds = pd.date_range("2020-01-01", periods=time, freq="MS")
    season = 10 * np.sin(np.arange(time) * np.pi / 6)
    frames = [
        pd.DataFrame({"unique_id": f"s{row}", "ds": ds, "y": 50 + 20 * row + season + noise[row]})
        for row in range(series)
    ]
    return pd.concat(frames, ignore_index=True)
