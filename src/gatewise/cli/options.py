"""Options that several commands share, so that they are spelled and explained the same everywhere."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite output that exists.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks on stderr.")]
Seed = Annotated[int, typer.Option("--seed", help="The seed that everything random is drawn from.")]
# Read by `gatewise.cli.app.run`, which is where errors arrive; declared so that it parses and shows up in the help.
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
