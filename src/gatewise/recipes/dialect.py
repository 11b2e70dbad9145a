"""Whose defaults recurrent layers have: those of Keras 2, which the published runs had, or those of Keras 3."""

from typing import Any, Literal, get_args

from gatewise.errors import UsageError

Dialect = Literal["keras2", "keras3"]
RecurrentCell = Literal["lstm", "gru"]


def check_dialect(dialect: str) -> None:
    """Refuse a dialect that does not exist.

    Raises:
        UsageError: With the two that do.
    """
    if dialect not in get_args(Dialect):
        raise UsageError(f"dialect is {dialect!r}: give 'keras2' or 'keras3'.")


def recurrent_layer(cell: RecurrentCell, units: int, dialect: Dialect, **options: Any) -> Any:
    """Return a recurrent layer of Keras with the defaults of a dialect.

    Args:
        cell: Its kind.
        units: Its units.
        dialect: ``"keras2"``: ``recurrent_activation`` clip(0.2x + 0.5), and a GRU with ``reset_after=False``;
            ``"keras3"``: as Keras 3 builds it.
        options: More arguments of the layer.
    """
    from gatewise.backend import import_keras
    from gatewise.recurrent.activations import hard_sigmoid_keras2

    layers = import_keras().layers
    if dialect == "keras2":
        options["recurrent_activation"] = hard_sigmoid_keras2
    if cell == "lstm":
        return layers.LSTM(units, **options)
    if dialect == "keras2":
        options["reset_after"] = False
    return layers.GRU(units, **options)
