"""Networks once more, on all texts: each was trained without a fold, so that it could be judged."""

import time
from collections.abc import Callable

import numpy as np

from gatewise.classification.lessons import Curves, Lesson
from gatewise.classification.members import Members
from gatewise.classification.specification import Network
from gatewise.training.initial import member_seed

# What stands for the fold of a network that knows all texts.
NO_FOLD = -1
NOTE = "Each network was trained once more on all texts; what is known of texts held out is of the networks before."


def refit(members: Members, lesson: Lesson, progress: Callable[[int, int], None]) -> None:
    """Train each network once more on all texts, from the same seed and for as many epochs; its curves stay the first ones.

    Args:
        members: The trained networks, which take the new weights.
        lesson: The texts; its rows and seed are those of the run.
        progress: Told before each network which it is, and of how many.
    """
    number = len(members.trained)
    every = np.arange(len(lesson.truth))
    for place, member in enumerate(members.trained):
        progress(place, number)
        started = time.monotonic()
        epochs = _epochs(member.curves, members.kinds[member.kind])
        task = lesson._replace(rows=every, seed=member_seed(lesson.seed, place), epochs=epochs)
        weights = members.reader(member.kind).train(task).weights
        seconds = member.seconds + time.monotonic() - started
        members.trained[place] = member._replace(fold=NO_FOLD, weights=weights, seconds=seconds)


def _epochs(curves: Curves, kind: object) -> int:
    """Return for how many epochs a network was trained; of one that stops early, up to the epoch whose weights it kept."""
    if isinstance(kind, Network) and kind.patience is not None and curves.held_out_losses:
        return int(np.argmin(curves.held_out_losses)) + 1
    return len(curves.losses)
