"""A network of a text classifier as inspection sees it: which one is looked into, and what it reads of a text."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gatewise.classification.chunk_reader import ChunkReader
from gatewise.classification.members import Members
from gatewise.classification.row_reader import RowReader
from gatewise.classification.specification import Network
from gatewise.datasets import Vocabulary, tokenize
from gatewise.errors import DataError, UsageError
from gatewise.inspection.chunks import InspectedChunks, counterfactual_of_chunks
from gatewise.inspection.inspection import Inspection
from gatewise.inspection.looking import looked
from gatewise.inspection.naming import named
from gatewise.inspection.network import Inspected
from gatewise.inspection.portable import counterfactual
from gatewise.inspection.sequences import LONGEST, Read, as_read
from gatewise.inspection.snippets import Corpus
from gatewise.recurrent.states import recurrent_layers


class Chosen(NamedTuple):
    """A network of a classifier.

    Attributes:
        kind: Which of the kinds of networks it is.
        name: The cell of gatewise's own, or the name of the function that made it.
        weights: Its weights.
    """

    kind: int
    name: str
    weights: Any


def inspect_classifier(
    classifier: Any, text: Any, corpus: Sequence[str] | None, output: int | str | None, network: int | str | None
) -> Inspection:
    """Look inside a network of a classifier while it reads a text; see `gatewise.inspect`.

    Raises:
        UsageError: No network with recurrent layers is asked, or there is none such as was asked for.
        DataError: The text is empty.
    """
    fitted = classifier._fitted
    if fitted is None:
        raise UsageError("The classifier is not fitted: call fit(texts, labels) first.")
    if fitted.network is None:
        raise UsageError(
            "The classifier is the linear model alone, which has no gates to look into: fit it with a network."
        )
    members = fitted.network.model
    with members.lock:
        known = _known(members)
        chosen = _chosen(known, network, members)
        names = [str(name) for name in classifier.classes_.tolist()]
        reader = members.reader(chosen.kind)
        asked = (text, corpus, names, _output(output, names, members.outputs))
        if isinstance(reader, ChunkReader):
            reader.put(chosen.weights)
            squash = "sigmoid" if members.outputs == 1 or fitted.held_out.several else "softmax"
            found = _by_chunks(reader, squash, fitted.vocabulary, asked)
        elif isinstance(reader, RowReader):
            for variable, value in zip(reader.network.variables, chosen.weights, strict=True):
                variable.assign(value)
            found = _by_rows(reader, fitted.vocabulary, asked)
    chances = dict(zip(names, classifier.predict_proba([text], progress=False)[0].tolist(), strict=True))
    said = ", ".join(f"{chance:.1%} {name}" for name, chance in chances.items())
    note = f"{_which(chosen, known, members)}; the whole classifier says {said}."
    return replace(found, name="text classifier", notes=(note,))


def _known(members: Members) -> list[Chosen]:
    """Return the networks with recurrent layers."""
    found = []
    for member in members.trained:
        kind = members.kinds[member.kind]
        if isinstance(kind, Network):
            if kind.cell != "cnn":
                found.append(Chosen(member.kind, kind.cell, member.weights))
        elif isinstance(reader := members.reader(member.kind), RowReader) and recurrent_layers(reader.network):
            found.append(Chosen(member.kind, kind.name, member.weights))
    return found


def _chosen(known: list[Chosen], network: int | str | None, members: Members) -> Chosen:
    """Return the network that was asked for."""
    if not known:
        raise UsageError(
            "The classifier's networks have no recurrent layers, so there are no gates to look into: fit it with "
            "gw.Network(cell='lstm') among them, or with a function that makes a Keras model with an LSTM."
        )
    without = f"; {len(members.trained) - len(known)} without recurrent layers have no gates" * (
        len(known) < len(members.trained)
    )
    return named(known, network, "There is no network {network!r} to look into: give one of {names}", without)


def _which(chosen: Chosen, known: list[Chosen], members: Members) -> str:
    """Say which network was looked into."""
    every = "the only network" if len(members.trained) == 1 else f"one of {len(members.trained)} networks, by itself"
    said = f"This is {chosen.name!r}, {every}"
    without = len(members.trained) - len(known)
    return said + (f" ({without} of them without recurrent layers)" if without else "")


def _output(output: int | str | None, names: Sequence[str], outputs: int) -> int | str | None:
    """Return which output is looked at: of two classes the network has a single one, for the second."""
    if outputs == 1 and output in names and output == names[0]:
        raise UsageError(
            f"Of two classes the second is looked at, {names[1]!r}: what speaks against it speaks for {output!r}."
        )
    return output


# A text, a corpus, the names of the classes, and which of them is looked at.
_Asked = tuple[Any, Sequence[str] | None, Sequence[str], int | str | None]


def _by_chunks(reader: ChunkReader, squash: str, vocabulary: Vocabulary, asked: _Asked) -> Inspection:
    """Look inside gatewise's own network."""
    text, corpus, names, output = asked
    network = InspectedChunks.of_reader(reader, squash)
    reading = partial(_read, reader, vocabulary)
    others = None if corpus is None else Corpus.of(network, corpus, reading)
    read = reading(text)
    found = looked(network, read, others, names, output)
    return replace(found, counterfactual=counterfactual_of_chunks(network, read, _words(vocabulary)))


def _by_rows(reader: RowReader, vocabulary: Vocabulary, asked: _Asked) -> Inspection:
    """Look inside a network of somebody else's, which reads a text as one row."""
    text, corpus, names, output = asked
    network = Inspected.of(reader.network)

    def reading(one: Any) -> Read:
        tokens = _tokens(one)
        return as_read(network, reader.rows(vocabulary.encode([one]).words)[0], tokens)

    others = None if corpus is None else Corpus.of(network, corpus, reading)
    read = reading(text)
    found = looked(network, read, others, names, output)
    return replace(found, counterfactual=counterfactual(network, read, _words(vocabulary)))


def _words(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the word of each number."""
    return ("", "<rare>", *vocabulary.words)


def _read(reader: ChunkReader, vocabulary: Vocabulary, text: Any) -> Read:
    """Return a text as gatewise's own network reads it: numbers of words, and of runs of words where it has them."""
    tokens = _tokens(text)
    if len(tokens) > LONGEST:
        raise UsageError(
            f"The text has {len(tokens):,} words, and inspect takes at most {LONGEST:,}: give a part of it."
        )
    packs = reader.one_text(vocabulary.encode([text]).words)
    steps = min(len(tokens), packs.words.size)
    columns = [packs.words[..., None], *([] if packs.runs is None else [packs.runs])]
    numbers = np.concatenate(columns, axis=-1)
    return Read(numbers.reshape(-1, numbers.shape[-1])[:steps], 0, tuple(tokens[:steps]))


def _tokens(text: Any) -> list[str]:
    if not isinstance(text, str):
        raise UsageError(f"text is a {type(text).__name__}: give one text, a str.")
    tokens = tokenize(text)
    if not tokens:
        raise DataError("The text is empty: give at least one word.")
    return list(tokens)
