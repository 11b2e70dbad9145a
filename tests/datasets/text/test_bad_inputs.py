"""What read_corpus refuses, and in which words: the place, the cause, the remedy."""

import gzip
import sys

import pandas as pd
import pytest

import gatewise as gw
from gatewise.errors import DataError, EnvironmentFault, UsageError

TEN = "".join(f"some text number {n},{n % 2}\n" for n in range(10))

# Name of the file, its content, arguments, the sentence; {} is the file as sentences name it.
FILES = {
    "missing file": ("a.csv", None, {}, "There is no file {}: give the path of a file or folder."),
    "empty": ("a.csv", "", {}, "{} is empty: give a file with texts and labels."),
    "blank lines only": ("a.csv", "\n \n\n", {}, "{} is empty: give a file with texts and labels."),
    "quotes around nothing": ("a.csv", '""\n\n', {}, "{} is empty: give a file with texts and labels."),
    "header only": (
        "a.csv",
        "text,label\n",
        {},
        "{} has a header and no rows below it: give at least one row of data.",
    ),
    "no texts": ("a.csv", "text,label\n,1\n  ,0\n", {}, "{} holds no texts in column 'text': give texts with labels."),
    "one class": (
        "a.csv",
        "text,label\na,pos\nb,pos\n",
        {},
        "{} holds one class, 'pos': give texts of at least two classes.",
    ),
    "label missing": (
        "a.csv",
        "text,label\na,1\nb,\nc,0\nd, \n",
        {},
        "{}, line 3 (and 1 more) has no label in column 'label': fill it in, or delete the row.",
    ),
    "label missing where others hold a separator": (
        "a.csv",
        "text,label\na,bad;new\nb,good;new\nc,\n",
        {},
        "{}, line 4 has no label in column 'label': fill it in, or delete the row; or, if a text may have several labels or "
        "none, pass separator=';'.",
    ),
    "two columns of texts": (
        "a.csv",
        "text,text,label\na,b,1\nc,d,0\n",
        {},
        "{} has 2 columns named 'text', with the numbers 1 and 2: rename all but one, or name one by its number.",
    ),
    "label is an id": (
        "a.csv",
        "text,label\n" + "".join(f"some text {n},u{n}\n" for n in range(12)),
        {},
        "{}, column 'label' holds 12 different labels in 12 rows ('u0', 'u1', 'u10', …): it seems to be an identifier or a "
        "text; name the column of the classes, label=….",
    ),
    "over a thousand labels": (
        "a.csv",
        "text,label\n" + "".join(f"some text {n},{n // 2}\n" for n in range(2002 * 2)),
        {},
        "{}, column 'label' holds 2,002 different labels in 4,004 rows ('0', '1', '10', …): it seems to be an identifier or "
        "a text; name the column of the classes, label=….",
    ),
    "swapped columns": (
        "a.csv",
        "review,mood\n" + TEN,
        {"text": "mood", "label": "review"},
        "{}: column 'review', named as the label, holds 10 different texts, and column 'mood' holds 2 short ones: they seem "
        "to be swapped; pass text='review', label='mood'.",
    ),
    "not UTF-8": (
        "a.csv",
        b"text,label\n\xc3\xa9,1\ncaf\xe9,0\n",
        {},
        "{}, line 3 is not UTF-8 text (0xe9, byte 19 of the file): save it as UTF-8, or pass errors='replace'.",
    ),
    "NUL byte": (
        "a.csv",
        b"text,label\nok\0,1\n",
        {},
        "{}, line 2 holds a NUL byte (byte 13 of the file), which is no text: remove it.",
    ),
    "NUL in JSON": (
        "a.jsonl",
        '{"text": "a\\u0000", "label": 1}\n',
        {},
        "{}, line 1 holds a NUL character in its text (character 1): remove it.",
    ),
    "half a surrogate": (
        "a.jsonl",
        '{"text": "ok", "label": 1}\n{"text": "a\\ud800", "label": 0}\n',
        {},
        "{}, line 2 holds half a surrogate pair in its text (character 1), which is no text: remove it.",
    ),
    "not JSON": (
        "a.jsonl",
        '{"text": "ok", "label": 1}\n{"text": "ok" "label": 1}\n',
        {},
        "{}, line 2 is not JSON (Expecting ',' delimiter, character 15): correct it.",
    ),
    "JSON list that is not JSON": (
        "a.json",
        '[{"text": "ok", "label": 1},\n{"text": "ok", "label": }]',
        {},
        "{}, line 2 is not JSON (Expecting value, character 25): correct it.",
    ),
    "JSON of something else": (
        "a.jsonl",
        '{"text": "ok", "label": 1}\n[1, 2]\n',
        {},
        '{}, line 2 holds [1, 2] where an object such as {{"text": …, "label": …}} is needed: correct it.',
    ),
    "a key twice": (
        "a.jsonl",
        '{"text": "ok", "text": "no", "label": 1}\n',
        {},
        "{}, line 1 is not JSON as it should be (the key 'text' is there twice): correct it.",
    ),
    "NaN in JSON": (
        "a.jsonl",
        '{"text": "ok", "label": NaN}\n',
        {},
        "{}, line 1 is not JSON as it should be (it holds NaN): correct it.",
    ),
    "nested JSON": (
        "a.jsonl",
        '{"text": ' + "[" * 100_000 + "\n",
        {},
        "{}, line 1 is not JSON as it should be (nested too deeply): correct it.",
    ),
    "a text that is a number": (
        "a.jsonl",
        '{"text": "ok", "label": 1}\n{"text": 5, "label": 0}\n',
        {},
        "{}, line 2 holds 5 in column 'text', which is no text: name the column of the texts, text=…, or put it in quotes.",
    ),
    "a row too long": (
        "a.csv",
        "text,label\na,1\nb, and c,0\nd, e,1\n",
        {},
        "{}, line 3 has 3 cells where the first row has 2, and so has 1 more: put a text that holds the separator in quotes.",
    ),
    "a row too short": (
        "a.csv",
        "text,label\na,1\nb\n",
        {},
        "{}, line 3 has 1 cell where the first row has 2: put a text that holds the separator in quotes.",
    ),
    "a quote that is never closed": (
        "a.csv",
        'text,label\n"a\na",1\n"b,0\nc,1\n',
        {},
        "{}, line 4 opens a quote that is never closed: close it, and double the quotes inside of a text.",
    ),
    "a quote in the middle": (
        "a.csv",
        'text,label\n"b" or c,0\nc,1\n',
        {},
        "{}, line 2 is not CSV (',' expected after '\"'): put the whole text in quotes, and double those in it.",
    ),
    "a quote in the middle, between tabs": (
        "a.tsv",
        '\t"\n"a',
        {},
        "{}, line 1 is not CSV (a tab expected after '\"'): put the whole text in quotes, and double those in it.",
    ),
    "no such column": (
        "a.csv",
        "text,label\na,1\nb,0\n",
        {"text": "txt"},
        "{} has no column 'txt': did you mean 'text'?",
    ),
    "no such column at all": (
        "a.csv",
        "text,label\na,1\nb,0\n",
        {"label": 7},
        "{} has no column 7: choose one of 'text', 'label'.",
    ),
    "two columns of one name": (
        "a.csv",
        "text,label,label\na,1,1\nb,0,0\n",
        {"label": "label"},
        "{} has 2 columns named 'label': rename all but one.",
    ),
    "labels that could be in two columns": (
        "a.csv",
        "text,colour,shape\n" + "".join(f"some text {n},{n % 2},{n % 3}\n" for n in range(8)),
        {},
        "{}: 2 columns could hold the labels ('colour', 'shape'): name it, label=….",
    ),
    "no column of labels": (
        "a.csv",
        "text,number\n" + "".join(f"some text {n},{n}\n" for n in range(8)),
        {},
        "{}: no column looks like labels ('text', 'number'): name it, label=….",
    ),
    "only one column": (
        "a.txt",
        "text\nsome text\nother text\n",
        {},
        "{} has only one column, 'text', and no labels: add a column of labels.",
    ),
    "texts that could be in two columns": (
        "a.csv",
        "title,abstract,label\n" + "".join(f"a title {n},an abstract {n},{n % 2}\n" for n in range(8)),
        {},
        "{} has no column whose name or length says that it holds the texts ('title', 'abstract', 'label'): name it, text=….",
    ),
    "a part that is none": (
        "a.csv",
        "text,label,part\na,1,train\nb,0,later\n",
        {"split": "part"},
        "{}, line 3 has the part 'later' in column 'part': write 'train', 'validation' or 'test'.",
    ),
    "no training part": (
        "a.csv",
        "text,label,split\na,1,test\nb,0,test\n",
        {},
        "{} has no text in the training part: give texts to train with.",
    ),
    "a group missing": (
        "a.csv",
        "text,label,group\na,1,x\nb,0,\n",
        {},
        "{}, line 3 has no group in column 'group': fill it in, or give a text that belongs to no other a group of its own.",
    ),
    "a column of 0 and 1 with something else": (
        "a.csv",
        "text,rude,calm\na,1,0\nb,maybe,0\n",
        {"label": ["rude", "calm"]},
        "{}, line 3, column 'rude' holds 'maybe', and a column for each class holds 0 and 1: correct it.",
    ),
    "fastText line without a label": (
        "a.txt",
        "__label__a x\ny\n",
        {},
        "{}, line 2 has no label in column 'label': fill it in, or delete the row.",
    ),
    "control characters are shown and not obeyed": (
        "a.csv",
        "text,label\na,1\nb,\x1b[2J\n",
        {"test": (["c"], ["\x1b]0;x\x07"])},
        "The list, row 0 has the label '\\x1b]0;x\\x07', which no training text has; 1 text has labels that are new "
        "('\\x1b]0;x\\x07'), and the classes are '\\x1b[2J', '1': correct them, or add such texts to the training part.",
    ),
    "unseen labels in the test part": (
        "a.csv",
        "text,label\na,1\nb,0\n",
        {"test": (["c", "d", "e"], ["1", "2", "3"])},
        "The list, row 1 has the label '2', which no training text has; 2 texts have labels that are new ('2', '3'), and "
        "the classes are '0', '1': correct them, or add such texts to the training part.",
    ),
    "several labels in the test part": (
        "a.csv",
        "text,label\na,1\nb,0\n",
        {"test": (["c"], [["0", "1"]])},
        "The list, row 0 has 2 labels, and every training text has one: give it one.",
    ),
    "zip": (
        "a.csv",
        b"PK\x03\x04...",
        {},
        "{} is a zip archive or an .xlsx file: unpack it, or save the table as CSV.",
    ),
    "pickle": (
        "a.csv",
        b"\x80\x04\x95...",
        {},
        "{} is a pickle, which could hold code: save the table as CSV or Parquet.",
    ),
    "HTML": ("a.csv", "<!DOCTYPE html><p>404", {}, "{} is HTML or XML, perhaps an error page: fetch the file itself."),
    "Git LFS": (
        "a.csv",
        "version https://git-lfs.github.com/spec/v1\n",
        {},
        "{} is a pointer of Git LFS, not the file itself: fetch it with 'git lfs pull'.",
    ),
    "damaged gzip": (
        "a.csv.gz",
        gzip.compress(TEN.encode())[:-9],
        {},
        "{} is a gzip file that is damaged or cut short (Compressed file ended before the end-of-stream marker was "
        "reached): fetch it anew.",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_is_refused_in_a_sentence(tmp_path, case):
    name, content, arguments, sentence = FILES[case]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as raised:
        gw.read_corpus(path, **arguments)
    assert str(raised.value) == sentence.format(repr(str(path)))


MEMORY = {
    "no texts": ([], {"label": []}, DataError, "The list is empty: give at least one text with its label."),
    "no labels": (
        ["a", "b"],
        {},
        UsageError,
        "A list of texts comes without labels: pass label=[…], one for each text.",
    ),
    "fewer labels": (
        ["a", "b"],
        {"label": [1]},
        DataError,
        "There are 2 texts and 1 label: give one label for each text.",
    ),
    "columns of different lengths": (
        {"text": ["a", "b"], "label": [1]},
        {},
        DataError,
        "The dict has columns of different lengths ('text' 2, 'label' 1): give one label for each text.",
    ),
    "no source": (
        7,
        {},
        UsageError,
        "source is 7: give a path, a list of texts, a dict of columns, or a frame of pandas or polars.",
    ),
    "a missing label in a frame": (
        pd.DataFrame({"text": ["a", "b", "c"], "label": [1, None, 0]}),
        {},
        DataError,
        "The frame, row 1 has no label in column 'label': fill it in, or delete the row.",
    ),
    "a missing label of pandas' own kind": (
        pd.DataFrame({"text": ["a", "b", "c"], "label": pd.array([1, None, 0], dtype="Int64")}),
        {},
        DataError,
        "The frame, row 1 has no label in column 'label': fill it in, or delete the row.",
    ),
    "a text that is none": (
        {"text": ["a", 5], "label": [1, 0]},
        {},
        DataError,
        "The dict, row 1 holds 5 in column 'text', which is no text: name the column of the texts, text=…, or put it in "
        "quotes.",
    ),
    "a column named twice": (
        {"text": ["a", "b"], "label": [1, 0]},
        {"text": "text", "label": "text"},
        UsageError,
        "Column 'text' is named twice: give each of text, label, group and split its own.",
    ),
    "names for a list": (
        ["a", "b"],
        {"label": [1, 0], "text": "text"},
        UsageError,
        "The list has no columns that could be named: leave text='text' out.",
    ),
    "a name that is none": (
        {"text": ["a", "b"], "label": [1, 0]},
        {"text": 1.5},
        UsageError,
        "text is 1.5: give the name of a column, or its number from 1.",
    ),
    "errors": (["a"], {"errors": "ignore"}, UsageError, "errors is 'ignore': give 'strict' or 'replace'."),
    "separator": (
        ["a"],
        {"separator": ""},
        UsageError,
        "separator is '': give what stands between two labels, such as ','.",
    ),
    "two test parts": (
        {"text": ["a", "b", "c"], "label": [1, 0, 1], "split": ["train", "train", "test"]},
        {"test": (["d"], [1])},
        UsageError,
        "The dict has a test part already: leave test=… out, or the column of the parts.",
    ),
    "a path that is none": (
        "a\0b",
        {},
        UsageError,
        "The path is 'a\\x00b': a str or a pathlib.Path with the name of a file is needed.",
    ),
}


@pytest.mark.parametrize("case", MEMORY)
def test_what_is_in_memory_is_refused_in_a_sentence(case):
    source, arguments, error, sentence = MEMORY[case]
    with pytest.raises(error) as raised:
        gw.read_corpus(source, **arguments)
    assert type(raised.value) is error
    assert str(raised.value) == sentence


class TestFolders:
    def refused(self, path):
        with pytest.raises(DataError) as raised:
            gw.read_corpus(path)
        return str(raised.value)

    def test_without_classes(self, tmp_path):
        (tmp_path / "a.txt").write_text("x")
        assert self.refused(tmp_path) == (
            f"{str(tmp_path)!r} holds no folders with .txt files: give a file, or a folder with a folder for each class."
        )

    @pytest.mark.parametrize(
        ("content", "end"),
        [
            (b"caf\xe9", "is not UTF-8 text (b'\\xe9', byte 3): save it as UTF-8, or pass errors='replace'."),
            (b"a\0", "holds a NUL byte (byte 1), which is no text: remove it."),
        ],
    )
    def test_with_a_file_that_is_no_text(self, tmp_path, content, end):
        for name in ("neg", "pos"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "1.txt").write_bytes(b"ok")
        (tmp_path / "pos" / "2.txt").write_bytes(content)
        assert self.refused(tmp_path) == f"{str(tmp_path / 'pos' / '2.txt')!r} {end}"


def test_parquet_needs_pyarrow(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and more")
    with pytest.raises(DataError) as raised:
        gw.read_corpus(path)
    assert str(raised.value).startswith(f"{str(path)!r} is a damaged Parquet file (")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(EnvironmentFault) as fault:
        gw.read_corpus(path)
    assert str(fault.value) == (
        f"{str(path)!r} is a Parquet file, which needs pyarrow: pip install 'gatewise[parquet]', or save it as CSV."
    )


def test_a_class_with_one_text_cannot_be_split():
    corpus = gw.read_corpus(["a", "b", "c"], label=["x", "x", "y"])
    with pytest.raises(DataError) as raised:
        gw.datasets.split_corpus(corpus)
    assert str(raised.value) == (
        "Class 'y' has 1 text, and 2 parts are to have it: add texts of that class, or leave it out."
    )


def test_the_limit_of_the_csv_module_stays_what_it_was(tmp_path):
    import csv

    before = csv.field_size_limit()
    (tmp_path / "a.csv").write_text(f"text,label\n{'x' * 200_000},1\ny,0\n")
    assert len(gw.read_corpus(tmp_path / "a.csv").texts[0]) == 200_000
    assert csv.field_size_limit() == before
