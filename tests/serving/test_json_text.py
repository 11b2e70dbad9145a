"""Strict JSON of requests: what is refused, with which words, and that nothing else is."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.serving.http import json_text
from gatewise.serving.http.json_text import parse
from gatewise.serving.terms import long_json
from gatewise.serving.terms.problems import Problem

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.booleans())
def test_what_is_json_is_read_as_python_reads_it(value, ascii_only):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert json.dumps(parse(body, 100)) == json.dumps(value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value at byte 0"),
        (b"{", "Expecting property name enclosed in double quotes at byte 1"),
        (b'{"a": 1} x', "Extra data at byte 9"),
        (b'"\xc3\xa9" x', "Extra data at byte 5"),
        (b"\xff", "it is not UTF-8 at byte 0"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice in one object"),
        (b"[NaN]", "NaN is no number in JSON"),
        (b"[-Infinity]", "-Infinity is no number in JSON"),
        (b"[1e999]", "the number 1e999 is beyond what a double holds"),
        (b"[-" + b"9" * 400 + b".0]", "the number -" + "9" * 75 + "... is beyond what a double holds"),
        (b"[" + b"9" * 5000 + b"]", "a number has 5000 digits"),
        (b"[" * 33 + b"]" * 33, "it nests deeper than 32 levels"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "it nests deeper than 32 levels"),
        (b"[" * 100_000, "it nests deeper than 32 levels"),
        (rb'["\ud800"]', r"'\ud800' holds half of a surrogate pair"),
        (rb'{"\uDC00x": 1}', r"'\udc00x' holds half of a surrogate pair"),
        (b'["a\nb"]', "Invalid control character at at byte 3"),
    ],
)
def test_what_is_refused(body, reason):
    with pytest.raises(Problem) as refused:
        parse(body, 32)
    assert refused.value.code == "bad_json"
    if not reason.startswith("the number -9"):
        assert str(refused.value) == f"The body is not JSON that can be taken: {reason}."


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"[" + b"1," * 10 + b"1]", 12),
        (b"[" + b"[1]," * 4 + b"[1]]", 11),
        (rb'{"a\\": ",\",[\\", "b": {"c": [1, 2]}}', 6),
        (b'["\xc3\xa9,,,,,,,", 1]' + b" " * 9, 3),
    ],
)
def test_values_are_counted_outside_of_strings(body, values):
    assert parse(body, 32, values) == parse(body, 32)
    with pytest.raises(Problem, match=f"holds {values} numbers, texts and lists, and JSON may hold {values - 1} here"):
        parse(body, 32, values - 1)


def test_long_bodies_are_read_as_short_ones(monkeypatch):
    text = json.dumps(["\\" * 3 + '",[' * 40, {"a": [1.5, -2, 1e300, "é"]}] * 50, ensure_ascii=False)
    monkeypatch.setattr(json_text, "_AT_ONCE", 101)
    monkeypatch.setattr(json_text, "_LONG", 100)
    assert parse(text.encode(), 3, 1000) == json.loads(text)
    with pytest.raises(Problem, match="nests deeper than 2 levels"):
        parse(text.encode(), 2)
    with pytest.raises(Problem, match="holds 351 numbers"):
        parse(text.encode(), 3, 350)
    with pytest.raises(Problem, match=r"1e400 is beyond what a double holds"):
        parse(text.replace("1e+300", "1e400").encode(), 3)


def test_a_body_made_to_take_long_does_not():
    """A million brackets inside of texts, and a key that stands twice among a hundred thousand."""
    started = time.process_time()
    assert len(parse(json.dumps(["x,[1" * 1_000_000]).encode(), 32, 1000)[0]) == 4_000_000
    keys = "".join(f'"{number}": 1, ' for number in range(100_000))
    with pytest.raises(Problem, match="the key '99999' stands twice"):
        parse(f'{{{keys}"99999": 2}}'.encode(), 32)
    assert time.process_time() - started < 1.5


NESTED = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=40,
)


@settings(max_examples=60, deadline=None)
@given(NESTED, st.integers(1, 9))
def test_json_is_written_in_parts_as_in_one(value, at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_json, "_VALUES_AT_ONCE", at_once)
        patch.setattr(long_json, "_BYTES_AT_ONCE", 10)
        assert long_json.written(value) == json.dumps(value)
        assert json.dumps(long_json.read(json.dumps(value).encode())) == json.dumps(value)
        with pytest.raises(ValueError, match="Out of range float"):
            long_json.written([value, {"a": [1.0] * 9 + [float("nan")]}], allow_nan=False)


def test_what_looks_refused_and_is_not():
    assert parse(rb'["\ud83d\ude00", "\\ud800"]', 32) == ["😀", "\\ud800"]
    assert parse(b"[" * 32 + b"]" * 32, 32) == json.loads("[" * 32 + "]" * 32)
    assert parse(json.dumps(["[" * 100, '"[[[\\']).encode(), 2) == ["[" * 100, '"[[[\\']
    assert parse(json.dumps([[1]] * 1000).encode(), 2) == [[1]] * 1000
    assert parse(b"[1e308, 1E-400]", 2) == [1e308, 0.0]
