"""Result objects to one self-contained HTML page: readable in light and dark, on a phone, and without a network.

In: results of the rooms below. Out: a file, written whole or not at all. May be imported by the command line. Each page is a
module, and loads what it shows: `recipes_page`, `reviews_page`, `classification_page`, `forecast_page`. What is asked before
the work, whether a file can be written, is in `writing`, which loads nothing.
"""

from gatewise.report.writing import check_target as check_target
from gatewise.report.writing import write_text as write_text
