"""Results in words and as rows of text: what the command line, the report and notebooks all show."""

from collections.abc import Sequence

from gatewise.recipes.airline.result import RecipeResult, Scored
from gatewise.recipes.members import spread
from gatewise.recipes.wording import NOTHING, Heading, Table, html_of

_PUBLISHED = "published (percentile)"

HEADINGS = (
    Heading("recipe", "The recipe's name."),
    Heading("test RMSE (5–95 %)", "Error on the test part: median over the seeds, and where 90 % of them lie."),
    Heading(_PUBLISHED, "Test error of the published single run, and its percentile among our seeds."),
    Heading("persistence", "Test error of repeating the last value, on the same points."),
    Heading("beat it", "Share of the seeds whose test error is below that of persistence."),
    Heading("train RMSE (5–95 %)", "Error on the training part: median over the seeds, and where 90 % of them lie."),
    Heading(_PUBLISHED, "Training error of the published run, and its percentile among our seeds."),
    Heading("seconds", "Everything: compiling, training all seeds, predicting."),
    Heading("µs/step", "Microseconds of training time for one step of one member."),
)


def table(results: Sequence[RecipeResult]) -> Table:
    """Return a row for each result, without the columns of published values where nothing is published."""
    rows = [_row(result) for result in results]
    kept = [
        place
        for place, heading in enumerate(HEADINGS)
        if heading.title != _PUBLISHED or any(cells[place] != NOTHING for cells in rows)
    ]
    return Table([HEADINGS[place] for place in kept], [[cells[place] for place in kept] for cells in rows])


def _row(result: RecipeResult) -> list[str]:
    """Return a result's cells, one for each of `HEADINGS`."""
    recipe = result.recipe
    return [
        recipe.name,
        _spread(result.test),
        _published(recipe.published_test, result.test_percentile),
        number(result.test.persistence),
        f"{100 * result.beats_persistence:.0f} %",
        _spread(result.train),
        _published(recipe.published_train, result.train_percentile),
        f"{result.timing.total_seconds:.1f}",
        f"{result.microseconds:.2f}",
    ]


def conclusion(results: Sequence[RecipeResult]) -> str:
    """Return what the results mean: which recipes beat persistence, how far seeds differ, what went wrong."""
    winners = [result for result in results if result.beats_persistence > 0.5]
    low = min(result.test.persistence for result in results)
    high = max(result.test.persistence for result in results)
    level = number(low) if number(low) == number(high) else f"{number(low)} to {number(high)}"
    baseline = f"persistence (repeating the last value, test RMSE {level})"
    names = ", ".join(f"{result.recipe.name} ({100 * result.beats_persistence:.0f} %)" for result in winners)
    if not winners:
        first = f"No recipe beats {baseline} with more than half of its seeds."
    elif len(winners) == len(results):
        first = f"Every recipe beats {baseline} with more than half of its seeds: {names}."
    else:
        first = f"{len(winners)} of {len(results)} recipes beat {baseline} with more than half of their seeds: {names}."
    return " ".join([first, _about_seeds(results), *_remarks(results)])


def number(value: float) -> str:
    """Return an error with the digits that matter: two decimals, none for large numbers, four figures for small ones."""
    if 1 <= abs(value) < 10_000:
        return f"{value:.2f}"
    return f"{value:.0f}" if 10_000 <= abs(value) < 10_000_000 else f"{value:.4g}"


def as_html(results: Sequence[RecipeResult]) -> str:
    """Return the table and the conclusion as HTML."""
    return html_of(table(results), conclusion(results))


def _about_seeds(results: Sequence[RecipeResult]) -> str:
    if results[0].members == 1:
        return "This was one seed each, and one seed decides nothing: run more members."
    widest = max(results, key=lambda result: spread(result.test.rmse).high - spread(result.test.rmse).low)
    points = spread(widest.test.rmse)
    return (
        f"One seed decides nothing: 9 of 10 seeds of {widest.recipe.name} have a test RMSE between "
        f"{number(points.low)} and {number(points.high)}."
    )


def _remarks(results: Sequence[RecipeResult]) -> list[str]:
    """Return what a reader of the published values has to know about these."""
    remarks = []
    for part in ("test", "train"):
        outside = [result.recipe.name for result in results if _is_outside(result, part)]
        if outside:
            remarks.append(
                f"The published {part} RMSE of {', '.join(outside)} lies outside the central 98 % of our seeds, so these "
                "runs differ from the published ones in more than the seed."
            )
    if any(result.recipe.published_test for result in results):
        changed = []
        if results[0].dialect != "keras2":
            changed.append("their recurrent layers had the defaults of Keras 2")
        if not all(result.recipe.leak for result in results if result.recipe.scale):
            changed.append("their scaler saw the test part")
        if changed:
            remarks.append(f"The published runs are not quite comparable: {' and '.join(changed)}.")
    failed = sum(result.failed for result in results)
    if failed:
        remarks.append(f"{failed} network{'s' if failed > 1 else ''} ended without a finite error and count as beaten.")
    return remarks


def _is_outside(result: RecipeResult, part: str) -> bool:
    """Say whether a part's published value is outside the central 98 % of enough members to know."""
    place = result.test_percentile if part == "test" else result.train_percentile
    return place is not None and result.members >= 50 and not 1 <= place <= 99


def _spread(part: Scored) -> str:
    points = spread(part.rmse)
    return f"{number(points.median)} ({number(points.low)}–{number(points.high)})"


def _published(value: float | None, place: float | None) -> str:
    if value is None:
        return NOTHING
    return number(value) if place is None else f"{number(value)} ({place:.0f} %)"
