"""Words that the sentences of several modules share: articles, positions, what Keras and JAX said."""

import re
from typing import Any

import numpy as np


def a_or_an(value: Any) -> str:
    """Return the type of a value in words, as in "a str", "an int", "None", "the class LSTM"."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' or kind == 'ndarray' else 'a'} {kind}"


def first_index(bad: np.ndarray) -> tuple[int, ...]:
    """Return where the first True is."""
    return tuple(int(index) for index in np.unravel_index(int(np.argmax(bad)), bad.shape))


def counted(number: int, what: str) -> str:
    """Return a number with a noun, as in "1 sample", "2 samples"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def in_keras_words(error: BaseException) -> str:
    """Return what an exception of Keras or JAX says, in one line without colours and without its arguments."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split("Arguments received by")[0]
    found = re.match(r"Exception encountered when calling (\S+?)(?:\.call)?\(\)\.\s*(.*)", text, re.DOTALL)
    if found:
        text = f"{found[1]} says: {found[2]}"
    text = " ".join(text.split()) or type(error).__name__
    return text[:400].removesuffix(".")
