"""The front door is exactly what is listed here, and every name behind it is documented and found."""

import ast
import inspect
from pathlib import Path

import pytest

import gatewise as gw

PUBLIC = {
    "Calibration",
    "Ensemble",
    "Forecaster",
    "History",
    "Lengths",
    "Linear",
    "LocalNetworks",
    "LocalView",
    "Network",
    "SequenceNetworks",
    "SharedNetworks",
    "Stream",
    "TextClassifier",
    "Validation",
    "__version__",
    "accelerate",
    "backtest",
    "baselines",
    "datasets",
    "errors",
    "evaluate",
    "fit",
    "fit_ensemble",
    "forecast",
    "from_keras",
    "initialize",
    "inspect",
    "layers",
    "load",
    "losses",
    "member_seed",
    "metrics",
    "predict",
    "read_corpus",
    "read_series",
    "recipe",
    "reset_states",
    "save",
    "show_backend",
    "stream",
    "to_keras",
    "windows",
}


def test_the_front_door_is_exactly_this():
    assert set(gw.__all__) == PUBLIC
    assert len(gw.__all__) == len(set(gw.__all__))
    assert dir(gw) == sorted(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_every_name_is_there_and_documented(name):
    value = getattr(gw, name)
    first_line = (inspect.getdoc(value) or "").partition("\n")[0]
    assert first_line.endswith((".", ":"))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        _ = gw.fitt


def test_type_checkers_see_the_same_names_in_the_same_places():
    tree = ast.parse(Path(gw.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {}
    for line in block.body:
        assert isinstance(line, ast.ImportFrom)
        for alias in line.names:
            assert alias.asname == alias.name, "only 'import name as name' makes a name public to a type checker"
            seen[alias.name] = f"gatewise.{alias.name}" if line.module == "gatewise" else line.module
    assert seen == gw._DOORS
