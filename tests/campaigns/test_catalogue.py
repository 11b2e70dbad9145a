"""Every case of the catalogue of bad input has a test; and the cases that fit nowhere else."""

import ast
import functools
import re
import tracemalloc
from pathlib import Path

import pytest

import gatewise as gw

TESTS = Path(__file__).parents[1]
# How many cases a letter has: files, times, values, texts, the command line, Python, model folders, requests, sessions.
NUMBERS = {"C": 35, "T": 22, "V": 20, "X": 24, "A": 15, "P": 18, "M": 21, "H": 38, "S": 20}
PAGE = Path(__file__).with_name("catalogue.md").read_text(encoding="utf-8")
CASES = re.findall(r"^\| ([A-Z]\d\d) \| ([EH]) \| ([^|]+) \| (`.+`) \|$", PAGE, re.MULTILINE)


@functools.cache
def found_in(path):
    """Return the tests of a file, and everything that it quotes."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    quoted = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return tests, quoted


def test_there_are_213_cases_each_once():
    numbers = [number for number, *_ in CASES]
    assert len(numbers) == len(set(numbers)) == PAGE.count("\n| ") - PAGE.count("\n| | | case")
    assert sum(NUMBERS.values()) == 213
    assert set(numbers) == {f"{letter}{n:02d}" for letter, most in NUMBERS.items() for n in range(1, most + 1)}


@pytest.mark.parametrize("case", CASES, ids=[number for number, *_ in CASES])
def test_a_case_has_its_tests(case):
    number, _, _, tests = case
    for place in tests.strip("`").split("`; `"):
        path, name = place.split("::", 1)
        functions, quoted = found_in(path)
        if name.startswith("test_"):
            assert name in functions, f"{number}: {path} has no {name}"
        else:
            # The name of a case, or how its sentence begins.
            there = name in quoted or (len(name) > 15 and any(text.startswith(name) for text in quoted))
            assert there, f"{number}: {path} has no case {name!r}"


def test_a_file_of_ten_gigabytes_is_read_in_pieces(tmp_path):
    """C31: a file with a hole in it, so that the disk need not hold it."""
    path = tmp_path / "large.csv"
    days = "".join(f"2024-01-{day:02d},{day}\n" for day in range(1, 31))
    path.write_text("ds,y\n" + days)
    assert len(gw.read_series(path)) == 1
    with path.open("rb+") as file:
        file.truncate(10 * 2**30)
    tracemalloc.start()
    try:
        with pytest.raises(gw.errors.DataError) as caught:
            gw.read_series(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(caught.value) == f"{str(path)!r}, row 32 holds a NUL byte, which is no text: save it in UTF-8."
    assert peak < 64 * 2**20
