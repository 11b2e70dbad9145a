"""What a classifier is made of, as plain frozen values: the arguments of `TextClassifier` with all their parts."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from gatewise.classification.negation import NEGATIONS
from gatewise.datasets.text.wording import listed, short
from gatewise.errors import UsageError

Cell = Literal["lstm", "gru", "rnn", "cnn"]
Method = Literal["temperature", "isotonic"]
Start = Literal["neighbours", "random"]
Maker = Callable[[int, int], Any]


@dataclass(frozen=True)
class Linear:
    """The linear model: logistic regression on the runs of words that are in a text.

    Attributes:
        longest: Words of the longest runs.
        apart: Whether pairs of words with one between them count as well.
        min_texts: In how many training texts a run has to be. A word by itself is known that is there so often, be it in
            one text.
        clusters: Into how many clusters words are put, whose runs count as well; a corpus of few words has fewer or none.
            0 for none.
        negations: Words that deny those behind them, which makes other clusters of these; one with an apostrophe stands for
            all words that end so. English ones, unless others are given.
        endings: Of long texts, the runs of so many last words count once more, by weights of their own; ``()`` for none.
        strength: How much the training texts count against small weights; larger fits closer.
    """

    longest: int = 4
    apart: bool = True
    min_texts: int = 2
    clusters: int = 1500
    negations: tuple[str, ...] = NEGATIONS
    endings: tuple[int, ...] = (120, 25)
    strength: float = 30.0

    def __post_init__(self) -> None:
        _whole(self, "longest", 1, 5)
        _one_of(self, "apart", (True, False))
        _whole(self, "min_texts", 1)
        _whole(self, "clusters", 0)
        if not isinstance(self.negations, tuple) or not all(isinstance(word, str) for word in self.negations):
            raise UsageError(f"Linear.negations is {short(self.negations)}: give a tuple of words, or ().")
        ends = self.endings if isinstance(self.endings, tuple) else (None,)
        if not all(isinstance(words, int) and not isinstance(words, bool) and words > 0 for words in ends):
            raise UsageError(f"Linear.endings is {short(self.endings)}: give a tuple of whole numbers of words, or ().")
        _positive(self, "strength")


@dataclass(frozen=True)
class Network:
    """A network that reads texts in chunks and pools over all words.

    Attributes:
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``, which read forwards and backwards; ``"cnn"``, a convolution.
        units: Units in each direction; of a convolution the number of its filters.
        region: Words that a filter of a convolution sees at once.
        embedding: Numbers that stand for a word.
        vectors: Where the embedding begins: ``"neighbours"``, vectors of the words near each word in the training texts;
            ``"random"``; or a text file in the format of GloVe or word2vec.
        embedding_rate: How much slower than the rest the embedding is learnt.
        max_words: How many words the network knows.
        runs: Words of the longest runs that have short vectors of their own; 1 for none.
        run_texts: In how many training texts a run has to be.
        run_embedding: Numbers that stand for a run.
        chunk: Words that are read together.
        word_dropout: Share of the words that are left out in a step.
        embedding_dropout: Share of the numbers of all words that are left out in a step.
        dropout: Share of what was pooled that is left out in a step.
        learning_rate: Of Adam, at the beginning; it falls to almost zero.
        epochs: How often all texts are read; None for as often as suits their number.
        batch_texts: Texts of a step, about.
        patience: Stop when so many epochs brought nothing to the texts held out; None to go through all epochs.
        members: Networks to be trained, each without the texts of one fold; None for as many as the time allows.
    """

    cell: Cell = "lstm"
    units: int = 64
    region: int = 3
    embedding: int = 64
    vectors: Start | str | Path = "neighbours"
    embedding_rate: float = 0.3
    max_words: int = 30_000
    runs: int = 1
    run_texts: int = 10
    run_embedding: int = 4
    chunk: int = 50
    word_dropout: float = 0.2
    embedding_dropout: float = 0.0
    dropout: float = 0.5
    learning_rate: float = 1e-2
    epochs: int | None = None
    batch_texts: int = 40
    patience: int | None = None
    members: int | None = None

    @property
    def known_runs(self) -> tuple[int, int, int] | None:
        """Which runs have vectors: of how many words, in how many texts, of how many words that are known; None for none."""
        return (self.runs, self.run_texts, self.max_words) if self.runs > 1 else None

    def __post_init__(self) -> None:
        _one_of(self, "cell", get_args(Cell))
        for name in ("units", "region", "embedding", "run_texts", "run_embedding", "max_words", "chunk", "batch_texts"):
            _whole(self, name, 1)
        _whole(self, "runs", 1, 5)
        for name in ("epochs", "patience", "members"):
            if getattr(self, name) is not None:
                _whole(self, name, 1)
        for name in ("word_dropout", "embedding_dropout", "dropout"):
            _share(self, name)
        for name in ("embedding_rate", "learning_rate"):
            _positive(self, name)
        if not isinstance(self.vectors, str | Path):
            raise UsageError(
                f"Network.vectors is {short(self.vectors)}: give 'neighbours', 'random' or the path of a text file."
            )


@dataclass(frozen=True)
class Rows:
    """A network of somebody else's, which reads each text as one row of token numbers.

    Attributes:
        make: Called with the number of words and of outputs, returns a Keras model that reads ``(texts, time)``.
        words: How many words it knows, the most frequent ones; None for all.
        epochs: How often all texts are read; None for as often as suits their number.
        batch_texts: Texts of a step.
        name: What it is called.
    """

    make: Maker
    words: int | None = None
    epochs: int | None = None
    batch_texts: int = 32
    name: str = "own"

    def __post_init__(self) -> None:
        for name in ("words", "epochs"):
            if getattr(self, name) is not None:
                _whole(self, name, 1)
        _whole(self, "batch_texts", 1)


@dataclass(frozen=True)
class Validation:
    """How the training texts are held out from the models that are judged by them.

    Attributes:
        folds: Into how many parts they are cut; each is held out once, as far as there is time.
        refit: Whether each network is trained once more at the end, on all texts and for as many epochs. That takes as long
            again, so that about half as many networks are trained in the same time. What is known of texts held out, and the
            calibration, are of the networks before.
    """

    folds: int = 10
    refit: bool = False

    def __post_init__(self) -> None:
        _whole(self, "folds", 2, 50)
        _one_of(self, "refit", (True, False))


@dataclass(frozen=True)
class Calibration:
    """How numbers become probabilities, and probabilities decisions.

    Attributes:
        method: ``"temperature"``: they are scaled and shifted; ``"isotonic"``: bent by any rising curve as well, which
            needs a thousand texts; None: as the models give them.
        thresholds: From which probability on a class is given: of two classes the second one, where texts may have several
            each of them. ``"half"``; ``"f1"`` for the one that is best for its F1 on the texts held out; or a number between 0
            and 1. Of two classes it decides alone, without the class weights; of more classes the likeliest is given.
    """

    method: Method | None = "temperature"
    thresholds: Literal["half", "f1"] | float = "half"

    def __post_init__(self) -> None:
        if self.method is not None:
            _one_of(self, "method", get_args(Method))
        given = self.thresholds
        if isinstance(given, bool) or not (given in ("half", "f1") if isinstance(given, str) else _between(given)):
            raise UsageError(
                f"Calibration.thresholds is {short(given)}: give 'half', 'f1' or a probability between 0 and 1."
            )


def as_spec(name: str, value: Any, kind: type, shorthand: Callable[[Any], Any] | None = None) -> Any:
    """Return an argument as the value it stands for.

    Args:
        name: Of the argument.
        value: As it was given: None for the default, the value itself, or something that `shorthand` takes.
        kind: The class of the value.
        shorthand: Makes a value of what is written shorter; returns None where it cannot.

    Raises:
        UsageError: It is something else.
    """
    if isinstance(value, kind):
        return value
    made = shorthand(value) if shorthand is not None else None
    if made is None:
        parts = listed([one.name for one in fields(kind)])
        raise UsageError(f"{name} is {short(value)}: give a gw.{kind.__name__}, whose parts are {parts}.")
    return made


def _whole(spec: Any, name: str, least: int, most: int | None = None) -> None:
    value = getattr(spec, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise UsageError(f"{type(spec).__name__}.{name} is {short(value)}: give a whole number {limits}.")


def _share(spec: Any, name: str) -> None:
    value = getattr(spec, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise UsageError(f"{type(spec).__name__}.{name} is {short(value)}: give a share of at least 0 and below 1.")


def _between(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < 1


def _positive(spec: Any, name: str) -> None:
    value = getattr(spec, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UsageError(f"{type(spec).__name__}.{name} is {short(value)}: give a number above 0.")


def _one_of(spec: Any, name: str, choices: tuple[Any, ...]) -> None:
    value = getattr(spec, name)
    if value not in choices:
        raise UsageError(f"{type(spec).__name__}.{name} is {short(value)}: choose one of {listed(choices)}.")
