"""The command `jaxinterp`, which is `python -m jaxinterp` too, and `jaxinterp-sweep`."""

import sys

from jaxinterp import interrupts


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
