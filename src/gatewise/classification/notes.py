"""What a run has found out, in sentences: what the networks add, what was not done and why."""

import numpy as np

from gatewise.classification.combination import LEAST_FOR_ISOTONIC, usable
from gatewise.classification.held_out import HeldOut
from gatewise.classification.specification import Calibration
from gatewise.tables.form import count

_OUTCOMES = {
    "no difference": "The linear model alone is as good, as far as the texts held out show.",
    "worse": "The linear model alone is better, beyond chance.",
}


def notes_on(held_out: HeldOut, calibration: Calibration, texts: int, networks: tuple[int, int]) -> tuple[str, ...]:
    """Return what there is to say of a run.

    Args:
        held_out: What the models said of texts that they did not know.
        calibration: How probabilities were to be made.
        texts: How many training texts there are.
        networks: How many networks were trained, and how many there would be with more time.
    """
    judged = len(held_out.rows)
    trained, wanted = networks
    outcome = held_out.against_linear()
    notes = [_OUTCOMES[outcome]] if outcome in _OUTCOMES else []
    some = "" if judged == texts else f", so that {judged:,} of {texts:,} texts were held out"
    if trained < wanted:
        notes.append(
            f"{trained:,} of {count(wanted, 'network')} could be trained in the time given{some}; more minutes give more."
        )
    elif some:
        were = "was" if trained == 1 else "were"
        notes.append(f"{count(trained, 'network')} {were} trained, as many as asked for{some}.")
    if trained and calibration.method is not None and len(np.unique(held_out.folds)) == 1:
        notes.append(
            f"One fold alone was held out: its {count(judged, 'text')} made the probabilities and are judged by them, so that "
            "these look a little better than they are."
        )
    for number, whose in ((texts, ""), (judged, " for the networks")):
        if usable(calibration.method, number) != calibration.method:
            notes.append(
                f"By temperature instead{whose}: isotonic calibration needs {LEAST_FOR_ISOTONIC:,} texts held out, and there "
                f"are {number:,}."
            )
            break
    return tuple(notes)
