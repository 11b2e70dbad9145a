"""The command line: parse, call the front door, print.

In: words typed. Out: data on stdout, talk on stderr, an exit status by the class of what went wrong (see
`gatewise.errors`). Nothing imports this room. Modules here load heavy libraries inside the commands, so that
``gatewise --help`` answers at once.
"""

from gatewise.cli.app import main as main
