"""What a worker does with classifiers."""

from typing import Any

import numpy as np

from gatewise.errors import DataError
from gatewise.serving.workers.loaded_models import Asked, loaded


def _chance(name: Any) -> str:
    """Return what the probability of a class is called, as in the tables of ``gatewise predict``."""
    return f"p({name})"


def predicted(classifier: Any, texts: list[str]) -> dict[str, Any]:
    """Return the label of each text, and how likely each class is."""
    empty = [place for place, text in enumerate(texts) if not text.strip()]
    if empty:
        raise DataError(f"The text at index {empty[0]} is empty: leave it out.")
    chances = classifier.predict_proba(texts, progress=False)
    given = classifier.decide(chances)
    if classifier.multi_label_:
        names = np.array([str(name) for name in classifier.classes_.tolist()], object)
        labels = ["|".join(names[row]) for row in given]
    else:
        labels = [str(name) for name in given.tolist()]
    columns = {_chance(name): chances[:, place].tolist() for place, name in enumerate(classifier.classes_.tolist())}
    return {name: [[len(column)], column] for name, column in {"label": labels, **columns}.items()}


def explain(asked: Asked) -> dict[str, Any]:
    """Return what each token of a ``text`` adds to the log-odds of a class: ``label``, or where it is None the likeliest."""
    classifier = loaded(asked)
    label = asked.get("label")
    if label is not None:
        # The page knows classes by what they are called.
        by_name = {str(one): one for one in classifier.classes_.tolist()}
        label = by_name.get(label, label)
    answer: dict[str, Any] = classifier.explain(asked["text"], label).to_json()
    answer["class"] = str(answer["class"])
    answer["probabilities"] = {str(name): share for name, share in answer["probabilities"].items()}
    return answer


def described(classifier: Any) -> dict[str, Any]:
    """Return the inputs and outputs of a classifier."""
    chances = [[_chance(name), "FP64", [-1]] for name in classifier.classes_.tolist()]
    return {"inputs": [["text", "BYTES", [-1]]], "outputs": [["label", "BYTES", [-1]], *chances]}
