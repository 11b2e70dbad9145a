"""A text cut into tokens: words in lower case and single punctuation marks, in any script.

Done by one regular expression of Python's. The tokenizers library is measured beside it by benchmarks/texts.py: with the
same rules it takes twice the processor time for the 25,000 training reviews, and installs a dozen packages, most of them
for downloading from a network.
"""

import re
import sys
import unicodedata
from functools import cache

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# Any printable sign of ASCII that is no letter, digit or blank is a token.
_ASCII = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*|[!-/:-@\[-`{-~]")
# Scripts that put no blanks between words: a sign is a token.
_SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_JOINERS = "\u200c\u200d"
_SKINS = "\U0001f3fb-\U0001f3ff"


def tokenize(text: str) -> list[str]:
    """Cut a text into tokens.

    The text is put into lower case and into Unicode's composed form (NFC), typographic apostrophes become plain ones, and
    HTML line breaks become blanks. Letters and digits with no blank between them are one token, apostrophes inside
    included; so is each punctuation mark, emoji (as it is drawn, with its modifiers) and Chinese or Japanese character.
    Blanks, control and format characters only separate.

    Takes time in proportion to the text, whatever is in it.

    >>> tokenize("It's GREAT!<br />Isn’t it? 5/10 :-)")
    ["it's", 'great', '!', "isn't", 'it', '?', '5', '/', '10', ':', '-', ')']
    >>> tokenize("Très bien, 好电影 👍🏽")
    ['très', 'bien', ',', '好', '电', '影', '👍🏽']
    """
    if "<" in text:
        text = _BREAK.sub(" ", text)
    if text.isascii():
        return _ASCII.findall(text.lower())
    return _any_script().findall(composed(text))


def composed(text: str) -> str:
    """Return a text in lower case, in Unicode's composed form, with plain apostrophes."""
    return unicodedata.normalize("NFC", text.replace("’", "'").lower())


@cache
def _any_script() -> re.Pattern[str]:
    """Return the pattern for texts with characters beyond ASCII; Python's patterns have no word for marks."""
    marks = _of_categories("Mn", "Mc", "Me")
    silent = _of_categories("Cc", "Cf", "Cs")
    letter = rf"(?:(?![{_SINGLE}])[^\W_][{marks}{_JOINERS}]*)"
    single = rf"[{_SINGLE}](?:(?![{_SINGLE}])[{marks}])*"
    drawn = rf"(?:[^\w\s{marks}{silent}]|_)(?:[{_SKINS}{marks}])*"
    return re.compile(rf"{letter}+(?:'{letter}+)*|{single}|{drawn}(?:\u200d{drawn})*")


def _of_categories(*categories: str) -> str:
    """Return all characters of some of Unicode's categories, as the inside of a character class."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in categories:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
