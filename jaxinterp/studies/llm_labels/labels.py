"""Do words say what a neuron does? Row 2.6: labels, scored on test images against what knows nothing of the neuron.

The write-up has a language model put facts about each neuron into words. Here three rules do so, offline, from facts of
the same kinds (`explanation.rules`): a baseline that a language model's labels must beat, and a check of the method.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxinterp.explanation import evaluation, facts
from jaxinterp.explanation.baselines import BASELINES
from jaxinterp.explanation.evaluation import Labelled
from jaxinterp.explanation.facts import EnsembleFacts
from jaxinterp.explanation.rules import EXPLAINERS
from jaxinterp.explanation.score import Scores
from jaxinterp.explanation.simulate import Compiled
from jaxinterp.networks import Network, mirrors
from jaxinterp.stats import SIGNED
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.llm_labels.neurons import ALIKE, CONDITIONS, NAME, SITE, SIX, over_live
from jaxinterp.studies.scores import Calibrated, Difference
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_percent, mean

FACT_IMAGES = 1000  # of the training set, as in the write-up
KEY = 11
BY_CLASS, BY_REGION, BY_EXEMPLAR = EXPLAINERS
OTHERS, ANY = "another neuron's label", "the label of any neuron there"
SIGNIFICANT = 0.05

_claim = partial(Claim, row="2.6", bounds=SIGNED)


class Labels(NamedTuple):
    """Labels of every neuron, and what they and other predictions score on the test images; see `evaluation`.

    score, baseline: each of the five scores. compiled: 1 where rules can predict from a label's words. others,
    matched, any_unit: Pearson correlations of other neurons' labels. p: of labels handed out at random. said,
    elsewhere: share of images whose predicted digit changes without the neuron.
    """

    score: Float[np.ndarray, "conditions explainers scores seeds units"]
    compiled: Float[np.ndarray, "conditions explainers seeds units"]
    others: Float[np.ndarray, "conditions explainers seeds units"]
    p: Float[np.ndarray, "conditions explainers seeds"]
    baseline: Float[np.ndarray, "baselines scores seeds units"]
    matched: Float[np.ndarray, "explainers seeds seeds units"]
    any_unit: Float[np.ndarray, "explainers seeds seeds units"]
    said: Float[np.ndarray, "explainers ablations seeds units"]
    elsewhere: Float[np.ndarray, "explainers ablations seeds units"]
    said_by_others: Float[np.ndarray, "explainers ablations seeds units"]
    elsewhere_by_others: Float[np.ndarray, "explainers ablations seeds units"]


class Known(NamedTuple):
    """Facts of an ensemble's neurons, the labels that each explainer makes of them, and activations on their images."""

    facts: EnsembleFacts
    labels: dict[str, Labelled]
    fitted: Float[np.ndarray, "seeds units examples"]


def trained(inputs: Inputs) -> Known:
    """What is known of the trained networks; use it through `Inputs.once`."""
    return _known(inputs, inputs.networks)


def untrained(inputs: Inputs) -> Known:
    """What is known of the same networks before training; use it through `Inputs.once`."""
    return _known(inputs, inputs.untrained)


def measure(inputs: Mapping[str, Inputs]) -> Labels:
    """Label and score every neuron, before and after training."""
    own = inputs[NAME]
    before, after = (_of_condition(own, *condition) for condition in _conditions(own))
    known, real = own.once(trained), evaluation.activations(own.networks, own.test.images, site=SITE)
    baselines = evaluation.baseline_scores(known.facts, 0, known.fitted, real, own.test)
    of_others, causal = [], []
    for labelled in known.labels.values():
        simulations = evaluation.simulated(labelled, own.test)
        of_others.append(_controls(own, known, simulations, real))
        causal.append(evaluation.causal(own.networks, simulations, own.test, site=SITE, loss=own.config.train.loss))
    return Labels(
        *(np.stack(pair) for pair in zip(before, after, strict=True)),
        baseline=np.moveaxis(np.stack(baselines), 2, 0),
        matched=np.stack([found.matched for found in of_others]),
        any_unit=np.stack([found.any_unit for found in of_others]),
        **{name: np.stack([getattr(found, name) for found in causal]) for name in evaluation.Causal._fields},
    )


def _conditions(inputs: Inputs) -> tuple[tuple[Network, Known], ...]:
    return (inputs.untrained, inputs.once(untrained)), (inputs.networks, inputs.once(trained))


def _known(inputs: Inputs, networks: Network) -> Known:
    data, loss = inputs.splits.train.spaced(FACT_IMAGES), inputs.config.train.loss
    found = facts.read(networks, data, inputs.key(KEY), loss=loss)
    labels = {name: evaluation.label(found, 0, explainer) for name, explainer in EXPLAINERS.items()}
    return Known(found, labels, evaluation.activations(networks, data.images, site=SITE))


def _of_condition(inputs: Inputs, networks: Network, known: Known) -> tuple[np.ndarray, ...]:
    """Of each explainer: scores, whether labels were compiled, other neurons' labels, and p."""
    real = evaluation.activations(networks, inputs.test.images, site=SITE)
    found = []
    for labelled in known.labels.values():
        simulations = evaluation.simulated(labelled, inputs.test)
        others = _controls(inputs, known, simulations, real)
        is_compiled = [[float(isinstance(one, Compiled)) for one in own] for own in labelled.compiled]
        scores = np.stack(evaluation.scores(simulations, real))
        found.append((scores, np.array(is_compiled), others.others, others.p))
    return tuple(np.stack(parts) for parts in zip(*found, strict=True))


def _controls(inputs: Inputs, known: Known, simulations: np.ndarray, real: np.ndarray) -> evaluation.Controls:
    rng = np.random.default_rng(inputs.config.train.base_seed)
    return evaluation.controls(simulations, real, known.fitted, rng, absolute=mirrors(inputs.model))


MEASUREMENTS = (
    EnsembleMeasurement(
        "labels",
        measure,
        lambda _: {
            "conditions": CONDITIONS,
            "explainers": tuple(EXPLAINERS),
            "scores": Scores._fields,
            "baselines": BASELINES,
            "ablations": evaluation.ABLATIONS,
        },
    ),
)


def scored(results: Results, explainer: str, score: str = "pearson", condition: str = TRAINED) -> xr.DataArray:
    """A network's mean score over its live neurons; a label without a defined score counts as 0."""
    found = results["labels"].score.sel(explainers=explainer, scores=score, conditions=condition)
    return over_live(results, found.fillna(0), SIX, condition)


def by_baseline(results: Results, baseline: str, score: str = "pearson") -> xr.DataArray:
    """The same of a baseline's predictions for the trained networks."""
    found = results["labels"].baseline.sel(baselines=baseline, scores=score)
    return over_live(results, found.fillna(0))


def others(results: Results, explainer: str) -> xr.DataArray:
    """A network's mean, over live neurons, of what the labels of its other neurons score."""
    return over_live(results, results["labels"].others.sel(explainers=explainer, conditions=TRAINED))


def undefined(results: Results, explainer: str) -> xr.DataArray:
    """Share of a network's live neurons whose label has no defined score."""
    found = results["labels"].score.sel(explainers=explainer, scores="pearson", conditions=TRAINED)
    return over_live(results, found.isnull().astype(float))


def claims(results: Results) -> list[Claim]:
    """Row 2.6."""
    return [
        _says(results, "labels", BY_CLASS, "The digits that a neuron responds to, in words, say what it does"),
        _says(results, "regions", BY_REGION, "The regions that a neuron's weights read, in words, say what it does"),
        _beyond(results),
        _transfer(results),
        *(_causal(results, kind) for kind in evaluation.ABLATIONS),
    ]


def _says(results: Results, name: str, explainer: str, text: str) -> Claim:
    found = results["labels"]
    compiled = format_percent(float(over_live(results, found.compiled.sel(explainers=explainer)).mean()))
    p = found.p.sel(explainers=explainer, conditions=TRAINED)
    beaten = (p <= SIGNIFICANT).astype(float).where(p.notnull())
    return _claim(
        name=name,
        text=f"{text}: correlation of what a label predicts with the activation",
        published="labels by a language model, not scored",
        quantity="correlation over test images, mean over live neurons",
        measured=scored(results, explainer),
        controls={OTHERS: others(results, explainer), UNTRAINED: scored(results, explainer, condition=UNTRAINED)},
        rule=above(ALIKE),
        score=Calibrated(),
        shown={
            "cosine": scored(results, explainer, "cosine"),
            "average precision": scored(results, explainer, "auprc"),
            "F1": scored(results, explainer, "f1"),
            "intersection over union": scored(results, explainer, "iou"),
            "labels by exemplars": scored(results, BY_EXEMPLAR),
            "labels without a defined score": undefined(results, explainer),
        },
        note=f"Rule: {explainer}, of {FACT_IMAGES} training images; no language model. {compiled} of the labels can be "
        "compiled. Labels handed out to a network's neurons at random score as high with "
        f"p ≤ {SIGNIFICANT:g} in {mean(beaten, 2)} of the networks; of few live neurons none can.",
    )


def _beyond(results: Results) -> Claim:
    return _claim(
        name="baselines",
        text="Words say more of a neuron than no words: labels predict it better than any baseline",
        quantity="correlation over test images, mean over live neurons",
        measured=scored(results, BY_CLASS),
        controls={baseline: by_baseline(results, baseline) for baseline in BASELINES},
        rule=above(0.0),
        score=Difference(),
        shown={BY_REGION: scored(results, BY_REGION), BY_EXEMPLAR: scored(results, BY_EXEMPLAR)},
        note=f"Labels by {BY_CLASS}. Baselines know the image's true digit, or the {FACT_IMAGES} training images; "
        "linear: ridge regression.",
    )


def _transfer(results: Results) -> Claim:
    found = results["labels"].sel(explainers=BY_CLASS)
    return _claim(
        name="transfer",
        text="A label holds for the matched neuron of another network",
        quantity="correlation over test images, mean over live neurons of a pair of networks",
        measured=over_live(results, found.matched),
        controls={ANY: over_live(results, found.any_unit)},
        rule=above(ALIKE),
        score=Calibrated(),
        shown={"its own label": scored(results, BY_CLASS)},
        note="Neurons are matched one to one by their activations on the training images that the facts are from.",
    )


def _causal(results: Results, kind: str) -> Claim:
    by_class, by_region = (
        results["labels"].sel(explainers=explainer, ablations=kind) for explainer in (BY_CLASS, BY_REGION)
    )
    return _claim(
        name=f"causal {kind}",
        text=f"A neuron matters where its label says: by {kind}-ablation, more predictions change there than elsewhere",
        quantity="share of images whose predicted digit changes, where the label says active less elsewhere",
        measured=over_live(results, by_class.said - by_class.elsewhere),
        controls={OTHERS: over_live(results, by_class.said_by_others - by_class.elsewhere_by_others)},
        rule=above(0.0),
        score=Difference(),
        shown={
            "where the label says active": over_live(results, by_class.said),
            "elsewhere": over_live(results, by_class.elsewhere),
            "difference, labels by weight regions": over_live(results, by_region.said - by_region.elsewhere),
        },
        note="Live neurons. A label says active where its prediction is above its mean. "
        + ("At 0 a silent neuron stays as it is." if kind == "zero" else "At its mean a silent neuron is not silent."),
    )
