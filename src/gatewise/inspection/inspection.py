"""The result of looking into a network: gates, states, running prediction, connectivity, attribution, in words as well."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from gatewise.errors import UsageError
from gatewise.inspection import memory
from gatewise.inspection.attribution import Attribution
from gatewise.inspection.portable import Counterfactual


@dataclass(frozen=True, eq=False)
class Snippet:
    """A place of a corpus where a unit is active.

    Attributes:
        before: What comes before it.
        step: The step itself.
        after: What comes after it.
        output: The unit's output there.
    """

    before: str
    step: str
    after: str
    output: float


@dataclass(frozen=True, eq=False)
class Layer:
    """What a recurrent layer computed, in the order of time, also where it reads from the end.

    Attributes:
        name: Its name; of a half of a Bidirectional with its direction.
        kind: LSTM, GRU or SimpleRNN.
        backwards: Whether it reads from the end.
        gates: Each ``(time, units)``: input, forget, cell and output of an LSTM, update, reset and candidate of a GRU.
        states: ``h``, and of an LSTM ``c``, each ``(time, units)``.
        decay: How strongly its last output depends on each state, by state, ``(time,)``.
        order: The units, those that move alike side by side.
        ablation: How the score changes when the output of a unit is held at zero, ``(units,)``.
        snippets: For each unit where in the corpus its output is largest, by absolute value.
        corpus_ablation: How the score of each sequence of the corpus changes when the output of a unit is held at zero,
            ``(sequences, units)``; None where no corpus was given.
    """

    name: str
    kind: str
    backwards: bool
    gates: dict[str, Float[np.ndarray, "time units"]]
    states: dict[str, Float[np.ndarray, "time units"]]
    decay: dict[str, Float[np.ndarray, " time"]]
    order: Int64[np.ndarray, " units"]
    ablation: Float64[np.ndarray, " units"]
    snippets: tuple[tuple[Snippet, ...], ...]
    corpus_ablation: Float64[np.ndarray, "sequences units"] | None = None

    @property
    def units(self) -> int:
        """How many units it has."""
        return len(self.order)

    @property
    def saturation(self) -> dict[str, Float64[np.ndarray, "units 2"]]:
        """In which share of the steps each gate of each unit is open (above 0.9) and closed (below 0.1)."""
        names = [name for name in self.gates if name not in ("cell", "candidate")]
        return {name: memory.saturation(self.gates[name]) for name in names}

    @property
    def half_life(self) -> Float64[np.ndarray, " units"] | None:
        """After how many steps half of what a unit holds is left; None of a SimpleRNN, which has no gate that keeps."""
        keeping = self.gates.get("forget", self.gates.get("update"))
        return None if keeping is None else memory.half_life(keeping)

    @property
    def decay_in_time(self) -> Float[np.ndarray, " time"]:
        """``|∂h_T/∂h_t|`` in the order in which the layer walks."""
        return self.decay["h"][::-1] if self.backwards else self.decay["h"]

    def __str__(self) -> str:
        life = self.half_life
        kept = "" if life is None else f" Units keep {memory.half_life_in_words(float(np.median(life)))} (median)."
        return f"{self.name} ({self.kind}, {self.units} units): {memory.decay_in_words(self.decay_in_time)}{kept}"


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a network did with one sequence.

    Attributes:
        name: Of the model.
        steps: The sequence: tokens, or values as text.
        values: The values ``(time, features)``; None for tokens.
        said: What the score is, such as "log-odds of pos".
        names: What the outputs are called.
        output: Which of them is looked at.
        running: What the network says of the sequence up to each step, ``(time, outputs)``.
        scores: The same as the score, ``(time,)``.
        connectivity: ``|∂score(t)/∂input(t′)|``, the norm over the features of an input, ``(time, time)``: rows are outputs.
        attribution: What each step adds to the last score.
        layers: The recurrent layers.
        skipped: Padding in front of the sequence, read but not shown.
        counterfactual: What the page computes with, where it can; else the reason why it cannot.
        notes: What else is to be known, as sentences.
        corpus_scores: The score of each sequence of the corpus, ``(sequences,)``; None where no corpus was given.
    """

    name: str
    steps: tuple[str, ...]
    values: Float[np.ndarray, "time features"] | None
    said: str
    names: tuple[str, ...]
    output: int
    running: Float[np.ndarray, "time outputs"]
    scores: Float[np.ndarray, " time"]
    connectivity: Float[np.ndarray, "time time"]
    attribution: Attribution
    layers: tuple[Layer, ...]
    skipped: int = 0
    counterfactual: Counterfactual | str = "it was inspected without"
    notes: tuple[str, ...] = ()
    corpus_scores: Float64[np.ndarray, " sequences"] | None = None

    @property
    def reach(self) -> int:
        """How many steps what the network says reaches back: 95 % of the influence of all inputs lies within them."""
        return memory.reach(self.influence_by_lag)

    @property
    def influence_by_lag(self) -> Float64[np.ndarray, " time"]:
        """The mean of ``|∂score(t)/∂input(t - lag)|`` over all t, for each lag from 0 on."""
        return memory.influence_by_lag(self.connectivity)

    @property
    def decided(self) -> int:
        """The step, counted from 0, from which on the score has the sign that it has at the end."""
        others = np.flatnonzero((self.scores > 0) != (self.scores[-1] > 0))
        return int(others[-1]) + 1 if len(others) else 0

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is to be seen, in words."""
        end = f"After {len(self.steps):,} steps the {self.said} is {self.scores[-1]:+.3f}"
        if self.said.startswith("log-odds"):
            end += f"; it has this sign from step {self.decided + 1:,} on ({self.steps[self.decided]!r})"
        return (
            f"{end}.",
            memory.reach_in_words(self.influence_by_lag),
            *map(str, self.layers),
            str(self.attribution),
            *self.notes,
        )

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def layer(self, name: str) -> Layer:
        """Return a recurrent layer by its name.

        Raises:
            UsageError: There is none of that name.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(repr(layer.name) for layer in self.layers)
        raise UsageError(f"There is no recurrent layer {name!r} in model {self.name!r}: give one of {known}.")

    def turned(self, layer: str) -> Int64[np.ndarray, " units"]:
        """Return for each unit of a layer how many scores of the corpus get another sign when its output is held at zero.

        Of log-odds these are decisions.

        Raises:
            UsageError: There is no such layer, or no corpus was given.
        """
        changes = self.layer(layer).corpus_ablation
        if changes is None or self.corpus_scores is None:
            raise UsageError("No corpus was given: inspect with corpus= to see what units do to its scores.")
        scores = self.corpus_scores[:, None]
        return ((scores + changes > 0) != (scores > 0)).sum(axis=0)

    def unit(self, layer: str, unit: int) -> dict[str, Float[np.ndarray, " time"]]:
        """Return all gates and states of one unit over time, by name.

        Raises:
            UsageError: There is no such layer or unit.
        """
        found = self.layer(layer)
        if isinstance(unit, bool) or not isinstance(unit, int | np.integer) or not 0 <= unit < found.units:
            raise UsageError(
                f"unit is {unit!r}, and layer {layer!r} has {found.units}: give a whole number from 0 to {found.units - 1}."
            )
        return {name: array[:, unit] for name, array in {**found.gates, **found.states}.items()}
