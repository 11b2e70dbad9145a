"""Sentences of the rooms below, which name Python's arguments, as somebody reads them who typed flags.

``fix=("footer",)`` becomes ``--fix footer``, ``format={"decimal": ","}`` becomes ``--format decimal=,``, and ``seed is -1``
becomes ``--seed is -1``: for the flags of the command that was typed, and outside of what a sentence quotes.
"""

import ast
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

# What a sentence quotes is the user's, whatever it looks like; the apostrophe of "the table's" opens nothing.
_QUOTED = re.compile(r"((?<![\w=])'(?:[^'\\]|\\.)*'(?!\w))")
_VALUE = r"""\{[^{}]*\}|\([^()]*\)|"[^"]*"|'(?:[^'\\]|\\.)*'|[^\s,;:.()'"]+(?:\.\d+)?"""
_ANOTHER_FORM = re.compile(r'''(--format (\w+)=\S+) or "([^"]*)"''')
_COVARIATES = ("future", "past", "static")
# Those of the terminal, halves of pairs, and those that turn the direction; the joiners inside of an emoji may stay.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def flags_of(command: Any, arguments: Sequence[str]) -> dict[str, str]:
    """Return Python's word for each flag of the command that was typed, with the flag.

    Args:
        command: The whole command line, as typer built it.
        arguments: What was typed after its name.
    """
    for word in arguments:
        command = getattr(command, "commands", {}).get(word, command)
    names = [name for parameter in command.params for name in parameter.opts if name.startswith("--")]
    flags = {name[2:].replace("-", "_"): name for name in names}
    if "force" in flags:
        flags["overwrite"] = "--force"
    if "min_texts" in flags:
        flags["gw.Linear(min_texts=1)"] = "--min-texts 1"
    if "threshold" in flags:
        flags["thresholds"] = "--threshold"
    if "data" in flags:
        flags["gw.datasets.imdb(path)"] = "--data FILE"
    # Several flags where Python has one dictionary.
    kinds = {f"covariates[{kind!r}]": f"--{kind}" for kind in _COVARIATES if kind in flags}
    if "future_rows" in flags:
        # What `predict` calls future; a flag of that name is of columns.
        flags["future"] = flags.pop("future_rows")
    return flags | kinds


def as_typed(sentence: str, flags: dict[str, str]) -> str:
    """Return a sentence with flags in the place of Python's arguments.

    >>> as_typed('below the data with fix=("footer",).', {"fix": "--fix"})
    'below the data with --fix footer.'
    """
    if not flags:
        return sentence
    # Parts of what a flag stands for: Linear.min_texts.
    sentence = re.sub(rf"^[A-Z][a-z]+\.(?=({'|'.join(name for name in flags if not _is_key(name))})\b)", "", sentence)
    for name in filter(_is_key, flags):
        sentence = sentence.replace(name, flags[name])
    parts = _QUOTED.split(sentence)
    parts[::2] = [_renamed(part, flags) for part in parts[::2]]
    # A word that opens a sentence is an argument where something is said of it.
    opening = re.match(r"(\w+)(?= (?:is|has|names) )", parts[0])
    if opening and opening[1] in flags:
        parts[0] = flags[opening[1]] + parts[0][opening.end() :]
    return "".join(parts)


def _renamed(part: str, flags: dict[str, str]) -> str:
    """Return a stretch without quotations with flags: for what has a value, an underscore, or stands after "with"."""
    words = [name for name in flags if not _is_key(name)]
    any_word, several = "|".join(words), "|".join(name for name in words if "_" in name)
    part = re.sub(rf"(?<![\w-])({any_word})=({_VALUE})", lambda found: _flag(flags[found[1]], found[2]), part)
    part = _ANOTHER_FORM.sub(r"\1 or \2=\3", part)
    part = re.sub(rf"(?<=with )({any_word})(?=[.,;:])", lambda found: flags[found[1]], part)
    return re.sub(rf"(?<![\w-])({several})\b", lambda found: flags[found[1]], part) if several else part


def _is_key(name: str) -> bool:
    return name.startswith(("covariates[", "gw."))


def _flag(flag: str, value: str) -> str:
    """Return what is typed for an argument with a value, as a sentence writes it."""
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return f"{flag} {value}"
    if isinstance(read, bool):
        return flag if read else f"--no-{flag[2:]}"
    return " ".join(f"{flag} {shlex.quote(one)}" for one in _typed(read))


def _typed(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        return [f"{key}={one}" for key, one in value.items()]
    return [str(one) for one in value] if isinstance(value, tuple) else [str(value)]


def without_controls(text: str) -> str:
    r"""Return a text that tells a terminal nothing: control characters, and those that turn the direction, become �.

    >>> without_controls("red\x1b[31m, \u202egnp.exe")
    'red�[31m, �gnp.exe'
    """
    return _CONTROLS.sub("�", text)
