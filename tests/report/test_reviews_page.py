"""The page on review recipes."""

import json
import re

from gatewise.recipes.reviews.summary import conclusion, table
from gatewise.report.reviews_page import reviews_page, write_reviews
from made_results import made_reviews


def test_the_page_holds_the_table_the_conclusion_and_every_seed(tmp_path):
    results = [made_reviews("imdb-lstm", [0.86, 0.88, 0.87]), made_reviews("imdb-gru", [0.88])]
    page = reviews_page(results)
    shown = page.replace("\u00a0", " ").replace("\u2060", "")
    assert conclusion(results) in shown
    for row in table(results).rows:
        assert all(f"<td>{cell}</td>" in shown for cell in row)
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page)[1])
    lstm, gru, linear, published = figures["accuracies"]["data"]
    assert lstm["x"] == [86.0, 88.0, 87.0]
    assert gru["y"] == ["imdb-gru, 16,750"]
    assert linear["x"] == [91.2, 91.2]
    assert (published["x"], published["y"]) == ([86.79], ["imdb-lstm, 16,750"])
    assert [one["y"] for one in figures["learning-0"]["data"]] == [[0.5, 0.4, 0.3]] * 3
    write_reviews(results, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
