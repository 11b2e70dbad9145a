"""Results of review recipes in words and as rows of text: what the command line, the report and notebooks all show."""

from collections.abc import Sequence

from gatewise.recipes.members import spread
from gatewise.recipes.reviews.result import LinearScore, ReviewResult
from gatewise.recipes.wording import NOTHING, Heading, Table, html_of

# The published accuracies have so many digits that more than a point between them and the median is no accident.
NEAR = 0.01

HEADINGS = (
    Heading("recipe", "The recipe's name, or a linear model beside the recipes."),
    Heading("reviews", "Reviews trained with / tested with."),
    Heading("test accuracy (range)", "Share of the test reviews told right: median over the seeds, least and most."),
    Heading("published", "Accuracy of the published single run, which was tested on other reviews of the same set."),
    Heading("difference", "The median less the published value, in points."),
    Heading("log loss", "Mean binary crossentropy on the test reviews, in nats: median over the seeds."),
    Heading("seconds/epoch", "Training time of one epoch of one network."),
    Heading("seconds", "Everything: compiling, training all seeds, predicting."),
)


def table(results: Sequence[ReviewResult]) -> Table:
    """Return a row for each result and, behind those of a split, one for each linear model."""
    rows = []
    for split in dict.fromkeys(result.split for result in results):
        of_split = [result for result in results if result.split == split]
        rows += [_row(result) for result in of_split]
        rows += [_linear_row(one, of_split[0]) for one in of_split[0].linear]
    return Table(list(HEADINGS), rows)


def conclusion(results: Sequence[ReviewResult]) -> str:
    """Return what the results mean: who is best, whether the networks are worth it, what differs from what is published."""
    sentences = []
    for split in dict.fromkeys(result.split for result in results):
        sentences += _about([result for result in results if result.split == split])
    return " ".join([*sentences, _about_seeds(results), *_remarks(results)])


def as_html(results: Sequence[ReviewResult]) -> str:
    """Return the table and the conclusion as HTML."""
    return html_of(table(results), conclusion(results))


def percent(share: float) -> str:
    """Return a share as a percentage with two decimals.

    >>> percent(0.8679)
    '86.79'
    """
    return f"{100 * share:.2f}"


def _median(result: ReviewResult) -> float:
    return spread(result.accuracy).median


def _row(result: ReviewResult) -> list[str]:
    """Return a result's cells, one for each of `HEADINGS`."""
    published = result.recipe.published
    accuracy = result.accuracy
    extremes = "" if len(accuracy) == 1 else f" ({percent(accuracy.min())}–{percent(accuracy.max())})"
    return [
        result.recipe.name,
        _sizes(result),
        f"{percent(_median(result))}{extremes}",
        NOTHING if published is None else percent(published),
        NOTHING if published is None else f"{100 * (_median(result) - published):+.2f}",
        f"{sorted(one.log_loss for one in result.members)[len(result.members) // 2]:.3f}",
        f"{result.epoch_seconds:.1f}",
        f"{result.seconds:.0f}",
    ]


def _linear_row(one: LinearScore, result: ReviewResult) -> list[str]:
    cells = [one.name, _sizes(result), percent(one.accuracy), NOTHING, NOTHING, f"{one.log_loss:.3f}", NOTHING]
    return [*cells, f"{one.seconds:.0f}"]


def _sizes(result: ReviewResult) -> str:
    return " / ".join(f"{size:,}" for size in result.sizes)


def _about(results: list[ReviewResult]) -> list[str]:
    """Return what the results of one split say."""
    best = max(results, key=_median)
    trained = f"Trained with {results[0].sizes[0]:,} reviews, "
    first = f"{trained}{best.recipe.name} tells {percent(_median(best))} % of {best.sizes[1]:,} reviews right"
    if len(results) > 1:
        first += f", the most of {len(results)} recipes"
    linear = best.best_linear
    if linear is None:
        return [f"{first}."]
    margin = 100 * (linear.accuracy - _median(best))
    than = "better" if margin > 0 else "worse"
    return [
        f"{first}.",
        f"{linear.name}, a linear model, is {abs(margin):.2f} points {than}, at {percent(linear.accuracy)} % after "
        f"{linear.seconds:.0f} seconds.",
    ]


def _about_seeds(results: Sequence[ReviewResult]) -> str:
    if len(results[0].members) == 1:
        return "This was one seed each, and one seed decides little: run more members."
    widest = max(results, key=lambda result: float(result.accuracy.max() - result.accuracy.min()))
    return (
        f"Seeds of {widest.recipe.name} differ by up to "
        f"{100 * (widest.accuracy.max() - widest.accuracy.min()):.2f} points."
    )


def _remarks(results: Sequence[ReviewResult]) -> list[str]:
    """Return what a reader of the published values has to know about these."""
    remarks = []
    missed = [one for one in results if one.recipe.published and _median(one) < one.recipe.published - NEAR]
    if missed:
        names = ", ".join(dict.fromkeys(one.recipe.name for one in missed))
        remarks.append(f"The published accuracy of {names} is missed by more than a point.")
    if any(result.recipe.published for result in results):
        changed = "the shuffle that divides the reviews is not known"
        if any(result.split == "official" for result in results):
            changed = "the published runs trained with 16,750 reviews"
        remarks.append(f"The published values are single runs and not quite comparable: {changed}.")
    return remarks
