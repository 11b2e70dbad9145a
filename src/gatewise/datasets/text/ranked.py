r"""The integer encoding of the published movie review recipes: words numbered by how frequent they are.

Keras's own copy of the reviews (``keras.datasets.imdb``) was made by these rules. A text is put into lower case; the
characters ``!"#$%&()*+,-./:;<=>?@[\]^_`{|}~``, tabs and line ends become spaces; what lies between spaces are the words,
so that an apostrophe belongs to its word and ``<br />`` leaves the word "br". The most frequent word of the training
reviews has rank 1; of words that are equally frequent, the one that came first is ranked first. In a sequence rank r is
written as r + 3: 0 fills up, 1 starts a review, 2 stands for a word whose number is not below ``num_words``. Words that no
training review holds are left out.

By these rules the official reviews give what is published of Keras's copy: 88,582 different words in the 25,000 training
reviews (F. Chollet, Deep Learning with Python, 2017, listing 6.9); 238.71 numbers in a training review and 234.76 in
any, 2,494 in the longest; and the numbers of its first review, up to words that are equally frequent.
tests/datasets/text/test_real_reviews.py compares them.
"""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gatewise.datasets.text.sequences import Sequences
from gatewise.errors import DataError, UsageError

_FILTERED = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_TO_SPACES = str.maketrans(_FILTERED, " " * len(_FILTERED))

START = 1
UNKNOWN = 2
INDEX_FROM = 3


def split_words(text: str) -> list[str]:
    """Cut a text into words as Keras's Tokenizer did.

    >>> split_words("It's<br />GREAT, isn't it?")
    ["it's", 'br', 'great', "isn't", 'it']
    """
    return [word for word in text.lower().translate(_TO_SPACES).split(" ") if word]


@dataclass(frozen=True)
class RankedWords:
    """The words of a corpus, the most frequent first.

    Attributes:
        words: All words; the one at position i has rank i + 1.

    >>> ranked = RankedWords.of(["a good film", "a bad film", "a film"])
    >>> ranked.words
    ('a', 'film', 'good', 'bad')
    >>> ranked.encode(["a good long film"], num_words=6).ids.tolist()  # no training text holds "long"
    [1, 4, 2, 5]
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "RankedWords":
        """Rank the words of the training texts.

        Raises:
            DataError: There is no word in them.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split_words(text))
        if not counts:
            raise DataError("The texts hold no words: give texts of letters or digits.")
        return cls(tuple(word for word, _ in counts.most_common()))

    def encode(
        self, texts: Iterable[str], num_words: int | None = None, skip_top: int = 0, keep_unseen: bool = False
    ) -> Sequences:
        """Number the words of texts as in Keras's copy of the reviews.

        Args:
            texts: The texts.
            num_words: Numbers from this one on become 2: ranks up to ``num_words - 4`` are kept. Default: all are kept.
                (Keras, asked for all, loses the rarest word.)
            skip_top: Numbers below this one become 2, also the 1 that starts a review.
            keep_unseen: Whether a word that no training text holds becomes 2 instead of being left out.

        Returns:
            For each text 1, then the numbers of its words. ``.padded(500)`` makes a matrix of them.

        Raises:
            UsageError: `num_words` or `skip_top` cannot be meant.
        """
        most = len(self.words) + INDEX_FROM + 1 if num_words is None else num_words
        if isinstance(most, bool) or not isinstance(most, int | np.integer) or most <= INDEX_FROM:
            raise UsageError(
                f"num_words is {num_words!r}: give a whole number of at least 4 (0 to 3 are no words), or None for all."
            )
        if isinstance(skip_top, bool) or not isinstance(skip_top, int | np.integer) or skip_top < 0:
            raise UsageError(f"skip_top is {skip_top!r}: give a whole number of at least 0.")
        start = START if skip_top <= START else UNKNOWN
        numbers = {
            word: number if skip_top <= number < most else UNKNOWN
            for number, word in enumerate(self.words, start=INDEX_FROM + 1)
        }
        ids = array("i")
        lengths = []
        for text in texts:
            before = len(ids)
            ids.append(start)
            if keep_unseen:
                ids.extend([numbers.get(word, UNKNOWN) for word in split_words(text)])
            else:
                ids.extend([numbers[word] for word in split_words(text) if word in numbers])
            lengths.append(len(ids) - before)
        return Sequences(np.array(ids, np.int32), np.array(lengths, np.int64))
