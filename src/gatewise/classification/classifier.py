"""`TextClassifier`: labelled texts in, calibrated probabilities out."""

import inspect
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float64

from gatewise.classification import saved
from gatewise.classification.arguments import as_plain
from gatewise.classification.asking import PartOfClassifier, ask, ask_quickly, said_of
from gatewise.classification.fitting import Fitted, Plan, run
from gatewise.classification.given_texts import as_given, as_texts, check_one_part, importances, truth_of
from gatewise.classification.held_out import COMBINED, LINEAR, NETWORK, HeldOut
from gatewise.classification.kinds import NETWORKS, kinds_of
from gatewise.classification.refitting import NOTE
from gatewise.classification.specification import Calibration, Linear, Validation, as_spec
from gatewise.classification.thresholds import check_thresholds
from gatewise.classification.unknown_texts import with_shares
from gatewise.datasets import Corpus
from gatewise.datasets.text.wording import listed, short
from gatewise.errors import UsageError
from gatewise.progress import Progress, shown

if TYPE_CHECKING:
    from gatewise.classification.explanation import Explanation


class TextClassifier:
    """A classifier of texts: networks and a linear model, and their validated combination.

    Conventions are scikit-learn's. Texts have one of several classes, or any number of them (a corpus with several labels,
    or a matrix of truth values).

    Args:
        network: The networks: a `Network`, or the name of a cell for one; a recipe on movie reviews, or its name; a
            function that takes the number of words and of outputs and returns a Keras model that reads token numbers
            ``(texts, time)``; or several of these, which take turns. ``()`` for the linear model alone. Default: an LSTM and a
            convolution.
        minutes: How long training may take; it decides how many networks are trained. The first one always is, however long
            it takes.
        network_only: Whether only the networks are asked. The linear model is trained all the same, to compare with.
        linear: A `Linear`.
        validation: A `Validation`, or the number of folds.
        class_weight: How much classes count: ``"balanced"``, or a dict; None for all alike. Probabilities stay those of
            the training texts; decisions weigh them.
        calibration: A `Calibration`, ``"temperature"`` or ``"isotonic"``; None for probabilities as they come.
        seed: Where weights, order and dropout come from.

    Attributes:
        classes_: The classes as they were given, ``(classes,)``.
        multi_label_: Whether a text may have several, or none.
        linear_: The linear model, as a classifier of its own with ``predict_proba``.
        network_: The networks likewise; None where there are none.
        validation_: Probabilities of the training texts by models that did not know them, a `HeldOut`.
        thresholds_: From which probability on a class is given, where a text may have several.
        seconds_: How long each part of the training took.
        notes_: What was found out, a sentence each.

    Example:
        >>> import gatewise as gw
        >>> texts = ["a good film", "good fun", "so good", "a bad film", "bad taste", "so bad"] * 4
        >>> classifier = gw.TextClassifier(network=()).fit(texts, ["pos", "pos", "pos", "neg", "neg", "neg"] * 4)
        >>> classifier.predict(["a good one"]).tolist()
        ['pos']
    """

    def __init__(
        self,
        *,
        network: Any = None,
        minutes: float = 10.0,
        network_only: bool = False,
        linear: Linear | None = None,
        validation: Validation | int | None = None,
        class_weight: Any = None,
        calibration: Calibration | Literal["temperature", "isotonic"] | None = "temperature",
        seed: int = 0,
    ) -> None:
        self.network = network
        self.minutes = minutes
        self.network_only = network_only
        self.linear = linear
        self.validation = validation
        self.class_weight = class_weight
        self.calibration = calibration
        self.seed = seed

    def fit(self, texts: Any, labels: Any = None, *, progress: Progress | bool = True) -> "TextClassifier":
        """Learn from labelled texts.

        Args:
            texts: A `Corpus`, of which the training part is taken (`notes_` says how many texts a validation part has); or
                texts.
            labels: Of texts that are no corpus: one label each, or a matrix of truth values ``(texts, classes)``.
            progress: True for a bar, on a terminal or in a notebook; False for none; or what is called with the share that
                is done, from 0 to 1, and with what is being done.

        Raises:
            UsageError: An argument that cannot be meant.
            DataError: Texts or labels that cannot be learnt from.
        """
        plan = self._plan()
        given = as_given(texts, labels)
        importance, weights = importances(self.class_weight, given)
        check_thresholds(plan.calibration, len(given.classes), given.corpus.multi_label)
        with shown(progress) as told:
            fitted = run(plan, given, importance, weights, told)
        once_more = (NOTE,) if plan.kinds and plan.validation.refit else ()
        fitted.notes = (*given.notes, *fitted.notes, *once_more)
        self._take(fitted, given.classes)
        return self

    def predict_proba(
        self, texts: Any, *, quick: bool = False, progress: Progress | bool = True
    ) -> Float64[np.ndarray, "samples classes"]:
        """Return the probability of each class for each text, in the order of `classes_`.

        A text without any known token is given the shares that the classes have among the training texts.

        Args:
            texts: The texts.
            quick: Whether networks are asked about a tenth of the texts alone, those of which the linear model is least
                sure, and of these networks one of each kind. What that is worth, ``validation_.scores("quick")`` says.
            progress: As in `fit`.

        Warns:
            GatewiseWarning: Of some texts no token is known; it says of how many.
        """
        self._check_fitted()
        way = ask_quickly if quick else ask
        with shown(progress) as told:
            return way(self._fitted, as_texts(texts), told)

    def probabilities_of_parts(
        self, texts: Any, *, progress: Progress | bool = True
    ) -> dict[str, Float64[np.ndarray, "samples classes"]]:
        """Return what `predict_proba` returns as "combined", and that of "linear" and "network" alone; each is asked once.

        Args:
            texts: The texts.
            progress: As in `fit`.
        """
        self._check_fitted()
        fitted = self._fitted
        parts = {name: part for name, part in ((LINEAR, fitted.linear), (NETWORK, fitted.network)) if part is not None}
        with shown(progress) as told:
            said = said_of(fitted.vocabulary, [part.model for part in parts.values()], as_texts(texts), told)
        scores = dict(zip(parts, said.scores, strict=True))
        combined = fitted.combination.probabilities(np.stack([scores[name] for name in fitted.asked]))
        found = {name: part.combination.probabilities(scores[name][None]) for name, part in parts.items()}
        return {
            name: with_shares(each, said.known, fitted.shares) for name, each in {COMBINED: combined, **found}.items()
        }

    def predict(self, texts: Any, *, quick: bool = False, progress: Progress | bool = True) -> np.ndarray:
        """Return the class of each text ``(samples,)``; where it may have several, truth values ``(samples, classes)``.

        Args:
            texts: The texts.
            quick: As in `predict_proba`.
            progress: As in `fit`.
        """
        return self.decide(self.predict_proba(texts, quick=quick, progress=progress))

    def decide(self, probabilities: Float64[np.ndarray, "samples classes"]) -> np.ndarray:
        """Return what `predict` makes of probabilities."""
        self._check_fitted()
        given = self.validation_.decision.given(probabilities)
        return given if self.multi_label_ else self.classes_[given.argmax(axis=1)]

    def explain(self, text: str, label: Any = None) -> "Explanation":
        """Say what each token of a text adds to the log-odds of a class.

        Args:
            text: The text.
            label: The class. Default: the likeliest.

        Raises:
            UsageError: An argument that cannot be meant.
        """
        from gatewise.classification.explanation import explain

        self._check_fitted()
        return explain(self, text, label)

    def score(self, texts: Any, labels: Any = None) -> float:
        """Return the share of texts whose classes are all right.

        Args:
            texts: A `Corpus` of one part, such as ``corpus.test``, or texts.
            labels: Of texts that are no corpus.

        Raises:
            UsageError: A corpus of several parts, or labels are missing.
        """
        self._check_fitted()
        if isinstance(texts, Corpus):
            if labels is not None:
                raise UsageError("labels are given, and a Corpus has its own: leave them out.")
            check_one_part(texts)
            labels = texts.labels if texts.multi_label else np.array(texts.classes)[texts.labels]
        elif labels is None:
            raise UsageError("labels are missing: give score(texts, labels), or a Corpus.")
        given = as_texts(texts)
        truth = truth_of(labels, self.classes_, self.multi_label_, len(given))
        found = self.validation_.decision.given(self.predict_proba(given))
        return float((found == truth).all(axis=1).mean())

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments, as scikit-learn asks for them."""
        return {
            name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"
        }

    def set_params(self, **params: Any) -> "TextClassifier":
        """Change arguments, as scikit-learn does; they count from the next `fit` on.

        Raises:
            UsageError: There is no such argument.
        """
        strange = sorted(set(params) - set(self.get_params()))
        if strange:
            raise UsageError(
                f"TextClassifier has no {listed(strange)}: its arguments are {', '.join(self.get_params())}."
            )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """Say what it is, as scikit-learn asks before a cross-validation or a search; only it calls this."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_label=True),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Save the classifier as a folder without code.

        Args:
            path: The folder to be; its parent must exist.
            overwrite: Whether a saved classifier that is there may be replaced.

        Raises:
            UsageError: Something is in the way, or a network of your own has a part that data alone cannot describe.
            EnvironmentFault: The folder cannot be written.
        """
        self._check_fitted()
        saved.write(path, self._fitted, self.classes_, as_plain(self.get_params()), overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None) -> "TextClassifier":
        """Load what `save` saved, executing nothing of it.

        Args:
            path: The folder.
            custom_objects: Classes and functions of your own that a network was made with, by name.

        Raises:
            ModelFileError: The folder is missing, damaged, foreign or newer.
        """
        fitted, classes, arguments = saved.read(path, custom_objects)
        classifier = cls(**arguments)
        classifier._take(fitted, classes)
        return classifier

    def _plan(self) -> Plan:
        """Check the arguments, and return what they ask for."""
        kinds = kinds_of(NETWORKS if self.network is None else self.network)
        if isinstance(self.minutes, bool) or not isinstance(self.minutes, int | float) or not self.minutes > 0:
            raise UsageError(f"minutes is {short(self.minutes)}: give a number above 0.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer) or not 0 <= self.seed < 2**63:
            raise UsageError(f"seed is {short(self.seed)}: give a whole number of at least 0.")
        if not isinstance(self.network_only, bool) or (self.network_only and not kinds):
            raise UsageError(f"network_only is {short(self.network_only)}: give True, with a network, or False.")
        return Plan(
            kinds=kinds,
            linear=as_spec("linear", self.linear, Linear, lambda value: Linear() if value is None else None),
            validation=as_spec("validation", self.validation, Validation, _as_validation),
            calibration=as_spec("calibration", self.calibration, Calibration, _as_calibration),
            seconds=60.0 * float(self.minutes),
            network_only=self.network_only,
            seed=int(self.seed),
        )

    def _take(self, fitted: Fitted, classes: np.ndarray) -> None:
        self._fitted = fitted
        self.classes_ = classes
        self.multi_label_ = fitted.held_out.several
        self.vocabulary_ = fitted.vocabulary
        self.linear_ = PartOfClassifier(fitted.linear, fitted)
        self.network_ = None if fitted.network is None else PartOfClassifier(fitted.network, fitted)
        self.validation_: HeldOut = fitted.held_out
        self.thresholds_ = fitted.held_out.decision.thresholds
        self.seconds_ = fitted.seconds
        self.notes_ = fitted.notes

    def _check_fitted(self) -> None:
        if not hasattr(self, "_fitted"):
            raise UsageError("This TextClassifier has learnt nothing yet: call fit(texts, labels) first.")

    def __repr__(self) -> str:
        if not hasattr(self, "_fitted"):
            return "<TextClassifier, not fitted>"
        networks = 0 if self._fitted.network is None else len(self._fitted.network.model.trained)
        return f"<TextClassifier of {len(self.classes_)} classes: linear model, {networks} networks>"


def _as_validation(value: Any) -> Validation | None:
    if value is None:
        return Validation()
    return replace(Validation(), folds=value) if isinstance(value, int) and not isinstance(value, bool) else None


def _as_calibration(value: Any) -> Calibration | None:
    return Calibration(value) if value is None or value in ("temperature", "isotonic") else None
