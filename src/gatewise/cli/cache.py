"""``gatewise cache``: where compiled programs and data sets are kept, how large they are, how to be rid of them."""

import typer

from gatewise.cli.options import Debug, Quiet

cache = typer.Typer(rich_markup_mode=None)


@cache.callback(invoke_without_command=True)
def show(context: typer.Context, debug: Debug = False) -> None:
    """Show where compiled programs and data sets are kept, and how large they are.

    GATEWISE_CACHE names another folder; GATEWISE_CACHE=off switches the cache off.
    """
    if context.invoked_subcommand is not None:
        return
    from gatewise import backend

    root = backend.cache_root()
    if root is None:
        typer.echo("The cache is switched off (GATEWISE_CACHE).")
        return
    files, size = backend.cache_size()
    typer.echo(f"{root}\t{_files(files)}\t{_size(size)}")


@cache.command()
def clear(quiet: Quiet = False, debug: Debug = False) -> None:
    """Delete compiled programs and data sets; they are made or fetched again when they are needed."""
    from gatewise import backend

    files, size = backend.clear_cache()
    if not quiet:
        typer.echo(f"deleted {_files(files)}, {_size(size)}", err=True)


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
