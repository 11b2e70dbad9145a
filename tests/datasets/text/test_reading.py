"""read_corpus: every kind of source gives the same corpus, and the notes say what was understood."""

import csv
import gzip
import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gatewise as gw
from gatewise.datasets import Texts
from gatewise.errors import GatewiseWarning

TEXTS = ["A good film, really", 'He said "no"', "Two\nlines", "très bien 👍"]
LABELS = ["pos", "neg", "pos", "neg"]


def csv_text(separator=",", header=True, end="\r\n"):
    rows = [["review", "sentiment"]] if header else []
    rows += zip(TEXTS, LABELS, strict=True)
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in rows]
    return "".join(separator.join(row) + end for row in quoted)


def json_text():
    return [json.dumps({"review": text, "sentiment": label}) for text, label in zip(TEXTS, LABELS, strict=True)]


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


COLUMNS = {"review": TEXTS, "sentiment": LABELS}
SOURCES = {
    "csv": lambda folder: written(folder / "a.csv", csv_text()),
    "csv with a byte order mark": lambda folder: written(folder / "a.csv", "\ufeff" + csv_text()),
    "csv in UTF-16": lambda folder: written(folder / "a.csv", csv_text().encode("utf-16")),
    "csv, gzip": lambda folder: written(folder / "a.csv.gz", gzip.compress(csv_text().encode())),
    "csv without a last line end": lambda folder: written(folder / "a.csv", csv_text().rstrip()),
    "csv without a header": lambda folder: written(folder / "a.csv", csv_text(header=False)),
    "semicolons": lambda folder: written(folder / "a.csv", csv_text(";")),
    "tabs": lambda folder: written(folder / "a.tsv", csv_text("\t")),
    "vertical bars": lambda folder: written(folder / "a.csv", csv_text("|")),
    "JSON lines": lambda folder: written(folder / "a.jsonl", "\n".join(json_text())),
    "JSON list": lambda folder: written(folder / "a.json", "[" + ",\n".join(json_text()) + "]"),
    "Parquet": lambda folder: pq.write_table(pa.table(COLUMNS), folder / "a.parquet") or folder / "a.parquet",
    "dict": lambda folder: COLUMNS,
    "list of dicts": lambda folder: [json.loads(line) for line in json_text()],
    "list of pairs": lambda folder: list(zip(TEXTS, LABELS, strict=True)),
    "pandas": lambda folder: pd.DataFrame(COLUMNS, index=[7, 5, 3, 1]),
    "pandas, categories": lambda folder: pd.DataFrame(COLUMNS).astype({"sentiment": "category"}),
    "polars": lambda folder: pl.DataFrame(COLUMNS),
    "Arrow": lambda folder: pa.table(COLUMNS),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_corpus(tmp_path, kind):
    corpus = gw.read_corpus(SOURCES[kind](tmp_path))
    assert list(corpus.texts) == TEXTS
    assert corpus.classes == ("neg", "pos")
    assert corpus.labels.tolist() == [1, 0, 1, 0]
    assert corpus.labels.dtype == np.int32
    assert (corpus.groups, corpus.split) == (None, None)
    assert corpus.notes[-1] == "4 texts, 2 classes, of which each text has one."


@pytest.mark.parametrize(
    "texts", [TEXTS, tuple(TEXTS), Texts.of(TEXTS), pd.Series(TEXTS), pl.Series(TEXTS), np.array(TEXTS)]
)
@pytest.mark.parametrize("labels", [LABELS, pd.Series(LABELS), np.array(LABELS)])
def test_texts_and_labels_may_come_apart(texts, labels):
    corpus = gw.read_corpus(texts, label=labels)
    assert list(corpus.texts) == TEXTS
    assert corpus.labels.tolist() == [1, 0, 1, 0]


# No control characters, in which csv.writer and a reader of lines may differ by design (NUL, line ends are tested below).
SOME_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t\r,;|\"'"), max_size=12)
ROWS = st.lists(st.tuples(SOME_TEXT.filter(str.strip), st.sampled_from(["a", "b b", "c;d"])), min_size=4, max_size=8)


@settings(deadline=None)
@given(ROWS, st.sampled_from(",;\t|"))
def test_whatever_csv_holds_comes_back(tmp_path_factory, rows, separator):
    rows = [("first text", "a"), ("second text", "b b"), *rows]
    path = tmp_path_factory.getbasetemp() / "any.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GatewiseWarning)
        corpus = gw.read_corpus(path, label="label", text="text")
    assert list(corpus.texts) == [text for text, _ in rows]
    assert [corpus.classes[label] for label in corpus.labels] == [label for _, label in rows]


@settings(deadline=None)
@given(ROWS)
def test_whatever_json_holds_comes_back(tmp_path_factory, rows):
    rows = [("first text", "a"), ("second text", "b b"), *rows]
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GatewiseWarning)
        corpus = gw.read_corpus(path)
    assert list(corpus.texts) == [text for text, _ in rows]


def test_old_line_ends_are_line_ends(tmp_path):
    path = written(tmp_path / "a.csv", "text,label\rgood,1\rbad,0\r")
    assert list(gw.read_corpus(path).texts) == ["good", "bad"]


def test_an_old_line_end_before_the_last_character(tmp_path):
    corpus = gw.read_corpus(written(tmp_path / "a.csv", "text,label\rx,1\ry,2"))
    assert (list(corpus.texts), corpus.classes) == (["x", "y"], ("1", "2"))


def test_the_notes_say_what_was_understood(tmp_path):
    content = "id;review;stars;sentiment\n1;good film;5;pos\n\n2;  ;1;neg\n3;bad film;1;neg \n4;so bad;2;neg\n"
    path = written(tmp_path / "a.csv", content)
    assert gw.read_corpus(path).notes == (
        f"{str(path)!r} holds cells separated by semicolons; the first row names the columns.",
        "1 blank line was skipped.",
        "Texts are in column 'review', labels in column 'sentiment'; not used: 'id', 'stars'.",
        "1 row without a text was left out (line 4).",
        "Blanks around labels were taken off, and whole numbers are one class however written (1, 1.0).",
        "3 texts, 2 classes, of which each text has one.",
    )


def test_columns_are_found_by_what_is_in_them(tmp_path):
    rows = "".join(f"{n},{'x' * 30} {n},{'yes' if n % 2 else 'no'}\n" for n in range(10))
    path = written(tmp_path / "a.csv", f"number,what they wrote,happy\n{rows}")
    corpus = gw.read_corpus(path)
    assert corpus.counts() == {"no": 5, "yes": 5}
    assert corpus.notes[1] == "Texts are in column 'what they wrote', labels in column 'happy'; not used: 'number'."


def test_columns_can_be_named_by_name_or_number(tmp_path):
    path = written(tmp_path / "a.csv", "text,label,other,mood\nfoo,1,bar one,x\nfoo,2,bar two,y\n")
    for text, label in (("other", "mood"), (3, 4), ("3", "4")):
        corpus = gw.read_corpus(path, label, text=text)
        assert list(corpus.texts) == ["bar one", "bar two"]
        assert corpus.classes == ("x", "y")


def test_a_header_is_found_also_where_labels_are_numbers(tmp_path):
    with_header = written(tmp_path / "a.csv", "label,text\n3,a b\n4,c d\n3,e f\n")
    without = written(tmp_path / "b.csv", "3,a b\n4,c d\n3,e f\n")
    for path in (with_header, without):
        corpus = gw.read_corpus(path, 1, text=2)
        assert list(corpus.texts) == ["a b", "c d", "e f"]
        assert corpus.classes == ("3", "4")
    assert (
        corpus.notes[0]
        == f"{str(without)!r} holds cells separated by commas; there is no header, and columns are numbered."
    )


@pytest.mark.parametrize("header", ["v1,v2,,", "v1,v2,v3,v3"])
def test_a_header_may_have_blank_or_double_names(tmp_path, header):
    path = written(
        tmp_path / "a.csv", f"{header}\nham,see you later then,,\nspam,you have won a prize,,\nham,so late,,\n"
    )
    corpus = gw.read_corpus(path)
    assert list(corpus.texts) == ["see you later then", "you have won a prize", "so late"]
    assert corpus.classes == ("ham", "spam")


def test_quotes_that_mean_nothing_are_taken_as_they_stand(tmp_path):
    path = written(tmp_path / "a.tsv", 'text\tlabel\n"Alien" is good\t1\n"Aliens is bad\t0\n')
    corpus = gw.read_corpus(path)
    assert list(corpus.texts) == ['"Alien" is good', '"Aliens is bad']
    assert corpus.notes[1] == "Quotes in it do not pair up, so they are taken as they stand."


def test_fasttext_lines(tmp_path):
    path = written(tmp_path / "a.txt", "__label__pos a good film\n\n__label__neg bad\nso bad __label__neg\n")
    corpus = gw.read_corpus(path)
    assert list(corpus.texts) == ["a good film", "bad", "so bad"]
    assert corpus.labels.tolist() == [1, 0, 0]
    assert corpus.notes[:2] == (
        f"{str(path)!r} holds a text in each line, with labels that begin with __label__.",
        "1 blank line was skipped.",
    )


def folder(top, files):
    for name, content in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(content, encoding="utf-8")
    return top


def test_a_folder_for_each_class(tmp_path):
    files = {"pos/2.txt": "good", "pos/10.txt": "great", "neg/1": "bad", "neg/notes.md": "?", "README": "x"}
    corpus = gw.read_corpus(folder(tmp_path / "it", files))
    assert list(corpus.texts) == ["bad", "good", "great"]
    assert corpus.labels.tolist() == [0, 1, 1]
    assert corpus.notes == (
        f"{str(tmp_path / 'it')!r} holds a folder for each class, with one text in each file.",
        "Passed over: 1 files other than .txt.",
        "3 texts, 2 classes, of which each text has one.",
    )


def test_a_folder_for_each_part_and_class(tmp_path):
    files = {
        "train/pos/0_9.txt": "good",
        "train/neg/0_1.txt": "bad",
        "train/unsup/0_0.txt": "hm",
        "val/neg/1.txt": "worse",
        "test/pos/0_8.txt": "best",
        "other/x.txt": "no",
    }
    corpus = gw.read_corpus(folder(tmp_path / "it", files))
    assert list(corpus.train.texts) == ["bad", "good"]
    assert list(corpus.validation.texts) == ["worse"]
    assert list(corpus.test.texts) == ["best"]
    assert corpus.classes == ("neg", "pos")
    assert corpus.notes[:3] == (
        f"{str(tmp_path / 'it')!r} holds a folder for each part and class, with one text in each file.",
        "Passed over beside the parts: 'other'.",
        "Passed over: 1 texts without a label (unsup).",
    )


class TestSeveralLabels:
    def test_in_one_cell(self, tmp_path):
        path = written(tmp_path / "a.csv", 'text,label\nx,"red, round"\ny,\nz,red\n')
        corpus = gw.read_corpus(path, separator=",")
        assert corpus.multi_label
        assert corpus.classes == ("red", "round")
        assert corpus.labels.tolist() == [[True, True], [False, False], [True, False]]
        assert corpus.counts() == {"red": 2, "round": 1}

    def test_as_lists(self):
        corpus = gw.read_corpus({"text": ["x", "y"], "label": [["a", "b"], []]})
        assert corpus.labels.tolist() == [[True, True], [False, False]]
        assert corpus.notes[-1] == "2 texts, 2 classes, of which a text may have several."

    def test_in_a_column_for_each_class(self):
        frame = pd.DataFrame({"text": ["x", "y"], "toxic": [1, 0], "rude": [True, False], "calm": [0.0, 1.0]})
        corpus = gw.read_corpus(frame, ["toxic", "rude", "calm"])
        assert corpus.classes == ("calm", "rude", "toxic")
        assert corpus.labels.tolist() == [[False, True, True], [True, False, False]]

    def test_in_fasttext_lines(self, tmp_path):
        path = written(tmp_path / "a.txt", "__label__a __label__b x\n__label__a y\n")
        assert gw.read_corpus(path).labels.tolist() == [[True, True], [True, False]]


def test_the_same_label_twice_is_one_label():
    corpus = gw.read_corpus({"text": ["x", "y"], "label": [["a", "a"], ["b"]]})
    assert corpus.labels.tolist() == [0, 1]


class TestParts:
    def test_in_a_column(self):
        source = {"text": list("abcd"), "label": [1, 2, 1, 2], "split": ["train", "Train", "dev", "test"]}
        corpus = gw.read_corpus(source)
        assert corpus.split.tolist() == [0, 0, 1, 2]
        assert repr(corpus) == "<Corpus of 4 texts in 2 classes: 2 train, 1 validation, 1 test>"

    def test_from_a_second_source_whose_labels_are_matched_by_name(self, tmp_path):
        train = written(tmp_path / "train.csv", "text,label\na,x\nb,y\nc,z\n")
        test = written(tmp_path / "test.csv", "label,text\nz,d\ny,e\n")
        corpus = gw.read_corpus(train, test=test)
        assert list(corpus.test.texts) == ["d", "e"]
        assert corpus.test.labels.tolist() == [2, 1]
        assert corpus.notes[-1] == "Test part: 2 texts, 2 of 3 classes ('y', 'z'), of which each text has one."

    def test_texts_are_named_by_their_row_in_their_own_source(self, tmp_path):
        train = written(tmp_path / "train.csv", "text,label\n,x\na,x\n ,y\nb,y\n")
        test = written(tmp_path / "test.csv", "text,label\n,x\n,y\nc,x\n")
        corpus = gw.read_corpus(train, test=test)
        assert corpus.rows.tolist() == [2, 4, 3]
        assert corpus.train.rows.tolist() == [2, 4]
        assert corpus.test.rows.tolist() == [3]
        assert corpus.train.select([1]).named_rows.tolist() == [4]

    def test_from_lists(self):
        corpus = gw.read_corpus(["a", "b"], label=[0, 1], test=(["c"], [1]))
        assert corpus.split.tolist() == [0, 0, 2]

    def test_groups_are_matched_between_the_sources(self):
        train = {"text": ["a", "b"], "label": [0, 1], "group": ["x", "y"]}
        corpus = gw.read_corpus(train, test={"text": ["c", "d"], "label": [0, 1], "group": ["y", "z"]})
        assert corpus.groups.tolist() == [0, 1, 1, 2]
        without = gw.read_corpus(train, test={"text": ["c"], "label": [0]})
        assert without.groups is None
        assert without.notes[-1] == "Only one of the two sources has groups, so that they are not kept."


class TestRemarks:
    def test_imbalance_and_case(self):
        labels = ["Pos"] * 30 + ["pos"] * 3 + ["neg"] * 20
        notes = gw.read_corpus([f"text {n}" for n in range(53)], label=labels).notes
        assert notes[-2:] == (
            "Classes are out of balance: 'Pos' has 10 times as many texts as 'pos' (30 and 3).",
            "Classes 'Pos', 'pos' differ in nothing but upper and lower case, and are two classes.",
        )

    def test_several_labels_taken_for_one(self):
        notes = gw.read_corpus(["a", "b", "c"], label=["bad;new", "good;new", "new"]).notes
        assert notes[-1] == (
            "Class 'bad;new' and others hold ';' and are taken for one class each: if a text may have several, pass "
            "separator=';'."
        )
        assert gw.read_corpus(["a", "b"], label=["York, New", "Paris"]).notes[-1].startswith("2 texts, 2 classes")

    def test_repeated_texts(self):
        assert gw.read_corpus(["a", "a", "b"], label=[0, 0, 1]).notes[-1] == "1 text repeats another, word for word."

    def test_equal_texts_with_different_labels(self):
        sentence = "1 text is there with different labels, the first 'a': decide for one."
        with pytest.warns(GatewiseWarning) as warned:
            corpus = gw.read_corpus(["a", "a", "b"], label=[0, 1, 1])
        assert [str(warning.message) for warning in warned] == [sentence]
        assert corpus.notes[-1] == sentence

    def test_texts_in_both_parts(self):
        sentence = (
            "1 text outside of the training part is a training text as well, word for word, so that scores will be too "
            "good: remove them from one of the parts, or make new parts with gw.datasets.split_corpus."
        )
        with pytest.warns(GatewiseWarning) as warned:
            corpus = gw.read_corpus(["a", "b"], label=[0, 1], test=(["b", "c"], [1, 0]))
        assert [str(warning.message) for warning in warned] == [sentence]
        assert corpus.notes[-1] == sentence


def test_labels_of_any_kind_are_one_class_however_written():
    mixed = gw.read_corpus({"text": list("abcde"), "label": [1, 1.0, "1", "1.0", 10]})
    assert mixed.classes == ("1", "10")
    assert mixed.labels.tolist() == [0, 0, 0, 0, 1]
    assert gw.read_corpus(list("abc"), label=[10, 9, 9]).classes == ("9", "10")
    assert gw.read_corpus(list("ab"), label=[True, False]).classes == ("False", "True")


@pytest.mark.parametrize(
    "text", ["мир 你好 שלום", "👩‍👩‍👧 \u202eabc", "e\u0301 é", "a\x1b[31mb", "=SUM(A1)", "\ufeffx"]
)
def test_texts_come_back_as_they_were(tmp_path, text):
    path = written(tmp_path / "a.csv", f'text,label\n"{text}",<script>\n"other",=1\n')
    corpus = gw.read_corpus(path)
    assert corpus.texts[0] == text
    assert corpus.classes == ("<script>", "=1")


def test_bytes_that_are_no_text_can_be_replaced(tmp_path):
    path = written(tmp_path / "a.csv", b"text,label\ncaf\xe9,1\nb,0\n")
    corpus = gw.read_corpus(path, errors="replace")
    assert corpus.texts[0] == "caf�"
    assert corpus.notes[1] == f"Bytes that are not UTF-8 were replaced by � in line 2 of {str(path)!r}."


def test_a_text_of_ten_megabytes_is_cut_and_told(tmp_path):
    path = written(tmp_path / "a.csv", "text,label\n" + "word " * 2_000_000 + ",1\nb,0\n")
    corpus = gw.read_corpus(path)
    assert len(corpus.texts[0]) == 1_000_000
    assert corpus.notes[2] == "1 text was cut after 1,000,000 characters (line 2)."
