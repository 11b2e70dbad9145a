"""Law: in float64, ``gw.fit`` and ``model.fit`` agree to eight digits, for the pairs of `training.comparison.IN_FLOAT64`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from training.comparison import IN_FLOAT64


@pytest.fixture(scope="module")
def in_float64():
    """What `training.comparison` prints, in a process of its own."""
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(tests), *sys.path])
    command = [sys.executable, "-m", "training.comparison"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("case", "optimizer"), IN_FLOAT64, ids=lambda part: getattr(part, "name", part))
def test_float64_equals_keras_to_the_last_digits(case, optimizer, in_float64):
    result = in_float64[f"{case.name}/{optimizer}"]
    assert isinstance(result, list), result
    weights, history = result
    assert weights < 1e-8
    assert history < 1e-8
