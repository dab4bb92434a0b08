"""What did language models say of a run's units, once all was answered? One file for each model, for studies to score.

The answers themselves are stored under a hash of their questions (`answers`); here are the labels by unit, and what the
model predicted from them and answered as a reader, network by network. A network that is explained again takes the
place of what was said.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxinterp import data, files
from jaxinterp.explanation.answers import clean
from jaxinterp.explanation.labels import Labels
from jaxinterp.interventions import Site
from jaxinterp.networks import Network

FOLDER = "explanation/labels"  # in a run's folder
_REMEDY = "delete it, and have `jaxinterp explain` write it again"


class Read(NamedTuple):
    """A reader's test: rows of the test images that the network gets right, or wrong, and the reader's answers.

    answers: numbers of classes, on the right ones and then on the wrong ones, by the way in which the model read; −1
    without an answer.
    """

    right: Int[np.ndarray, " right"]
    wrong: Int[np.ndarray, " wrong"]
    answers: dict[str, Int[np.ndarray, " rows"]]


class Predicted(NamedTuple):
    """Predicted activations. rows: of the test images; values: of each site, on these."""

    rows: Int[np.ndarray, " images"]
    values: dict[Site, Float[np.ndarray, "units images"]]


class Kept(NamedTuple):
    """What one model said. labels: by seed, and of each site the label of every unit; read, predicted: by seed."""

    model: str
    labels: dict[int, dict[Site, tuple[str, ...]]]
    read: dict[int, Read]
    predicted: dict[int, Predicted]


def add(
    run: Path,
    networks: Network,
    model: str,
    found: Labels,
    read: Mapping[int, Read],
    predicted: Mapping[int, Predicted],
) -> None:
    """Keep what a model said of some networks of a run, unless some questions wait.

    networks: all of the run's. Raises InputError where it cannot be written.
    """
    if found.stopped:
        return
    file = run / FOLDER / f"{hashlib.sha256(model.encode()).hexdigest()[:16]}.json"
    stored = _content(file) if file.is_file() else {}
    weights = _hash(networks)
    if stored.get("networks") != weights:
        stored = {"model": model, "networks": weights, "labels": {}, "read": {}, "predicted": {}}
    for seed in {label.seed for label in found.units}:
        own = [label for label in found.units if label.seed == seed]
        by_site = {label.site: [one.text for one in own if one.site == label.site] for label in own}
        if stored["labels"].get(str(seed)) != by_site:
            stored["labels"][str(seed)] = by_site
            for follows in (stored["read"], stored["predicted"]):
                follows.pop(str(seed), None)
    for part, values in (("read", read), ("predicted", predicted)):
        stored[part] |= {str(seed): jax.tree.map(np.ndarray.tolist, own._asdict()) for seed, own in values.items()}
    files.write(file, json.dumps(stored, indent=1).encode())


def read(run: Path, networks: Network) -> tuple[Kept, ...]:
    """What is kept of all of a run's networks, by the models' names; none of other weights.

    Raises InputError, naming the file, where it is damaged.
    """
    found, asked = [], stored(run)
    weights = _hash(networks) if asked else ""
    for file in asked:
        content = _content(file)
        if content["networks"] == weights:
            with files.readable(file, _REMEDY):
                labels = {
                    int(seed): {site: tuple(map(str, texts)) for site, texts in own.items()}
                    for seed, own in content["labels"].items()
                }
                read = {
                    int(seed): Read(
                        np.array(own["right"], int),
                        np.array(own["wrong"], int),
                        {name: np.array(values, int) for name, values in own["answers"].items()},
                    )
                    for seed, own in content["read"].items()
                }
                predicted = {
                    int(seed): Predicted(
                        np.array(own["rows"], int),
                        {site: np.array(values, float) for site, values in own["values"].items()},
                    )
                    for seed, own in content["predicted"].items()
                }
                found.append(Kept(clean(content["model"]), labels, read, predicted))
    return tuple(sorted(found, key=lambda own: own.model))


def stored(run: Path) -> list[Path]:
    """The files of all models."""
    return sorted((run / FOLDER).glob("*.json"))


def _hash(networks: Network) -> str:
    return data.hash_arrays(jax.tree.leaves(networks.variables))


def _content(file: Path) -> dict[str, Any]:
    with files.readable(file, _REMEDY):
        content = json.loads(file.read_text(encoding="utf-8"))
        if not set(content) >= {"model", "networks", "labels", "read", "predicted"}:
            raise ValueError("it holds no labels")
    return content
