"""How do a run's learning curves get into TensorBoard or W&B? As files in a folder; nothing is sent to anybody."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxinterp import files, store
from jaxinterp.config import RunConfig
from jaxinterp.errors import InputError
from jaxinterp.report import settings
from jaxinterp.train import SPLITS, History

MEAN, LOW, HIGH = "mean", "p05", "p95"  # over networks: the mean, and quantiles between which 90 % of them lie
Curves = dict[str, dict[str, dict[int, float]]]


def curves(history: History, seeds: Sequence[int] = ()) -> Curves:
    """By line and by tag, such as "mean" and "accuracy/test", the values by epoch, as far as they are known.

    Networks that diverged count in no mean or quantile; one network alone has no quantiles. seeds: networks with lines
    of their own, such as "seed-3". Raises InputError for one that the history does not have.
    """
    count = len(np.asarray(history.diverged))
    if unknown := [seed for seed in seeds if not 0 <= seed < count]:
        raise InputError(f"no seed {unknown[0]}: the run has seeds 0 to {count - 1}")
    kept = np.asarray(history.diverged) == 0
    lines: Curves = {}
    for quantity in ("accuracy", "loss"):
        for number, split in enumerate(SPLITS):
            values = np.asarray(getattr(history, quantity), np.float64)[:, :, number]
            for line, of_epochs in (*_over_networks(values[kept]), *((f"seed-{seed}", values[seed]) for seed in seeds)):
                if known := {place + 1: float(value) for place, value in enumerate(of_epochs) if np.isfinite(value)}:
                    lines.setdefault(line, {})[f"{quantity}/{split}"] = known
    return lines


def _over_networks(values: Float[np.ndarray, "seeds epochs"]) -> Iterator[tuple[str, Float[np.ndarray, " epochs"]]]:
    known = np.flatnonzero(np.isfinite(values).any(axis=0))
    found = {line: np.full(values.shape[1], np.nan) for line in (MEAN, LOW, HIGH)}
    if len(known):
        found[MEAN][known] = np.nanmean(values[:, known], axis=0)
        if len(values) > 1:
            found[LOW][known], found[HIGH][known] = np.nanquantile(values[:, known], (0.05, 0.95), axis=0)
    yield from found.items()


def to_tensorboard(path: Path, folder: Path, seeds: Sequence[int] = ()) -> Path:
    """Write a run's curves as event files into <folder>/<name of the run>, a folder for each line; return that folder.

    TensorBoard then draws all lines of a metric in one chart. Raises InputError where that folder is not empty, since
    TensorBoard would join both curves; without tensorboardX; and as `curves` does.
    """
    try:
        from tensorboardX import SummaryWriter  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError("event files need the package tensorboardX: pip install 'jaxinterp[tensorboard]'") from None
    lines, target = curves(store.read_history(path), seeds), folder / path.resolve().name
    _check_empty(target)
    for line, tags in lines.items():
        with SummaryWriter(str(target / line), write_to_disk=True) as writer:
            if line == MEAN:
                writer.add_text("configuration", _table(store.read_config(path)))
            for tag, values in tags.items():
                for epoch, value in values.items():
                    writer.add_scalar(tag, value, epoch)
    return target


def to_wandb(path: Path, folder: Path, seeds: Sequence[int] = ()) -> list[Path]:
    """Write a run's curves as offline runs of W&B into a folder, and return them: the means, then one for each seed.

    Nothing is sent; `wandb sync` sends a folder. The machine's state and packages, and its program, which wandb stores
    by default, are left out. Raises InputError without wandb, and as `curves` does.
    """
    config, name = store.read_config(path), path.resolve().name
    lines = curves(store.read_history(path), seeds)
    quantiles = {line: lines.pop(line) for line in (LOW, HIGH) if line in lines}
    for line, tags in quantiles.items():  # beside the means, in the same section
        lines[MEAN] |= {f"{tag}/{line}": values for tag, values in tags.items()}
    folder.mkdir(parents=True, exist_ok=True)
    with _offline() as wandb:
        return [_offline_run(wandb, folder, name, line, config, tags) for line, tags in lines.items()]


@contextmanager
def _offline() -> Iterator[Any]:
    """The package wandb, which must be told by the environment: told by an argument alone, it still opens a connection.

    See findings/wandb_offline_connects.sh.
    """
    told = {"WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield _wandb()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _wandb() -> Any:
    try:
        import wandb  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError("offline runs of W&B need the package wandb: pip install 'jaxinterp[wandb]'") from None
    return wandb


def _offline_run(wandb: Any, folder: Path, name: str, line: str, config: RunConfig, tags: dict[str, Any]) -> Path:
    run = wandb.init(
        mode="offline",
        project="jaxinterp",
        group=name,
        name=name if line == MEAN else f"{name} {line}",
        dir=str(folder),
        config=dataclasses.asdict(config),
        settings=wandb.Settings(
            silent=True,
            console="off",
            disable_code=True,
            disable_git=True,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        ),
    )
    for epoch in sorted({epoch for values in tags.values() for epoch in values}):
        run.log({tag: values[epoch] for tag, values in tags.items() if epoch in values}, step=epoch)
    target = Path(run.dir).parent
    run.finish()
    return target


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and not files.is_empty(folder):
        raise InputError(f"{folder} is not empty, and both curves would become one: remove it, or name another folder")


def _table(config: RunConfig) -> str:
    """The configuration as a table in Markdown."""
    rows = "\n".join(f"| {setting.name} | {setting.value} |" for setting in settings.settings(config))
    return f"| field | value |\n| --- | --- |\n{rows}"
