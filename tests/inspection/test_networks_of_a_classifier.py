"""Which network of a classifier is looked into: those with gates, one of somebody else's, and what is said of others."""

import re

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.classification.chunk_reader import ChunkReader
from gatewise.classification.lessons import Curves
from gatewise.classification.members import Member, Members
from gatewise.classification.row_reader import RowReader
from gatewise.classification.specification import Rows
from gatewise.datasets import Vocabulary
from gatewise.errors import DataError, UsageError
from gatewise.inspection.texts import _by_rows, _chosen, _known, _which

keras = import_keras()
WORDS = ("film", "not", "bad", "a", "was", "good")
VOCABULARY = Vocabulary(WORDS)


def tiny(words, outputs):
    """A functional network with a second way beside its recurrent layer."""
    tokens = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(words, 3)(tokens)
    ways = [keras.layers.GRU(2)(vectors), keras.layers.GlobalMaxPooling1D()(vectors)]
    return keras.Model(tokens, keras.layers.Dense(outputs)(keras.layers.Concatenate()(ways)))


def bag(words, outputs):
    layers = [keras.layers.Embedding(words, 3), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(outputs)]
    return keras.Sequential([keras.Input((None,), dtype="int32"), *layers])


@pytest.fixture(scope="module")
def members():
    kinds = (gw.Network(cell="cnn", units=2), gw.Network(units=2, cell="gru"), Rows(tiny, name="tiny"), Rows(bag))
    found = Members(kinds, VOCABULARY, 1, 8)
    found.trained = [Member(kind, 0, [], 0.0, Curves((), ())) for kind in range(4)]
    return found


def test_networks_without_gates_are_passed_over_and_counted(members):
    known = _known(members)
    assert [one.name for one in known] == ["gru", "tiny"]
    assert _chosen(known, None, members).name == "gru"
    assert _chosen(known, "tiny", members) is _chosen(known, 1, members)
    assert (
        _which(known[0], known, members)
        == "This is 'gru', one of 4 networks, by itself (2 of them without recurrent layers)"
    )
    sentence = (
        "There is no network 'cnn' to look into: give one of 'gru', 'tiny', or a number from 0 to 1; 2 without recurrent "
        "layers have no gates."
    )
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        _chosen(known, "cnn", members)
    with pytest.raises(
        UsageError, match=r"^The classifier's networks have no recurrent layers, so there are no gates to"
    ):
        _chosen([], None, members)


@pytest.mark.usefixtures("quickly_compiled")
def test_a_network_of_somebody_elses_reads_a_text_as_one_row():
    reader = RowReader(Rows(tiny), VOCABULARY, 1, 8)
    gw.initialize(reader.network, 3)
    weights = [np.asarray(variable.value) for variable in reader.network.variables]
    text = "Not a dull film"
    found = _by_rows(reader, VOCABULARY, (text, [text, "good"], ["bad", "good"], None))
    assert (found.steps, found.skipped) == (("not", "a", "dull", "film"), 4)
    assert found.names == ("good",)
    assert found.scores[-1] == pytest.approx(reader.scores(weights, VOCABULARY.encode([text]).words)[0, 0], abs=1e-6)
    assert found.layers[0].gates["update"].shape == (4, 2)
    assert found.corpus_scores[1] == pytest.approx(
        reader.scores(weights, VOCABULARY.encode(["good"]).words)[0, 0], abs=1e-6
    )
    assert found.counterfactual == "its layers are no plain chain"
    with pytest.raises(DataError, match=r"^The text is empty: give at least one word\.$"):
        _by_rows(reader, VOCABULARY, ("  ", None, ["bad", "good"], None))


def test_rooms_for_texts_are_whole_chunks():
    from gatewise.inspection.chunks import InspectedChunks

    network = InspectedChunks.of_reader(ChunkReader(gw.Network(units=2, chunk=4), VOCABULARY, 1, 8), "sigmoid")
    assert [network.room(steps) for steps in (1, 4, 5, 13, 17, 33)] == [4, 4, 8, 16, 24, 48]
