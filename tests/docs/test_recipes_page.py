"""The tables of docs/recipes.md are those of the program."""

from pathlib import Path

from gatewise.datasets import load_airline
from gatewise.recipes import recipes
from gatewise.recipes.airline.samples import prepare

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def test_every_recipe_is_described_as_it_is():
    for one in recipes("airline"):
        shape = str(("samples", *one.input_shape)).replace("'", "")
        notes = ("" if one.scale else ", raw counts") + (", state carried" if one.stateful else "")
        training = f"{one.epochs} epochs, batch size {one.batch_size}"
        assert f"| `{one.name}` | `{shape}`{notes} | {one.network} | {training} |" in PAGE


def test_the_published_values_are_those_of_the_recipes():
    for one in recipes("airline"):
        if one.published_test:
            assert f"| `{one.name}` | {one.published_train:.2f} | {one.published_test:.2f} |" in PAGE
            assert PAGE.count(f"| `{one.name}` |") == 3
        else:
            assert PAGE.count(f"| `{one.name}` |") == 2


def test_persistence_is_better_than_four_of_the_seven():
    beaten = []
    for one in recipes("airline"):
        persistence = prepare(one, load_airline()).test.persistence
        assert f"{persistence:.2f}" in PAGE
        if one.published_test and one.published_test > persistence:
            beaten.append(one.name)
    assert len(beaten) == 4
    assert "better than four of the seven published values" in PAGE


def test_every_recipe_on_reviews_is_described_as_it_is():
    for one in recipes("imdb"):
        published = f"{100 * one.published:.2f} %" if one.published else "–"
        assert f"| `{one.name}` | {one.network} | {published} |" in PAGE
