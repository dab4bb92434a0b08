"""Ctrl-C in real processes: whatever a library does with interruptions, one line and exit code 130."""

import subprocess
import sys

import pytest

from jaxinterp import interrupts

CTRL_C = "signal.raise_signal(signal.SIGINT)"
MOMENTS = {
    "plainly": CTRL_C,
    "where all errors are dropped": f"try:\n    {CTRL_C}\nexcept BaseException: pass",
    "where errors become others": f"try:\n    {CTRL_C}\nexcept BaseException as error: raise ValueError() from error",
    "in an event loop": f"async def work(): {CTRL_C}\nimport asyncio\nasyncio.run(work())",
    "in a finaliser": f"class Held:\n    def __del__(self): {CTRL_C}\nHeld()",
    "while another error is handled": f"try: 1 / 0\nexcept ZeroDivisionError: {CTRL_C}",
    "by another thread": "import threading, time\nthreading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))"
    ".start()\ntime.sleep(60)",
    "while something is printed": "class Printed:\n    def flush(self): raise RuntimeError('reentrant call')\n"
    f"sys.stdout = Printed()\n{CTRL_C}",
    "at the end": f"import atexit\natexit.register(lambda: {CTRL_C})\nsys.exit()",
}


def run(program, before="signal.signal(signal.SIGINT, signal.default_int_handler)"):
    lines = ["import os, signal, sys", before, "from jaxinterp import interrupts", "undo = interrupts.end_process()"]
    command = [sys.executable, "-c", "\n".join([*lines, program, "print('it went on')"])]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("moment", MOMENTS)
def test_it_ends_the_process_at_any_moment(moment):
    done = run(MOMENTS[moment])
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{interrupts.MESSAGE}\n")


def test_what_was_printed_before_is_not_lost():
    assert run(f"print('printed', end='')\n{CTRL_C}").stdout == "printed"


def test_it_is_an_exception_again_afterwards():
    done = run(f"undo()\ntry:\n    {CTRL_C}\nexcept KeyboardInterrupt: print('caught')")
    assert (done.returncode, done.stdout) == (0, "caught\nit went on\n")


@pytest.mark.parametrize("before", ["signal.signal(signal.SIGINT, signal.SIG_IGN)", "sys.ps1 = '>>> '"])
def test_it_is_left_alone_in_the_background_and_in_an_interactive_python(before):
    done = run(f"try:\n    {CTRL_C}\nexcept KeyboardInterrupt: pass", before)
    assert (done.returncode, done.stdout, done.stderr) == (0, "it went on\n", "")
