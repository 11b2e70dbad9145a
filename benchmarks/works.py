"""The networks that layers.py and growth.py train, their data, and what one step costs in arithmetic and in memory."""

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

VOCABULARY, EMBEDDING = 5000, 32
WINDOW = 512
# How long reviews are, in words: log-normal with this median and this spread of the logarithm, cut off at T = 500. That
# is a mean of 217, a median of 178 and 9 % of the reviews cut off; real ones: 218, about 175, 8 to 10 %.
REVIEW_MEDIAN, REVIEW_SPREAD, SHORTEST_REVIEW = 178.0, 0.78, 10
EVERYONE = ("gatewise", "gatewise-scan", "keras-jax", "keras-tensorflow", "torch")
NO_SCAN = tuple(name for name in EVERYONE if name != "gatewise-scan")


@dataclass(frozen=True)
class Work:
    """One network, its sizes, and what is timed of it.

    Attributes:
        name: Its name on the command line and in the results.
        title: What it is.
        cell: ``LSTM`` or ``GRU``.
        units: Of the recurrent layer.
        time: Steps of a sequence.
        batch: Rows of a training step.
        steps: Training steps of an epoch.
        epochs: Epochs of one timed run.
        features: Numbers of each time step; 0 where the inputs are tokens.
        convolution: Whether Conv1D(32, 3, relu) and MaxPooling1D(2) come before the recurrent layer.
        dropout: Of the recurrent layer's inputs and of its state.
        reviews: Whether the sequences are as long as reviews, and padded in front.
        masked: Whether the network leaves the padding out, which makes it another network.
        predicts: Whether prediction is timed, not training.
        runners: Who takes part.
    """

    name: str
    title: str
    cell: str
    units: int
    time: int
    batch: int
    steps: int
    epochs: int = 1
    features: int = 0
    convolution: bool = False
    dropout: float = 0.0
    reviews: bool = False
    masked: bool = False
    predicts: bool = False
    runners: tuple[str, ...] = EVERYONE

    @property
    def rows(self) -> int:
        return self.batch * self.steps

    @property
    def walked(self) -> tuple[int, int]:
        """Time steps and features of what the recurrent layer reads."""
        return self.time // 2 if self.convolution else self.time, self.features or EMBEDDING


def _reviews(name, title, cell="LSTM", **others):
    return Work(name, title, cell, 100, 500, 64, steps=8, **others)


def _forecaster(cell, batch, steps):
    title = f"{cell}(64) → Dense, T 48, batch {batch}, 8 features"
    return Work(f"{cell.lower()}-{batch}", title, cell, 64, 48, batch, steps, epochs=3, features=8)


WORKS = {
    work.name: work
    for work in (
        _reviews("imdb-lstm", "Embedding(5000, 32) → LSTM(100) → Dense, T 500, batch 64"),
        _reviews("imdb-lstm-lengths", "`imdb-lstm` on reviews", reviews=True, runners=NO_SCAN),
        _reviews(
            "imdb-lstm-masked",
            "`imdb-lstm` on reviews with the padding left out: `mask_zero` in Keras, packed sequences in PyTorch",
            reviews=True,
            masked=True,
            runners=NO_SCAN,
        ),
        _reviews("imdb-gru", "Embedding(5000, 32) → GRU(100) → Dense, T 500, batch 64", "GRU"),
        _reviews("imdb-gru-lengths", "`imdb-gru` on reviews", "GRU", reviews=True, runners=NO_SCAN),
        _reviews(
            "imdb-lstm-gate-dropout",
            "`imdb-lstm` with LSTM(100, dropout=0.2, recurrent_dropout=0.2)",
            dropout=0.2,
            runners=NO_SCAN,
        ),
        _reviews(
            "imdb-cnn-lstm",
            "`imdb-lstm` with Conv1D(32, 3, relu) → MaxPooling1D(2) before the LSTM",
            convolution=True,
            runners=NO_SCAN,
        ),
        _reviews("imdb-lstm-predict", "prediction by `imdb-lstm`", predicts=True, runners=NO_SCAN),
        _forecaster("LSTM", 32, 64),
        _forecaster("LSTM", 256, 16),
        _forecaster("GRU", 32, 64),
        _forecaster("GRU", 256, 16),
    )
}


def review_lengths(rows, longest):
    """Return how many words each review has, drawn with a fixed seed, in the order in which they are trained.

    One length is drawn from each of `rows` equal parts of the distribution, so that even a few hundred rows have its
    mean. They come in windows of `WINDOW` rows, each sorted by length, so that reviews of about the same length meet in
    a batch.
    """
    generator = np.random.default_rng(0)
    shares = generator.permutation((np.arange(rows) + generator.uniform(size=rows)) / rows)
    drawn = REVIEW_MEDIAN * np.exp(REVIEW_SPREAD * np.array([NormalDist().inv_cdf(share) for share in shares]))
    drawn = np.clip(drawn.astype("int32"), SHORTEST_REVIEW, longest)
    return np.concatenate([np.sort(drawn[start : start + WINDOW]) for start in range(0, rows, WINDOW)])


def arrays(work):
    """Return inputs ``(rows, time)`` or ``(rows, time, features)``, targets ``(rows, 1)`` and the lengths ``(rows,)``.

    Tokens are drawn evenly from 1 to 4,999; 0 is padding. Targets are 0 or 1 for tokens, else the mean of the inputs.
    """
    generator = np.random.default_rng(1)
    lengths = np.full(work.rows, work.time, "int32")
    if work.features:
        x = generator.normal(size=(work.rows, work.time, work.features)).astype("float32")
        return x, x.mean(axis=(1, 2))[:, None], lengths
    if work.reviews:
        lengths = review_lengths(work.rows, work.time)
    x = generator.integers(1, VOCABULARY, size=(work.rows, work.time)).astype("int32")
    x[np.arange(work.time) < work.time - lengths[:, None]] = 0
    return x, generator.integers(0, 2, size=(work.rows, 1)).astype("float32"), lengths


def gflop(work):
    """Return the multiplications and additions of a step's products in 10⁹: of the recurrent layer and the convolution.

    Forward every row has, in each time step, ``(inputs + units) × gates × units`` multiplications and as many additions.
    Backward the gradient of the kernels takes as many again, that of the state ``units × gates × units``, and that of
    the inputs ``inputs × gates × units`` where a layer below learns. For imdb-lstm: 3 × 2 × 64 × 500 × 132 × 400 = 10.1.
    Embedding, activations, the Dense layer and Adam are not counted. Of reviews only the words are.
    """
    time, inputs = work.walked
    if work.reviews:
        time = float(review_lengths(work.rows, work.time).mean())
    columns = (4 if work.cell == "LSTM" else 3) * work.units
    both = inputs + work.units
    products = both if work.predicts else 2 * both + work.units + (0 if work.features else inputs)
    total = 2 * work.batch * time * products * columns
    if work.convolution:
        total += 3 * 2 * work.batch * work.time * (3 * EMBEDDING) * EMBEDDING
    return total / 1e9


def least_megabytes(work):
    """Return what a training step has to write to memory and read again at the least, in 10⁶ bytes.

    The walk back needs the gates, the outputs and (in an LSTM) the cell states of every row and time step: written once
    and read once, as float32. The inputs are written, read forward and read backward, and their gradient is written and
    read. Whoever writes the projected inputs, or the gradients of the gates, moves a third to twice as much again.
    """
    time, inputs = work.walked
    kept = (4 + 2 if work.cell == "LSTM" else 3 + 1) * work.units
    return 4 * work.batch * time * (2 * kept + 5 * inputs) / 1e6


# What growth.py varies, one at a time, and who is compared there.
BASE = {"time": 500, "batch": 64, "units": 100}
AXES = {
    "time": (50, 150, 500, 1500, 5000),
    "batch": (1, 4, 16, 64, 256, 1024),
    "units": (4, 8, 16, 32, 64, 128, 256, 512),
}
COMPARED = ("gatewise", "gatewise-scan", "keras-jax")
# A timed run does about so much work, in 10⁹ operations, and at most so many steps, few of them in an epoch: the data is
# not to be larger than what a step needs.
_WORK_OF_A_RUN, _MOST_STEPS, _STEPS_OF_AN_EPOCH = 48.0, 64, 4


def _point(axis, value):
    sizes = {**BASE, axis: value}
    work = Work(f"{axis}-{value}", f"LSTM, {axis} {value}", "LSTM", steps=1, features=32, runners=COMPARED, **sizes)
    steps = min(max(_WORK_OF_A_RUN / gflop(work), 1), _MOST_STEPS)
    epochs = -(-steps // _STEPS_OF_AN_EPOCH)
    return replace(work, steps=int(steps / epochs), epochs=int(epochs))


POINTS = {f"{axis}-{value}": _point(axis, value) for axis, values in AXES.items() for value in values}
