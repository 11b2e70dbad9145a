"""Training texts that are in another part too, with small changes, are counted; others are not."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.datasets import Corpus
from gatewise.datasets.text.near_copies import near_copies
from gatewise.datasets.text.texts import Texts


def words(number, seed):
    random = np.random.default_rng(seed)
    letters = random.integers(97, 123, (number, 6)).astype(np.uint8)
    return [bytes(row).decode() for row in letters]


TRAIN = [" ".join(words(200, seed)) for seed in range(40)]


def corpus(outside):
    texts = [*TRAIN, *outside]
    labels = np.arange(len(texts), dtype=np.int32) % 2
    split = np.repeat([0, 2], [len(TRAIN), len(outside)]).astype(np.int8)
    return Corpus(Texts.of(texts), labels, ("a", "b"), None, split)


def with_changes(number, every=None):
    found = TRAIN[number].split()
    for place in range(0, len(found), every or len(found)):
        found[place] = "changed"
    return " ".join(found)


@pytest.mark.parametrize(
    ("outside", "number"),
    [
        ([TRAIN[3].upper().replace(" ", "!  ", 9), TRAIN[5] + ".<br />"], 2),
        ([with_changes(place, every=40) for place in range(10)], 10),
        # Word for word is counted elsewhere.
        ([TRAIN[7], " ".join(words(200, 99))], 0),
        # Half of one text and half of another is of neither, but a quarter that is new leaves a copy.
        ([with_changes(8, every=3), " ".join(words(200, 98)[:150] + TRAIN[9].split()[:50])], 0),
        ([" ".join(TRAIN[9].split()[:150] + words(200, 97)[:50])], 1),
        (["", "!!!", "good"], 0),
    ],
    ids=["signs and case", "some words", "word for word", "another text", "a new end", "nothing"],
)
def test_copies_with_small_changes_are_counted(outside, number):
    assert near_copies(corpus(outside)) == number


def test_texts_do_not_continue_in_the_next_one(monkeypatch):
    together = corpus([with_changes(place, every=40) for place in range(20)])
    monkeypatch.setattr("gatewise.datasets.text.near_copies._BLOCK", 3000)
    assert near_copies(together) == 20
    # Every text is the end of one training text and the beginning of the next: shorter than a stretch.
    pieces = [TRAIN[place][-30:].strip() for place in range(20)]
    assert near_copies(corpus(pieces)) == 0


def test_the_remark_says_so(tmp_path):
    rows = [f"{text},{place % 2}" for place, text in enumerate(TRAIN)]
    (tmp_path / "train.csv").write_text("\n".join(["text,label", *rows, ""]))
    (tmp_path / "test.csv").write_text(f"text,label\n{TRAIN[0].upper()},0\n{with_changes(1)},1\n{TRAIN[2]},0\n")
    with pytest.warns(gw.errors.GatewiseWarning, match="outside of the training part") as found:
        gw.read_corpus(tmp_path / "train.csv", test=tmp_path / "test.csv")
    said = [str(warning.message) for warning in found]
    assert len(said) == 2
    assert said[0].startswith("1 text outside of the training part is a training text as well, word for word, so that")
    assert said[1].startswith(
        "2 texts outside of the training part are training texts but for signs, blanks or a few words, so that scores"
    )
