"""Peers of `classify.py`, each in a process of its own: the same texts in, probabilities out. Does not know gatewise."""

import json
import re
import resource
import sys
import time
from pathlib import Path

FOLD = 1e-6


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


def main():
    name, folder, autotune = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    train, judged = (json.loads((folder / f"{part}.json").read_text(encoding="utf-8")) for part in ("train", "judged"))
    if name.startswith("TF-IDF"):
        result = linear(train["texts"], train["labels"], judged["texts"], folder)
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
