import numpy as np
import pytest
import xarray as xr
from support import llm_results, planted_labels, planted_runs
from support.llm_results import judged, near, plant

from jaxinterp import data, records
from jaxinterp.explanation import evaluation, kept, predicting, reading
from jaxinterp.explanation.evaluation import Labelled
from jaxinterp.explanation.labels import Label
from jaxinterp.explanation.labels import Labels as Said
from jaxinterp.explanation.reading import ANOTHER, MODEL, NEAREST, TOLD, TRUTH
from jaxinterp.explanation.score import Scores
from jaxinterp.studies.llm_labels import labels, models
from jaxinterp.studies.llm_labels.labels import BY_CLASS
from jaxinterp.studies.llm_labels.models import READERS, Told
from jaxinterp.studies.llm_labels.neurons import NAME, SITE
from jaxinterp.studies.llm_labels.readers import QUANTITIES

KNOWN = 40  # networks that the model was asked about, of llm_results.SEEDS


def results(score, agreement):
    """Results with one model's labels of some networks, beside labels by rules and baselines that score 0.5."""
    found, seeds, rng = llm_results.results(), llm_results.SEEDS, np.random.default_rng(0)

    def drawn(middle, *axes):
        return middle + rng.normal(0, 0.01, (1, *axes))

    reached = drawn(0.5, len(READERS), len(QUANTITIES), seeds)
    reached[0, READERS.index(MODEL)] += agreement - 0.5
    units = seeds, llm_results.NARROW
    scores = drawn(score, len(Scores._fields), *units)
    own = Told(
        drawn(1, seeds),
        scores,
        drawn(0.9, *units),
        drawn(0.1, *units),
        drawn(0.1, seeds),
        drawn(0.2, *units),
        drawn(20, seeds),
        reached,
        drawn(9, seeds),
    )
    coords = {"models": ["owl"], "scores": list(Scores._fields), "readers": list(READERS)}
    told = records.to_xarray(own).assign_coords({**coords, "quantities": list(QUANTITIES)})
    asked = xr.DataArray(np.arange(seeds) < KNOWN, dims="seeds")
    found["models"] = told.where(asked).assign(labelled=asked.expand_dims("models").astype(float))
    for field in ("score", "baseline"):
        plant(found, "labels", field, near(0.5))
    return found


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not():
    above, below = (judged(models, results(*values)) for values in ((0.8, 0.8), (0.3, 0.3)))
    assert {name: (own.verdict, below[name].verdict) for name, own in above.items()} == {
        "2.6 model": ("holds", "does not hold"),
        "2.7 model reader": ("holds", "does not hold"),
    }
    found = above["2.6 model"]
    assert found.text.startswith("owl: ") and f"Networks labelled: {KNOWN}." in found.note
    assert found.measured.n == found.control.n == KNOWN and found.measured.mean == pytest.approx(0.8, abs=0.01)
    controls = {found.control_name, *(own.name for own in found.others)}
    assert {"labels by class means", "class means", "linear in pixels"} <= controls


def test_without_a_model_nothing_is_claimed():
    found = llm_results.results()
    assert found["models"].sizes["models"] == 0 and models.claims(found) == []
    del found["models"]
    assert models.claims(found) == []


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Two planted networks. A parrot says of the second what a rule says, and reads it as the truth on some images."""
    own = planted_labels.network(), planted_labels.confusing(4)
    made = planted_runs.run(*own, data=planted_labels.data(0), path=tmp_path_factory.mktemp("run"))
    known = made.once(labels.trained).labels[BY_CLASS]
    assert isinstance(known, Labelled)
    units = tuple(Label(1, SITE, unit, text, "answered") for unit, text in enumerate(known.texts[1]))
    truth = np.asarray(made.test.labels)
    predicted = evaluation.predicted(made.networks, made.test.images, loss="cross_entropy")[1]
    right, wrong = reading.chosen(predicted, truth, each=20)
    answers = {
        MODEL: np.concatenate([truth[right], truth[wrong][:-1], [predicting.NO_ANSWER]]),
        TOLD: predicted[np.concatenate([right, wrong])],
    }
    rows = data.spaced_rows(len(truth), 50)
    real = evaluation.activations(made.networks, made.test.images, site=SITE)[1][:, rows]
    guessed = np.where(np.arange(len(real))[:, None] == 0, 5.0, 3 * real)  # of the first unit, always the same
    read, predicted = {1: kept.Read(right, wrong, answers)}, {1: kept.Predicted(rows, {SITE: guessed})}
    kept.add(made.path, made.networks, "parrot", Said(units, (), (), "", ()), read, predicted)
    return made


def test_a_models_labels_are_scored_as_a_rules_are(inputs):
    found, rule = models.measure({NAME: inputs}), labels.measure({NAME: inputs})
    assert found.labelled.tolist() == [[0, 1]]
    place = list(labels.EXPLAINERS).index(BY_CLASS)
    np.testing.assert_array_equal(found.score[0, :, 1], rule.score[1, place, :, 1])
    for name in ("score", "compiled", "others", "p"):
        values = np.moveaxis(getattr(found, name)[0], 1 if name == "score" else 0, 0)
        assert np.isnan(values[0]).all() and np.isfinite(values[1]).any()


def test_a_reader_is_tested_beside_readers_that_know_nothing_on_the_same_images(inputs):
    found = models.measure({NAME: inputs})
    reached = dict(zip(READERS, found.reached[0, :, :, 1], strict=True))
    own, truth, nearest = (dict(zip(QUANTITIES, reached[name], strict=True)) for name in (MODEL, TRUTH, NEAREST))
    assert found.images[0, 1] == 20 and np.isnan(found.images[0, 0]) and np.isnan(found.reached[..., 0]).all()
    assert (own["c"], own["n"], own["agreement"]) == (1, 0, 0.5) and own["l"] == pytest.approx(0.95)
    assert own["f"] == pytest.approx(0.05)  # what was not answered is neither
    told, another = (found.reached[0, READERS.index(name), :, 1] for name in (TOLD, ANOTHER))
    assert dict(zip(QUANTITIES, told, strict=True))["agreement"] == 1 and np.isnan(another).all()  # was not asked
    assert truth["l"] == 1 and truth["agreement"] == 0.5 and nearest["beyond"] == pytest.approx(0)


def test_a_models_predictions_are_scored_on_the_images_that_it_was_asked_about(inputs):
    found = models.measure({NAME: inputs})
    assert found.predicted[0, 1] == 50 and np.isnan(found.predicted[0, 0])
    own = found.by_itself[0, 1]
    assert np.isnan(own[0]) and np.isfinite(own).any()  # a constant prediction has no score, nor has a dead unit
    np.testing.assert_allclose(own[np.isfinite(own)], 1, atol=1e-5)


def test_on_parts_of_the_images_a_reader_is_tested_on_those_that_lie_in_the_part(inputs):
    rows = np.flatnonzero(np.isin(np.asarray(inputs.test.labels), (3, 4)))
    part = type(inputs)(inputs.recipe, inputs.path, inputs.run, inputs.splits, inputs, rows)
    found = models.measure({NAME: part})
    assert 0 < found.predicted[0, 1] < 50
    assert 0 < found.images[0, 1] < 20 and found.reached[0, 0, QUANTITIES.index("n"), 1] == 0
