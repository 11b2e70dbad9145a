"""Data that ships with gatewise, labelled texts, and windows over a series.

In: a name, a file, a folder, an archive. Out: NumPy arrays, and texts (`gatewise.datasets.text`). Nothing here knows
Keras; every room above may import it.
"""

from gatewise.datasets.airline import load_airline as load_airline
from gatewise.datasets.text import Corpus as Corpus
from gatewise.datasets.text import RankedWords as RankedWords
from gatewise.datasets.text import Sequences as Sequences
from gatewise.datasets.text import Texts as Texts
from gatewise.datasets.text import Vocabulary as Vocabulary
from gatewise.datasets.text import imdb as imdb
from gatewise.datasets.text import read_corpus as read_corpus
from gatewise.datasets.text import read_texts as read_texts
from gatewise.datasets.text import split_corpus as split_corpus
from gatewise.datasets.text import tokenize as tokenize
from gatewise.datasets.windows import Layout as Layout
from gatewise.datasets.windows import as_series as as_series
from gatewise.datasets.windows import windows as windows
