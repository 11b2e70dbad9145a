"""Peers of `classify.py`, each in a process of its own: the same texts in, probabilities out. Does not know gatewise.

The networks of Keras's own examples for these reviews are trained by Keras with the backend of ``KERAS_BACKEND``, or
TensorFlow: "Bidirectional LSTM on IMDB" (20,000 words, the last 200 of a review, two epochs) and "Text classification from
scratch" (20,000 words, the first 500, three epochs), with their layers, optimizers and batches of 32.
"""

import json
import os
import re
import resource
import sys
import time
from pathlib import Path

FOLD = 1e-6
KERAS_WORDS = 20_000


def linear(train, labels, judged, _):
    """Runs of one and two words, as scikit-learn's documentation does it, with the strength that suits reviews."""
    import sklearn
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    started = time.perf_counter()
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    model = LogisticRegression(C=10, max_iter=200).fit(words.fit_transform(train), labels)
    trained = time.perf_counter()
    chances = model.predict_proba(words.transform(judged))[:, 1].tolist()
    return trained - started, time.perf_counter() - trained, chances, f"scikit-learn {sklearn.__version__}"


def _line(text):
    return " ".join(re.findall(r"[\w']+|[^\w\s]", text.replace("<br />", " ").lower()))


def fasttext(train, labels, judged, folder, autotune=0):
    """Words and pairs of words, five epochs; or what its own search finds, judged by every tenth training text."""
    from importlib import metadata

    import fasttext

    def written(name, rows):
        path = folder / name
        path.write_text("".join(f"__label__{labels[row]} {_line(train[row])}\n" for row in rows), encoding="utf-8")
        return str(path)

    # Mixed, since it learns from texts in the order of the file, and theirs is that of the classes.
    rows = sorted(range(len(train)), key=lambda row: (row * 7919) % len(train))
    started = time.perf_counter()
    if autotune:
        model = fasttext.train_supervised(
            written("most.txt", [row for row in rows if row % 10]),
            autotuneValidationFile=written("tenth.txt", [row for row in rows if not row % 10]),
            autotuneDuration=autotune,
            verbose=0,
        )
    else:
        model = fasttext.train_supervised(written("all.txt", rows), wordNgrams=2, epoch=5, lr=0.5, verbose=0)
    trained = time.perf_counter()
    # One text at a time: of several, the package returns the probabilities of the last class for all.
    found = [dict(pair[::-1] for pair in model.f.predict(_line(text) + "\n", 2, 0.0, "strict")) for text in judged]
    chances = [min(max(float(each.get("__label__1", 0.0)), FOLD), 1 - FOLD) for each in found]
    return (
        trained - started,
        time.perf_counter() - trained,
        chances,
        f"fasttext-wheel {metadata.version('fasttext-wheel')}",
    )


def _ranks(texts, known=None):
    """Return texts in the ranks of their words, from 2, and the ranks; punctuation is left out, as the examples do."""
    from collections import Counter

    words = [re.findall(r"[\w']+", text.replace("<br />", " ").lower()) for text in texts]
    if known is None:
        most = Counter(word for text in words for word in text).most_common(KERAS_WORDS - 2)
        known = {word: rank for rank, (word, _) in enumerate(most, start=2)}
    return [[known.get(word, 1) for word in text] for text in words], known


def _bidirectional(keras):
    layers = keras.layers
    inputs = keras.Input(shape=(200,), dtype="int32")
    x = layers.Embedding(KERAS_WORDS, 128)(inputs)
    x = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(64))(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def _convolutional(keras):
    layers = keras.layers
    inputs = keras.Input(shape=(500,), dtype="int32")
    x = layers.Dropout(0.5)(layers.Embedding(KERAS_WORDS, 128)(inputs))
    for _ in range(2):
        x = layers.Conv1D(128, 7, padding="valid", activation="relu", strides=3)(x)
    x = layers.Dropout(0.5)(layers.Dense(128, activation="relu")(layers.GlobalMaxPooling1D()(x)))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


KERAS = {
    "Keras, bidirectional LSTM": (_bidirectional, 200, "pre", 2),
    "Keras, convolution": (_convolutional, 500, "post", 3),
}


def network(train, labels, judged, name, seed):
    """A network of Keras's examples, trained and asked by Keras."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras
    import numpy as np

    make, length, side, epochs = KERAS[name]
    keras.utils.set_random_seed(seed)
    started = time.perf_counter()
    ranks, known = _ranks(train)

    def rows(given):
        return keras.utils.pad_sequences(given, length, padding=side, truncating=side)

    model = make(keras)
    model.compile("adam", "binary_crossentropy")
    model.fit(rows(ranks), np.array(labels), batch_size=32, epochs=epochs, verbose=0)
    trained = time.perf_counter()
    chances = model.predict(rows(_ranks(judged, known)[0]), batch_size=256, verbose=0)[:, 0]
    seconds = time.perf_counter() - trained
    chances = np.clip(chances.astype(float), FOLD, 1 - FOLD).tolist()
    return trained - started, seconds, chances, f"Keras {keras.__version__}, {keras.backend.backend()}"


def main():
    name, folder, autotune, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    train, judged = (json.loads((folder / f"{part}.json").read_text(encoding="utf-8")) for part in ("train", "judged"))
    if name.startswith("TF-IDF"):
        result = linear(train["texts"], train["labels"], judged["texts"], folder)
    elif name in KERAS:
        result = network(train["texts"], train["labels"], judged["texts"], name, seed)
    else:
        result = fasttext(
            train["texts"], train["labels"], judged["texts"], folder, autotune if "autotuned" in name else 0
        )
    seconds, asked, chances, version = result
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "train_seconds": seconds,
                "ask_seconds": asked,
                "chances": chances,
                "version": version,
                "peak_megabytes": peak,
            }
        )
    )


if __name__ == "__main__":
    main()
