"""Strict JSON of requests: what is refused, with which words, and that nothing else is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.serving.http.json_text import parse
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


def test_what_looks_refused_and_is_not():
    assert parse(rb'["\ud83d\ude00", "\\ud800"]', 32) == ["😀", "\\ud800"]
    assert parse(b"[" * 32 + b"]" * 32, 32) == json.loads("[" * 32 + "]" * 32)
    assert parse(json.dumps(["[" * 100, '"[[[\\']).encode(), 2) == ["[" * 100, '"[[[\\']
    assert parse(json.dumps([[1]] * 1000).encode(), 2) == [[1]] * 1000
    assert parse(b"[1e308, 1E-400]", 2) == [1e308, 0.0]
