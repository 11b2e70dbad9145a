"""Which words of a text are denied: "not a very good film" is not about a good one.

A negation turns the words behind it, up to the next punctuation mark and six at most (after S. Das and M. Chen, Yahoo! for
Amazon: Extracting Market Sentiment from Stock Message Boards, 2001, who mark all words up to the next mark). Of movie
reviews that were held out, a reach of three, six and twelve words is worth the same.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int8

from gatewise.datasets import Sequences
from gatewise.datasets.text.vocabulary import FIRST

# English; one with an apostrophe stands for all words that end so.
NEGATIONS = (
    *("not", "n't", "no", "never", "nothing", "nobody", "none", "without"),
    *("hardly", "barely", "neither", "nor", "cannot"),
)
_NEGATES, _ENDS = 1, 2
_REACH = 6


def roles_of(words: Sequence[str], negations: tuple[str, ...] = NEGATIONS) -> Int8[np.ndarray, " tokens"]:
    """Return what each word does: 1 for a negation, 2 for a punctuation mark, 0 for the others.

    Args:
        words: The words of a vocabulary; the first has the number 2.
        negations: The negations.
    """
    endings = tuple(word for word in negations if "'" in word)
    roles = np.zeros(len(words) + FIRST, np.int8)
    for number, word in enumerate(words, start=FIRST):
        if word in negations or (endings and word.endswith(endings)):
            roles[number] = _NEGATES
        elif not word[0].isalnum():
            roles[number] = _ENDS
    return roles


def denied(words: Sequences, roles: Int8[np.ndarray, " tokens"]) -> Bool[np.ndarray, " tokens"]:
    """Say which tokens are denied.

    Args:
        words: The token numbers of the texts.
        roles: What each word does.
    """
    does, places = roles[words.ids], np.arange(len(words.ids))
    begins = np.repeat(words.offsets[:-1], words.lengths)
    negation = np.maximum.accumulate(np.where(does == _NEGATES, places, -1))
    end = np.maximum.accumulate(np.where(does == _ENDS, places, -1))
    result: np.ndarray = (negation >= begins) & (negation > end) & (negation < places) & (places - negation <= _REACH)
    return result
