"""Do two trainings give the same activations and predictions? Rows 3.1 to 3.3: similarity of all pairs of networks.

The write-up compared two networks' hidden activations unit by unit, found them unlike, sorted each activation vector,
found them alike, and concluded that both encode the same features. Sorted values are alike for any two samples of
similar distributions, and images of one class are alike to any two networks that classify them correctly. So every
number here is compared with untrained networks and with networks that see other images, of any class and of the same.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from jaxinterp.analysis.similarity import controlled
from jaxinterp.analysis.similarity.controlled import CONDITIONS, MEASURES, ORDERS, SHUFFLED
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation.ensembles import ALIKE, NAME, OUTPUTS, against, first_images, layers_of, site
from jaxinterp.studies.judge import Claim, above, between
from jaxinterp.studies.scores import estimate
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_number, mean

SIMILARITY = "similarity"
ACCURACY_MATCHED = "accuracy-matched chance"
ROWS, CLASS, _ = SHUFFLED
RAW, SORTED = ORDERS
COSINE, PEARSON = MEASURES

# A tenth of the way from chance to identity: what is no more than this is not called alike.
UNLIKE = 0.1

_CONTROLS = (ROWS, CLASS, UNTRAINED)
_IN_ORDER = {
    RAW: ("3.1", "unit by unit, two trainings are no more alike than chance", between(-UNLIKE, UNLIKE), (ROWS,)),
    SORTED: ("3.2", "the same values are encoded, so very likely the same features", above(ALIKE), _CONTROLS),
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


def measure(inputs: Mapping[str, Inputs]) -> controlled.Similarity:
    """The similarity of all pairs of the study's own networks."""
    run = inputs[NAME]
    key, loss = run.key(2), run.config.train.loss
    sites = [site(layer) for layer in layers_of(run.model)]
    return controlled.compare(run.networks, run.untrained, first_images(run), sites, key=key, loss=loss)


def by_condition(values: xr.DataArray) -> dict[str, xr.DataArray]:
    """Values by condition, those of trained networks first."""
    return {name: values.sel(conditions=name) for name in (TRAINED, UNTRAINED, *SHUFFLED)}


def claims(results: Results) -> list[Claim]:
    """Rows 3.1 to 3.3, and what does not depend on the order of units."""
    pairs = results[SIMILARITY]
    hidden = pairs.layers.drop_sel(layers=OUTPUTS).to_numpy().tolist()
    return [
        *(_of_images(pairs, order, layer, name) for order in ORDERS for layer in hidden for name in MEASURES),
        _outputs(pairs),
        *_predictions(pairs),
        *(_matched(pairs, layer) for layer in hidden),
        *(_cka(pairs, layer) for layer in hidden),
    ]


def _of_images(pairs: xr.Dataset, order: str, layer: str, name: str) -> Claim:
    where = {"orders": order, "layers": layer, "measures": name}
    row, text, rule, hardest = _IN_ORDER[order]
    return against(
        by_condition(pairs.similarity.sel(where)),
        *hardest,
        row=row,
        name=f"{layer} {name}",
        text=f"{layer}: {text}: {name}, {order}",
        rule=rule,
        bounds=SIGNED,
        quantity=f"the {name} similarity of two networks' activations ({order}), mean over images",
        published=_PUBLISHED.get((order, layer, name), "—"),
        note=f"Within a pair, sd over images {format_number(estimate(pairs.spread.sel(where)).mean, 3)}. {_SOURCE}",
    )


def _outputs(pairs: xr.Dataset) -> Claim:
    values = by_condition(pairs.similarity.sel(layers=OUTPUTS, orders=RAW, measures=COSINE))
    return against(
        values,
        *_CONTROLS,
        row="3.3",
        name="logits",
        text="Two trainings give similar outputs, beyond the image's class: cosine of logits",
        bounds=SIGNED,
        quantity="the cosine of two networks' logits, mean over images",
        published="“always high”",
        note=_lowest(values[TRAINED]),
    )


def _predictions(pairs: xr.Dataset) -> list[Claim]:
    """Two questions, with the same numbers: more agreement than chance, and most of what chance leaves open."""
    values = by_condition(pairs.agreement) | {ACCURACY_MATCHED: pairs.chance_agreement}
    questions = (
        ("chance", "Two trainings give the same prediction more often than accuracy and the image's class", 0.0),
        ("answers", "Two trainings agree on most of the predictions that accuracy and the image's class do not", ALIKE),
    )
    return [
        against(
            values,
            ACCURACY_MATCHED,
            CLASS,
            row="3.3",
            name=name,
            text=f"{text} force: share of images",
            rule=above(bar),
            bounds=SHARE,
            quantity="the share of images for which two networks predict the same class",
            published="“always high”",
            note=f"{_lowest(values[TRAINED])} Mean accuracy {mean(pairs.accuracy)}.",
        )
        for name, text, bar in questions
    ]


def _matched(pairs: xr.Dataset, layer: str) -> Claim:
    return against(
        by_condition(pairs.matched.sel(layers=layer)),
        *_CONTROLS,
        row="matched",
        name=layer,
        text=f"{layer}: beyond the image's class, two trainings hold the same units, in another order: correlation of "
        "matched units",
        bounds=SIGNED,
        quantity="the mean correlation of matched units",
        note="Matched one to one on a random half of the images, scored on the other half; a unit and its mirror image "
        "count as the same where the activation function is odd.",
    )


def _cka(pairs: xr.Dataset, layer: str) -> Claim:
    return against(
        by_condition(pairs.cka.sel(layers=layer)),
        *_CONTROLS,
        row="CKA",
        name=layer,
        text=f"{layer}: beyond the image's class, two trainings hold the same features, whichever units carry them: "
        "debiased linear CKA",
        bounds=SIGNED,
        quantity="the debiased linear CKA of two networks",
    )


def _lowest(values: xr.DataArray) -> str:
    pairs = values.to_numpy()[~np.eye(len(values), dtype=bool)]
    return f"Lowest pair {format_number(float(np.min(pairs[np.isfinite(pairs)], initial=np.inf)), 3)}."


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    layers = layers_of(inputs[NAME].model)
    return {"conditions": CONDITIONS, "layers": layers, "orders": ORDERS, "measures": MEASURES}


MEASUREMENTS = (EnsembleMeasurement(SIMILARITY, measure, _coords),)
