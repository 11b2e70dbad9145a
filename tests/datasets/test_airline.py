"""The shipped series is the one of Box and Jenkins."""

from gatewise.datasets import load_airline


def test_the_series_has_its_known_total_and_summer_peaks():
    """The yearly totals are those of R's `AirPassengers` (R 4, `aggregate(AirPassengers, FUN = sum)`)."""
    values = load_airline()
    assert values.shape == (144,)
    assert values.reshape(12, 12).sum(1).tolist() == [
        1520, 1676, 2042, 2364, 2700, 2867, 3408, 3939, 4421, 4572, 5140, 5714,
    ]  # fmt: skip
    assert values.reshape(12, 12).argmax(1).tolist() == [6, 6, 6, 7, 7, 6, 6, 6, 7, 7, 7, 6]
