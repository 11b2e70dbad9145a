"""Saved forecasters whose parts are each as gatewise writes them, and do not belong together."""

import json

import numpy as np
import pytest

import gatewise as gw
from gatewise.artifact import read_folder, write_folder

OF_THE_FORMAT = {"format", "format_version", "written_by", "files", "tensors", "manifest_sha256"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "waves"
    gw.Forecaster(2, network=(), baselines=["Naive", "Drift"]).fit(np.sin(np.arange(40.0))).save(path)
    return path


def renamed(entries, arrays):
    entries["methods"][0] = "__class__"


def without_a_baseline(entries, arrays):
    entries["baselines"] = ["Naive"]


def another_horizon(entries, arrays):
    entries["plan"]["horizon"] = 3


def weights_of_another_number_of_methods(entries, arrays):
    arrays["judged/weights"] = np.repeat(arrays["judged/weights"], 2, axis=1)


def numbers_of_another_kind(entries, arrays):
    arrays["rolled/forecasts"] = arrays["rolled/forecasts"].astype(np.int64)


def sizes_of_another_series(entries, arrays):
    arrays["sizes"] = np.repeat(arrays["sizes"], 2, axis=1)


def a_zone_of_whole_numbers(entries, arrays):
    entries["table"]["zone"] = "UTC"


def a_series_without_end(entries, arrays):
    arrays["table/offsets"] = np.array([0, 2**31])


def a_step_that_is_none(entries, arrays):
    entries["table"]["frequency"]["step"] = []


def scales_of_nothing(entries, arrays):
    arrays["scale"] = np.zeros_like(arrays["scale"])


def names_that_are_no_text(entries, arrays):
    # In which JSON's reader would see another encoding.
    arrays["table/ids"] = np.frombuffer(b"\x00\x00\x00[]", np.uint8)


CHANGES = [
    scales_of_nothing,
    names_that_are_no_text,
    a_series_without_end,
    a_step_that_is_none,
    a_zone_of_whole_numbers,
    renamed,
    without_a_baseline,
    another_horizon,
    weights_of_another_number_of_methods,
    numbers_of_another_kind,
    sizes_of_another_series,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_parts_that_do_not_belong_together_are_refused(saved, tmp_path, change):
    manifest, arrays = read_folder(saved, "forecaster")
    entries = json.loads(json.dumps({name: value for name, value in manifest.items() if name not in OF_THE_FORMAT}))
    arrays = dict(arrays)
    change(entries, arrays)
    write_folder(tmp_path / "forged", entries, arrays)
    with pytest.raises(gw.errors.ModelFileError) as caught:
        gw.Forecaster.load(tmp_path / "forged")
    assert "its entries have another form than gatewise writes" in str(caught.value)


def test_what_is_written_again_as_it_was_is_read(saved, tmp_path):
    manifest, arrays = read_folder(saved, "forecaster")
    write_folder(tmp_path / "same", {name: manifest[name] for name in manifest if name not in OF_THE_FORMAT}, arrays)
    again = gw.Forecaster.load(tmp_path / "same").predict()
    assert again.equals(gw.Forecaster.load(saved).predict())
