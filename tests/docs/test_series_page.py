"""The table of docs/series.md is that of the last measurement."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_speed_is_the_one_that_was_measured():
    spec = importlib.util.spec_from_file_location("benchmark_of_tables", ROOT / "benchmarks" / "tables.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    content = json.loads(benchmark.RESULTS.read_text(encoding="utf-8"))
    page = benchmark.PAGE.read_text(encoding="utf-8")
    assert benchmark.with_block(page, content) == page
    assert "10,000 series × 36 months, long" in page
