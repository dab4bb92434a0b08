"""What can be done from the shell? The commands of `jaxinterp`, and all that they print."""

import sys

from jaxinterp.cli.commands import command
from jaxinterp.cli.shell import Format, config_to_start_from, guarded, parse, progress_bar, show

__all__ = ["Format", "config_to_start_from", "guarded", "main", "parse", "progress_bar", "show"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    return guarded(command, sys.argv[1:] if arguments is None else list(arguments))
