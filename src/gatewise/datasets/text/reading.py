"""``gw.read_corpus``: from whatever holds texts and labels to a `Corpus`, saying in notes what was understood."""

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from gatewise.datasets.text import label_lines
from gatewise.datasets.text.collecting import Collected, collect, numbered
from gatewise.datasets.text.corpus import PARTS, Corpus
from gatewise.datasets.text.delimited import read_delimited
from gatewise.datasets.text.folders import read_folder
from gatewise.datasets.text.frames import from_memory, read_parquet
from gatewise.datasets.text.json_rows import read_json
from gatewise.datasets.text.labels import Classes, as_array, check_separator, classes_of
from gatewise.datasets.text.lines import Errors, TextFile
from gatewise.datasets.text.remarks import contradictions, leaks, remarks
from gatewise.datasets.text.review_files import as_path
from gatewise.datasets.text.roles import Name, find_roles
from gatewise.datasets.text.table import Roles, Table
from gatewise.datasets.text.texts import Texts
from gatewise.datasets.text.wording import listed, short
from gatewise.errors import DataError, GatewiseWarning, UsageError
from gatewise.tables.form import count


def read_corpus(
    source: Any,
    label: Any = None,
    *,
    text: Name | None = None,
    group: Name | None = None,
    split: Name | None = None,
    test: Any = None,
    separator: str | None = None,
    errors: Errors = "strict",
) -> Corpus:
    """Read labelled texts.

    Nothing is left out without a word: the corpus has notes that say what was found out and how many rows were left out,
    and whatever else does not fit is refused with its place.

    Args:
        source: A file: CSV or TSV, JSON lines or a JSON list of objects, Parquet, lines with fastText's ``__label__``;
            text files in UTF-8 or UTF-16, as they are or compressed by gzip. A folder: with a folder for each class, or folders
            ``train`` and ``test`` with these. Or what is in memory: a list of texts, of pairs or of dicts, a dict of
            columns, a frame or Series of pandas, polars or Arrow.
        label: The column of the labels, by name or by number from 1; a list of columns that hold 0 and 1, one for each
            class; or, for a list of texts, their labels. Default: found by its name or by what is in it.
        text: The column of the texts. Default: found likewise.
        group: The column of what belongs together, such as authors. Default: a column called "group".
        split: The column of the parts. Default: a column called "split" that holds "train", "test" and the like.
        test: A second source, read in the same way, whose texts are the test part. Its labels have to be classes of the
            first. For lists of texts: the pair (texts, labels).
        separator: What stands between labels where a cell holds several: a text may then have any number of classes.
        errors: ``"strict"`` refuses bytes that are not UTF-8 with their place; ``"replace"`` puts � in their place.

    Returns:
        The corpus. It has parts only where the source has, or `test` is given; `gw.datasets.split_corpus` makes them.

    Raises:
        UsageError: An argument that cannot be meant.
        DataError: The source is damaged, or something in it is no text or no label; the message says where.
        EnvironmentFault: A Parquet file, and pyarrow is not installed.

    Warns:
        GatewiseWarning: Texts of the test part are in the training part as well, or equal texts have different labels.

    >>> corpus = read_corpus(["good film", "bad film", "so good"], label=["pos", "neg", "pos"])
    >>> corpus.classes, corpus.labels.tolist(), corpus.counts()
    (('neg', 'pos'), [1, 0, 1], {'neg': 1, 'pos': 2})
    """
    if errors not in get_args(Errors):
        raise UsageError(f"errors is {errors!r}: give 'strict' or 'replace'.")
    check_separator(separator)
    named = _Named(text, label, group, split, separator, errors)
    found = collect(*_understood(source, named), separator)
    names = [each for each, part in zip(found.labels, found.parts, strict=True) if part == 0]
    if not names:
        raise DataError(f"{found.table.name} has no text in the training part: give texts to train with.")
    classes = classes_of(found.table, names, found.roles, separator)
    corpus = _corpus(found, classes)
    if test is not None:
        corpus = _with_test(corpus, found, test, named, classes)
    troubles = [*contradictions(corpus), *leaks(corpus)]
    for trouble in troubles:
        warnings.warn(trouble, GatewiseWarning, stacklevel=2)
    return replace(corpus, notes=(*corpus.notes, *remarks(corpus), *troubles))


class _Named(NamedTuple):
    """What the user named."""

    text: Name | None
    label: Any
    group: Name | None
    split: Name | None
    separator: str | None
    errors: Errors


def _understood(source: Any, named: _Named) -> tuple[Table, Roles]:
    """Return a source as a table, and which column holds what."""
    is_path = isinstance(source, str | os.PathLike)
    table = _from_disk(as_path(source), named) if is_path else from_memory(source, named.label)
    if table.roles is None:
        return table, find_roles(table, named.text, named.label, named.group, named.split)
    useless = {**named._asdict(), "label": named.label if is_path else None}
    for name in ("text", "label", "group", "split"):
        if useless[name] is not None:
            raise UsageError(
                f"{table.name} has no columns that could be named: leave {name}={short(useless[name])} out."
            )
    return table, table.roles


def _from_disk(path: Path, named: _Named) -> Table:
    if path.is_dir():
        return read_folder(path, named.errors)
    file = TextFile(path, named.errors)
    head = file.head().lstrip()
    if head.startswith(b"PAR1"):
        return read_parquet(path)
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if head.startswith((b"{", b"[")) and not suffixes & {".csv", ".tsv"}:
        return read_json(file)
    if head.startswith(label_lines.PREFIX.encode()):
        return label_lines.read_label_lines(file)
    labels = named.label if isinstance(named.label, list | tuple) else [named.label]
    return read_delimited(file, {str(name) for name in (named.text, named.group, named.split, *labels)})


def _with_test(corpus: Corpus, found: Collected, test: Any, named: _Named, classes: Classes) -> Corpus:
    """Add the texts of a second source as the test part."""
    if (found.parts == PARTS.index("test")).any():
        raise UsageError(f"{found.table.name} has a test part already: leave test=… out, or the column of the parts.")
    label = named.label
    if not isinstance(test, str | os.PathLike) and isinstance(test, tuple) and len(test) == 2:
        test, label = test
    elif found.table.roles is not None:
        label = None
    table, roles = _understood(test, named._replace(label=label, split=None))
    second = collect(table, roles, named.separator)
    added = _corpus(second, classes)
    labels: Any = np.concatenate([corpus.labels, added.labels])
    split = np.concatenate([found.parts, np.full(len(added), PARTS.index("test"), np.int8)])
    texts = Texts.of([*corpus.texts, *added.texts])
    notes = [*corpus.notes, *(f"Test part: {note}" for note in added.notes)]
    groups = None
    if found.groups is not None and second.groups is not None:
        groups = numbered([*found.groups, *second.groups])
    elif found.groups is not None or second.groups is not None:
        notes.append("Only one of the two sources has groups, so that they are not kept.")
    rows = np.concatenate([found.rows, second.rows])
    return Corpus(texts, labels, classes.names, groups, split, tuple(notes), rows)


def _corpus(found: Collected, classes: Classes) -> Corpus:
    split = found.parts if found.has_parts else None
    groups = None if found.groups is None else numbered(found.groups)
    labels = as_array(found.table, found.labels, classes, found.places)
    corpus = Corpus(found.texts, labels, classes.names, groups, split, rows=found.rows)
    kind = "a text may have several" if classes.multi else "each text has one"
    all_of_them = count(len(classes.names), "class", "classes")
    there = [name for name, texts in corpus.counts().items() if texts]
    met = all_of_them if len(there) == len(classes.names) else f"{len(there):,} of {all_of_them} ({listed(there)})"
    said = f"{count(len(labels), 'text')}, {met}, of which {kind}."
    return replace(corpus, notes=(*found.table.notes, said))
