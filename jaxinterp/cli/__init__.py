"""What can be done from the shell? The commands of `jaxinterp`, and all that they print."""

import sys

from jaxinterp.cli.commands import command
from jaxinterp.cli.shell import (
    Format,
    config_to_start_from,
    folder_in,
    guarded,
    parse,
    progress_bar,
    quieten_libraries,
    show,
)

__all__ = ["Format", "config_to_start_from", "folder_in", "guarded", "main", "parse", "progress_bar", "show"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command, by default that of the command line, and return the exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
        if "--debug" not in arguments:
            quieten_libraries()
    return guarded(command, list(arguments))
