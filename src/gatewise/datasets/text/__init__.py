"""Labelled texts: the movie reviews of the classic recipes, the encodings of the published recipes.

In: an archive, a folder, a table. Out: a `Corpus`, and token numbers of its texts. Nothing here knows Keras.
"""

from gatewise.datasets.text.corpus import Corpus as Corpus
from gatewise.datasets.text.ranked import RankedWords as RankedWords
from gatewise.datasets.text.reading import read_corpus as read_corpus
from gatewise.datasets.text.reviews import imdb as imdb
from gatewise.datasets.text.sequences import Sequences as Sequences
from gatewise.datasets.text.splits import split_corpus as split_corpus
from gatewise.datasets.text.texts import Texts as Texts
from gatewise.datasets.text.tokens import tokenize as tokenize
from gatewise.datasets.text.vocabulary import Vocabulary as Vocabulary
