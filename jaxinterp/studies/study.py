"""What is a study? A question, measurements of networks, claims that they test, and an answer in one sentence.

A `Measurement` runs a function on each network of an ensemble, an `EnsembleMeasurement` on whole ensembles. Both return
records: NamedTuples whose annotations name the axes of their arrays. A large study has one module per topic, with the
topic's measurements and claims. `STUDY` lists them all; one line in `studies/__init__.py` registers it.
"""

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, Finding
from jaxinterp.studies.needs import Needs

NETWORKS = "networks"

Results = Mapping[str, xr.Dataset]
"""The Dataset of each measurement by its name, and "networks": every network's accuracy and whether it diverged."""
Coordinates = Callable[[Inputs], Mapping[str, Sequence[Any]]]


def _nothing(inputs: Any) -> tuple:
    return ()


def _no_coordinates(inputs: Any) -> dict[str, Sequence[Any]]:
    return {}


def _returned(fn: Callable) -> type:
    return typing.get_type_hints(getattr(fn, "func", fn))["return"]  # a partial has its function's


@dataclass(frozen=True)
class Measurement:
    """What is measured of every network of a study.

    fn: (network, *shared) to a NamedTuple of one network's arrays, each field annotated with its axes.
    shared: from Inputs to the further arguments of fn, such as images: the same for all networks of a recipe. coords:
    from Inputs to the labels of the record's axes. conditions: any of "untrained", "snapshots", "trained"; they become
    the dimension `conditions`. If empty, only trained networks are measured, without this dimension. recipes: likewise
    the dimension `recipes`, without recipes that were not trained; if empty, only the study's own recipe is measured.
    common: from {recipe: Inputs} to further arguments that are the same for all recipes; fn takes them after the shared
    ones. key: if given, fn is (network, key, *shared) and gets one random key per seed, from `Inputs.network_keys` of
    this number. chunk: how many networks are computed at once. example: measure only the first network that did not
    diverge (`Inputs.example`), without the dimension `seeds`. slow: whether a quick answer does without it.
    """

    name: str
    fn: Callable[..., Any]
    shared: Callable[[Inputs], tuple] = _nothing
    coords: Coordinates = _no_coordinates
    conditions: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    common: Callable[[Mapping[str, Inputs]], tuple] = _nothing
    key: int | None = None
    chunk: int | None = 8
    example: bool = False
    slow: bool = False

    @property
    def record(self) -> type:
        """The NamedTuple that fn returns."""
        return _returned(self.fn)


@dataclass(frozen=True)
class EnsembleMeasurement:
    """What is measured of whole ensembles, such as all pairs of networks, or of the images alone.

    fn: from {recipe: Inputs} to a NamedTuple of arrays annotated with all their axes, `seeds` included. coords: from
    {recipe: Inputs} to labels of axes. recipes: those whose Inputs fn gets, without recipes that were not trained. If
    empty, fn gets the study's own recipe, and values along `seeds` become NaN where a network diverged. slow: whether a
    quick answer does without it. libraries: of an extra, by the names under which they are installed, that fn uses if
    they are; with another version of one, or without it, what is stored is measured again. folder: in a run's folder,
    with files that fn reads. Recipes whose runs have none are left out, and the measurement where no run has any; it is
    made again where they changed.
    """

    name: str
    fn: Callable[[Mapping[str, Inputs]], Any]
    coords: Callable[[Mapping[str, Inputs]], Mapping[str, Sequence[Any]]] = _no_coordinates
    recipes: tuple[str, ...] = ()
    slow: bool = False
    libraries: tuple[str, ...] = ()
    folder: str = ""

    @property
    def record(self) -> type:
        """The NamedTuple that fn returns."""
        return _returned(self.fn)


AnyMeasurement = Measurement | EnsembleMeasurement


def files_of(measurement: AnyMeasurement, inputs: Inputs) -> list[Path]:
    """The files in a run's folder that a measurement reads besides the networks and the data."""
    folder = getattr(measurement, "folder", "")
    return sorted((inputs.path / folder).glob("*.json")) if folder else []


def _no_check(inputs: Mapping[str, Inputs]) -> None:
    pass


@dataclass(frozen=True)
class Study:
    """A write-up's question, the networks that are trained, what is measured of them, and the claims that are tested.

    source: author or site, title and year of the write-up. recipes: the number of networks that are trained of each
    recipe by default; the first is the study's own recipe. optional: likewise, for recipes that may be missing, and
    with them the measurements that are of these alone. claims: one function per topic, from results to claims;
    measurements of optional recipes and slow ones may be missing. answer: from findings by id to one sentence of at
    most 30 words. highlights: ids of the three to six findings that matter most. least_seeds: the smallest number of
    networks that its estimates need. needs: what a run must have for the study to be about its networks, which is
    checked before anything is trained. check: raises InputError for runs, of all recipes, that do not fit together.
    total: how many claims there are once all recipes are trained and everything is measured, for the list of studies.
    """

    name: str
    question: str
    source: str
    recipes: Mapping[str, int]
    measurements: tuple[AnyMeasurement, ...]
    claims: tuple[Callable[[Results], list[Claim]], ...]
    answer: Callable[[Mapping[str, Finding]], str]
    highlights: tuple[str, ...]
    optional: Mapping[str, int] = field(default_factory=dict)
    least_seeds: int = 2
    needs: Needs = field(default_factory=Needs)
    check: Callable[[Mapping[str, Inputs]], None] = _no_check
    total: int | None = None

    @property
    def own(self) -> str:
        """The study's own recipe: the first."""
        return next(iter(self.recipes))

    @property
    def all_recipes(self) -> dict[str, int]:
        """Every recipe, optional ones last."""
        return {**self.recipes, **self.optional}

    @property
    def slow(self) -> tuple[str, ...]:
        """The names of the measurements that a quick answer does without."""
        return tuple(measurement.name for measurement in self.measurements if measurement.slow)
