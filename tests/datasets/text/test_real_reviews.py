"""The official reviews, encoded as published: compared with what is published of Keras's copy of them.

Needs the archive: GATEWISE_IMDB=aclImdb_v1.tar.gz.
"""

import os
from collections import Counter

import pytest

import gatewise as gw
from gatewise.datasets.text.ranked import split_words

pytestmark = pytest.mark.skipif(
    not os.environ.get("GATEWISE_IMDB"), reason="needs the movie reviews: set GATEWISE_IMDB to their archive"
)

# The beginning of x_train[0] of keras.datasets.imdb, as printed in many places (without num_words), and its words.
FIRST = "this film was just brilliant casting location scenery story direction everyone's really suited the part they played"
FIRST_NUMBERS = [14, 22, 16, 43, 530, 973, 1622, 1385, 65, 458, 4468, 66, 3941, 4, 173, 36, 256]


@pytest.fixture(scope="module")
def corpus():
    return gw.datasets.imdb()


def test_there_are_all_reviews(corpus):
    assert repr(corpus) == "<Corpus of 50,000 texts in 2 classes: 25,000 train, 25,000 test>"
    assert corpus.train.counts() == corpus.test.counts() == {"neg": 12_500, "pos": 12_500}
    assert "123 test reviews can also be read among the training reviews, word for word." in corpus.notes


def test_ranks_and_lengths_are_the_published_ones(corpus):
    counts = Counter()
    for text in corpus.train.texts:
        counts.update(split_words(text))
    ranked = gw.datasets.RankedWords.of(corpus.train.texts)
    assert len(ranked.words) == 88_582

    # Words that are equally frequent may be in another order: each published rank lies among those of its frequency.
    ordered = [counts[word] for word in ranked.words]
    assert any(FIRST in " ".join(split_words(text)) for text in corpus.train.texts)
    for word, number in zip(FIRST.split(), FIRST_NUMBERS, strict=True):
        assert ordered[number - 3 - 1] == counts[word]

    train, test = ranked.encode(corpus.train.texts), ranked.encode(corpus.test.texts)
    # Printed as 238.71364 of x_train, 2494 the longest; and as "Mean 234.76 words" of both, by J. Brownlee.
    assert train.lengths.mean() == pytest.approx(238.71364, abs=1e-9)
    assert max(train.lengths.max(), test.lengths.max()) == 2494
    assert round((train.lengths.sum() + test.lengths.sum()) / 50_000, 2) == 234.76


def test_the_published_split_has_the_sizes_of_the_logs():
    assert repr(gw.datasets.imdb(split="published")) == (
        "<Corpus of 25,000 texts in 2 classes: 16,750 train, 8,250 test>"
    )
