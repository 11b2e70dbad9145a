"""What every block of series is forecast with: chosen, trained and measured once, on a sample, and sent round as bytes."""

import json
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from gatewise.artifact import tensors
from gatewise.artifact.manifest import parse_json
from gatewise.forecasting.choosing.bands import UsualSizes
from gatewise.forecasting.choosing.judgement import UsualErrors
from gatewise.forecasting.covariates import Texts
from gatewise.forecasting.engines.lots import Draw
from gatewise.forecasting.networks.global_networks import TrainedNetworks, restore
from gatewise.forecasting.networks.local_networks import LocalNetworks

_WHERE = "what is sent round"
_ENTRIES = "entries"


@dataclass(frozen=True, eq=False)
class Shared:
    """What a sample of the series has decided for all of them.

    Attributes:
        horizon: Steps to forecast.
        network_only: Whether baselines have no weight.
        seed: Where all randomness comes from.
        draw: Which block a series is in.
        alone: Whether there is one series only, which is then not drawn to others.
        season_length: Steps in a season.
        freq: The step of the series, as `read_series` takes it; None where each has one value.
        kind: Of the times, ``"M"`` for dates and ``"i"`` for whole numbers.
        texts: Of static covariates that are texts, those that have a column.
        width: Columns of a panel, at least.
        steps_back: The cutoffs, and 0 for the end, ``(windows,)``.
        trained_at: At which of them the networks were trained that forecast from each, ``(windows,)``.
        baselines: Each with from how many cutoffs it forecasts where it takes time, else 0.
        once: Whether these are estimated once for all past cutoffs; see `SlowBaselines`.
        networks: Local networks, to be trained with each series, or trained ones by cutoff.
        levels: Of the intervals, in per cent.
        usual: What the errors of a series are drawn to.
        sizes: What its intervals are drawn to; NaN where no series was long enough for forecasts from past cutoffs.
        sentences: What was chosen.
    """

    horizon: int
    network_only: bool
    seed: int
    draw: Draw
    alone: bool
    season_length: int
    freq: str | int | None
    kind: str
    texts: Texts
    width: int
    steps_back: Int64[np.ndarray, " windows"]
    trained_at: Int64[np.ndarray, " windows"]
    baselines: tuple[tuple[str, int], ...]
    once: bool
    networks: tuple[LocalNetworks | dict[int, TrainedNetworks], ...]
    levels: Float64[np.ndarray, " levels"]
    usual: UsualErrors
    sizes: UsualSizes
    sentences: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """Return it without code: arrays as safetensors, and the rest in one of them as JSON."""
        entries: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        entries |= {"draw": astuple(self.draw), "usual_series": self.usual.series, "networks": []}
        arrays = {
            **{name: getattr(self, name) for name in ("steps_back", "trained_at", "levels")},
            **{f"usual/{name}": getattr(self.usual, name) for name in ("methods", "networks")},
            **{f"sizes/{name}": getattr(self.sizes, name) for name in UsualSizes._fields},
        }
        for place, networks in enumerate(self.networks):
            if isinstance(networks, LocalNetworks):
                entries["networks"].append({"local": networks.specification()})
                continue
            entries["networks"].append({"trained": {str(at): one.specification() for at, one in networks.items()}})
            for at, one in networks.items():
                arrays |= {f"networks/{place}/{at}/{name}": array for name, array in one.arrays().items()}
        arrays[_ENTRIES] = np.frombuffer(json.dumps(entries).encode(), np.uint8)
        return tensors.encode(arrays)


_PLAIN = (
    "horizon",
    "network_only",
    "seed",
    "alone",
    "season_length",
    "freq",
    "kind",
    "texts",
    "width",
    "baselines",
    "once",
    "sentences",
)


@lru_cache(maxsize=2)
def shared_from(data: bytes) -> Shared:
    """Return what `Shared.to_bytes` gave, once for all blocks of a process."""
    arrays = tensors.decode(data, _WHERE)
    entries = parse_json(arrays[_ENTRIES].tobytes(), _WHERE)
    networks: list[Any] = []
    for place, entry in enumerate(entries["networks"]):
        if "local" in entry:
            networks.append(LocalNetworks.restore(entry["local"]))
            continue
        trained = {}
        for at, specification in entry["trained"].items():
            start = f"networks/{place}/{at}/"
            own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
            trained[int(at)] = restore(specification, own)
        networks.append(trained)
    plain: dict[str, Any] = {name: entries[name] for name in _PLAIN}
    plain |= {"baselines": tuple(map(tuple, plain["baselines"])), "sentences": tuple(plain["sentences"])}
    return Shared(
        **plain,
        draw=Draw(*entries["draw"]),
        networks=tuple(networks),
        steps_back=arrays["steps_back"],
        trained_at=arrays["trained_at"],
        levels=arrays["levels"],
        usual=UsualErrors(arrays["usual/methods"], arrays["usual/networks"], entries["usual_series"]),
        sizes=UsualSizes(
            arrays["sizes/steps"],
            arrays["sizes/quantiles"],
            *(float(arrays[f"sizes/{name}"]) for name in ("windows", "slope")),
        ),
    )
