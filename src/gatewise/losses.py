"""Losses that Keras has not: `gatewise.training.pinball` by its short name."""

from gatewise.training.pinball import Pinball

__all__ = ["Pinball"]
