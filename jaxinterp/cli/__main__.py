"""`python -m jaxinterp.cli` is `jaxinterp`."""

import sys

from jaxinterp.cli import main

sys.exit(main())
