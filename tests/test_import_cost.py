"""Importing gatewise, and asking for help, load nothing heavy: a question of modules, not of the clock."""

import os
import subprocess
import sys

import pytest

HEAVY = [
    "jax",
    "jaxlib",
    "keras",
    "numpy",
    "pandas",
    "plotly",
    "polars",
    "pyarrow",
    "scipy",
    "h5py",
    "rich",
    "safetensors",
    "jinja2",
    "psutil",
    "llvmlite",
    "fugue",
    "dask",
]


def _loaded_after(code: str) -> set[str]:
    """Run code in a fresh Python and return which heavy libraries it has loaded."""
    code = f"import sys\n{code}\nprint(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    return set(done.stderr.split())


def test_the_measurement_sees_what_is_loaded():
    assert _loaded_after("import numpy") == {"numpy"}


@pytest.mark.parametrize(
    "code",
    [
        "import gatewise",
        "import gatewise; gatewise.__version__; dir(gatewise); gatewise.errors.UsageError",
        "from gatewise.cli.app import run; run(['--help'])",
        "from gatewise.cli.app import run; run(['--version'])",
        "from gatewise.cli.app import run; run(['recipes', '--help'])",
    ],
)
def test_nothing_heavy_is_loaded(code):
    assert _loaded_after(code) == set()


@pytest.mark.parametrize("name", ["metrics", "baselines", "evaluation"])
def test_forecasts_are_scored_with_numpy_alone(name):
    assert _loaded_after(f"import gatewise.{name}") == {"numpy"}


def test_recipes_are_listed_without_keras():
    assert not _loaded_after("from gatewise.cli.app import run; run(['recipes'])") & {
        "jax",
        "keras",
        "pandas",
        "plotly",
    }


def test_a_list_is_read_without_keras():
    loaded = _loaded_after("import gatewise; gatewise.read_series([1.0, 2.0])")
    assert not loaded & {"jax", "keras", "plotly", "polars"}
    assert "pandas" in loaded


def test_keras_comes_without_scikit_learn_where_a_command_runs():
    code = (
        "import contextlib\nfrom gatewise.backend import import_keras\nfrom gatewise.cli import app\n"
        "app.run = lambda typed: int(typed[0])\nwith contextlib.suppress(SystemExit): app.main(['3'])\n"
        "assert import_keras().wrappers.SKLearnClassifier\nassert not sys.modules['sklearn']"
    )
    assert {"keras", "jax"} <= _loaded_after(code)
