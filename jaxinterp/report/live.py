"""How does training go right now? A page that is written while networks train, and that loads itself again."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from jinja2 import Template

from jaxinterp import data, ensemble, files, networks
from jaxinterp.config import RunConfig
from jaxinterp.explanation import pictures
from jaxinterp.networks import Network
from jaxinterp.report import charts, colours, tables, templates
from jaxinterp.train import SPLITS, Checkpoint

SCRIPTS, STYLES = ("live.js",), ("style.css", "live.css")
SECONDS = 3.0  # between two pages at least; the page loads itself again as often
SHARE = 0.02  # of the time, at most, that goes into writing pages
UNITS = 16  # of the first layer, whose weights are shown


class Progress(NamedTuple):
    """What a page shows: of networks after an epoch.

    loss, accuracy: NaN for later epochs, for an empty split, and after a network stopped. maps: the first units'
    weights on the pixels they see, of the first network; shape: of each map, None where it cannot be drawn. left:
    seconds until the last epoch; None while nobody knows. each: seconds per epoch. seeds: of the whole run, of which
    other processes may train a part.
    """

    epoch: int
    loss: Float[np.ndarray, "seeds epochs splits"]
    accuracy: Float[np.ndarray, "seeds epochs splits"]
    diverged: np.ndarray
    stopped: np.ndarray
    maps: Float[np.ndarray, "units weights"]
    shape: data.Shape | None
    seeds: int
    left: float | None = None
    each: float = 0.0


@contextmanager
def page(path: Path, config: RunConfig, say: Callable[[Path], None] = lambda _: None) -> Iterator[Callable]:
    """A callback for `train`'s progress that writes <path>/report/live.html, at most every few seconds.

    say: is called with the file when it is first there. When the block ends the page says that training has ended; it
    does not where an error, or the end of the process, cuts it short: the page then says how to go on if nothing new
    comes for a while.
    """
    file, name = path / "report" / "live.html", path.resolve().name
    began = due = time.monotonic()
    first: int | None = None
    latest: Checkpoint | None = None

    def write(checkpoint: Checkpoint, ended: bool, **known: Any) -> None:
        progress = progress_of(checkpoint, config)._replace(**known)
        files.write(file, render(name, path, config, progress, datetime.now(), ended=ended).encode())

    def update(checkpoint: Checkpoint) -> None:
        nonlocal began, due, first, latest
        now, latest = time.monotonic(), checkpoint
        is_first = first is None
        if first is None:  # the time until here includes compiling
            began, first = now, checkpoint.epoch
        if now < due:
            return
        each = (now - began) / max(checkpoint.epoch - first, 1)
        left = None if is_first else each * (config.train.epochs - checkpoint.epoch)
        write(checkpoint, ended=False, left=left, each=each)
        due = now + max(SECONDS, (time.monotonic() - now) / SHARE)
        if is_first:
            due = now + SECONDS  # the first page took longer, for what it loads and compiles
            say(file)

    yield update
    if latest is not None:
        write(latest, ended=True)


def progress_of(checkpoint: Checkpoint, config: RunConfig) -> Progress:
    """What a page shows of a checkpoint, whose buffers the next epoch reuses."""
    model, state = networks.build(config.model), checkpoint.state
    maps, shape = _weights(Network(model, state.variables), config) if model.layers else (np.zeros((0, 0)), None)
    return Progress(
        epoch=checkpoint.epoch,
        loss=np.asarray(checkpoint.metrics.loss),
        accuracy=np.asarray(checkpoint.metrics.accuracy),
        diverged=np.asarray(state.diverged),
        stopped=np.asarray(state.stopped),
        maps=maps,
        shape=shape,
        seeds=config.train.seeds,
    )


def _weights(trained: Network, config: RunConfig) -> tuple[Float[np.ndarray, "units weights"], data.Shape | None]:
    """The first units' weights of the first network, and the shape that they have as a picture, if there is one."""
    network, layer = ensemble.take(trained, 0), trained.model.layers[0]
    maps = np.asarray(networks.incoming_weights(network, 0))[:UNITS]
    if layer.feature_map is None:
        shape = config.model.image_shape or data.default_shape(maps.shape[1])
    else:
        shape = networks.filters(network, layer).shape[1:]
    rows, columns, channels = shape
    return maps, (rows, columns, channels) if min(rows, columns) > 1 else None


def render(name: str, folder: Path, config: RunConfig, progress: Progress, now: datetime, *, ended: bool) -> str:
    """The page as HTML that needs no other file and no network. folder: the run's; now: when the page is written."""
    script, style = (templates.joined(names) for names in (SCRIPTS, STYLES))
    kept = progress.diverged == 0
    shown = [
        charts.chart(quantity, np.asarray(getattr(progress, quantity))[kept, : progress.epoch], config.train.epochs)
        for quantity in charts.QUANTITIES
    ]
    own = len(kept)
    parts = [f"{own} network{'s' if own > 1 else ''}"]
    parts += [f"of {progress.seeds}: other processes train the others"] if own < progress.seeds else []
    parts += [f"{np.sum(~kept)} diverged and left out"] if not kept.all() else []
    parts += [f"{np.sum(progress.stopped > 0)} stopped early"] if np.any(progress.stopped > 0) else []
    return _template().render(
        title=f"{name}: training",
        described=tables.describe(config),
        networks=", ".join(parts),
        folder=folder,
        ended=ended,
        epoch=progress.epoch,
        epochs=config.train.epochs,
        left=None if progress.left is None else _duration(progress.left),
        written=now.strftime("%H:%M:%S"),
        stamp=int(1000 * now.timestamp()),
        wait=int(1000 * SECONDS),
        patience=int(1000 * max(30, 10 * progress.each)),
        charts=shown,
        splits=[split for split in SPLITS if any(split in chart["now"] for chart in shown)],
        maps=_pictures(progress),
        coloured=progress.shape is not None and progress.shape[2] == 3,
        script=script,
        style=style,
        script_hash=templates.policy_hash(script),
        style_hash=templates.policy_hash(style),
    )


@cache
def _template() -> Template:
    return templates.environment().get_template("live.html")


def _pictures(progress: Progress) -> list[tuple[int, str]]:
    """Each unit's number and picture: weights orange above and blue below zero, on one scale for each."""
    if progress.shape is None or not np.isfinite(progress.maps).all():
        return []
    rows, columns, channels = progress.shape
    found = []
    for number, weights in enumerate(progress.maps):
        scaled = weights.reshape(rows, columns, channels) / (np.abs(weights).max() or 1)
        if channels == 3:
            pixels = (1 + scaled) / 2  # grey at 0, as on a run's page
        else:
            pixels = colours.signed(scaled.mean(axis=-1))
        found.append((number, pictures.data_uri(pixels.ravel(), (rows, columns, 3))))
    return found


def _duration(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
