"""The command `jaxinterp`, which is `python -m jaxinterp` too, and `jaxinterp-sweep`."""

import os
import sys

from jaxinterp import interrupts

# JAX uses every core. Threads of NumPy's that wait for each other beside it take twenty times as long for a product of
# small matrices; NumPy reads this when it is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main() -> int:
    """Run the command line and return the exit code."""
    interrupts.end_process()
    from jaxinterp import cli  # here, so that Ctrl-C has its line while this loads

    return cli.main()


def sweep() -> int:
    """Run `jaxinterp-sweep` and return the exit code."""
    interrupts.end_process()
    from jaxinterp.cli import sweep

    return sweep.main()


if __name__ == "__main__":
    sys.exit(main())
