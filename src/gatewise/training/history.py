"""What a run leaves behind: losses and metrics per epoch, and where the time went."""

import copy
import html

import numpy as np

from gatewise.backend import import_keras

keras = import_keras()


class History(keras.callbacks.History):  # type: ignore[name-defined]  # Keras ships no types
    """Keras's ``History`` with the times of the run beside it.

    Attributes:
        history: Name of a loss or metric → one float per finished epoch, as in Keras.
        epoch: The numbers of the finished epochs.
        compile_seconds: Time spent tracing and compiling; 0.0 where the program was already there.
        run_seconds: Time spent training.
        steps: Training steps done.
        stopped_epoch: The epoch after which training stopped early, or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.compile_seconds = 0.0
        self.run_seconds = 0.0
        self.steps = 0
        self.stopped_epoch: int | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Keep what is there: a resumed run has a history already."""

    def add(self, epoch: int, logs: dict[str, float]) -> None:
        """Append one finished epoch."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items() if values)
        return (
            f"<History: {len(self.epoch)} epochs, {self.steps} steps; {last or 'nothing finished'}; "
            f"compiled in {self.compile_seconds:.2f} s, ran {self.run_seconds:.2f} s>"
        )

    def _repr_html_(self) -> str:
        """Show the first, best and last epoch as a table in a notebook."""
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{values[0]:.4g}</td><td>{min(values):.4g}</td>"
            f"<td>{max(values):.4g}</td><td>{values[-1]:.4g}</td></tr>"
            for name, values in self.history.items()
            if values
        )
        return (
            "<table><thead><tr><th></th><th>first</th><th>lowest</th><th>highest</th><th>last</th></tr></thead>"
            f"<tbody>{rows}</tbody></table><p>{len(self.epoch)} epochs, {self.steps} steps; "
            f"compiled in {self.compile_seconds:.2f} s, ran {self.run_seconds:.2f} s</p>"
        )


class EnsembleHistory:
    """What the run of an ensemble leaves behind.

    The arrays grow with the epochs that are done: a rule may stop a run long before the epochs asked for.

    Args:
        members: How many members there are.
        epochs: How many epochs were asked for.

    Attributes:
        history: Name of a loss or metric → ``(members, epochs)``, the epochs that any member did; NaN where a member had
            stopped already.
        compile_seconds: Time spent tracing and compiling; 0.0 where the program was already there.
        run_seconds: Time spent training, all members.
        steps: Training steps done by each member.
        stopped_epoch: For each member the epoch after which a rule stopped it, or None.
        bad: Member → (epoch, step) at which its loss was not finite any more.
        way: How the members were trained: ``"kernel: …"`` or ``"general: …"``, with the reason.
    """

    def __init__(self, members: int, epochs: int) -> None:
        self.history: dict[str, np.ndarray] = {}
        # The arrays of which `history` shows the columns in use; twice as wide each time that they are full.
        self._room: dict[str, np.ndarray] = {}
        self._asked = (members, epochs)
        self.compile_seconds = 0.0
        self.run_seconds = 0.0
        self.steps = 0
        self.stopped_epoch: list[int | None] = [None] * members
        self.bad: dict[int, tuple[int, int]] = {}
        self.way = ""

    @property
    def shape(self) -> tuple[int, int]:
        """How many members and epochs the arrays hold; before there are any, how many were asked for."""
        for rows in self.history.values():
            return rows.shape[0], rows.shape[1]
        return self._asked

    @property
    def epoch(self) -> list[int]:
        """The numbers of the epochs that any member finished."""
        if not self.history:
            return []
        finished = np.any([~np.isnan(rows).all(axis=0) for rows in self.history.values()], axis=0)
        return np.flatnonzero(finished).tolist()

    def put(self, name: str, members: list[int], epoch: int, row: np.ndarray) -> None:
        """Take note of one epoch of some members."""
        used = max(epoch + 1, self.shape[1] if self.history else 0)
        self._room.setdefault(name, np.empty((self._asked[0], 0), row.dtype))
        for known, rows in self._room.items():
            if rows.shape[1] < used:
                self._room[known] = _widened(rows, max(used, min(2 * used, self._asked[1])))
            self.history[known] = self._room[known][:, :used]
        self._room[name][members, epoch] = row

    def stop(self, member: int, epoch: int | None) -> None:
        """Take note that a rule stopped a member after an epoch; what it did afterwards does not count."""
        self.stopped_epoch[member] = epoch
        if epoch is not None:
            self._forget(member, epoch + 1)

    def fail(self, member: int, where: tuple[int, int]) -> None:
        """Take note that a member's loss was not finite any more."""
        self.bad[member] = where
        self._forget(member, where[0])

    def _forget(self, member: int, epoch: int) -> None:
        for rows in self.history.values():
            rows[member, epoch:] = np.nan

    def medians(self, epoch: int) -> dict[str, float]:
        """Return the median over members of every loss and metric of an epoch."""
        if epoch < 0:
            return {}
        columns = {name: rows[:, epoch] for name, rows in self.history.items()}
        return {name: float(np.nanmedian(c)) for name, c in columns.items() if not np.isnan(c).all()}

    def first(self, members: int) -> "EnsembleHistory":
        """Return the history of the first so many members, up to the last epoch that any of them finished."""
        other = copy.copy(self)
        other._asked = (members, self._asked[1])
        other._room = {name: rows[:members] for name, rows in self._room.items()}
        other.history = {name: rows[:members] for name, rows in self.history.items()}
        used = max(other.epoch, default=-1) + 1
        other.history = {name: rows[:, :used] for name, rows in other.history.items()}
        other.stopped_epoch = self.stopped_epoch[:members]
        return other

    def __repr__(self) -> str:
        epochs = self.epoch
        last = ", ".join(f"{name} {value:.4g}" for name, value in self.medians(epochs[-1] if epochs else -1).items())
        return (
            f"<EnsembleHistory: {self.shape[0]} members, {len(epochs)} epochs, {self.steps} steps each; median "
            f"{last or 'of nothing'}; compiled in {self.compile_seconds:.2f} s, ran {self.run_seconds:.2f} s>"
        )

    def _repr_html_(self) -> str:
        """Show the distribution over members at the last epoch as a table in a notebook."""
        body = ""
        for name, rows in self.history.items():
            last = [row[~np.isnan(row)][-1] for row in rows if not np.isnan(row).all()]
            cells = "".join(f"<td>{value:.4g}</td>" for value in np.percentile(last, [5, 50, 95])) if last else ""
            body += f"<tr><th>{html.escape(name)}</th>{cells}</tr>"
        return (
            "<table><thead><tr><th>last epoch</th><th>5 %</th><th>median</th><th>95 %</th></tr></thead>"
            f"<tbody>{body}</tbody></table><p>{self.shape[0]} members, {self.steps} steps each; compiled in "
            f"{self.compile_seconds:.2f} s, ran {self.run_seconds:.2f} s</p>"
        )


def _widened(rows: np.ndarray, columns: int) -> np.ndarray:
    """Return rows with so many columns, NaN in the new ones."""
    wider = np.full((rows.shape[0], columns), np.nan, rows.dtype)
    wider[:, : rows.shape[1]] = rows
    return wider
