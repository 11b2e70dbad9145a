"""Labelled texts in, token numbers out: the user's own files, and the movie reviews of the classic recipes.

::

    reading     all of it: `read_corpus`                 reviews      `imdb`, and the published split
    lines       bytes -> lines of text                   review_files an archive or folder -> reviews
    delimited, json_rows, label_lines, folders, frames   review_store reviews in the cache
                a source -> `table`                      download     one file from its address
    roles       which column is what
    labels      labels -> classes                        tokens       a text -> tokens
    collecting  table -> texts and what belongs to them  vocabulary, western_words, number_table   tokens -> numbers
    remarks     what is remarkable about them            ranked       the numbers of the published recipes
    near_copies training texts that are elsewhere too, with small changes
    splits      a corpus -> parts without leaks          sequences    numbers of many texts, padded
    corpus, texts   the result                           unlabelled   texts without labels

In: a file, a folder, a frame, an archive. Out: a `Corpus`, and `Sequences`. Nothing here knows Keras.
"""

from gatewise.datasets.text.corpus import Corpus as Corpus
from gatewise.datasets.text.ranked import RankedWords as RankedWords
from gatewise.datasets.text.reading import read_corpus as read_corpus
from gatewise.datasets.text.reviews import imdb as imdb
from gatewise.datasets.text.sequences import Sequences as Sequences
from gatewise.datasets.text.splits import split_corpus as split_corpus
from gatewise.datasets.text.texts import Texts as Texts
from gatewise.datasets.text.tokens import tokenize as tokenize
from gatewise.datasets.text.unlabelled import Unlabelled as Unlabelled
from gatewise.datasets.text.unlabelled import read_texts as read_texts
from gatewise.datasets.text.vocabulary import Vocabulary as Vocabulary
