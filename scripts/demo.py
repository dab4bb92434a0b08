"""How was checkpoints/demo made? Eight networks of study 3, its answers, and the README's picture.

    python scripts/demo.py

takes about half a minute on two cores, replaces checkpoints/demo/, and should reach a test accuracy of about .963.
"""

import shutil
import sys
from pathlib import Path

from jaxinterp import cli

FOLDER = Path(__file__).parents[1] / "checkpoints" / "demo"
STUDY = "instance-variation"


def make(_: list[str]) -> None:
    """Train, ask, draw."""
    from jaxinterp import jobs, recipes, report, studies

    shutil.rmtree(FOLDER, ignore_errors=True)
    config = recipes.config(STUDY, seeds=8)
    with cli.progress_bar() as update:
        jobs.train_run(FOLDER, config, progress=lambda state: update("demo", state))
    figure = report.FIGURES[STUDY](studies.run(STUDY, FOLDER).record)[0]
    figure.savefig(FOLDER / "picture.png", dpi=110)


if __name__ == "__main__":
    sys.exit(cli.guarded(make, sys.argv[1:]))
