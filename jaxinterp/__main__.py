"""The command `jaxinterp`, which is `python -m jaxinterp` too."""

import sys

from jaxinterp import interrupts


def main() -> int:
    """Run the command line and return the exit code."""
    interrupts.end_process()
    from jaxinterp import cli  # here, so that Ctrl-C has its line while this loads

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
