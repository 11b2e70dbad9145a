"""The words that a model knows, their numbers, and the numbers of pairs of words; saved as plain JSON."""

import json
import warnings
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from gatewise.datasets.text.sequences import Sequences
from gatewise.datasets.text.texts import Texts
from gatewise.datasets.text.tokens import tokenize
from gatewise.datasets.text.western_words import WesternWords, as_western
from gatewise.datasets.text.wording import listed, short
from gatewise.errors import DataError, GatewiseWarning, ModelFileError, UsageError
from gatewise.tables.form import count

PAD = 0
UNKNOWN = 1
FIRST = 2

_FORMAT = {"format": "gatewise vocabulary", "version": 1}
# Odd numbers with half of their bits set, spread over the word (those of xxHash and of the golden ratio).
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
_MOST_SHOWN = 10
# Fewer texts are numbered one by one: arrays take a tenth of a millisecond before they begin.
_FEW_TEXTS = 8
# Bytes that become numbers at a time.
_BLOCK = 1 << 20


class Encoded(NamedTuple):
    """Texts as numbers.

    Attributes:
        words: The number of each token: 1 for an unknown one, 2 for the most frequent word, 3 for the next.
        bigrams: The number of each token with the one before it, from 1; 0 for the first token of a text. None where
            the vocabulary numbers no pairs.
    """

    words: Sequences
    bigrams: Sequences | None


class UnknownTokens(NamedTuple):
    """What of some texts a vocabulary does not know.

    Attributes:
        tokens: How many tokens the texts have.
        unknown: How many of them are unknown.
        texts: Positions of the texts in which no token is known, empty texts left out.
        most_frequent: The unknown tokens that are met most often, with how often.
    """

    tokens: int
    unknown: int
    texts: tuple[int, ...]
    most_frequent: tuple[tuple[str, int], ...]

    @property
    def share(self) -> float:
        """The share of tokens that is unknown, from 0 to 1."""
        return self.unknown / self.tokens if self.tokens else 0.0

    def __str__(self) -> str:
        text = f"{self.share:.2%} of {count(self.tokens, 'token')} unknown"
        if self.texts:
            text += f"; {count(len(self.texts), 'text')} without any known token"
        if self.most_frequent:
            text += f"; most frequent: {listed([word for word, _ in self.most_frequent])}"
        return text + "."


@dataclass(frozen=True)
class Vocabulary:
    """Words and their numbers.

    Attributes:
        words: The words, the most frequent first; the one at position i has the number i + 2.
        bigram_buckets: How many numbers pairs of neighbouring words share, by a hash; 0 for no pairs.

    >>> vocabulary = Vocabulary.of(["not a bad film", "a good film"], min_count=2)
    >>> vocabulary.words
    ('a', 'film')
    >>> vocabulary.encode(["a long film"]).words.ids.tolist()
    [2, 1, 3]
    """

    words: tuple[str, ...]
    bigram_buckets: int = 0

    @classmethod
    def of(
        cls, texts: Iterable[str], max_words: int | None = 30_000, min_count: int = 2, bigram_buckets: int = 0
    ) -> "Vocabulary":
        """Learn the words of the training texts.

        Args:
            texts: The texts; of a corpus, its training part alone.
            max_words: How many words are known at most, the most frequent ones; None for all. Of equally frequent ones
                those earlier in the alphabet.
            min_count: How often a word has to be met to be known.
            bigram_buckets: How many numbers pairs of words share; 0 for no pairs.

        Raises:
            UsageError: An argument that cannot be meant.
            DataError: No word is left.
        """
        _whole("min_count", min_count, 1)
        _whole("bigram_buckets", bigram_buckets, 0)
        if max_words is not None:
            _whole("max_words", max_words, 1)
        counts: Counter[str] = Counter()
        texts_met = 0
        for text in texts:
            counts.update(tokenize(text))
            texts_met += 1
        if not counts:
            raise DataError(f"There are no words in {count(texts_met, 'text')}: give texts of letters or digits.")
        kept = sorted((word for word, times in counts.items() if times >= min_count), key=lambda w: (-counts[w], w))
        if not kept:
            word, most = counts.most_common(1)[0]
            raise DataError(
                f"No word is met min_count={min_count} times in {count(texts_met, 'text')} (the most frequent, "
                f"{short(word)}, {count(most, 'time')}): lower min_count, or give more texts."
            )
        return cls(tuple(kept[:max_words]), int(bigram_buckets))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each word."""
        return {word: number for number, word in enumerate(self.words, start=FIRST)}

    @property
    def size(self) -> int:
        """How many numbers words have, 0 and 1 included: the rows of an embedding."""
        return len(self.words) + FIRST

    def encode(self, texts: Iterable[str]) -> Encoded:
        """Turn texts into numbers.

        Args:
            texts: The texts, ``(samples,)``.

        Warns:
            GatewiseWarning: No token of any text is known.
        """
        words, hashes = self._encoded(texts)
        if len(words.ids) and (words.ids == UNKNOWN).all():
            warnings.warn(
                f"Not one of {count(len(words.ids), 'token')} in {count(len(words), 'text')} is known to the "
                "vocabulary, so that a model can only guess: give texts in the language of the training texts.",
                GatewiseWarning,
                stacklevel=2,
            )
        if hashes is None:
            return Encoded(words, None)
        pairs = _pair_numbers(hashes, words.lengths, self.bigram_buckets)
        return Encoded(words, Sequences(pairs, words.lengths))

    def words_of(self, texts: Iterable[str]) -> Sequences:
        """Return the words of `encode`, without a warning where none is known."""
        return self._encoded(texts)[0]

    def _encoded(self, texts: Iterable[str]) -> tuple[Sequences, UInt64[np.ndarray, " tokens"] | None]:
        given = texts if isinstance(texts, Texts) else list(texts)
        if self.bigram_buckets or len(given) < _FEW_TEXTS:
            return self._one_by_one(given)
        return self._many(given), None

    def _one_by_one(self, texts: Iterable[str]) -> tuple[Sequences, UInt64[np.ndarray, " tokens"] | None]:
        """Return the numbers of tokens, and where pairs are numbered a hash of each."""
        numbers = self.numbers
        hashes = _Hashes()
        ids, hashed = array("i"), array("L" if array("L").itemsize == 8 else "Q")
        lengths = array("q")
        for text in texts:
            tokens = tokenize(text)
            lengths.append(len(tokens))
            ids.extend([numbers.get(token, UNKNOWN) for token in tokens])
            if self.bigram_buckets:
                hashed.extend([hashes[token] for token in tokens])
        words = Sequences(np.array(ids, np.int32), np.array(lengths, np.int64))
        return words, np.array(hashed, np.uint64) if self.bigram_buckets else None

    def _many(self, texts: Texts | list[str]) -> Sequences:
        """Return the numbers of tokens: those of western texts many at a time."""
        parts: list[Sequences] = []
        rows: list[int] = []
        others: list[tuple[int, str]] = []
        block: list[bytes] = []
        size = 0
        for row, text in enumerate(texts):
            western = as_western(text)
            if western is None:
                others.append((row, text))
                continue
            rows.append(row)
            block.append(western)
            size += len(western)
            if size > _BLOCK:
                parts.append(self._western.encode(block))
                block, size = [], 0
        parts += [self._western.encode(block), self._one_by_one(text for _, text in others)[0]]
        lengths = np.concatenate([part.lengths for part in parts])
        together = Sequences(np.concatenate([part.ids for part in parts]), lengths)
        return together.select(np.argsort(np.array([*rows, *(row for row, _ in others)], np.int64)))

    @cached_property
    def _western(self) -> WesternWords:
        return WesternWords(self.words, FIRST, UNKNOWN)

    def unknown_in(self, texts: Iterable[str]) -> UnknownTokens:
        """Count what of some texts is unknown."""
        tokens = 0
        unknown: Counter[str] = Counter()
        without = []
        for position, text in enumerate(texts):
            found = tokenize(text)
            new = [token for token in found if token not in self.numbers]
            tokens += len(found)
            unknown.update(new)
            if found and len(new) == len(found):
                without.append(position)
        return UnknownTokens(tokens, unknown.total(), tuple(without), tuple(unknown.most_common(_MOST_SHOWN)))

    def to_json(self) -> str:
        """Return the vocabulary as JSON, which holds words and numbers and no code."""
        content = {**_FORMAT, "bigram_buckets": self.bigram_buckets, "words": self.words}
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Vocabulary":
        """Return the vocabulary that `to_json` wrote.

        Raises:
            ModelFileError: It is damaged, or something else.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"The vocabulary is refused: it is not JSON ({error}). Save it anew.") from None
        reason = _not_a_vocabulary(content)
        if reason:
            raise ModelFileError(f"The vocabulary is refused: {reason}. Save it anew with this version of gatewise.")
        return cls(tuple(content["words"]), content["bigram_buckets"])


class _Hashes(dict[str, int]):
    """A hash of each token, computed when it is first met; the same on every machine and in every process."""

    def __missing__(self, token: str) -> int:
        value = self[token] = zlib.crc32(token.encode("utf-8"))
        return value


def _pair_numbers(
    hashes: UInt64[np.ndarray, " tokens"], lengths: Int64[np.ndarray, " samples"], buckets: int
) -> Int32[np.ndarray, " tokens"]:
    """Return a number for each token with the one before it: ``1 + ((a·F1 + b)·F2 mod 2**64 >> 32) mod buckets``."""
    numbers = np.zeros(len(hashes), np.int32)
    mixed = (hashes[:-1] * _FACTORS[0] + hashes[1:]) * _FACTORS[1]
    numbers[1:] = 1 + ((mixed >> np.uint64(32)) % np.uint64(buckets)).astype(np.int32)
    starts = np.cumsum(lengths) - lengths
    numbers[starts[lengths > 0]] = PAD
    return numbers


def _whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise UsageError(f"{name} is {short(value)}: give a whole number of at least {least}.")


def _not_a_vocabulary(content: Any) -> str:
    """Say why something read from JSON is no vocabulary; nothing where it is one."""
    if not isinstance(content, dict) or content.get("format") != _FORMAT["format"]:
        return "it is no vocabulary of gatewise"
    if content.get("version") != _FORMAT["version"]:
        return f"it has version {short(content.get('version'))} and this gatewise reads version {_FORMAT['version']}"
    words, buckets = content.get("words"), content.get("bigram_buckets")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        return "its words are no list of words"
    if len(set(words)) < len(words):
        return "a word is in it twice"
    if isinstance(buckets, bool) or not isinstance(buckets, int) or not 0 <= buckets < 2**31:
        return f"its bigram_buckets are {short(buckets)}"
    return ""
