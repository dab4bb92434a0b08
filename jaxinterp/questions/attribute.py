"""Why did the networks answer so? Pixels and units that a logit, or a unit, of one image is due to, with their test."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import ensemble, metrics
from jaxinterp.analysis import attribution
from jaxinterp.data import Shape
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import LOGITS, MLP, Layer, Network, depth, image_shape, num_classes
from jaxinterp.questions import subject
from jaxinterp.studies.inputs import Inputs
from jaxinterp.text import suggestion

METHODS = {name.replace(" × ", "-x-").replace(" ", "-"): name for name in attribution.METHODS}
EXACT, SMOOTH = "exact-integrated-gradients", "integrated-gradients"
ORDERS = ("map", "random order", "ink")
DRAWS = 20  # random orders
_SHARES = np.linspace(0, 1, 29)  # of the ink that is blanked
_ROUNDING = 1e-4  # of the sum of a map's sizes: sums that are nearer to the gain are equal to it but for rounding
_KEY = 12  # number of this question's random draws, of a run


class Attribution(NamedTuple):
    """What one image's value is due to, in every network that is explained.

    shape: the image's rows, columns and channels; one row where its rows are not known. what: is explained, in words;
    label: the image's class; class_names: from class 0 on, empty where no names are known. predictions: of each
    network. values: of what is explained, on the image; gains: less that on the blank image. maps: contribution of each
    pixel, in units of the value. curves: the value as ink is blanked in the order of the map, at random (mean over
    orders) and brightest first, the harder control (`attribution.deletion_of_ink`); areas: under these, over the share
    of ink, small for a good map. passing: of the shown network, by hidden layer, each unit's activation and the part of
    the gain that passes through it (conductance), for layers before what is explained. notes: what cannot be said, and
    what does not add up.
    """

    number: int
    image: Float[np.ndarray, " pixels"]
    shape: Shape
    label: int
    class_names: tuple[str, ...]
    what: str
    method: str
    seeds: tuple[int, ...]
    predictions: Int[np.ndarray, " seeds"]
    values: Float[np.ndarray, " seeds"]
    gains: Float[np.ndarray, " seeds"]
    maps: Float[np.ndarray, "seeds pixels"]
    curves: Float[np.ndarray, "seeds orders points"]
    areas: Float[np.ndarray, "seeds orders"]
    shown: int
    passing: dict[str, tuple[np.ndarray, np.ndarray]]
    notes: tuple[str, ...]

    def named(self, label: int) -> str:
        """A class's number, with its name where it has another one: "2, pullover"."""
        return _named(label, self.class_names)


class Explained(NamedTuple):
    """A unit of a site."""

    site: Site
    unit: int
    words: str


class _OfNetwork(NamedTuple):
    value: Float[Array, ""]
    gain: Float[Array, ""]
    map: Float[Array, " pixels"]
    curves: Float[Array, "orders points"]
    areas: Float[Array, " orders"]


def answer(
    inputs: Inputs,
    image: int,
    *,
    label: int | None = None,
    unit: str | None = None,
    method: str | None = None,
    seed: int | None = None,
) -> Attribution:
    """What a test image's logit is due to, in every network that did not diverge.

    image: its number among the test images. label: the class whose logit is explained; by default the one that most
    networks predict. unit: explain this one instead, such as "hidden1:3", in the shown network alone, since units have
    no numbers that networks share. method: one of METHODS; by default integrated gradients, exact where the network is
    piecewise linear and not too large (`attribution.exact_is_cheap`); where a map does not add up to the gain, a note
    says how far it is from it. seed: the shown network, by default the first that did not
    diverge. Raises InputError for an image, class, unit, method or seed that does not exist, and for both a class and a
    unit.
    """
    model, test = inputs.model, inputs.test
    if not 0 <= image < len(test.labels):
        raise InputError(f"no test image {image}: use 0 to {len(test.labels) - 1}")
    if method is not None and method not in METHODS:
        raise InputError(f"no method {method!r}{suggestion(method, METHODS)}; there are {', '.join(METHODS)}")
    if label is not None and unit is not None:
        raise InputError("a class and a unit cannot be explained at once: give one of them")
    if seed is not None:
        subject.check_seeds(inputs, [seed])
    known = subject.known_seeds(inputs.run)
    shown = known[0] if seed is None else seed
    seeds = known if unit is None else [shown]
    kept, pixels = ensemble.take(inputs.networks, seeds), jnp.asarray(test.images)[image]
    logits = jax.jit(ensemble.over_seeds(lambda network: network(pixels)[0], chunk=8))(kept)
    predicted = np.asarray(metrics.predictions(inputs.config.train.loss, logits))
    explained = _unit(unit, model) if unit is not None else _class(label, predicted, model, test.class_names)
    exact = attribution.exact_is_cheap(ensemble.take(inputs.networks, shown), site=explained.site)
    used = method or (EXACT if exact else SMOOTH)
    of_network = partial(_of_network, inputs.key(_KEY), pixels[None], explained, attribution.METHODS[METHODS[used]])
    found = jax.tree.map(np.asarray, jax.jit(ensemble.over_seeds(of_network, chunk=1))(kept))
    layers = _before(explained.site, model)
    passed = jax.jit(partial(_passing, pixels[None], explained, layers, exact=exact))
    passing = jax.tree.map(np.asarray, passed(ensemble.take(inputs.networks, shown)))
    notes = [note for note in subject.notes_on(inputs) if unit is None or note != subject.ONE_NETWORK]
    if unit is not None:
        notes.append(f"units differ between networks: only that of seed {shown} is explained")
    if not layers:
        notes.append("no units: there is no hidden layer before what is explained")
    if any(layer.feature_map for layer in layers):
        notes.append(f"{subject.MEAN_OVER_MAP}; its conductance: the sum over it")
    notes += _gaps(used, model, found, passing, seeds.index(shown))
    return Attribution(
        image,
        np.asarray(pixels),
        image_shape(model) or test.shape,
        int(test.labels[image]),
        test.class_names,
        explained.words,
        used,
        tuple(seeds),
        predicted,
        found.value,
        found.gain,
        found.map,
        found.curves,
        found.areas,
        shown,
        passing,
        tuple(notes),
    )


def _unit(text: str, model: MLP) -> Explained:
    group = subject.group(text, model)
    first, *others = group.units
    if others:
        raise InputError(f"one unit is explained at a time: give one of {group}")
    over = "" if group.layer.feature_map is None else ", mean over its map"
    return Explained(group.layer.pre, first, f"the pre-activation of {group}{over}")


def _class(label: int | None, predicted: np.ndarray, model: MLP, class_names: Sequence[str]) -> Explained:
    if label is not None:
        metrics.check_class(label, num_classes(model))
    if model.outputs == 1:
        if label == 0:
            raise InputError("one output speaks for class 1: explain that, what it is due to with the sign reversed")
        return Explained(LOGITS, 0, "the output")
    chosen = int(np.bincount(predicted).argmax()) if label is None else label
    return Explained(LOGITS, chosen, f"the logit of class {_named(chosen, class_names)}")


def _named(label: int, class_names: Sequence[str]) -> str:
    name = class_names[label] if label < len(class_names) else str(label)
    return name if name == str(label) else f"{label}, {name}"


def _gaps(method: str, model: MLP, found: _OfNetwork, passing, shown: int) -> list[str]:
    """What does not add up to the gain: the map of any network, or the conductances of a layer of the shown one."""
    sums, sizes = found.map.sum(axis=1), np.abs(found.map).sum(axis=1)
    gaps, notes = np.abs(sums - found.gain), []
    if np.any(gaps > _ROUNDING * sizes):
        slow = method == SMOOTH and attribution.is_piecewise_linear(model)
        better = f"; {EXACT} adds up, and takes longer" if slow else ""
        notes.append(f"the sum of the map is up to {gaps.max():.2g} from the gain, by {method}{better}")
    layers = {name: abs(float(parts.sum() - found.gain[shown])) for name, (_, parts) in passing.items()}
    if any(gap > _ROUNDING * np.abs(passing[name][1]).sum() for name, gap in layers.items()):
        notes.append(f"the sum of a layer's conductances is up to {max(layers.values()):.2g} from the gain")
    return notes


def _of_network(key, images, explained: Explained, method, network: Network) -> _OfNetwork:
    site, unit = explained.site, explained.unit
    own = method(network, images, unit, site=site)
    value, blank = (jnp.take(network.units(x)[site][0], unit) for x in (images, jnp.zeros_like(images)))

    def curve(maps) -> Array:
        return attribution.deletion_of_ink(network, images, maps, unit, _SHARES, site=site)

    keys = jax.random.split(key, DRAWS)
    at_random = jnp.mean(jax.lax.map(lambda key: curve(attribution.random_order(key, images)), keys), axis=0)
    curves = jnp.concatenate([curve(own), at_random, curve(images)])
    return _OfNetwork(value, value - blank, own[0], curves, attribution.area(curves))


def _before(site: Site, model: MLP) -> tuple[Layer, ...]:
    """The layers before a site."""
    return model.layers[: depth(model, site)]


def _passing(images, explained: Explained, layers: Sequence[Layer], network: Network, *, exact: bool):
    method = attribution.exact_conductance if exact else attribution.conductance
    activations = network.units(images)

    def through(site: Site):
        return method(network, images, explained.unit, through=site, site=explained.site)[0]

    return {layer.name: (activations[layer.post][0], through(layer.post)) for layer in layers}
