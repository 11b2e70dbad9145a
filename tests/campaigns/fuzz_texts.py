"""Labelled texts that nobody would write: ``python tests/campaigns/fuzz_texts.py --inputs 50000``.

Files of texts and labels (CSV, tables with tabs, JSON, lines of fastText), changed in places, are read with
`gatewise.read_corpus`; every fourth input is a text alone, which a small classifier is asked about. A corpus must have a label
in its classes for each text; probabilities must be numbers that add up to one, and the tokens of an explanation text.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets" / "text"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzzing import INTERESTING, Campaign, mutated, smaller_bytes
from test_bad_inputs import FILES

import gatewise as gw
from made_texts import made as made_texts

GOOD = {
    "a.csv": b'text,label\n"a good film, really",pos\nbad,neg\n"so ""good""",pos\nawful taste,neg\ngood fun,pos\n',
    "b.csv": b"id,review,mood,part\n1,a good film,pos,train\n2,bad,neg,train\n3,so good,pos,test\n4,so bad,neg,test\n",
    "a.tsv": b"good\tpos\nbad\tneg\nvery good\tpos\n",
    "a.txt": b"__label__pos a good film\n__label__neg bad taste\n__label__pos good fun\n",
    "a.jsonl": b'{"text": "a good film", "label": 1}\n{"text": "bad", "label": 0}\n{"text": "so \\u00e9", "label": 1}\n',
    "a.json": b'[{"text": "a good film", "label": "pos"},\n {"text": "bad", "label": "neg"}]\n',
    "c.csv": b"text,rude,calm\na,1,0\nb,0,1\nc,1,1\n",
    "d.csv": b"text,label\na b,x|y\nb c,y\nc d,x\n",
}
BAD = [
    (name, content if isinstance(content, bytes) else content.encode())
    for name, content, *_ in FILES.values()
    if content
]
BAD = [(name, content) for name, content in BAD if len(content) < 5000]
OPTIONS = {
    "errors": ("replace",),
    "separator": (",", "|"),
    "text": ("text", "review", 1),
    "label": ("label", 2, ["rude", "calm"]),
    "split": ("part",),
    "group": ("id",),
}
HALVES = "\ud800\udfff"
SIGNS = "ab 'é\u0301\u200d\u202e\ufeff👩🏽中א١\t\n\r\x1b\x00<&\"=+-@.,;#_\u2028\ud800\udfff"


def made(rng):
    """Return the name and content of a file, with options; or a text."""
    if rng.random() < 0.25:
        words = [
            rng.choice(("good", "bad", "w1", "superb", "awful", *map(_text, INTERESTING)))
            for _ in range(rng.randint(0, 30))
        ]
        if rng.random() < 0.1:
            words.append(rng.choice(HALVES))
        signs = "".join(rng.choice(SIGNS) for _ in range(rng.choice((0, 3, 30))))
        return "a text", (" ".join(words) + signs) * rng.choice((1, 1, 1, 1, 200)), {}
    name, content = rng.choice(list(GOOD.items()) * 12 + BAD)
    content = mutated(rng, content, rng.choice((1, 1, 2, 8)))
    return name, content, {option: rng.choice(values) for option, values in OPTIONS.items() if rng.random() < 0.08}


def _text(content):
    return content.decode("utf-8", "replace")


def attempt(given):
    """Read a corpus, or ask a classifier; return a word on it."""
    name, content, options = given
    if name == "a text":
        probabilities = CLASSIFIER.predict_proba([content])
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-6)
        if len(content) < 500 and content.strip():
            explanation = CLASSIFIER.explain(content)
            assert all(isinstance(token, str) for token in explanation.tokens)
            assert np.isfinite(explanation.attribution).all()
        return "asked"
    path = FOLDER / name
    path.write_bytes(content)
    corpus = gw.read_corpus(path, **options)
    assert len(corpus.classes) >= 2
    assert len(corpus.labels) == len(corpus.texts)
    if corpus.labels.ndim == 1:
        assert set(corpus.labels.tolist()) <= set(range(len(corpus.classes)))
    assert all(
        isinstance(corpus.texts[place], str) and corpus.texts[place].strip() for place in range(len(corpus.texts))
    )
    assert all(note.isprintable() and len(note) < 2000 for note in corpus.notes), corpus.notes
    repr(corpus)
    return "read"


def smaller(given):
    """Yield smaller files and texts, and fewer options."""
    name, content, options = given
    yield from ((name, content, {key: value for key, value in options.items() if key != left}) for left in options)
    if name == "a text":
        for size in (len(content) // 2, len(content) // 4, 8, 1):
            if size:
                for start in range(0, len(content), size):
                    yield name, content[:start] + content[start + size :], options
    else:
        yield from ((name, less, options) for less in smaller_bytes(content))


FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
CLASSIFIER = gw.TextClassifier(network=()).fit(*made_texts(60))
CAMPAIGN = Campaign("fuzz_texts", made, attempt, smaller)

if __name__ == "__main__":
    CAMPAIGN.main()
