"""What can be done from the shell? The commands `jaxinterp` and `jaxinterp-sweep`, and all that they print."""

from jaxinterp.cli.commands import main
from jaxinterp.cli.progress import progress_bar
from jaxinterp.cli.shell import Format, config_to_start_from, folder_in, guarded, parse, quieten_libraries, show

__all__ = [
    "Format",
    "config_to_start_from",
    "folder_in",
    "guarded",
    "main",
    "parse",
    "progress_bar",
    "quieten_libraries",
    "show",
]
