"""What a corpus should not be trained on without knowing: classes out of balance, repeated texts, leaks."""

from itertools import pairwise

from gatewise.datasets.text.corpus import Corpus
from gatewise.datasets.text.labels import sign_between
from gatewise.datasets.text.near_copies import near_copies
from gatewise.datasets.text.splits import shared_between
from gatewise.datasets.text.wording import listed, short
from gatewise.tables.form import count

_OUT_OF_BALANCE = 10


def remarks(corpus: Corpus) -> list[str]:
    """Return what is worth knowing of the classes and texts."""
    found = []
    counts = sorted(corpus.train.counts().items(), key=lambda item: (item[1], item[0]))
    (least, few), (most, many) = counts[0], counts[-1]
    if many >= _OUT_OF_BALANCE * max(few, 1):
        times = f"{many / few:,.0f} times as many texts as" if few else f"{many:,} texts and no text has"
        found.append(f"Classes are out of balance: {short(most)} has {times} {short(least)} ({many:,} and {few:,}).")
    lower = sorted(corpus.classes, key=lambda name: (name.casefold(), name))
    alike = [pair for pair in pairwise(lower) if pair[0].casefold() == pair[1].casefold()]
    if alike:
        found.append(f"Classes {listed(alike[0])} differ in nothing but upper and lower case, and are two classes.")
    sign = sign_between(corpus.classes)
    if sign is not None:
        both = next(name for name in corpus.classes if sign in name)
        found.append(
            f"Class {short(both)} and others hold {sign!r} and are taken for one class each: if a text may have several, pass "
            f"separator={sign!r}."
        )
    repeated = len(corpus) - len(set(corpus.texts.fingerprints()))
    if repeated:
        found.append(f"{count(repeated, 'text')} {'repeats' if repeated == 1 else 'repeat'} another, word for word.")
    return found


def contradictions(corpus: Corpus) -> list[str]:
    """Return how many texts are there with different labels."""
    labels: dict[bytes, bytes] = {}
    different: dict[bytes, int] = {}
    for position, (text, label) in enumerate(zip(corpus.texts.fingerprints(), corpus.labels, strict=True)):
        if labels.setdefault(text, label.tobytes()) != label.tobytes():
            different.setdefault(text, position)
    if not different:
        return []
    first = short(corpus.texts[next(iter(different.values()))])
    were = "is" if len(different) == 1 else "are"
    return [f"{count(len(different), 'text')} {were} there with different labels, the first {first}: decide for one."]


def leaks(corpus: Corpus) -> list[str]:
    """Return how many texts of the other parts are training texts as well, or nearly."""
    found = []
    mend = (
        "so that scores will be too good: remove them from one of the parts, or make new parts with "
        "gw.datasets.split_corpus."
    )
    shared = shared_between(corpus)
    if shared:
        also = "is a training text" if shared == 1 else "are training texts"
        found.append(f"{count(shared, 'text')} outside of the training part {also} as well, word for word, {mend}")
    near = near_copies(corpus)
    if near:
        also = "is a training text" if near == 1 else "are training texts"
        found.append(
            f"{count(near, 'text')} outside of the training part {also} but for signs, blanks or a few words, {mend}"
        )
    return found
