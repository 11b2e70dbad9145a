"""`gatewise.inspect`: the door to this room."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gatewise.classification import TextClassifier
from gatewise.errors import UsageError
from gatewise.forecasting.forecaster import Forecaster
from gatewise.inspection.inspection import Inspection
from gatewise.inspection.looking import looked
from gatewise.inspection.network import Inspected
from gatewise.inspection.portable import counterfactual
from gatewise.inspection.sequences import as_read
from gatewise.inspection.snippets import Corpus
from gatewise.training.checks import check_built


def inspect(
    model: Any,
    sequence: Any,
    *,
    tokens: Sequence[str] | None = None,
    corpus: Sequence[Any] | None = None,
    words: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    output: int | str | None = None,
    network: int | str | None = None,
) -> Inspection:
    """Look inside a recurrent network while it reads one sequence.

    Everything is computed by the network's own layers: gates and states are kept while it runs, and connectivity and
    attributions are derivatives of what it says. What it says "after a step" is what it says of the sequence that ends there.

    Args:
        model: A built Keras model, Sequential or functional, whose recurrent layers are LSTM, GRU or SimpleRNN with tanh and
            sigmoid (hard or not); stacked and Bidirectional ones, and convolutions in front of them, are fine. Or a
            `TextClassifier` or a `Forecaster`, of which one network is looked into.
        sequence: Of a classifier a text; of a forecaster the name of a series, or None for its only one. Else values
            ``(time, features)`` or ``(time,)``; for a model that begins with an Embedding the numbers of the tokens
            ``(time,)``. One that is shorter than such a model reads is filled up in front with 0.
        tokens: The tokens as text, ``(time,)``.
        corpus: More sequences, of a forecaster the names of series, in which to look for what each unit is active at.
            Default: the sequence itself.
        words: The word of each row of the Embedding, for the tokens of the corpus, and of this sequence where `tokens` is not
            given.
        names: What the outputs are called.
        output: Which output to look at, by number or name. Default: the last of one or two, else the largest.
        network: Of a classifier or forecaster, which network, by its kind or configuration, or by number. Default: of a
            classifier the first with recurrent layers, of a forecaster that whose forecast weighs most.

    Returns:
        Gates, states, the running prediction, connectivity, attributions; ``print`` says in words what is to be seen.

    Raises:
        UsageError: A model that cannot be looked into.
        ShapeError: The sequence has another shape than the model reads.
        DataError: An empty sequence, or tokens that the model does not know.

    Example:
        >>> import gatewise as gw
        >>> import keras
        >>> model = keras.Sequential([keras.Input((None, 1)), keras.layers.GRU(4), keras.layers.Dense(1)])
        >>> found = gw.inspect(model, gw.datasets.load_airline()[:24] / 622)
        >>> found.layers[0].gates["update"].shape, found.connectivity.shape
        ((24, 4), (24, 24))
    """
    if isinstance(model, TextClassifier):
        from gatewise.inspection.texts import inspect_classifier

        return inspect_classifier(model, sequence, corpus, output, network)
    if isinstance(model, Forecaster):
        from gatewise.inspection.series import inspect_forecaster

        return inspect_forecaster(model, sequence, corpus, output, network)
    check_built(model)
    if network is not None:
        raise UsageError("network= chooses among those of a classifier or forecaster: leave it out for a single model.")
    seen = Inspected.of(model)
    read = as_read(seen, sequence, tokens, words)
    others = None if corpus is None else Corpus.of(seen, corpus, partial(as_read, seen, words=words))
    found = looked(seen, read, others, names, output)
    return replace(found, counterfactual=counterfactual(seen, read, words))
