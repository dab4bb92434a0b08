"""Does a training choice matter more than the random seed? A grid of settings, each compared with the first by seed.

    python scripts/seed_sweep.py --grid train.learning_rate=0.003,0.01,0.03 --recipe bottleneck-neurons --train.seeds 8

trains 24 networks in one compiled program (about 45 s on two cores) into checkpoints/sweep/, one run per arm (setting),
and prints each arm's test accuracy and its difference from the first arm's, paired by seed: 0.03 should be about .015
above 0.01. Resume after an interruption with --resume. In Python: `jaxinterp.sweeps.load("checkpoints/sweep")`.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from jaxinterp import cli
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig


@dataclass(frozen=True)
class SeedSweep:
    """Train every combination of the given settings (arm) with the same seeds; compare each with the first, by seed."""

    grid: tuple[str, ...]
    """config fields and their values, such as train.l1=0,0.001 model.widths=32x16,64x32; every combination is an arm"""
    recipe: str = ""
    """recipe to start from; jaxinterp recipes lists them"""
    name: str = "sweep"
    """name of the sweep's folder in --root"""
    root: Path = Path("checkpoints")
    """where runs are kept"""
    resume: bool = False
    """resume an interrupted sweep, or add arms to a finished one"""
    format: cli.Format = "table"
    """format of the table: for a terminal, or json, csv or markdown"""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def sweep(arguments: list[str]) -> None:
    """Parse the command line, train the arms, print the table."""
    from jaxinterp import sweeps
    from jaxinterp.report import tables

    start = cli.config_to_start_from(arguments)
    default = SeedSweep(tyro.MISSING, start.recipe, data=start.data, model=start.model, train=start.train)
    command = cli.parse(SeedSweep, arguments, prog="seed_sweep.py", description=SeedSweep.__doc__, default=default)
    base = RunConfig(command.data, command.model, command.train, recipe=command.recipe)
    axes = dict(sweeps.parse_axis(axis) for axis in command.grid)
    arms = sweeps.grid(base, axes)
    folder = cli.folder_in(command.root, command.name)
    with cli.progress_bar() as update:
        sweeps.train(folder, arms, resume=command.resume, progress=update)
    runs = sweeps.load(folder)
    title = f"{folder}: {base.train.seeds} seeds per arm"
    cli.show(tables.sweep_table(sweeps.compare({name: runs[name] for name in arms}), title=title), command.format)


if __name__ == "__main__":
    sys.exit(cli.guarded(sweep, sys.argv[1:]))
