"""What several rooms' tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def outside_data() -> Callable[[str], Path]:
    """Find data that cannot ship with gatewise in the folder GATEWISE_TEST_DATA; skip where it is absent."""

    def find(name: str) -> Path:
        folder = os.environ.get("GATEWISE_TEST_DATA")
        if not folder:
            pytest.skip(f"needs {name}: set GATEWISE_TEST_DATA to the folder that holds it")
        path = Path(folder) / name
        if not path.exists():
            pytest.skip(f"needs {name}, which is not in {folder}")
        return path

    return find
