"""How was checkpoints/demo made? It has eight networks of study 3 and its results; `screenshot.py` makes the picture.

    python scripts/demo.py

trains the run in checkpoints/demo/ if it has no weights, which should reach a test accuracy of about .963, and
measures the study again, in about half a minute on two cores. To train again, delete checkpoints/demo/ first.
"""

import shutil
import sys
from pathlib import Path

from jaxinterp import cli

FOLDER = Path(__file__).parents[1] / "checkpoints" / "demo"
STUDY = "instance-variation"


def make() -> None:
    """Train the networks of checkpoints/demo unless it has their weights, and measure the study again."""
    from jaxinterp import jobs, recipes, store, studies

    if not store.is_complete(FOLDER):
        config = recipes.config(STUDY, seeds=8)
        with cli.progress_bar() as update:
            jobs.train_run(FOLDER, config, progress=lambda state: update("demo", state))
    shutil.rmtree(FOLDER / "results", ignore_errors=True)
    studies.run(STUDY, FOLDER)
    shutil.rmtree(FOLDER / "results" / STUDY / "parts")  # of the test images: twice as large as all else


if __name__ == "__main__":
    sys.exit(cli.guarded(lambda arguments: cli.parse(make, arguments), sys.argv[1:]))
