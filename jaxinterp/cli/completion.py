"""How does a shell complete commands, options and paths? By a script that tyro writes from the parser."""

import contextlib
import io
from collections.abc import Callable

_FOUND, _FILES = "get_completions(words, current_index, COMPLETION_SPEC)", "__TYRO_COMPLETE_FILES__"
_CHANGES = {
    # tyro completes no positional arguments. Where it knows nothing, files are completed, as it does for options.
    _FOUND: f"{_FOUND} or ['{_FILES}']",
    # bash's own completion of files goes on into folders.
    'COMPREPLY=($(compgen -f -- "$cur"))': "COMPREPLY=()",
    "complete -F ": "complete -o default -F ",
    # fish chooses among all files and all that the script prints.
    "complete --no-files ": "complete ",
}


def script(parser: Callable[[list[str]], object], shell: str) -> str:
    """The script for a shell ("bash", "zsh" or "fish"); parser: parses arguments by tyro."""
    with contextlib.redirect_stdout(io.StringIO()) as written, contextlib.suppress(SystemExit):
        parser(["--tyro-write-completion", shell, "-"])
    text = written.getvalue().lstrip()  # zsh reads its first line
    for old, new in _CHANGES.items():
        text = text.replace(old, new)
    return text
