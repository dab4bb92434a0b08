"""Which accuracy does each training recipe reach? A table, next to the accuracy that the write-up states.

    python scripts/recipes.py --seeds 16

trains every recipe into checkpoints/recipes/ (about 12 minutes on two cores) and prints a Markdown table. An
interrupted call resumes where it stopped; complete runs are only read.
"""

import sys
from pathlib import Path

import tyro

from jaxinterp import cli


def measure(seeds: int = 16, root: Path = Path("checkpoints/recipes")) -> None:
    """Train every recipe over a number of seeds, and print its accuracy next to the published one.

    Args:
        seeds: networks of each recipe
        root: the folder of these runs
    """
    import numpy as np

    from jaxinterp import jobs, recipes
    from jaxinterp.report import descriptions
    from jaxinterp.stats import SHARE, over_seeds_estimate
    from jaxinterp.train import SPLITS, kept_accuracy

    print("| recipe | networks | published | test accuracy here | range | n |\n|---|---|---|---|---|---|")
    for name, recipe in recipes.RECIPES.items():
        config = recipes.config(name, seeds=seeds)
        with cli.progress_bar() as update:
            run = jobs.train_run(root / name, config, resume=True, progress=lambda state, n=name: update(n, state))
        accuracy = kept_accuracy(run.history)[:, SPLITS.index("test")]
        estimate = over_seeds_estimate(accuracy, bounds=SHARE)
        here = f"{100 * estimate.mean:.2f} ± {100 * estimate.sd:.2f} %"
        spread = f"{100 * np.nanmin(accuracy):.1f} to {100 * np.nanmax(accuracy):.1f} %"
        print(f"| `{name}` | {descriptions.describe(config)} | {recipe.published} | {here} | {spread} | {estimate.n} |")


if __name__ == "__main__":
    sys.exit(cli.guarded(lambda arguments: tyro.cli(measure, args=arguments), sys.argv[1:]))
