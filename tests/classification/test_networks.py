import re

import numpy as np
import pytest

import gatewise as gw
from gatewise.backend import import_keras
from gatewise.classification.chunk_network import ChunkNetwork
from gatewise.classification.few_texts import FewTexts
from gatewise.classification.packing import Chunking
from gatewise.classification.targets import RightTexts
from gatewise.classification.vector_files import check_vectors, read_vectors
from gatewise.classification.word_runs import WordRuns
from gatewise.classification.word_vectors import neighbour_vectors
from gatewise.datasets import Sequences
from made_texts import made

keras = import_keras()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain_lstm(vectors, weights):
    """The outputs of an LSTM over one sequence, step by step (Keras's order of gates: i, f, c, o)."""
    kernel, recurrent, bias = weights
    units = len(recurrent)
    h, c, outputs = np.zeros(units), np.zeros(units), []
    for x in vectors:
        i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs).reshape(-1, units)


def plain_convolution(vectors, weights):
    """The outputs of filters that see a word, the one before it and the one behind it, word by word."""
    kernel, bias = weights
    around = np.concatenate([0 * vectors[:1], vectors, 0 * vectors[:1]])
    each = [np.einsum("rf,rfu->u", around[place : place + 3], kernel) + bias for place in range(len(vectors))]
    return np.maximum(each, 0)


def plain_network(network, words, runs, chunk, rate):
    """What the network says of one text, chunk by chunk and word by word."""
    table, run_table = (np.array(layer.embeddings) for layer in (network.words, network.runs))
    found = []
    for start in range(0, len(words), chunk):
        vectors = table[words[start : start + chunk]] * rate
        if network.spec.cell == "cnn":
            found.append(plain_convolution(vectors, [np.array(w) for w in network.walk.weights]))
            continue
        forward, backward = ([np.array(w) for w in half.weights] for half in network.walk._layers[:2])
        found.append(np.hstack([plain_lstm(vectors, forward), plain_lstm(vectors[::-1], backward)[::-1]]))
    found = np.concatenate(found)
    root = np.sqrt(len(words))
    summed = run_table[runs[runs > 0]].sum(axis=0)
    pooled = np.concatenate([found.max(axis=0), found.sum(axis=0) / root, summed / root])
    return pooled @ np.array(network.out.kernel) + np.array(network.out.bias)


@pytest.mark.parametrize("cell", ["lstm", "cnn"])
def test_the_network_is_the_one_written_out(cell):
    random = np.random.default_rng(0)
    lengths = [3, 17, 5, 11, 1]
    words = Sequences.of([random.integers(1, 20, n).tolist() for n in lengths])
    runs = random.integers(0, 20, (sum(lengths), 2)).astype(np.int32)
    spec = gw.Network(cell=cell, units=4, embedding=6, runs=3, chunk=5, embedding_rate=0.5)
    network = ChunkNetwork((20, 20), 2, spec)
    packs = Chunking(5, 6).pack(words, np.arange(5), runs)
    network.build({name: array.shape for name, array in packs.inputs().items()})
    for variable in network.trainable_variables:
        variable.assign(random.normal(size=variable.shape) * 0.4)
    found = gw.predict(network, packs.inputs(), verbose=0)
    assert found.shape == (2, 6, 2)
    twice = FewTexts(spec, 2 * [[np.array(variable) for variable in network.trainable_variables]])
    row_of_chunks = Chunking(5, 10).pack(words, np.arange(5), runs)
    few = twice.scores(row_of_chunks.words[0], row_of_chunks.runs[0], Chunking(5, 10).counts(words.lengths))
    for row in range(5):
        own = runs[words.offsets[row] : words.offsets[row + 1]]
        expected = plain_network(network, words[row], own, 5, 0.5)
        np.testing.assert_allclose(found[packs.rows == row][0], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(few[:, row], [expected, expected], rtol=1e-4, atol=1e-5)


def test_runs_are_numbered_where_they_end():
    texts = [[2, 3, 4, 9], [2, 3, 4], [3, 4, 2, 3], [9, 2]]
    words = Sequences.of(texts)
    known = WordRuns.of(words, 9, 3, 2)
    # In two texts at least, and without the 9, which is above: 2 3, 3 4, and 2 3 4.
    assert known.size == 4
    assert known.numbers(words).tolist() == [
        [0, 0], [1, 0], [2, 3], [0, 0], [0, 0], [1, 0], [2, 3], [0, 0], [2, 0], [0, 0], [1, 0], [0, 0], [0, 0],
    ]  # fmt: skip
    # Where no run is long enough there is a column all the same, and for no words at all.
    few = WordRuns.of(Sequences.of([[2], [2], [3]]), 9, 3, 2)
    assert few.size == 1
    assert few.numbers(words).shape == (13, 2)
    assert not few.numbers(words).any()
    assert known.numbers(Sequences.of([[]])).shape == (0, 2)


def test_a_factor_of_a_word_counts_for_its_share_of_each_run():
    spec = gw.Network(cell="cnn", units=2, embedding=3, runs=3, chunk=4)
    network = ChunkNetwork((9, 4), 1, spec)
    words = Sequences.of([[2, 3, 4, 2, 3]])
    runs = WordRuns.of(Sequences.of([[2, 3, 4], [2, 3, 4]]), 9, 3, 2).numbers(words)
    inputs = Chunking(4, 2).pack(words, np.arange(1), runs).inputs()
    network.build({name: array.shape for name, array in inputs.items()})
    for variable in network.trainable_variables:
        variable.assign(0 * variable.value)
    network.runs.embeddings.assign(np.array([[9.0] * 4, [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]))
    # What was pooled of runs alone: 2 3 (1) twice, 3 4 (2) and 2 3 4 (3) once.
    network.out.kernel.assign(np.concatenate([np.zeros(4), [1, 10, 100, 0]])[:, None])
    factors = np.ones((1, 2, 4), np.float32)
    factors[0, 0, 1] = 0
    whole, part = (float(network({**inputs, "factors": each})[0, 0, 0]) for each in (factors**0, factors))
    assert whole == pytest.approx((2 + 10 + 100) / 5**0.5)
    assert part == pytest.approx((0.5 + 1 + 10 / 2 + 100 * 2 / 3) / 5**0.5)


def test_words_in_the_same_company_have_similar_vectors():
    random = np.random.default_rng(0)
    animals, sums, glue = [2, 3, 4, 5], [6, 7, 8, 9], [10, 11]
    texts = [random.choice([*kind, *glue], 20).tolist() for kind in (animals, sums) for _ in range(200)]
    vectors = neighbour_vectors(Sequences.of(texts), 13, 4)
    assert np.abs(vectors[[0, 12]]).max() == 0
    vectors = vectors[2:10] / np.linalg.norm(vectors[2:10], axis=1, keepdims=True)
    likeness = vectors @ vectors.T
    within = np.concatenate([likeness[:4, :4], likeness[4:, 4:]])
    assert within.mean() > likeness[:4, 4:].mean() + 0.5


GLOVE = "good 0.5 1 -1\nbad -0.5 -1 1e0\nnew york 1 2 3\n"


def test_vectors_are_read_with_a_heading_and_without(tmp_path):
    numbers = {"good": 2, "bad": 3, "new york": 4, "odd": 5}
    for name, text in (("glove.txt", GLOVE), ("word2vec.txt", "3 3\n" + GLOVE)):
        (tmp_path / name).write_text(text)
        read = read_vectors(tmp_path / name, numbers, 6, 3)
        assert read.values[2:].tolist() == [[0.5, 1, -1], [-0.5, -1, 1], [1, 2, 3], [0, 0, 0]]
        assert read.found.tolist() == [False, False, True, True, True, False]


BAD_VECTORS = [
    ("good 1 2\n", "line 1 holds 2 numbers for a word, and the embedding has 3: give gw.Network(embedding=2, vectors=…), or"),
    ("9 5\ngood 1 2 3 4 5\n", "line 1 holds 5 numbers for a word, and the embedding has 3: give gw.Network(embedding=5"),
    ("odd 1 2 3\ngood 1 two 3\n", "line 2 holds '1 two 3' where 3 numbers are expected: give a text file with a word and"),
    (b"1 3\ngood \x00\x00\x80?\xff\xfe\x80?\xc3\xf5H@\n", "is a binary file of word2vec's: save it as text, a word and"),
    (b"\x1f\x8b\x08\x00", "is compressed: unpack it, and give the text file."),
    ("great 1 2 3\n", "has no vector for any of 1 word of these texts: give vectors of their language, in lower case."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), BAD_VECTORS)
def test_bad_vectors_are_a_sentence(text, sentence, tmp_path):
    (tmp_path / "vectors.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(gw.errors.DataError, match=re.escape(sentence)):
        read_vectors(tmp_path / "vectors.txt", {"good": 2}, 3, 3)
    with pytest.raises(gw.errors.EnvironmentFault, match=r"^There is no file .*none\.txt': vectors are 'neigh"):
        read_vectors(tmp_path / "none.txt", {"good": 2}, 3, 3)


def test_the_length_of_vectors_is_in_their_file(tmp_path):
    (tmp_path / "vectors.txt").write_text(GLOVE)
    assert check_vectors(tmp_path / "vectors.txt") == 3
    (tmp_path / "vectors.txt").write_text("2 5\n" + GLOVE)
    assert check_vectors(tmp_path / "vectors.txt") == 5


def test_all_options_of_a_network_together(tmp_path):
    texts, labels = made(200, ("bad", "good", "odd"))
    words = sorted({word for text in texts for word in text.split()})
    vectors = np.random.default_rng(0).normal(size=(len(words), 8)).round(3)
    lines = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, vectors.tolist(), strict=True)]
    (tmp_path / "vectors.txt").write_text("".join(lines))
    network = gw.Network(
        cell="gru", units=8, embedding=8, vectors=tmp_path / "vectors.txt", runs=2, run_texts=8, word_dropout=0.05,
        embedding_dropout=0.05, dropout=0.1, patience=20, epochs=30, learning_rate=0.03, batch_texts=10, members=1,
    )  # fmt: skip
    classifier = gw.TextClassifier(network=network, network_only=True, validation=3).fit(texts, labels)
    assert classifier.validation_.scores().accuracy > 0.7
    learnt = classifier.network_.model.trained[0].curves
    assert len(learnt.losses) == len(learnt.held_out_losses) == len(learnt.held_out_accuracies) > 5
    assert learnt.losses[-1] < learnt.losses[0]
    assert max(learnt.held_out_accuracies) > 0.7
    classifier.save(tmp_path / "saved")
    again = gw.TextClassifier.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict_proba(texts), classifier.predict_proba(texts))


@pytest.mark.parametrize("one_of_many", [True, False])
def test_the_share_of_right_texts_is_that_of_a_loop(one_of_many):
    random = np.random.default_rng(0)
    scores = random.normal(size=(6, 4, 3)).astype(np.float32)
    truth = np.eye(3)[random.integers(0, 3, (6, 4))] if one_of_many else random.random((6, 4, 3)) < 0.5
    counts = random.integers(0, 3, (6, 4)) / 2
    metric = RightTexts(one_of_many)
    for step in range(3):
        rows = slice(2 * step, 2 * step + 2)
        metric.update_state(np.concatenate([truth, counts[..., None]], axis=-1)[rows].astype(np.float32), scores[rows])
    right = [
        scores[place].argmax() == truth[place].argmax() if one_of_many else ((scores[place] > 0) == truth[place]).all()
        for place in np.ndindex(6, 4)
        if counts[place] > 0
    ]
    assert 0 < sum(right) < len(right) < 24
    assert float(metric.result()) == pytest.approx(np.mean(right))


def own(words, outputs):
    layers = keras.layers
    ends = layers.Dense(outputs, activation="sigmoid")
    return keras.Sequential([keras.Input((None,)), layers.Embedding(words, 8), layers.GlobalMaxPooling1D(), ends])


def test_a_network_of_ones_own(tmp_path):
    texts, labels = made(120)
    classifier = gw.TextClassifier(network=own, network_only=True, validation=2).fit(texts, labels)
    assert classifier.score(texts, labels) > 0.85
    classifier.save(tmp_path / "saved")
    again = gw.TextClassifier.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(texts), classifier.predict_proba(texts), rtol=1e-6)


def test_a_network_that_does_not_fit_is_a_sentence():
    texts, labels = made(30)
    wrong = [
        (
            lambda words, outputs: None,
            "The function given as network returned NoneType: return a Keras model that reads",
        ),
        (
            lambda words, outputs: own(words, 3),
            "puts out (3,) for a text, and these classes need (1,): end it with a Dense layer of 1.",
        ),
    ]
    for network, sentence in wrong:
        with pytest.raises(gw.errors.UsageError, match=re.escape(sentence)):
            gw.TextClassifier(network=network).fit(texts, labels)
