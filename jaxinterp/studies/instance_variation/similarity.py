"""Do two trainings give the same activations and predictions? Rows 3.1 to 3.3: similarity of all pairs of networks.

The write-up compared two networks' hidden activations unit by unit, found them unlike, sorted each activation vector,
found them alike, and concluded that both encode the same features. Sorted values are alike for any two samples of
similar distributions, so every number here is compared with untrained networks and with networks that see different
images.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import controls, ensemble, metrics
from jaxinterp.analysis import matching, similarity
from jaxinterp.controls import Orders
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network, Site
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation import ensembles
from jaxinterp.studies.instance_variation.ensembles import ALIKE, NAME, OUTPUTS, against, layers_of, site
from jaxinterp.studies.judge import Calibrated, Claim, above, between, estimate
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_number

SIMILARITY = "similarity"
ROWS, CLASS, COLUMNS = "rows shuffled", "shuffled within class", "independent columns"
CONDITIONS = (UNTRAINED, TRAINED, ROWS, CLASS, COLUMNS)
ACCURACY_MATCHED = "accuracy-matched chance"
RAW, SORTED = ORDERS = ("raw", "sorted")
COSINE, PEARSON = MEASURES = ("cosine", "Pearson")

# A tenth of the way from chance to identity: what is no more than this is not called alike.
UNLIKE = 0.1

_CONTROLS = (ROWS, UNTRAINED)
_IN_ORDER = {
    RAW: ("unit by unit, two trainings are no more alike than chance", between(-UNLIKE, UNLIKE)),
    SORTED: ("the same values are encoded, so very likely the same features", above(ALIKE)),
}

_PUBLISHED = {
    (RAW, "hidden0", COSINE): ".066 ± .156",
    (RAW, "hidden0", PEARSON): "−.014 ± .171",
    (RAW, "hidden1", COSINE): ".121 ± .201",
    (RAW, "hidden1", PEARSON): ".034 ± .195",
    (SORTED, "hidden0", COSINE): ".967 ± .031",
    (SORTED, "hidden0", PEARSON): ".973 ± .024",
    (SORTED, "hidden1", COSINE): ".931 ± .059",
    (SORTED, "hidden1", PEARSON): ".948 ± .039",
}
_SOURCE = (
    "Published: one pair, ± sd over images, from weights loaded under another activation than they were trained with."
)

Activations = Float[Array, "seeds examples units"]


class Similarity(NamedTuple):
    """How alike all pairs of networks are; NaN where one of a pair has activations that are not finite.

    Under the conditions that shuffle, entry [i, j] compares network i with a shuffled network j. similarity: of
    activation vectors, mean over images; spread: its standard deviation over images, of trained networks. matched: mean
    correlation of matched units. agreement: share of images with the same prediction; chance_agreement: what accuracy
    alone forces. accuracy: on the same images.
    """

    similarity: Float[np.ndarray, "conditions layers orders measures seeds seeds"]
    spread: Float[np.ndarray, "layers orders measures seeds seeds"]
    cka: Float[np.ndarray, "conditions layers seeds seeds"]
    matched: Float[np.ndarray, "conditions layers seeds seeds"]
    agreement: Float[np.ndarray, "conditions seeds seeds"]
    chance_agreement: Float[np.ndarray, "seeds seeds"]
    accuracy: Float[np.ndarray, " seeds"]


def measure(inputs: Mapping[str, Inputs]) -> Similarity:
    """The similarity of all pairs of the study's own networks."""
    run = inputs[NAME]
    key, loss = jax.random.key(run.config.train.base_seed), run.config.train.loss
    return compare(run.networks, run.untrained, ensembles.first_images(run), key=key, loss=loss)


def compare(networks: Network, untrained: Network, data: Dataset, *, key, loss: str = "cross_entropy") -> Similarity:
    """The similarity of all pairs of an ensemble.

    untrained: the same seeds before training. key: for the shuffles. loss: that of training, which decides how outputs
    become predictions.
    """
    model, labels = networks.model, jnp.asarray(data.labels)
    widest = max((*model.widths, model.outputs))
    orders = controls.orders(key, labels, seeds=ensemble.size(networks), units=widest)
    broken, compared = np.zeros(ensemble.size(networks), bool), {}
    for layer in layers_of(model):
        read = jax.jit(over_seeds(partial(_activations, site=site(layer))))
        trained = read(networks, data.images)
        broken |= ~np.isfinite(trained).all(axis=(1, 2))
        compared[layer] = _conditions(trained, read(untrained, data.images), orders)
    predicted = {name: [metrics.predictions(loss, x) for x in pair] for name, pair in compared[OUTPUTS].items()}
    accuracy = np.where(broken, np.nan, jnp.mean(predicted[TRAINED][0] == labels, axis=-1))

    def table(fn: Callable) -> np.ndarray:
        """fn(activations, others), under every condition at every layer."""
        return _masked([[fn(*pairs[name]) for pairs in compared.values()] for name in CONDITIONS], broken)

    matched = partial(matching.matched_correlation, key=key, absolute=ensembles.mirrored(model))
    agreement = jax.jit(similarity.agreement)
    return Similarity(
        similarity=table(lambda *pair: [_examples(*pair, sort=order == SORTED)[0] for order in ORDERS]),
        spread=_masked(
            [[_examples(*pairs[TRAINED], sort=order == SORTED)[1] for order in ORDERS] for pairs in compared.values()],
            broken,
        ),
        cka=table(jax.jit(similarity.linear_cka)),
        matched=table(jax.jit(matched)),
        agreement=_masked([agreement(*predicted[name]) for name in CONDITIONS], broken),
        chance_agreement=similarity.chance_agreement(accuracy, classes=max(2, model.outputs)),
        accuracy=accuracy,
    )


def by_condition(values: xr.DataArray) -> dict[str, xr.DataArray]:
    """Values by condition, those of trained networks first."""
    names = sorted(map(str, values.conditions.to_numpy()), key=lambda name: name != TRAINED)
    return {name: values.sel(conditions=name) for name in names}


def claims(results: Results) -> list[Claim]:
    """Rows 3.1 to 3.3, and what does not depend on the order of units."""
    pairs = results[SIMILARITY]
    hidden = [str(layer) for layer in pairs.layers.to_numpy() if layer != OUTPUTS]
    return [
        *(_of_images(pairs, order, layer, name) for order in ORDERS for layer in hidden for name in MEASURES),
        _outputs(pairs),
        _predictions(pairs),
        *(_matched(pairs, layer) for layer in hidden),
        *(_cka(pairs, layer) for layer in hidden),
    ]


def _of_images(pairs: xr.Dataset, order: str, layer: str, name: str) -> Claim:
    where = {"orders": order, "layers": layer, "measures": name}
    text, rule = _IN_ORDER[order]
    return Claim(
        row="3.1" if order == RAW else "3.2",
        name=f"{layer} {name}",
        text=f"{layer}: {text}: {name}, {order}",
        **against(by_condition(pairs.similarity.sel(where)), TRAINED, *((ROWS,) if order == RAW else _CONTROLS)),
        score=Calibrated(),
        rule=rule,
        quantity=f"the {name} similarity of two networks' activations ({order}), mean over images",
        published=_PUBLISHED.get((order, layer, name), "—"),
        note=f"Within a pair, sd over images {format_number(estimate(pairs.spread.sel(where)).mean, 3)}. {_SOURCE}",
    )


def _outputs(pairs: xr.Dataset) -> Claim:
    values = by_condition(pairs.similarity.sel(layers=OUTPUTS, orders=RAW, measures=COSINE))
    return Claim(
        row="3.3",
        name="logits",
        text="Two trainings give similar outputs: cosine of logits",
        **against(values, TRAINED, *_CONTROLS),
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="the cosine of two networks' logits, mean over images",
        published="“always high”",
        note=_lowest(values[TRAINED]),
    )


def _predictions(pairs: xr.Dataset) -> Claim:
    values = by_condition(pairs.agreement) | {ACCURACY_MATCHED: pairs.chance_agreement}
    return Claim(
        row="3.3",
        name="answers",
        text="Two trainings give the same predictions, beyond what their accuracies force: share of images",
        **against(values, TRAINED, ACCURACY_MATCHED, CLASS),
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="the share of images for which two networks predict the same class",
        published="“always high”",
        note=f"{_lowest(values[TRAINED])} Mean accuracy {format_number(float(pairs.accuracy.mean()), 3)}.",
    )


def _matched(pairs: xr.Dataset, layer: str) -> Claim:
    return Claim(
        row="matched",
        name=layer,
        text=f"{layer}: two trainings hold the same units, in another order: correlation of matched units",
        **against(by_condition(pairs.matched.sel(layers=layer)), TRAINED, *_CONTROLS),
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="the mean correlation of matched units",
        note="Matched one to one on a random half of the images, scored on the other half; a unit and its mirror image "
        "count as the same where the activation function is odd.",
    )


def _cka(pairs: xr.Dataset, layer: str) -> Claim:
    return Claim(
        row="CKA",
        name=layer,
        text=f"{layer}: two trainings hold the same features, whichever units carry them: debiased linear CKA",
        **against(by_condition(pairs.cka.sel(layers=layer)), TRAINED, *_CONTROLS),
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="the debiased linear CKA of two networks",
    )


def _activations(network: Network, images: Array, *, site: Site) -> Array:
    return network(images)[1][site]


@jax.jit
def _conditions(trained: Activations, initial: Activations, orders: Orders) -> dict[str, tuple[Array, Array]]:
    """What is compared with what under each condition."""
    first, second = (controls.reordered(trained, order) for order in orders.columns)
    return {
        TRAINED: (trained, trained),
        UNTRAINED: (initial, initial),
        ROWS: (trained, controls.reordered(trained, orders.rows)),
        CLASS: (trained, controls.reordered(trained, orders.within_class)),
        COLUMNS: (first, second),
    }


@partial(jax.jit, static_argnames="sort")
def _examples(first: Activations, second: Activations, *, sort: bool) -> Float[Array, "2 measures seeds seeds"]:
    """Mean and standard deviation over examples, of each of MEASURES."""
    values = similarity.per_example(first, second, sort=sort)
    return jnp.array([[values.cosine_mean, values.pearson_mean], [values.cosine_sd, values.pearson_sd]])


def _masked(values: Sequence, broken: np.ndarray) -> np.ndarray:
    """Matrices over pairs, NaN for every pair with a broken network."""
    return np.where(broken | broken[:, None], np.nan, np.array(values, np.float64))


def _lowest(values: xr.DataArray) -> str:
    pairs = values.to_numpy()[~np.eye(len(values), dtype=bool)]
    return f"Lowest pair {format_number(float(np.min(pairs[np.isfinite(pairs)], initial=np.inf)), 3)}."


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    layers = layers_of(inputs[NAME].model)
    return {"conditions": CONDITIONS, "layers": layers, "orders": ORDERS, "measures": MEASURES}


MEASUREMENTS = (EnsembleMeasurement(SIMILARITY, measure, _coords),)
