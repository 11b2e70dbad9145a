"""Tokens in any script, in linear time."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.datasets import tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\n", []),
        ("Don't STOP!", ["don't", "stop", "!"]),
        ("rock'n'roll 'quoted'", ["rock'n'roll", "'", "quoted", "'"]),
        ("a<br />b<br>c<BR/>d", ["a", "b", "c", "d"]),
        ("<b>7/10</b>", ["<", "b", ">", "7", "/", "10", "<", "/", "b", ">"]),
        ("snake_case...", ["snake", "_", "case", ".", ".", "."]),
        ("Isn’t", ["isn't"]),
        ("cafe\u0301 CAFÉ", ["café", "café"]),
        ("мир, 123", ["мир", ",", "123"]),
        ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("好电影！5分", ["好", "电", "影", "！", "5", "分"]),
        ("カタカナ ひら", ["カ", "タ", "カ", "ナ", "ひ", "ら"]),
        ("영화 좋다", ["영화", "좋다"]),
        ("👍🏽👩‍👩‍👧❤️", ["👍🏽", "👩‍👩‍👧", "❤️"]),
        ("a\x00b\x1b[0m c\u200ed\ufeff", ["a", "b", "[", "0m", "c", "d"]),
    ],
)
def test_tokens_are_words_and_signs(text, tokens):
    assert tokenize(text) == [unicodedata.normalize("NFC", token) for token in tokens]


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_both_patterns_agree_where_both_can_be_used(text):
    assert tokenize(text) == [token for token in tokenize(text + " é") if token != "é"]


@given(st.text(max_size=60))
def test_nothing_visible_is_lost(text):
    lowered = unicodedata.normalize("NFC", text.replace("’", "'").lower())
    visible = [c for c in lowered if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf", "Cs")]
    lost = [c for c in visible if c not in "".join(tokenize(text))]
    # A mark with nothing before it that it could belong to is nothing that can be seen.
    assert all(unicodedata.category(c)[0] == "M" for c in lost) or "<" in text


@pytest.mark.parametrize("unit", ["a", "a ", "a'", "'", "<", "<br", "👩\u200d", "e\u0301", "好", "\u0301", "word!"])
def test_time_grows_with_the_text_and_no_faster(unit):
    def seconds(count):
        start = time.process_time()
        tokenize(unit * count)
        return time.process_time() - start

    seconds(10)
    # A pattern that tries again at every place would take 1,000 million steps.
    assert seconds(30_000) < 2.0
