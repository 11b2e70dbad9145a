"""What the teaching page says, in English and in Chinese."""

import json
from importlib.resources import files

from gatewise.errors import UsageError

LANGUAGES = ("en", "zh")


def words_of(language: str) -> dict[str, str]:
    """Return all texts of the teaching page in a language, by name.

    Raises:
        UsageError: There is no such language.
    """
    if language not in LANGUAGES:
        raise UsageError(f"language is {language!r}: give one of {', '.join(map(repr, LANGUAGES))}.")
    text = files("gatewise.report").joinpath("templates", "explanation.json").read_text(encoding="utf-8")
    return {name: texts[language] for name, texts in json.loads(text).items()}
