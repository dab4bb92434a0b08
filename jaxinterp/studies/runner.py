"""How are a study's measurements made? One after the other, each stored as soon as it is done.

A measurement of one network runs on all seeds; the values of networks that diverged become NaN; conditions and recipes
become dimensions. A stored measurement is made again only if its runs, their data or the code that it depends on
changed. An interrupted study therefore continues where it stopped.

Measurements that read test images and that a claim uses are then repeated on each of several parts of the test images
(`Inputs.parts`), so that intervals can allow for other images.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from jaxinterp import ensemble, records, store
from jaxinterp.errors import InputError, InputWarning
from jaxinterp.studies.fingerprint import fingerprint
from jaxinterp.studies.inputs import PARTS, TRAINED, Inputs
from jaxinterp.studies.judge import Claim, Finding, judge
from jaxinterp.studies.study import NETWORKS, AnyMeasurement, EnsembleMeasurement, Measurement, Results, Study, files_of
from jaxinterp.train import SPLITS

FINGERPRINT = "fingerprint"
READS_TEST = "reads_test_images"
IMAGE_SHAPE = "image_shape"  # rows, columns and channels
OF_PART = "parts_of_test_images"

Progress = Callable[[str, int, int], None]


class Networks(NamedTuple):
    """Which networks a study has: NaN where a recipe has fewer. Accuracy is that of the kept weights."""

    accuracy: Float[np.ndarray, "recipes seeds splits"]
    diverged: Float[np.ndarray, "recipes seeds"]
    epoch: Float[np.ndarray, "recipes seeds"]


def measure(
    study: Study,
    path: Path,
    inputs: Mapping[str, Inputs],
    *,
    again: bool = False,
    slow: bool = True,
    progress: Progress | None = None,
) -> Results:
    """Every measurement of a study, from the results stored at path where they are current.

    Measurements of optional recipes alone are left out where none of these was trained, and those of files that no run
    has. again: measure even what is current. slow: with slow measurements. progress: called with a measurement's name
    before it is made, with how many are done, and how many there are.
    """
    possible = [
        measurement
        for measurement in all_measurements(study)
        if (slow or not measurement.slow) and _chosen(study, measurement, inputs)
    ]
    return {
        measurement.name: stored_or_measured(study.name, measurement, path, _chosen(study, measurement, inputs), again)
        for measurement in _each(possible, progress)
    }


def measure_parts(
    study: Study,
    path: Path,
    inputs: Mapping[str, Inputs],
    results: Results,
    *,
    again: bool = False,
    progress: Progress | None = None,
) -> list[Results]:
    """The results on each part of the test images alone; what reads no test image, or is not judged, is as in results.

    None where there are too few test images. Other arguments: see `measure`.
    """
    names = _judged_on_test(study, results)
    measurements = [measurement for measurement in all_measurements(study) if measurement.name in names]
    by_part = {}
    for measurement in _each(measurements, progress, " on parts of the test images"):
        chosen = _chosen(study, measurement, inputs)
        by_part[measurement.name] = _parts_stored_or_measured(study.name, measurement, path, chosen, again)
    return _as_parts(results, by_part)


def stored(study: Study, path: Path | str) -> Results | None:
    """A study's results as they are stored at path; None unless all are there but slow ones, those of recipes alone
    that were not trained, and those of files that a run need not have.
    """
    found, results = set(store.results(path)), {}
    for measurement in all_measurements(study):
        if (name := f"{study.name}/{measurement.name}") in found:
            results[measurement.name] = _load(path, name)
        elif not (measurement.slow or getattr(measurement, "folder", "")):
            trained = results[NETWORKS].recipes.to_numpy() if NETWORKS in results else study.recipes
            if set(measurement.recipes or (study.own,)) & set(trained):
                return None
    return results


def stored_parts(study: Study, path: Path | str, results: Results) -> list[Results]:
    """The results on parts of the test images as they are stored at path; none unless all that are needed are there."""
    names = _judged_on_test(study, results)
    if not {_parts_of(study.name, name) for name in names} <= set(store.results(path)):
        return []
    return _as_parts(results, {name: _load(path, _parts_of(study.name, name)) for name in names})


def claims(study: Study, results: Results) -> list[Claim]:
    """What a study claims, topic after topic."""
    return [claim for topic in study.claims for claim in topic(results)]


def findings(
    study: Study, claims: Sequence[Claim], results: Results, by_part: Sequence[Sequence[Claim]] = ()
) -> list[Finding]:
    """The claims judged together, their notes ending with how many networks diverged and are left out.

    by_part: the claims from each part of the test images; intervals then allow for other images, too.
    """

    def with_diverged(claim: Claim, judged: Finding) -> Finding:
        diverged = results[NETWORKS].diverged.sel(recipes=list(claim.recipes or (study.own,)))
        lost, networks = int(diverged.sum()), int(diverged.notnull().sum())
        note = f"{lost} of {networks} networks diverged and are left out." if lost else ""
        return judged._replace(note=f"{judged.note} {note}".strip())

    return list(map(with_diverged, claims, judge(study.name, claims, by_part)))


def all_measurements(study: Study) -> tuple[AnyMeasurement, ...]:
    """A study's measurements, after that of which networks there are."""
    networks = EnsembleMeasurement(NETWORKS, _networks, _network_coords, tuple(study.all_recipes))
    return (networks, *study.measurements)


def take(measurement: AnyMeasurement, inputs: Mapping[str, Inputs]) -> xr.Dataset:
    """Make one measurement of these recipes' networks, as a Dataset with named dimensions."""
    if isinstance(measurement, EnsembleMeasurement):
        return _of_ensembles(measurement, inputs)
    common = measurement.common(inputs)
    by_recipe = [_of_recipe(measurement, own, common) for own in inputs.values()]
    return _joined(by_recipe, "recipes", list(inputs)) if measurement.recipes else by_recipe[0]


def stored_or_measured(
    folder: str, measurement: AnyMeasurement, path: Path, inputs: Mapping[str, Inputs], again: bool = False
) -> xr.Dataset:
    """A measurement from path/results/folder if it is there and current; else it is made, and stored there."""

    def made() -> xr.Dataset:
        before = sum(own.reads for own in inputs.values())
        dataset = take(measurement, inputs)
        reads_test = int(sum(own.reads for own in inputs.values()) > before)
        shape = next(iter(inputs.values())).splits.test.shape
        return dataset.assign_attrs({READS_TEST: reads_test, IMAGE_SHAPE: np.array(shape)})

    return _current_or(made, path, f"{folder}/{measurement.name}", fingerprint(measurement, inputs, take), again)


def _parts_stored_or_measured(
    folder: str, measurement: AnyMeasurement, path: Path, inputs: Mapping[str, Inputs], again: bool
) -> xr.Dataset:
    """Likewise a measurement on each part of the test images, along the dimension OF_PART.

    Inputs that have no parts take part as they are.
    """

    def made() -> xr.Dataset:
        parts = [
            {recipe: own.parts[part] if own.parts else own for recipe, own in inputs.items()} for part in range(PARTS)
        ]
        return _joined([take(measurement, part) for part in parts], OF_PART, list(range(PARTS)))

    return _current_or(made, path, _parts_of(folder, measurement.name), fingerprint(measurement, inputs, take), again)


def _current_or(make: Callable[[], xr.Dataset], path: Path, name: str, current: str, again: bool) -> xr.Dataset:
    """What is stored under a name if it is whole and has the current fingerprint; else it is made and stored."""
    if not again and name in store.results(path):
        try:
            found = _load(path, name)
            if found.attrs.get(FINGERPRINT) == current:
                return found
        except InputError as error:
            warnings.warn(InputWarning(str(error)), stacklevel=2)
    store.save_result(path, name, _narrowed(make()), **{FINGERPRINT: current})
    return _load(path, name)


def _parts_of(folder: str, name: str) -> str:
    return f"{folder}/parts/{name}"


def _as_parts(results: Results, by_part: Mapping[str, xr.Dataset]) -> list[Results]:
    if not by_part:
        return []
    return [
        {**results, **{name: own.isel({OF_PART: part}, drop=True) for name, own in by_part.items()}}
        for part in range(PARTS)
    ]


def _judged_on_test(study: Study, results: Results) -> set[str]:
    """Names of the measurements that a study's claims ask for and that read test images."""
    asked = _Asked(results)
    claims(study, asked)
    return {name for name in asked.names if results[name].attrs.get(READS_TEST)}


class _Asked(dict):
    """Results that remember which of them were asked for."""

    def __init__(self, results: Results):
        super().__init__(results)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> xr.Dataset:
        self.names.add(name)
        return super().__getitem__(name)


def _each(
    measurements: Sequence[AnyMeasurement], progress: Progress | None, where: str = ""
) -> Iterator[AnyMeasurement]:
    """One measurement after the other, telling progress."""
    for number, measurement in enumerate(measurements):
        if progress is not None:
            progress(f"{measurement.name}{where}", number, len(measurements))
        yield measurement
    if progress is not None:
        progress("", len(measurements), len(measurements))


def _chosen(study: Study, measurement: AnyMeasurement, inputs: Mapping[str, Inputs]) -> dict[str, Inputs]:
    chosen = {recipe: inputs[recipe] for recipe in measurement.recipes or (study.own,) if recipe in inputs}
    if not getattr(measurement, "folder", ""):
        return chosen
    return {recipe: own for recipe, own in chosen.items() if files_of(measurement, own)}


@lru_cache(maxsize=1)  # parts of the test images, and recipes, share what is compiled
def _lifted(measurement: Measurement) -> Callable:
    fn = measurement.fn
    if not measurement.example:
        fn = ensemble.over_seeds(fn, chunk=measurement.chunk, keyed=measurement.key is not None)
    return jax.jit(fn)


def _narrowed(dataset: xr.Dataset) -> xr.Dataset:
    """With variables in 32 bits that those hold exactly, which is most of them: half as much on disk."""

    def narrowed(values: xr.DataArray) -> xr.DataArray:
        short = values.astype(np.float32)
        return short if short.astype(np.float64).equals(values) else values

    return dataset.map(narrowed)


def _load(path: Path | str, name: str) -> xr.Dataset:
    return store.load_result(path, name).astype(np.float64)


def _of_recipe(measurement: Measurement, inputs: Inputs, common: tuple) -> xr.Dataset:
    lifted = _lifted(measurement)
    shared, coords = (*measurement.shared(inputs), *common), measurement.coords(inputs)
    if measurement.key is not None:
        keys = inputs.network_keys(measurement.key)
        shared = (keys[inputs.example] if measurement.example else keys, *shared)

    def of_condition(condition: str) -> xr.Dataset:
        networks = inputs.ensemble(condition)
        if measurement.example:
            networks = ensemble.take(networks, inputs.example)
        record = jax.tree.map(_as_float, lifted(networks, *shared))
        return _masked(_dataset(record, coords, measurement.name), inputs.diverged)

    if not measurement.conditions:
        return of_condition(TRAINED)
    conditions = inputs.conditions(measurement.conditions)
    return _joined([of_condition(condition) for condition in conditions], "conditions", conditions)


def _of_ensembles(measurement: EnsembleMeasurement, inputs: Mapping[str, Inputs]) -> xr.Dataset:
    record = jax.tree.map(_as_float, measurement.fn(inputs))
    dataset = _dataset(record, measurement.coords(inputs), measurement.name)
    alone = len(inputs) == 1 and not measurement.recipes
    return _masked(dataset, next(iter(inputs.values())).diverged) if alone else dataset


def _as_float(values) -> np.ndarray:
    return np.asarray(values, np.float64)


def _dataset(record: Any, coords: Mapping[str, Sequence[Any]], name: str) -> xr.Dataset:
    dataset = records.to_xarray(record)
    for dim, labels in coords.items():
        if dim in dataset.sizes and dataset.sizes[dim] != len(labels):
            raise InputError(f"{name}: {dim} has {dataset.sizes[dim]} entries but {len(labels)} labels: {list(labels)}")
    return dataset.assign_coords({dim: list(labels) for dim, labels in coords.items() if dim in dataset.sizes})


def _masked(dataset: xr.Dataset, diverged: Bool[np.ndarray, " seeds"]) -> xr.Dataset:
    """NaN wherever a network that diverged is involved."""

    def mask(values: xr.DataArray) -> xr.DataArray:
        for dim in {"seeds", "seeds_other"} & set(values.dims):
            values = values.where(xr.DataArray(~diverged, dims=dim))
        return values

    return dataset.map(mask)


def _joined(datasets: list[xr.Dataset], dim: str, labels: Sequence[str] | Sequence[int]) -> xr.Dataset:
    """Datasets along a new dimension. Axes are padded with NaN: to the longest, or to all labels that there are."""
    axes: dict[Any, Any] = {}
    for dataset in sorted(datasets, key=lambda dataset: -sum(dataset.sizes.values())):
        for name, size in dataset.sizes.items():
            if name in dataset.coords:
                known = axes.setdefault(name, [])
                known += [label for label in dataset[name].to_numpy().tolist() if label not in known]
            else:
                axes[name] = max(size, axes.get(name, 0))

    def padded(dataset: xr.Dataset) -> xr.Dataset:
        labelled = {name: axes[name] for name in dataset.sizes if name in dataset.coords}
        plain = {name: (0, axes[name] - size) for name, size in dataset.sizes.items() if name not in dataset.coords}
        return dataset.reindex(labelled).pad(plain, constant_values=np.nan)

    index = xr.DataArray(list(labels), dims=dim, name=dim)
    joined = xr.concat(
        map(padded, datasets), dim=index, data_vars="all", join="exact", coords="minimal", compat="override"
    )
    return joined.transpose(OF_PART, "recipes", "conditions", ..., missing_dims="ignore")


def _networks(inputs: Mapping[str, Inputs]) -> Networks:
    longest = max(own.seeds for own in inputs.values())

    def padded(values) -> np.ndarray:
        values = np.asarray(values, np.float64)
        return np.pad(values, [(0, longest - len(values))] + [(0, 0)] * (values.ndim - 1), constant_values=np.nan)

    histories = [own.run.history for own in inputs.values()]
    return Networks(
        accuracy=np.stack([padded(own.accuracy) for own in inputs.values()]),
        diverged=np.stack([padded(own.diverged) for own in inputs.values()]),
        epoch=np.stack([padded(history.best) for history in histories]),
    )


def _network_coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    return {"recipes": list(inputs), "splits": SPLITS}
