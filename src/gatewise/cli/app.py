"""All commands together, and the one place that turns errors into a sentence and an exit status."""

import difflib
import gc
import os
import re
import sys
import traceback
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, NoReturn, TextIO

import typer

from gatewise.backend import check_switches
from gatewise.cli.backtest import backtest
from gatewise.cli.bench import bench
from gatewise.cli.cache import cache
from gatewise.cli.classify import classify
from gatewise.cli.explain import explain
from gatewise.cli.forecast import forecast
from gatewise.cli.inspect import inspect
from gatewise.cli.interrupts import remembered_interrupts
from gatewise.cli.predict import predict, update
from gatewise.cli.recipes import recipes
from gatewise.cli.series import series
from gatewise.cli.serve import serve
from gatewise.cli.warmup import warmup
from gatewise.cli.wording import as_typed, flags_of
from gatewise.errors import EnvironmentFault, GatewiseError, GatewiseWarning, Interrupted, UsageError
from gatewise.version import __version__

app = typer.Typer(
    name="gatewise",
    add_completion=False,
    # Plain help: rich takes longer to import than everything else together, and its boxes do not go through grep.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=(
        "Data goes to stdout, talk to stderr. Exit status: 0 done, 1 a fault of gatewise itself, 2 usage, 3 bad data, "
        "4 model refused, 5 environment (disk, permissions), 130 interrupted."
    ),
)
# One line a command: add yours here.
app.add_typer(recipes, name="recipes")
app.command("series")(series)
app.command("classify")(classify)
app.command("forecast")(forecast)
app.command("backtest")(backtest)
app.command("predict")(predict)
app.command("update")(update)
app.command("inspect")(inspect)
app.command("explain")(explain)
app.command("serve")(serve)
app.command("bench")(bench)
app.command("warmup")(warmup)
app.add_typer(cache, name="cache")

# The class above BadParameter, which every fault in what was typed has. Only BadParameter is a public name: newer
# versions of typer bring a click of their own.
_Mistyped: type[Exception] = typer.BadParameter.mro()[1]

# What a shell reports for a program that wrote into a closed pipe.
_BROKEN_PIPE = 141


@app.callback(invoke_without_command=True)
def gatewise(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Recurrent networks for forecasting and text, on the machine you have."""
    if version:
        typer.echo(f"gatewise {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
    else:
        check_switches()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit status.

    Args:
        arguments: What was typed after ``gatewise``; None takes it from ``sys.argv``.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal or pipe that has no µ or → gets a ? there, not an error.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    # Keras loads scikit-learn, where it is installed, for wrappers that no command has: a third of the time that it takes.
    sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]
    # What is loaded stays, and looking it through for what is to be collected takes a tenth of loading it.
    gc.set_threshold(50_000, 20, 100)
    raise SystemExit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status; see `main`."""
    try:
        with warnings.catch_warnings(), remembered_interrupts():
            warnings.showwarning = partial(_show_warning, arguments)
            _invoke(list(arguments))
        sys.stdout.flush()
    except typer.Exit as leave:
        return leave.exit_code
    except BrokenPipeError:
        # Somebody's `head` has seen enough.
        _drop_output()
        return _BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, OSError):
            _drop_output()
        if "--debug" in arguments:
            traceback.print_exc()
        sentence, status = _answer(error, arguments)
        print(" ".join(sentence.split()), file=sys.stderr)
        return status
    return 0


def _invoke(arguments: list[str]) -> None:
    command = typer.main.get_command(app)
    with command.make_context("gatewise", arguments) as context:
        command.invoke(context)


def _typed(message: object, arguments: Sequence[str]) -> str:
    """Return a sentence of the rooms below with the flags of the command that was typed."""
    return as_typed(str(message), flags_of(typer.main.get_command(app), arguments))


def _drop_output() -> None:
    """Where stdout takes nothing more, send what Python still holds for it to nowhere, or it would complain at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(
    arguments: Sequence[str],
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show gatewise's own warnings as a sentence; those of libraries are about their code, not about what was typed."""
    if issubclass(category, GatewiseWarning):
        print(f"warning: {' '.join(_typed(message, arguments).split())}", file=sys.stderr)


def _answer(error: BaseException, arguments: Sequence[str]) -> tuple[str, int]:
    """Return what to say about an error, and the exit status."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        # CPython remembers an interrupt that came up in `exec`, as where libraries make named tuples while they are imported,
        # and would end by that signal whatever is caught and returned; it forgets when the next `exec` begins.
        exec("")
        # What an Interrupted keeps for a caller in Python is gone with the process, so its message is not for here.
        return "interrupted", Interrupted.exit_status
    if isinstance(error, GatewiseError):
        return f"error: {_typed(error, arguments)}", error.exit_status
    if isinstance(error, OSError):
        where = f" {error.filename!r}" if error.filename else ""
        return (
            f"error: The system refused to read or write{where}: {error.strerror or error}.",
            EnvironmentFault.exit_status,
        )
    if isinstance(error, _Mistyped):
        return f"error: {_mistyped(error)}", UsageError.exit_status
    return (
        f"error: gatewise itself failed ({type(error).__name__}: {error}): run it again with --debug for a traceback.",
        GatewiseError.exit_status,
    )


def _mistyped(error: Any) -> str:
    """Return a parser's complaint as our sentence, with the nearest spelling."""
    path = "gatewise" if error.ctx is None else error.ctx.command_path
    # The parser of newer typers speaks of strings.
    message = error.format_message()
    for kind, wanted in (("integer", "a whole number"), ("number", "a number")):
        message = re.sub(rf"Input should be a valid {kind}\b.*", f"give {wanted}", message)
    option = getattr(error, "option_name", None)
    if option is not None and message.startswith("No such option"):
        known = [name for parameter in error.ctx.command.params for name in parameter.opts + parameter.secondary_opts]
        return f"{path!r} has no option {option}: {_nearest(option, known, path)}"
    command = re.fullmatch("No such command '([^']*)'.*", message)
    if command is not None:
        return f"{path!r} has no command {command[1]!r}: {_nearest(command[1], list(error.ctx.command.commands), path)}"
    return f"{message.rstrip('.')}: see '{path} --help'."


def _nearest(word: str, known: list[str], path: str) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"see '{path} --help'."
