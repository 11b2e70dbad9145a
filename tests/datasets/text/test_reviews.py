"""The movie reviews out of an archive, a folder, a download and the cache; tiny ones that are made here."""

import hashlib
import io
import os
import tarfile

import numpy as np
import pytest

import gatewise as gw
from gatewise import backend
from gatewise.datasets.text import download as downloads
from gatewise.datasets.text import review_files, reviews
from gatewise.errors import DataError, EnvironmentFault, GatewiseWarning, UsageError

REVIEWS = {
    "train/neg/0_1.txt": "Bad.",
    "train/neg/10_2.txt": "Worse.",
    "train/neg/2_4.txt": "Not good.",
    "train/pos/0_9.txt": "Good.",
    "train/pos/1_7.txt": "Très bon 👍",
    "test/neg/0_3.txt": "Bad.",
    "test/pos/0_10.txt": "Best.",
}
FILMS = {
    "train/urls_neg.txt": "\n".join(f"http://www.imdb.com/title/tt{n // 5}/usercomments" for n in range(11)),
    "train/urls_pos.txt": "http://www.imdb.com/title/tt0/usercomments\nhttp://www.imdb.com/title/tt7/usercomments\n",
    "test/urls_neg.txt": "http://www.imdb.com/title/tt8/usercomments\n",
    "test/urls_pos.txt": "http://www.imdb.com/title/tt8/usercomments\n",
}
BESIDE = {"README": "x", "imdb.vocab": "the", "train/unsup/0_0.txt": "?", "train/labeledBow.feat": "1:2"}


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GATEWISE_IMDB", raising=False)
    return tmp_path / "cache"


def archive(path, files, mode="w:gz", members=()):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in members:
            tar.addfile(member)
    return path


def folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["tar.gz", "tar", "tar.xz", "folder", "folder around it"])
def test_reviews_are_read_from_whatever_holds_them(tmp_path, kind):
    files = {**BESIDE, **REVIEWS, **FILMS}
    if kind.startswith("folder"):
        path = folder(tmp_path / "got" / "aclImdb", files)
        path = path.parent if "around" in kind else path
    else:
        path = archive(tmp_path / f"it.{kind}", files, {"tar.gz": "w:gz", "tar": "w", "tar.xz": "w:xz"}[kind])
    corpus = gw.datasets.imdb(path)
    assert list(corpus.texts) == ["Bad.", "Not good.", "Worse.", "Good.", "Très bon 👍", "Bad.", "Best."]
    assert corpus.classes == ("neg", "pos")
    assert corpus.labels.tolist() == [0, 0, 0, 1, 1, 0, 1]
    assert corpus.split.tolist() == [0, 0, 0, 0, 0, 2, 2]
    assert corpus.groups.tolist() == [0, 0, 1, 0, 2, 3, 3]
    assert corpus.train.counts() == {"neg": 3, "pos": 2}
    assert list(corpus.test.texts) == ["Bad.", "Best."]
    assert corpus.notes == (
        f"7 movie reviews from {str(path)!r}.",
        "These are not all reviews of the official set, which has 12,500 of each kind: 3 train/neg, 2 train/pos, "
        "1 test/neg, 1 test/pos.",
        "1 test review can also be read among the training reviews, word for word.",
    )
    assert repr(corpus) == "<Corpus of 7 texts in 2 classes: 5 train, 2 test>"


def test_read_corpus_reads_the_same_out_of_the_folder(tmp_path):
    top = folder(tmp_path / "aclImdb", {**BESIDE, **REVIEWS})
    with pytest.warns(GatewiseWarning, match="1 text outside of the training part is a training text as well"):
        corpus = gw.read_corpus(top)
    reviews = gw.datasets.imdb(top)
    assert (corpus.texts, corpus.classes) == (reviews.texts, reviews.classes)
    np.testing.assert_array_equal(corpus.labels, reviews.labels)
    np.testing.assert_array_equal(corpus.split, reviews.split)


def test_stars_are_kept_and_films_need_a_complete_list(tmp_path):
    found = review_files.from_archive(archive(tmp_path / "it.tar.gz", REVIEWS))
    assert found.stars.tolist() == [1, 4, 2, 9, 7, 3, 10]
    assert found.films is None
    short = {**FILMS, "train/urls_neg.txt": "http://www.imdb.com/title/tt0/usercomments"}
    assert review_files.from_archive(archive(tmp_path / "it.tar.gz", {**REVIEWS, **short})).films is None
    assert gw.datasets.imdb(tmp_path / "it.tar.gz").notes[-1] == (
        "1 test review can also be read among the training reviews, word for word."
    )


def test_the_environment_names_the_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWISE_IMDB", str(archive(tmp_path / "it.tar.gz", REVIEWS)))
    assert len(gw.datasets.imdb()) == 7


def test_an_archive_is_read_once_and_again_when_it_is_another(tmp_path, monkeypatch):
    path = archive(tmp_path / "it.tar.gz", REVIEWS)
    first = gw.datasets.imdb(path)
    read = []
    monkeypatch.setattr(review_files, "from_archive", read.append)
    second = gw.datasets.imdb(path)
    assert not read
    assert (second.texts, second.notes) == (first.texts, first.notes)
    np.testing.assert_array_equal(second.labels, first.labels)
    monkeypatch.undo()
    monkeypatch.setenv("GATEWISE_CACHE", str(tmp_path / "cache"))
    archive(path, {**REVIEWS, "test/pos/1_8.txt": "New."})
    assert len(gw.datasets.imdb(path)) == 8


def test_an_archive_of_the_same_size_is_another_when_it_is_newer(tmp_path):
    path = archive(tmp_path / "it.tar", REVIEWS, "w")
    assert "Best." in gw.datasets.imdb(path).texts
    archive(path, {**REVIEWS, "test/pos/0_10.txt": "Tops."}, "w")
    os.utime(path, (1, 1))
    assert "Tops." in gw.datasets.imdb(path).texts


def test_a_damaged_cache_is_read_anew(tmp_path, cache):
    path = archive(tmp_path / "it.tar.gz", REVIEWS)
    first = gw.datasets.imdb(path)
    (file,) = (cache / "gatewise-datasets").iterdir()
    whole = bytearray(file.read_bytes())
    for damaged in (whole[:200], whole.replace(b"Worse.", b"Better")):
        file.write_bytes(damaged)
        assert gw.datasets.imdb(path).texts == first.texts
    assert backend.clear_cache()[0] == 1
    assert not file.exists()


def test_without_a_cache_nothing_is_written(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("GATEWISE_CACHE", "off")
    assert len(gw.datasets.imdb(archive(tmp_path / "it.tar.gz", REVIEWS))) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["it.tar.gz"]


class TestDownloading:
    @pytest.fixture
    def address(self, tmp_path, monkeypatch):
        """An address whose file is the tiny archive; a file:// address needs no server."""
        source = archive(tmp_path / "official.tar.gz", REVIEWS)
        monkeypatch.setattr(reviews, "ADDRESS", source.as_uri())
        monkeypatch.setattr(reviews, "SHA256", hashlib.sha256(source.read_bytes()).hexdigest())
        monkeypatch.setattr(downloads, "_WAITS", ())
        return source

    def test_reviews_are_downloaded_once_and_kept_in_a_compact_form(self, address, cache):
        first = gw.datasets.imdb()
        assert [path.name for path in (cache / "gatewise-datasets").iterdir()] == ["aclImdb_v1.tar.gz.npz"]
        address.unlink()
        assert gw.datasets.imdb().texts == first.texts

    def test_without_a_cache_they_are_downloaded_and_not_kept(self, address, cache, monkeypatch):
        monkeypatch.setenv("GATEWISE_CACHE", "off")
        assert len(gw.datasets.imdb()) == 7
        assert not cache.exists()

    def test_an_archive_put_into_the_cache_by_hand_is_taken(self, address, cache):
        (cache / "gatewise-datasets").mkdir(parents=True)
        address.rename(cache / "gatewise-datasets" / "aclImdb_v1.tar.gz")
        assert len(gw.datasets.imdb()) == 7

    def test_without_a_network_the_message_says_where_to_put_the_file(self, address, monkeypatch):
        # A port on which nothing listens: bound, and closed again.
        monkeypatch.setattr(reviews, "ADDRESS", "http://127.0.0.1:9/aclImdb_v1.tar.gz")
        with pytest.raises(EnvironmentFault) as raised:
            gw.datasets.imdb()
        assert str(raised.value) == (
            "http://127.0.0.1:9/aclImdb_v1.tar.gz cannot be downloaded ([Errno 111] Connection refused; 0 bytes are kept "
            "for the next attempt): fetch aclImdb_v1.tar.gz with a browser and give its place, gw.datasets.imdb(path) or "
            "the environment variable GATEWISE_IMDB."
        )


def test_the_published_split_has_the_published_sizes():
    many = {f"{part}/{label}/{n}_1.txt": f"{part} {label} {n}" for part in ("train", "test") for label in ("neg", "pos")
            for n in range(50)}  # fmt: skip
    files = [review_files._File(name, content.encode()) for name, content in many.items()]
    corpus = reviews._published(reviews._corpus(review_files._gather(files, "here")))
    assert repr(corpus) == "<Corpus of 100 texts in 2 classes: 67 train, 33 test>"
    assert all(text.startswith("train") for text in corpus.texts)
    assert sorted(corpus.texts) == sorted(name for name in many.values() if name.startswith("train"))
    order = np.random.RandomState(113).permutation(100)
    assert corpus.texts[0] == f"train {'neg' if order[0] < 50 else 'pos'} {order[0] % 50}"
    assert int(25_000 * (1 - reviews._PUBLISHED_TEST_SHARE)) == 16_750
    assert corpus.notes[-1] == (
        "The split has the sizes of the published logs, 67 and 33 of the training reviews; which reviews these were is "
        "not known, so a shuffle decides (NumPy's RandomState(113), as in Keras 1)."
    )


def link(name, target):
    member = tarfile.TarInfo(f"aclImdb/{name}")
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


class TestRefusals:
    def refused(self, path, **arguments):
        with pytest.raises((DataError, UsageError)) as raised:
            gw.datasets.imdb(path, **arguments)
        return str(raised.value)

    def test_no_such_file(self, tmp_path):
        assert self.refused(tmp_path / "none") == (
            f"There is no file or folder {str(tmp_path / 'none')!r}: give the place of aclImdb_v1.tar.gz or of its "
            "unpacked folder."
        )

    @pytest.mark.parametrize("path", [7, "", "a\0b"])
    def test_no_path(self, path):
        assert self.refused(path) == (
            f"The path is {path!r}: a str or a pathlib.Path with the name of a file is needed."
        )

    def test_no_such_split(self, tmp_path):
        assert self.refused(tmp_path, split="mine") == "split is 'mine': give 'official' or 'published'."

    @pytest.mark.parametrize("share", [0.3, 0.9, "all but the checksum"])
    def test_a_cut_archive(self, tmp_path, monkeypatch, share):
        # So that the archive ends long before its last block, as the real one does.
        monkeypatch.setattr(review_files, "_BLOCK", 512)
        rest = {f"train/pos/{n}_9.txt": hashlib.sha256(bytes([n])).hexdigest() * 20 for n in range(2, 200)}
        whole = archive(tmp_path / "it.tar.gz", {**REVIEWS, **rest}).read_bytes()
        (tmp_path / "it.tar.gz").write_bytes(
            whole[: -4 if share == "all but the checksum" else int(share * len(whole))]
        )
        sentence = self.refused(tmp_path / "it.tar.gz")
        assert sentence.startswith(f"{str(tmp_path / 'it.tar.gz')!r} is no tar archive, or damaged or cut short (")
        assert sentence.endswith("): fetch aclImdb_v1.tar.gz anew.")

    def test_another_file(self, tmp_path):
        (tmp_path / "it").write_text("<html>not found</html>")
        assert self.refused(tmp_path / "it").startswith(f"{str(tmp_path / 'it')!r} is no tar archive, or damaged")

    def test_other_contents(self, tmp_path):
        half = {name: text for name, text in REVIEWS.items() if not name.startswith("test/pos")}
        assert self.refused(archive(tmp_path / "it.tar.gz", half)) == (
            f"{str(tmp_path / 'it.tar.gz')!r} holds no reviews in 'test/pos' (files such as 'test/pos/0_3.txt'): give "
            "aclImdb_v1.tar.gz or its unpacked folder."
        )
        assert self.refused(folder(tmp_path / "empty", {"readme": ""})) == (
            f"{str(tmp_path / 'empty')!r} holds no reviews in 'train/neg' (files such as 'train/neg/0_3.txt'): give "
            "aclImdb_v1.tar.gz or its unpacked folder."
        )

    def test_a_review_that_is_no_text(self, tmp_path):
        path = archive(tmp_path / "it.tar.gz", {**REVIEWS, "train/pos/5_8.txt": b"caf\xe9!"})
        assert self.refused(path) == (
            f"'aclImdb/train/pos/5_8.txt' in {str(path)!r} is not UTF-8 text (byte 3): fetch the archive anew."
        )

    def test_two_reviews_with_one_number(self, tmp_path):
        path = archive(tmp_path / "it.tar.gz", {**REVIEWS, "train/pos/0_8.txt": "Twice."})
        assert self.refused(path) == (
            f"{str(path)!r} holds two reviews with the number of 'aclImdb/train/pos/0_8.txt': fetch the archive anew."
        )

    def test_a_link_in_place_of_a_review(self, tmp_path):
        path = archive(tmp_path / "it.tar.gz", REVIEWS, members=[link("train/pos/6_7.txt", "/etc/passwd")])
        assert self.refused(path) == (
            f"{str(path)!r} holds a link or a device in place of 'aclImdb/train/pos/6_7.txt': fetch it anew."
        )
        unpacked = folder(tmp_path / "unpacked", REVIEWS)
        (unpacked / "train" / "pos" / "6_7.txt").symlink_to("/etc/passwd")
        assert self.refused(unpacked) == (
            f"{str(unpacked / 'train/pos/6_7.txt')!r} is no plain file: put the review itself there."
        )

    def test_a_review_that_would_fill_the_memory(self, tmp_path):
        path = archive(tmp_path / "it.tar.gz", {**REVIEWS, "train/pos/6_7.txt": "x" * (2**20 + 1)})
        assert self.refused(path) == (
            f"{str(path)!r} holds 'aclImdb/train/pos/6_7.txt' with 1,048,577 bytes, far more than any review has: "
            "fetch it anew."
        )

    def test_names_that_point_elsewhere_write_nothing(self, tmp_path):
        before = sorted(path.name for path in tmp_path.iterdir())
        path = archive(tmp_path / "it.tar.gz", {**REVIEWS, "../../train/pos/7_7.txt": "Outside."})
        assert "Outside." in list(gw.datasets.imdb(path).texts)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "cache", "it.tar.gz"])
