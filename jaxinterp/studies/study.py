"""What is a study? Measurements of networks, claims about what was measured, and one sentence that answers.

A topic of a study is one module: its measurements, functions of one network that return small annotated records, and
the claims that they decide. A study lists its topics' measurements and claims, and is registered once, in `studies`.
"""

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, Finding

NETWORKS = "networks"

Results = Mapping[str, xr.Dataset]
"""A study's measurements by name, and "networks": which networks there are, their accuracy, and which diverged."""
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
    shared: what all networks of a recipe are measured with, such as images. coords: labels of the record's axes.
    conditions: "untrained", "trained", "snapshots"; those that are named become the dimension `conditions`. Without a
    name the trained networks are measured, and there is no such dimension. recipes: likewise; by default the study's
    own. Recipes that were not trained are left out. common: what the networks of all recipes are measured with, from
    {recipe: Inputs}; fn takes it after shared. key: fn(network, key, *shared) instead, with one key per seed, drawn
    from this part of the run's key (`Inputs.key`). chunk: how many networks are computed at once. example: the
    first network that did not diverge is measured alone (`Inputs.example`); there is no dimension `seeds`.
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

    @property
    def record(self) -> type:
        """The NamedTuple that fn returns."""
        return _returned(self.fn)


@dataclass(frozen=True)
class EnsembleMeasurement:
    """What is measured of whole ensembles, such as all pairs of networks, or of none, such as the images themselves.

    fn: {recipe: Inputs} to a NamedTuple of arrays annotated with all their axes, `seeds` among them. coords: labels of
    axes, from the same. recipes: those that fn is given, as far as they were trained; by default the study's own.
    Values along `seeds` are masked where a network diverged, unless several recipes share the axis.
    """

    name: str
    fn: Callable[[Mapping[str, Inputs]], Any]
    coords: Callable[[Mapping[str, Inputs]], Mapping[str, Sequence[Any]]] = _no_coordinates
    recipes: tuple[str, ...] = ()

    @property
    def record(self) -> type:
        """The NamedTuple that fn returns."""
        return _returned(self.fn)


AnyMeasurement = Measurement | EnsembleMeasurement


def _no_check(inputs: Mapping[str, Inputs]) -> None:
    pass


@dataclass(frozen=True)
class Study:
    """A write-up's question, the networks that are asked, what is measured of them, and what the write-up claims.

    source: author or site, title and year of the write-up. recipes: how many networks of each are trained by default,
    the study's own recipe first; optional: those that it can do without.
    claims: one function per topic, from results to claims. answer: from findings by id, one sentence of at most 30
    words. highlights: ids of the three to six findings that matter most. least_seeds: what its estimates need.
    check: raises InputError for runs that the study cannot be asked about.
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
    check: Callable[[Mapping[str, Inputs]], None] = _no_check

    @property
    def own(self) -> str:
        """The study's own recipe: the first."""
        return next(iter(self.recipes))

    @property
    def all_recipes(self) -> dict[str, int]:
        """Every recipe, optional ones last."""
        return {**self.recipes, **self.optional}
