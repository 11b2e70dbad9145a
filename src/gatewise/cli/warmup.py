"""``gatewise warmup``: compile ahead what the first training would compile."""

import time

import typer

from gatewise.cli.options import Debug, Quiet


def warmup(quiet: Quiet = False, debug: Debug = False) -> None:
    """Compile and test the kernels of recurrent layers, a second or two each.

    They stay in the cache (see gatewise cache). Without this, they are compiled by the first training that is large
    enough to gain by it.
    """
    from gatewise.recurrent import warm_up

    started = time.perf_counter()
    for name, fault in warm_up():
        if not quiet:
            seconds = time.perf_counter() - started
            typer.echo(f"{name}: {'ready' if fault is None else fault} ({seconds:.1f} s)", err=True)
        started = time.perf_counter()
