"""Does a training choice matter more than the random seed? The command `jaxinterp-sweep`: a grid of settings.

    jaxinterp-sweep --grid train.learning_rate=0.003,0.01,0.03 --recipe bottleneck-neurons --train.seeds 8

trains 24 networks in one compiled program (about 45 s on two cores) into checkpoints/sweep/, one run per arm (setting),
and prints each arm's test accuracy and its difference from the first arm's, paired by seed: 0.03 should be about .015
above 0.01. Resume after an interruption with --resume. In Python: `jaxinterp.sweeps.load("checkpoints/sweep")`.
"""

import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from jaxinterp.cli.progress import progress_bar
from jaxinterp.cli.shell import Format, config_to_start_from, folder_in, parse, run_program, show
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError


@dataclass(frozen=True)
class Sweep:
    """Train every combination of the given settings (arm) with the same seeds; compare each with the first, by seed.

    Examples:
      jaxinterp-sweep --grid train.l1=0,1e-5,1e-4 --recipe bottleneck-neurons --train.seeds 16
      jaxinterp-sweep --grid model.widths=32x16,64x32 train.l1=0,1e-4 --name widths --resume
    """

    grid: Annotated[tuple[str, ...], arg(metavar="FIELD=VALUE,... [...]")] = ()
    """config fields and their values, such as train.l1=0,0.001 model.widths=32x16,64x32; every combination is an arm"""
    recipe: str = ""
    """recipe to start from; jaxinterp recipes lists them"""
    name: str = "sweep"
    """name of the sweep's folder in --root"""
    root: Path = Path("checkpoints")
    """where runs are kept"""
    resume: bool = False
    """resume an interrupted sweep, or add arms to a finished one"""
    format: Format = "table"
    """format of the table: for a terminal, or json, csv or markdown"""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def main(arguments: list[str] | None = None) -> int:
    """Train a sweep, by default that of the command line, and return the exit code."""
    return run_program("jaxinterp-sweep", sweep, arguments)


def sweep(arguments: list[str]) -> None:
    """Parse the command line, train the arms, print the table."""
    from jaxinterp import sweeps
    from jaxinterp.report import tables

    command = parsed(arguments)
    if not command.grid:
        raise InputError("a sweep needs --grid, such as --grid train.l1=0,0.001")
    base = RunConfig(command.data, command.model, command.train, recipe=command.recipe)
    axes = dict(sweeps.parse_axis(axis) for axis in command.grid)
    arms = sweeps.grid(base, axes)
    folder = folder_in(command.root, command.name)
    with progress_bar() as update:
        sweeps.train(folder, arms, resume=command.resume, progress=update)
    runs = sweeps.load(folder)
    title = f"{folder}: {base.train.seeds} seeds per arm"
    show(tables.sweep_table(sweeps.compare({name: runs[name] for name in arms}), title=title), command.format)


def parsed(arguments: list[str]) -> Sweep:
    """The options that the arguments give. Raises InputError where they are wrong."""
    start = config_to_start_from(arguments)
    default = Sweep(recipe=start.recipe, data=start.data, model=start.model, train=start.train)
    return parse(Sweep, arguments, prog="jaxinterp-sweep", description=inspect.getdoc(Sweep), default=default)
