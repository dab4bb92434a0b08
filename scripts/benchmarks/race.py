"""Who does more work per second? Contestants timed in turn, and the rows with the results."""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax


class Contestant(NamedTuple):
    """One way to do some work. Every `next` of turns does the same amount of it."""

    work: float  # per turn: seed-epochs, FLOP, processes or units × logits
    turns: Iterator[Any]


class Timing(NamedTuple):
    """The work per turn, the seconds of the first turn, which compiles and warms up, and those of each later turn."""

    work: float
    first: float
    seconds: list[float]

    @property
    def rates(self) -> list[float]:
        """Work per second, turn by turn."""
        return [self.work / seconds for seconds in self.seconds]

    @property
    def compiling(self) -> str:
        """A note on the time that the first turn took beyond a usual one."""
        return f"compiling: {max(self.first - statistics.median(self.seconds), 0):.1f} s"


class Result(NamedTuple):
    """A row of the table: a rate, and its ratio to another; each as median, lowest and highest value over rounds."""

    name: str
    unit: str
    rate: tuple[float, float, float] | None
    ratio: tuple[float, float, float] | None = None
    target: str = ""
    note: str = ""


def race(contestants: dict[str, Contestant], rounds: int) -> dict[str, Timing]:
    """Time the contestants in turn, round after round, so that a busy moment of the machine affects all of them."""
    first = {name: seconds_of(contestant) for name, contestant in contestants.items()}
    later = [{name: seconds_of(contestant) for name, contestant in contestants.items()} for _ in range(rounds)]
    return {name: Timing(contestants[name].work, first[name], [turn[name] for turn in later]) for name in contestants}


def seconds_of(contestant: Contestant) -> float:
    """Time of the contestant's next turn, in seconds."""
    begin = time.perf_counter()
    next(contestant.turns)
    return time.perf_counter() - begin


def calls(fn: Callable, *arguments) -> Iterator[Any]:
    """The result of fn(*arguments), once per turn. The first turn compiles where fn is jitted."""
    while True:
        yield jax.block_until_ready(fn(*arguments))


def rows(
    name: str, unit: str, timings: dict[str, Timing], targets: dict[str, str], *, missing: str
) -> Iterator[Result]:
    """Ours, and each peer in `targets` with the ratio of ours to it, or with the note `missing` if it did not run."""
    mine = timings["ours"]
    yield Result(f"{name}, ours", unit, spread(mine.rates), note=mine.compiling)
    for peer, target in targets.items():
        row = Result(f"{name}, {peer}", unit, None, target=target, note=missing)
        if peer in timings:
            rate, ratio = spread(timings[peer].rates), ratios(mine, timings[peer])
            row = row._replace(rate=rate, ratio=ratio, note="ratio: ours to it")
        yield row


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, lowest and highest."""
    return statistics.median(values), min(values), max(values)


def ratios(mine: Timing, other: Timing) -> tuple[float, float, float]:
    """Spread of one rate over another, round by round."""
    return spread([a / b for a, b in zip(mine.rates, other.rates, strict=True)])
