"""Predictions as columns: what texts were given, and the probability of each class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from gatewise.classification import Assessment

# Between several classes of one text.
SEVERAL = "|"


def judged(assessment: "Assessment") -> "pd.DataFrame":
    """Return the predictions of texts whose classes are known: row, truth, what was given, and all probabilities."""
    import pandas as pd

    names = np.array(assessment.classes, dtype=object)
    found = assessment.found
    frame = {
        "row": assessment.rows,
        "label": [SEVERAL.join(names[row]) for row in found.truth],
        "predicted": [SEVERAL.join(names[row]) for row in assessment.given],
    }
    return pd.DataFrame({**frame, **columns_of(assessment.classes, found.probabilities["combined"])})


def columns_of(names: Sequence[str], chances: np.ndarray) -> dict[str, Any]:
    """Return a column of probabilities for each class."""
    return {f"p({name})": np.round(chances[:, place], 6) for place, name in enumerate(names)}


def decided(classifier: Any, chances: np.ndarray) -> list[str]:
    """Return what the classifier gives each text, several classes with a bar between them."""
    given = classifier.decide(chances)
    if not classifier.multi_label_:
        return [str(name) for name in given.tolist()]
    names = np.array([str(name) for name in classifier.classes_.tolist()], dtype=object)
    return [SEVERAL.join(names[row]) for row in given]
