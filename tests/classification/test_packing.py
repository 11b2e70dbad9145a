import numpy as np

from gatewise.classification.packing import Chunking
from gatewise.datasets import Sequences


def test_texts_lie_in_packs_as_drawn():
    words = Sequences.of([[1] * 8, [2] * 3, [3] * 12, [4, 4]])
    packs = Chunking(steps=5, chunks=4).pack(words, np.arange(4))
    assert packs.texts.tolist() == [[0, 0, 1, 4], [0, 0, 0, 1]]
    assert packs.rows.tolist() == [[0, 1, -1, -1], [2, 3, -1, -1]]
    assert packs.words[0].tolist() == [[1] * 5, [1, 1, 1, 0, 0], [2, 2, 2, 0, 0], [0] * 5]


def test_every_word_is_in_the_chunk_of_its_text():
    random = np.random.default_rng(0)
    texts = [random.integers(1, 99, n).tolist() for n in [0, 1, 5, 6, 40, 19, 20, 21, *random.integers(0, 30, 40)]]
    words = Sequences.of(texts)
    order = random.permutation(len(texts))
    packs = Chunking(steps=5, chunks=6).pack(words, order, words.ids[:, None])
    np.testing.assert_array_equal(packs.words, packs.runs[..., 0])
    met = []
    for pack in range(len(packs.words)):
        for place, row in enumerate(packs.rows[pack]):
            if row >= 0:
                read = packs.words[pack][packs.texts[pack] == place].ravel()
                assert read[read > 0].tolist() == texts[row][:30]
                met.append(row)
    assert met == order.tolist()
