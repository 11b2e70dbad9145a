"""``gatewise bench``: how fast gatewise trains on this machine, beside the peers that are installed."""

from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.options import Debug, Json, Quiet

if TYPE_CHECKING:
    from gatewise.recipes.speed import Measurement


def bench(
    workload: Annotated[
        list[str] | None, typer.Option("--workload", metavar="NAME", help="Only this network; may be given again.")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", metavar="N", help="Timed runs of each, at least.")] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="A twentieth of the work; start-up costs then weigh more.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Time one training step on this machine: gatewise, Keras and PyTorch, each in a process of its own.

    Keras on JAX always takes part; Keras on TensorFlow or PyTorch and a plain PyTorch loop do where they are
    installed (pip install torch tensorflow-cpu). Everything runs on the CPU.

    \b
    Examples:
      gatewise bench                                     everything: minutes
      gatewise bench --quick --workload lstm-time-steps  one network, roughly
      gatewise bench --json > bench.json                 every raw timing, with the machine
    """  # noqa: D301  (the backspace tells the help not to fold the lines below it)
    from gatewise.cli.tables import print_table
    from gatewise.recipes.speed import RUNNERS, WORKLOADS, measure_all, tables

    names = list(dict.fromkeys(workload)) if workload else list(WORKLOADS)
    progress = None if quiet else _say
    results = measure_all(names, list(RUNNERS), repeats=repeats, quick=quick, progress=progress)
    if as_json:
        typer.echo(results.to_json(), nl=False)
        return
    print_table(tables.HEADER, tables.rows(results), left=2)
    networks = [f"{name}: {WORKLOADS[name].title}" for name in names]
    for line in [*tables.remarks(results), *networks, tables.machine_line(results)]:
        typer.echo(line)


def _say(done: int, total: int, one: "Measurement") -> None:
    """Say on stderr which measurement is done, and which share of all that is."""
    from gatewise.recipes.speed.tables import sentence

    typer.echo(f"[{done}/{total}] {sentence(one)}", err=True)
