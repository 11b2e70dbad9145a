"""Result objects to one self-contained HTML page: readable in light and dark, on a phone, and without a network.

In: results of the rooms below. Out: a file, written whole or not at all. May be imported by the command line.
"""

from gatewise.report.classification_page import classification_page as classification_page
from gatewise.report.classification_page import write_classification as write_classification
from gatewise.report.forecast_page import Told as Told
from gatewise.report.forecast_page import write_backtest as write_backtest
from gatewise.report.forecast_page import write_forecast as write_forecast
from gatewise.report.recipes_page import recipes_page as recipes_page
from gatewise.report.recipes_page import write_recipes as write_recipes
from gatewise.report.reviews_page import reviews_page as reviews_page
from gatewise.report.reviews_page import write_reviews as write_reviews
from gatewise.report.writing import check_target as check_target
from gatewise.report.writing import write_text as write_text
