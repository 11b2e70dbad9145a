"""What can go wrong, as one tree.

::

    GatewiseError                  exit  1   anything gatewise refuses to do
    ├── UsageError                 exit  2   an argument that cannot be meant (also a ValueError)
    │   └── NotCompilableError               the model or call has a part that no compiled program can hold
    ├── DataError                  exit  3   arrays or files whose content is wrong (also a ValueError)
    │   ├── ShapeError                       rank, length or feature count
    │   └── NonFiniteError                   NaN or infinity in the data
    ├── TrainingError              exit  3   the run itself went wrong
    │   └── NonFiniteLossError               the loss became NaN or infinite
    ├── ModelFileError             exit  4   a saved model that is damaged, foreign, newer or not allowed
    └── EnvironmentFault           exit  5   disk, permissions, locks, the wrong Keras backend
    Interrupted                    exit 130  Ctrl-C during training (also a KeyboardInterrupt)

Every message is one sentence or two: what is wrong, what was found and where, what to do. A class exists
where somebody may want to catch it; the exit status is the command line's answer to it.
"""

from typing import Any


class GatewiseError(Exception):
    """Anything that gatewise refuses to do, in a sentence that says what to do instead."""

    exit_status = 1


class UsageError(GatewiseError, ValueError):
    """An argument, or a combination of them, that cannot be meant."""

    exit_status = 2


class NotCompilableError(UsageError):
    """A part of the model or of the call that no compiled program can hold."""


class DataError(GatewiseError, ValueError):
    """Arrays or files whose content is wrong."""

    exit_status = 3


class ShapeError(DataError):
    """A rank, length or feature count other than the model expects."""


class NonFiniteError(DataError):
    """NaN or infinity in the data."""


class TrainingError(GatewiseError):
    """A training run that went wrong."""

    exit_status = 3


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite; the model keeps the last finite weights.

    Attributes:
        history: The history up to the failure.
        epoch: Epoch of the failure, counted from 0.
        step: Step inside the epoch, counted from 0.
    """

    def __init__(self, message: str, history: Any, epoch: int, step: int) -> None:
        super().__init__(message)
        self.history = history
        self.epoch = epoch
        self.step = step


class ModelFileError(GatewiseError):
    """A saved model that is damaged, foreign, newer than this gatewise, or not allowed."""

    exit_status = 4


class EnvironmentFault(GatewiseError):
    """The machine's side: disk, permissions, locks, the wrong Keras backend."""

    exit_status = 5


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during training; the model holds the weights as trained so far.

    Attributes:
        history: The history of the epochs that were finished.
        ensemble: The members as trained so far, where an ensemble was trained; else None.
    """

    exit_status = 130

    def __init__(self, message: str, history: Any, ensemble: Any = None) -> None:
        super().__init__(message)
        self.history = history
        self.ensemble = ensemble


class GatewiseWarning(UserWarning):
    """Something that the user should know and that did not stop the work."""
