"""The test run: its environment, shape checks of array functions, and the examples of README, docs and docstrings.

Loaded by pytest before anything of gatewise, so that the settings here are there when gatewise reads them.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Two devices, on machines with one core as well: what is spread over devices has to give the numbers of one.
os.environ["GATEWISE_CPU_DEVICES"] = "2"
if "GATEWISE_CACHE" not in os.environ:
    # One cache for the run and the processes that it starts, so that a program met twice is compiled once.
    os.environ["GATEWISE_CACHE"] = tempfile.mkdtemp(prefix="gatewise-test-")
    atexit.register(shutil.rmtree, os.environ["GATEWISE_CACHE"], ignore_errors=True)

import pytest
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

import shape_checks

shape_checks.install()


def pytest_configure(config: pytest.Config) -> None:
    """Make gatewise's own warnings errors; in pyproject.toml the line would import gatewise before this file."""
    config.addinivalue_line("filterwarnings", "error::gatewise.errors.GatewiseWarning")


@pytest.fixture(scope="module")
def quickly_compiled() -> Iterator[None]:
    """Compile the programs of a module without most of XLA's optimisations: they run for milliseconds, and seconds go to XLA.

    For laws with a tolerance. Laws of bits run the programs that users run.
    """
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    # JAX keeps what it has compiled in memory whatever this says: Keras would draw initial weights with the small programs of
    # this module in later ones, an ulp off, and laws of bits that ask another process would fail.
    jax.clear_caches()


class _OwnFolder:
    """Runs the examples of a document in a folder of their own, so that they may write files."""

    def __init__(self) -> None:
        self.before = Path.cwd()

    def enter(self, namespace: dict[str, object]) -> None:
        self.before = Path.cwd()
        os.chdir(tempfile.mkdtemp(prefix="gatewise-examples-"))

    def leave(self, namespace: dict[str, object]) -> None:
        folder = Path.cwd()
        os.chdir(self.before)
        shutil.rmtree(folder, ignore_errors=True)


_folder = _OwnFolder()
_pages = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md"],
    setup=_folder.enter,
    teardown=_folder.leave,
)
_docstrings = Sybil(
    parsers=[DocTestParser()],
    pattern="src/gatewise/**/*.py",
    document_types={".py": PythonDocStringDocument},
    setup=_folder.enter,
    teardown=_folder.leave,
)
pytest_collect_file = (_pages + _docstrings).pytest()
