"""The movie reviews of the classic text recipes: 25,000 for training and 25,000 for testing, half of them positive.

Source: A. L. Maas, R. E. Daly, P. T. Pham, D. Huang, A. Y. Ng and C. Potts, Learning Word Vectors for Sentiment
Analysis, ACL 2011. The archive is read where it lies and never unpacked: of its 100,000 files only the labelled reviews
are read, and nothing of them is written but one compact file in gatewise's cache.
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from gatewise import backend
from gatewise.datasets.text import review_files, review_store
from gatewise.datasets.text.corpus import PARTS, Corpus
from gatewise.datasets.text.download import download
from gatewise.datasets.text.review_files import CLASSES, Reviews
from gatewise.datasets.text.splits import shared_between
from gatewise.errors import UsageError
from gatewise.tables.form import count

ADDRESS = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
# As it is checked by TensorFlow Datasets and others.
SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
_NAME = ADDRESS.rpartition("/")[2]
_OFFICIAL = 12_500
_REMEDY = (
    f"fetch {_NAME} with a browser and give its place, gw.datasets.imdb(path) or the environment variable GATEWISE_IMDB"
)

# As in Keras 1, whose load_data had `test_split` and this seed.
_PUBLISHED_TEST_SHARE = 0.33
_PUBLISHED_SEED = 113

Split = Literal["official", "published"]


def imdb(path: str | os.PathLike[str] | None = None, split: Split = "official") -> Corpus:
    """Return the movie reviews, from the archive given or else from the official address.

    Args:
        path: The official archive ``aclImdb_v1.tar.gz``, or the folder unpacked from it. Default: what the
            environment variable ``GATEWISE_IMDB`` names; without it the reviews are downloaded once (84 MB) and kept in
            gatewise's cache. An archive given is taken for what is in it, whatever its checksum; one that is
            downloaded has to be the official one to the bit.
        split: ``"official"``: 25,000 reviews to train with and 25,000 to test with. ``"published"``: the training
            reviews alone, shuffled and cut into 16,750 and 8,250, sizes that the logs of the published recipes show.
            Which reviews were in which half then cannot be found out any more; see the notes of the corpus.

    Returns:
        The reviews, with the classes ``neg`` and ``pos``. Reviews of one film are a group, where the archive says of
        which film they are.

    Raises:
        UsageError: `split` cannot be meant, or `path` is no path.
        DataError: The archive or folder is damaged or holds other things.
        EnvironmentFault: The reviews cannot be downloaded; the message says where to put them.
    """
    if split not in get_args(Split):
        raise UsageError(f"split is {split!r}: give 'official' or 'published'.")
    given = os.environ.get("GATEWISE_IMDB") or None if path is None else path
    reviews = _downloaded() if given is None else _given(review_files.as_path(given))
    corpus = _corpus(reviews)
    if split == "published":
        corpus = _published(corpus)
    shared = shared_between(corpus)
    if shared:
        note = f"{count(shared, 'test review')} can also be read among the training reviews, word for word."
        corpus = replace(corpus, notes=(*corpus.notes, note))
    return corpus


def _given(path: Path) -> Reviews:
    if path.is_dir():
        return review_files.from_folder(path)
    return review_store.kept(path, lambda: review_files.from_archive(path))


def _downloaded() -> Reviews:
    folder = backend.dataset_folder()
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="gatewise-") as scratch:
            return review_files.from_archive(download(ADDRESS, Path(scratch) / _NAME, SHA256, _REMEDY))
    reviews = review_store.read(folder / f"{_NAME}.npz")
    if reviews is None:
        archive = download(ADDRESS, folder / _NAME, SHA256, _REMEDY)
        reviews = review_files.from_archive(archive)
        if review_store.write(folder / f"{_NAME}.npz", reviews):
            archive.unlink()
    return reviews


def _corpus(reviews: Reviews) -> Corpus:
    notes = [f"{count(len(reviews.texts), 'movie review')} from {reviews.source}."]
    sizes = np.bincount(2 * reviews.parts + reviews.labels, minlength=4).tolist()
    if sizes != [_OFFICIAL] * 4:
        found = ", ".join(
            f"{size:,} {part}/{label}"
            for size, (part, label) in zip(sizes, ((p, c) for p in review_files.PARTS for c in CLASSES), strict=True)
        )
        notes.append(f"These are not all reviews of the official set, which has 12,500 of each kind: {found}.")
    if reviews.films is None:
        notes.append("The archive does not say which film a review is about, so there are no groups.")
    split = np.where(reviews.parts == 0, PARTS.index("train"), PARTS.index("test")).astype(np.int8)
    return Corpus(reviews.texts, reviews.labels, CLASSES, reviews.films, split, tuple(notes))


def _published(corpus: Corpus) -> Corpus:
    """Return the training reviews, shuffled and cut as in the published logs."""
    train = corpus.train
    order = np.random.RandomState(_PUBLISHED_SEED).permutation(len(train))
    first = int(len(train) * (1 - _PUBLISHED_TEST_SHARE))
    split = np.full(len(train), PARTS.index("test"), np.int8)
    split[:first] = PARTS.index("train")
    note = (
        f"The split has the sizes of the published logs, {first:,} and {len(train) - first:,} of the training reviews; "
        "which reviews these were is not known, so a shuffle decides (NumPy's RandomState(113), as in Keras 1)."
    )
    return replace(train.select(order), split=split, notes=(*corpus.notes, note))
