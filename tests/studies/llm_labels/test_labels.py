import numpy as np
import pytest
import xarray as xr
from support import llm_results, planted_labels, planted_runs
from support.llm_results import judged, near, plant

from jaxinterp.explanation import evaluation
from jaxinterp.explanation.baselines import BASELINES
from jaxinterp.explanation.rules import EXPLAINERS
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels import labels
from jaxinterp.studies.llm_labels.labels import BY_CLASS, BY_REGION
from jaxinterp.studies.llm_labels.neurons import NAME


def scored(explainer, trained, others=0.1, untrained=0.1):
    """A function that plants what an explainer's labels score, and what those of other and untrained neurons do."""

    def change(found):
        plant(found, "labels", "score", trained, explainers=explainer, conditions=TRAINED, scores="pearson")
        plant(found, "labels", "score", untrained, explainers=explainer, conditions=UNTRAINED, scores="pearson")
        plant(found, "labels", "others", others, explainers=explainer)

    return change


def beside(baseline):
    def change(found):
        scored(BY_CLASS, near(0.6))(found)
        plant(found, "labels", "baseline", baseline, scores="pearson")

    return change


def matched(value):
    def change(found):
        plant(found, "labels", "any_unit", pairs(0.05))
        plant(found, "labels", "matched", pairs(value))

    return change


def pairs(value):
    """Values for pairs of networks, a little apart."""
    own = np.random.default_rng(0).normal(0, 0.01, (2, llm_results.SEEDS, 1))
    return xr.DataArray(value + own[0] + own[1].T, dims=("seeds", "seeds_other"))


def causal(said):
    def change(found):
        for field in ("elsewhere", "said_by_others", "elsewhere_by_others"):
            plant(found, "labels", field, near(0.1))
        plant(found, "labels", "said", said)

    return change


CASES = {
    "2.6 labels": (scored(BY_CLASS, near(0.8)), scored(BY_CLASS, near(0.3))),
    "2.6 regions": (scored(BY_REGION, near(0.8)), scored(BY_REGION, near(0.8), others=near(0.7))),
    "2.6 baselines": (beside(near(0.4)), beside(near(0.7))),
    "2.6 transfer": (matched(0.8), matched(0.2)),
    "2.6 causal zero": (causal(near(0.4)), causal(near(0.05))),
    "2.6 causal mean": (causal(near(0.4)), causal(near(0.05))),
}


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not():
    assert list(judged(labels, llm_results.results())) == list(CASES)
    assert llm_results.verdicts(labels, CASES) == {name: ("holds", "does not hold") for name in CASES}


def test_labels_without_a_score_count_as_nothing_and_dead_neurons_do_not_count():
    found = llm_results.results()
    scored(BY_CLASS, 0.8)(found)
    values = found["labels"].score.loc[{"explainers": BY_CLASS, "conditions": TRAINED, "scores": "pearson"}]
    values[{"units": slice(3)}] = np.nan  # the dead ones
    assert float(labels.scored(found, BY_CLASS).mean()) == pytest.approx(0.8)
    values[{"units": 3}] = np.nan  # one of three live ones
    assert float(labels.scored(found, BY_CLASS).mean()) == pytest.approx(0.8 * 2 / 3)
    assert float(labels.undefined(found, BY_CLASS).mean()) == pytest.approx(1 / 3)


@pytest.fixture(scope="module")
def inputs():
    order = tuple(int(unit) for unit in np.random.default_rng(3).permutation(planted_labels.UNITS))
    own = planted_labels.network(), planted_labels.network(order)
    return planted_runs.run(*own, data=planted_labels.data(0), path="planted")


def test_planted_networks_are_measured(inputs):
    found = labels.measure({NAME: inputs})
    after = dict(zip(EXPLAINERS, found.score[1], strict=True))
    digits = slice(planted_labels.CLASSES)
    assert (after[BY_CLASS][0, 0, digits] > 0.95).all()
    assert (found.baseline[BASELINES.index("class means"), 0, 0, digits] > 0.95).all()
    assert (found.p[1, 0] == 1 / 1000).all() and found.compiled[1].min() == 1
    np.testing.assert_allclose(found.matched[0, 0, 1, digits], after[BY_CLASS][0, 0, digits], atol=1e-5)
    known = inputs.once(labels.trained)
    simulations = evaluation.simulated(known.labels[BY_CLASS], inputs.test)
    expected = evaluation.causal(inputs.networks, simulations, inputs.test, site=labels.SITE, loss="cross_entropy")
    np.testing.assert_array_equal(found.said[0], expected.said)
