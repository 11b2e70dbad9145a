"""Texts without labels: every line and row is answered for, and what is no text is named with its place."""

import gzip
import os
import threading

import pytest

from gatewise.datasets import read_texts
from gatewise.datasets.text.unlabelled import lines_of_pipe
from gatewise.errors import DataError


def written(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_line_is_a_text_and_blank_ones_stay_in_their_place(tmp_path):
    path = written(tmp_path / "new.txt", "\ufeffa film, good\r\n\n  \n日本語\nlast")
    found = read_texts(path)
    assert list(found.texts) == ["a film, good", "", "  ", "日本語", "last"]
    assert found.notes == (f"{str(path)!r} holds 5 lines, each of which is a text.", "2 texts are empty.")
    packed = written(tmp_path / "new.gz", gzip.compress(b"one\ntwo\n"))
    assert list(read_texts(packed).texts) == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "content", "text", "texts"),
    [
        ("a.csv", 'id,review\n1,"good, bad"\n2,\n3,fine\n', None, ["good, bad", "", "fine"]),
        ("a.csv", "id,said,stars\n1,a long text about it,3\n2,another one,4\n", None, ["a long text about it", "another one"]),
        ("a.csv", "one,two\nx,y\n", "two", ["y"]),
        ("a.csv", "one,two\nx,y\n", 2, ["y"]),
        ("a.log", "one\ttwo\nx\ty\n", "two", ["y"]),
        ("a.csv", "a film\nanother film\n", None, ["a film", "another film"]),
        ("a.csv", "text\nanother film\n", None, ["another film"]),
        ("a.tsv", "text\tlabel\ngood\tpos\n", None, ["good"]),
        ("a.jsonl", '{"text": "good"}\n{"text": null}\n{"id": 3}\n', None, ["good", "", ""]),
        ("a.json", '[{"review": "fine"}]', None, ["fine"]),
        ("a.txt", "__label__pos good film\n__label__neg bad\n", None, ["good film", "bad"]),
    ],
)  # fmt: skip
def test_a_row_is_a_text(tmp_path, name, content, text, texts):
    assert list(read_texts(written(tmp_path / name, content), text).texts) == texts


@pytest.mark.parametrize(
    ("name", "content", "text", "sentence"),
    [
        ("a.txt", "", None, "'a.txt' is empty: give a file with texts."),
        ("a.txt", b"fine\nbad \xff one\n", None,
         "'a.txt', line 2 is not UTF-8 text (0xff, byte 9 of the file): save it as UTF-8, or pass errors='replace'."),
        ("a.txt", b"fine\nbad \0 one\n", None,
         "'a.txt', line 2 holds a NUL byte (byte 9 of the file), which is no text: remove it."),
        ("a.csv", "one,two\nx,y\n", "tow", "'a.csv' has no column 'tow': did you mean 'two'?"),
        ("a.csv", "one,two\nx,y\n", None,
         "'a.csv' has no column whose name or length says that it holds the texts ('one', 'two'): name it, text=…."),
        ("a.jsonl", '{"text": 7}\n', None,
         "'a.jsonl', line 1 holds 7 in column 'text', which is no text: name the column of the texts, text=…."),
        ("a.jsonl", '{"text": "superb\\u0000 w1"}\n{"text": "b"}', None,
         "'a.jsonl', line 1 holds a NUL character in its text (character 6): remove it."),
        ("a.csv", "text,Text\na b,c\n", None,
         "'a.csv' has 2 columns named 'text', with the numbers 1 and 2: rename all but one, or name one by its number."),
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused_with_its_place(tmp_path, monkeypatch, name, content, text, sentence):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / name, content)
    with pytest.raises(DataError) as caught:
        read_texts(name, text)
    assert str(caught.value) == sentence


def test_a_folder_and_a_missing_file_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    with pytest.raises(DataError, match=r"^'texts' is a folder: give a file with a text in each line, or a table\.$"):
        read_texts("texts")
    with pytest.raises(DataError, match=r"^There is no file 'no\.txt'"):
        read_texts("no.txt")


def test_bytes_can_be_replaced_and_are_counted(tmp_path):
    found = read_texts(written(tmp_path / "a.txt", b"fine\nbad \xff\n"), errors="replace")
    assert list(found.texts) == ["fine", "bad �"]
    assert found.notes[1].startswith("Bytes that are not UTF-8 were replaced by � in line 2 of ")


def test_a_very_long_line_is_cut(tmp_path):
    found = read_texts(written(tmp_path / "a.txt", "word " * 2_000_000))
    assert [len(text) for text in found.texts] == [1_000_000]
    assert found.notes[1] == "1 text was cut after 1,000,000 characters."


def test_a_very_long_line_of_a_pipe_is_cut_and_told_as_one_of_a_file():
    reading, writing = os.pipe()
    text = ("word " * 300_000 + "\nfine\n").encode()
    writer = threading.Thread(target=lambda: (os.write(writing, text), os.close(writing)))
    writer.start()
    notes = []
    found = [line for batch in lines_of_pipe(reading, "-", told=notes.append) for line in batch]
    writer.join(10)
    os.close(reading)
    assert [len(line) for line in found] == [1_000_000, 4]
    assert notes == ["1 text was cut after 1,000,000 characters."]


def test_a_line_of_a_pipe_that_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr("gatewise.datasets.text.lines.LONGEST_LINE", 100)
    reading, writing = os.pipe()
    os.write(writing, b"fine\n" + b"a" * 200)
    with pytest.raises(DataError, match=r"^'-', line 2 is longer than 64 MB: give texts line by line\.$"):
        list(lines_of_pipe(reading, "-"))
    os.close(writing)
    os.close(reading)


def test_lines_of_a_pipe_come_as_soon_as_they_are_there():
    reading, writing = os.pipe()
    batches, first = [], threading.Event()

    def listen():
        for batch in lines_of_pipe(reading, "-"):
            batches.append(batch)
            first.set()

    listener = threading.Thread(target=listen)
    listener.start()
    os.write(writing, "é one\ntw".encode())
    assert first.wait(10)
    assert batches == [["é one"]]
    os.write(writing, b"o\r\n\nlast")
    os.close(writing)
    listener.join(10)
    assert [line for batch in batches for line in batch] == ["é one", "two", "", "last"]
    os.close(reading)


def test_a_pipe_that_holds_no_text_is_refused_with_the_place():
    reading, writing = os.pipe()
    os.write(writing, b"fine\nbad \xff\n")
    os.close(writing)
    with pytest.raises(DataError, match=r"^'standard input', line 2 is not UTF-8 text \(0xff, byte 9 of the file\)"):
        list(lines_of_pipe(reading, "standard input"))
    os.close(reading)
