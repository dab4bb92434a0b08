"""What does Ctrl-C do? It ends a command at once, with one line and exit code 130.

Not by an exception: libraries turn a KeyboardInterrupt that meets them in a callback, an event loop or an import into
other errors, or drop it. Nothing needs to be tidied up, since a run survives a killed process at any moment.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

MESSAGE = (
    "jaxinterp: interrupted; finished work is kept. To continue, repeat the command (train: --resume RUN; "
    "jaxinterp-sweep: add --resume)"
)
CODE = 130
_SHOW_CURSOR = "\x1b[?25h\n"  # which a progress bar hides


def end_process() -> Callable[[], object]:
    """From now on, Ctrl-C ends the process. Returns what undoes that.

    Ctrl-C is left as it is where it means something else already, as in the background of a shell, where it is ignored,
    and in an interactive Python, which lives on: it raises KeyboardInterrupt there.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or hasattr(sys, "ps1") or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return lambda: None
    signal.signal(signal.SIGINT, _end)
    return lambda: signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    with suppress(Exception):  # closed, or in use at this moment
        sys.stdout.flush()
    with suppress(Exception):
        stderr = sys.stderr.fileno()  # not always 2: see processes.py
        os.write(stderr, f"{_SHOW_CURSOR if os.isatty(stderr) else ''}{MESSAGE}\n".encode())
    os._exit(CODE)
