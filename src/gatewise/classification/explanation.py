"""Why a text is given a class: what each of its tokens adds to the log-odds of that class, found in two ways.

*Gradient*: how the log-odds would change if a token counted a little less, by the derivative of the networks at the text
(gradient × input; A. Shrikumar and others, Learning Important Features Through Propagating Activation Differences, 2017,
section 2, have it as a baseline), and for the linear model what the token's runs of words add, exactly. *Occlusion*: the
log-odds of the text less those of the text without the token (M. D. Zeiler and R. Fergus, Visualizing and Understanding
Convolutional Networks, 2014, section 4.1). The first sees what the models make of a token where it stands; the second, what
they would say without it.
"""

import html
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from gatewise.classification.chunk_reader import ChunkReader
from gatewise.classification.linear import LinearModel
from gatewise.classification.linear_views import LinearViews
from gatewise.classification.specification import Network
from gatewise.datasets import Sequences, tokenize
from gatewise.datasets.text.vocabulary import UNKNOWN
from gatewise.datasets.text.wording import listed
from gatewise.errors import GatewiseWarning, UsageError

# Of longer texts, neighbouring tokens are left out together.
_MOST_OCCLUSIONS = 256
_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each token of a text adds to the log-odds of one class.

    Attributes:
        classes: The classes.
        probabilities: Of each class, ``(classes,)``.
        explained: The class that is explained, by its position.
        tokens: The text as the classifier reads it.
        known: Whether a token was met in training often enough to be known, ``(tokens,)``.
        gradient: What each token adds, by the derivative, ``(tokens,)``; None where there is a network of which the
            derivative is not known, one of the user's own.
        occlusion: How the log-odds fall when it is left out, ``(tokens,)``.
    """

    classes: tuple[str, ...]
    probabilities: Float64[np.ndarray, " classes"]
    explained: int
    tokens: tuple[str, ...]
    known: Bool[np.ndarray, " tokens"]
    gradient: Float64[np.ndarray, " tokens"] | None
    occlusion: Float64[np.ndarray, " tokens"]

    @property
    def attribution(self) -> Float64[np.ndarray, " tokens"]:
        """What is shown by colours: the gradient, and where there is none the occlusion."""
        return self.occlusion if self.gradient is None else self.gradient

    @property
    def shades(self) -> Float64[np.ndarray, " tokens"]:
        """The attribution as a share of the largest, from -1 (against the class) to 1 (for it)."""
        most = np.abs(self.attribution).max(initial=0.0)
        return self.attribution / most if most else np.zeros(len(self.tokens))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain numbers, strings and lists."""
        return {
            "class": self.classes[self.explained],
            "probabilities": dict(zip(self.classes, self.probabilities.tolist(), strict=True)),
            "tokens": [
                {
                    "token": token,
                    "known": bool(known),
                    "gradient": None if self.gradient is None else float(self.gradient[place]),
                    "occlusion": float(self.occlusion[place]),
                }
                for place, (token, known) in enumerate(zip(self.tokens, self.known, strict=True))
            ],
        }

    def __str__(self) -> str:
        """The tokens that matter most, in words."""
        chosen = self.classes[self.explained]
        order = np.argsort(-np.abs(self.attribution), kind="stable")[:5]
        parts = [f"{self.tokens[place]} {self.attribution[place]:+.2f}" for place in order]
        return f"{chosen} ({self.probabilities[self.explained]:.1%}): {', '.join(parts) or 'no tokens'}"

    def _repr_html_(self) -> str:
        """Show the tokens in colour in a notebook."""
        spans = []
        for token, shade in zip(self.tokens, self.shades.tolist(), strict=True):
            colour = "31, 111, 235" if shade > 0 else "194, 65, 12"
            spans.append(
                f'<span style="background: rgba({colour}, {abs(shade) * 0.6:.2f})">{html.escape(token)}</span>'
            )
        head = f"{self.classes[self.explained]} ({self.probabilities[self.explained]:.1%}): "
        return f"<p>{html.escape(head)}{' '.join(spans)}</p>"


def explain(classifier: Any, text: str, label: Any = None) -> Explanation:
    """Return what each token of a text adds to the log-odds of a class; see `TextClassifier.explain`."""
    if not isinstance(text, str):
        raise UsageError(f"text is a {type(text).__name__}: give one text, a str.")
    names = classifier.classes_.tolist()
    found = classifier.predict_proba([text], progress=False)[0]
    if label is not None and label not in names:
        raise UsageError(f"label is {label!r}: give one of the classes, {listed(names)}, or None for the likeliest.")
    explained = int(found.argmax()) if label is None else names.index(label)
    tokens = tuple(tokenize(text))
    words = classifier.vocabulary_.words_of([text])
    known = words.ids != UNKNOWN
    return Explanation(
        classes=tuple(map(str, names)),
        probabilities=found,
        explained=explained,
        tokens=tokens,
        known=known,
        # Of unknown words alone nothing speaks for a class.
        gradient=_gradient(classifier._fitted, words, found, explained) if known.any() else np.zeros(len(tokens)),
        occlusion=_occlusion(classifier, tokens, explained, float(found[explained])),
    )


def _occlusion(
    classifier: Any, tokens: tuple[str, ...], explained: int, probability: float
) -> Float64[np.ndarray, " tokens"]:
    """Return how the log-odds fall when a token is left out."""
    if not tokens:
        return np.zeros(0)
    size = -(-len(tokens) // _MOST_OCCLUSIONS)
    starts = range(0, len(tokens), size)
    without = [" ".join([*tokens[:start], *tokens[start + size :]]) for start in starts]
    with warnings.catch_warnings():
        # That no token is known may be so only because the one that is was left out.
        warnings.simplefilter("ignore", GatewiseWarning)
        changed = _log_odds(classifier.predict_proba(without, progress=False)[:, explained])
    falls = _log_odds(np.array([probability]))[0] - changed
    sizes = [min(size, len(tokens) - start) for start in starts]
    each: np.ndarray = np.repeat(falls / sizes, sizes)
    return each


def _gradient(
    fitted: Any, words: Sequences, probabilities: Float64[np.ndarray, " classes"], explained: int
) -> Float64[np.ndarray, " tokens"] | None:
    """Return what the models that are asked make of each token, in log-odds of the class, before calibration by curves."""
    wanted = _towards(fitted.combination, probabilities, explained)
    total = np.zeros(len(words.ids))
    for weight, name in zip(fitted.combination.weights.tolist(), fitted.asked, strict=True):
        model = getattr(fitted, name).model
        if isinstance(model, LinearViews):
            for view, share in model:
                total += weight * share * _of_runs(view, words, wanted)
            continue
        for member, share in zip(model.trained, model.shares(), strict=True):
            if not isinstance(model.kinds[member.kind], Network):
                return None
            given = _of_network(model.reader(member.kind), member.weights, words, wanted)
            total += weight * share * given
    return total


def _towards(
    combination: Any, probabilities: Float64[np.ndarray, " classes"], explained: int
) -> Float64[np.ndarray, " outputs"]:
    """Return the derivative of the log-odds of a class by the scores."""
    outputs = len(combination.shifts)
    if outputs == 1 and not combination.several:
        return np.array([1.0 if explained == 1 else -1.0])
    wanted = np.zeros(outputs)
    if not combination.several:
        # Log-odds of one of many are its score less the logarithm of the sum of the others' powers.
        others = probabilities.copy()
        others[explained] = 0
        wanted = -others / max(others.sum(), 1e-12)
    wanted[explained] = 1.0
    return wanted


def _of_runs(
    model: LinearModel, words: Sequences, wanted: Float64[np.ndarray, " outputs"]
) -> Float64[np.ndarray, " tokens"]:
    """Return what the linear model's runs of words add; each shared out evenly among the places and tokens where it is."""
    columns = model.runs.columns(words)
    present = np.unique(np.concatenate([found[found >= 0] for found in columns]))
    total = np.zeros(len(words.ids))
    if not len(present):
        return total
    lengths = np.sqrt(np.maximum(model.squares[present].sum(axis=0), 1e-12))
    adds = (model.weights[present] / lengths) @ wanted
    for steps, found in zip(model.runs.ngrams.steps, columns, strict=True):
        starts = np.flatnonzero(found >= 0)
        place = np.searchsorted(present, found[starts])
        times = np.bincount(place, minlength=len(present))
        share = adds[place] / (times[place] * len(steps))
        for step in steps:
            np.add.at(total, starts + step, share)
    return total


def _of_network(
    reader: ChunkReader, weights: list[Any], words: Sequences, wanted: Float64[np.ndarray, " outputs"]
) -> Float64[np.ndarray, " tokens"]:
    """Return the derivative of a network's score by a factor before each token's vector, where it is 1."""
    import jax
    import jax.numpy as jnp

    reader.put(weights)
    packs = reader.one_text(words)
    inputs = packs.inputs()

    def score(factors: Any) -> Any:
        outputs = reader.network({**inputs, "factors": factors}, training=False)
        return outputs[0, 0] @ jnp.asarray(wanted, outputs.dtype)

    slopes = np.asarray(jax.grad(score)(jnp.ones(packs.words.shape, jnp.float32)), np.float64).ravel()
    total = np.zeros(len(words.ids))
    # What a text has beyond the chunks of a pack is not read, and adds nothing.
    read = min(len(total), len(slopes))
    total[:read] = slopes[:read]
    return total


def _log_odds(probabilities: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
    kept = np.clip(probabilities, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return np.log(kept) - np.log1p(-kept)
