"""Time one training job in gatewise: ``python -m gatewise.recipes.speed.own JOB_FOLDER``.

The network, the arrays and the result are those of `gatewise.recipes.speed.peers`. The timed call is the whole of
`gw.fit` or `gw.fit_ensemble` as a user calls it, not only the compiled part.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from gatewise.backend import import_keras
from gatewise.recipes.speed.peers import (
    Job,
    Result,
    keras_model,
    peak_bytes,
    read_job,
    steps_in,
    timed,
    timed_runs,
    write_result,
)
from gatewise.training.ensemble import fit_ensemble
from gatewise.training.fit import fit


def time_gatewise(job: Job, x: np.ndarray, y: np.ndarray) -> Result:
    """Time ``gw.fit``, or ``gw.fit_ensemble`` where the job has members."""
    import_keras()  # Before the builder imports Keras by itself: this is what puts it on JAX.
    model = keras_model(job, x)
    settings: dict[str, Any] = {
        "batch_size": job["batch_size"],
        "epochs": job["epochs"],
        "shuffle": job["shuffle"],
        "verbose": 0,
    }

    def train() -> None:
        if job["runner"] == "gatewise-ensemble":
            fit_ensemble(model, x, y, members=job["members"], **settings)
        else:
            fit(model, x, y, **settings)

    # The first call has the number of epochs of all the others: it is part of what is compiled.
    first = timed(train)
    seconds = timed_runs(train, job["repeats"])
    return Result(
        steps=steps_in(job, len(x)),
        first_seconds=first,
        seconds=seconds,
        peak_bytes=peak_bytes(),
        note=None,
        failed=None,
    )


def main() -> None:
    """Do the job in the folder that the command line names."""
    folder = Path(sys.argv[1])
    job, x, y = read_job(folder)
    write_result(folder, lambda: time_gatewise(job, x, y))


if __name__ == "__main__":
    main()
