"""How was checkpoints/demo made? It has eight networks of study 3 and its results; `screenshot.py` makes the picture.

    python scripts/demo.py

takes about half a minute on two cores, replaces the run in checkpoints/demo/, and should reach a test accuracy of about
.963.
"""

import shutil
import sys
from pathlib import Path

from jaxinterp import cli

FOLDER = Path(__file__).parents[1] / "checkpoints" / "demo"
STUDY = "instance-variation"


def make(_: list[str]) -> None:
    """Train the networks and run the study."""
    from jaxinterp import jobs, recipes, studies

    for part in FOLDER.glob("*"):
        if part.is_dir():
            shutil.rmtree(part)
        elif part.name != "picture.png":
            part.unlink()
    config = recipes.config(STUDY, seeds=8)
    with cli.progress_bar() as update:
        jobs.train_run(FOLDER, config, progress=lambda state: update("demo", state))
    studies.run(STUDY, FOLDER)


if __name__ == "__main__":
    sys.exit(cli.guarded(make, sys.argv[1:]))
