"""Word vectors from the training texts alone: which words stand near which, without any label.

Positive pointwise mutual information of words at most five apart, weighted by nearness, and its largest singular vectors
(O. Levy, Y. Goldberg and I. Dagan, Improving Distributional Similarity with Lessons Learned from Word Embeddings, TACL
2015). They are where an embedding begins.
"""

from typing import Any

import numpy as np
from jaxtyping import Float32

from gatewise.classification.specification import Network
from gatewise.classification.vector_files import read_vectors
from gatewise.datasets import Sequences, Vocabulary

# How far the numbers of a word spread where an embedding begins, by what is known of the word.
_KNOWN, _UNKNOWN = 0.5, 0.1
_WINDOW = 5
# Levy and others: rare contexts weigh less than they would.
_SMOOTHING = 0.75
_MORE = 16
_ROUNDS = 3


def starting_vectors(
    spec: Network,
    vocabulary: Vocabulary,
    words: Sequences,
    size: int,
    neighbours: Float32[np.ndarray, "tokens features"] | None = None,
    seed: int = 0,
) -> Float32[np.ndarray, "tokens features"]:
    """Return where the embedding of a network begins, ``(size, embedding)``; its numbers are divided by the rate.

    Args:
        spec: The network.
        vocabulary: The words.
        words: The training texts in its numbers, those from `size` on left out.
        size: How many numbers there are.
        neighbours: What `neighbour_vectors` said of some number of words, which is not computed again for that number.
        seed: Where random numbers come from.
    """
    if spec.vectors == "neighbours":
        if neighbours is None or neighbours.shape != (size, spec.embedding):
            neighbours = neighbour_vectors(words, size, spec.embedding, seed)
        values: Any = neighbours * _KNOWN
    else:
        values = np.random.default_rng(seed).standard_normal((size, spec.embedding), dtype=np.float32) * _UNKNOWN
        if spec.vectors != "random":
            read = read_vectors(spec.vectors, vocabulary.numbers, size, spec.embedding)
            values[read.found] = read.values[read.found] * (_KNOWN / max(float(read.values[read.found].std()), 1e-6))
        values[0] = 0
    return values / np.float32(spec.embedding_rate)


def neighbour_vectors(
    words: Sequences, size: int, dimensions: int, seed: int = 0
) -> Float32[np.ndarray, "tokens features"]:
    """Return a vector for each word, each feature with a standard deviation of about 1; zero for word 0.

    Args:
        words: Token numbers of the training texts, from 1 to `size` - 1.
        size: How many numbers there are.
        dimensions: Length of a vector.
        seed: Where the random projection comes from.
    """
    information = _information(words, size)
    random = np.random.default_rng(seed)
    width = min(dimensions + _MORE, size)
    basis = random.standard_normal((size, width), dtype=np.float32)
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(information @ basis)[0].astype(np.float32)
    left, values, _ = np.linalg.svd(information @ basis, full_matrices=False)
    vectors = np.zeros((size, dimensions), np.float32)
    kept = min(dimensions, width)
    vectors[:, :kept] = left[:, :kept] * np.sqrt(values[:kept])
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors *= np.sqrt(dimensions) / np.maximum(norms, 1e-6)
    vectors[norms[:, 0] < 1e-6] = 0
    vectors[0] = 0
    return vectors


def _information(words: Sequences, size: int) -> Any:
    """Return the symmetric matrix of positive pointwise mutual information."""
    from scipy import sparse

    ids = words.ids.astype(np.int64)
    text = np.repeat(np.arange(len(words)), words.lengths)
    together: Any = 0
    for distance in range(1, _WINDOW + 1):
        same = text[distance:] == text[:-distance]
        pairs = (ids[:-distance][same], ids[distance:][same])
        weight = np.full(len(pairs[0]), 1 / distance, np.float32)
        part = sparse.coo_array((weight, pairs), shape=(size, size)).tocsr()
        together = together + part
    together = (together + together.T).tocsr()
    met = np.asarray(together.sum(axis=1)).ravel()
    context = met**_SMOOTHING
    context /= max(context.sum(), 1e-9)
    row = np.repeat(np.arange(size), np.diff(together.indptr))
    expected = met[row] * context[together.indices]
    together.data = np.maximum(np.log(together.data / np.maximum(expected, 1e-9)), 0).astype(np.float32)
    together.eliminate_zeros()
    return together
