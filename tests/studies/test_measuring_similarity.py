"""Counting who is more alike, against SciPy; the study by the real path at toy size; verdicts on planted records."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from random_records import random_record

from jaxinterp import controls, data, ensemble, networks, recipes, records, studies, train
from jaxinterp.analysis.similarity import MEASURES
from jaxinterp.errors import InputError
from jaxinterp.store import Run
from jaxinterp.studies import measuring_similarity as study
from jaxinterp.studies.measuring_similarity import LABELS, LAYERS, WIDTHS, more_alike, same_layer
from jaxinterp.studies.subjects import Subject

ASKED = ("debiased_cka", "procrustes", "cosine")


@pytest.fixture(scope="module")
def subjects():
    """One trained ensemble for true and half-shuffled labels; the others, which cost as much to compile, untrained."""
    made, trained = {}, None
    for recipe in study.RECIPES:
        config = recipes.config(recipe, seeds=3, epochs=2)
        config = dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, source="strokes", train_size=300),
            model=dataclasses.replace(config.model, widths=(6, 6) if recipe == study.WIDE else (4, 4)),
        )
        splits, model = data.load(config.data), networks.build(config.model)
        trained = trained or train.fit_ensemble(model, splits, config.train)
        kept = trained.networks
        if recipe in (study.SHUFFLED, study.WIDE):
            kept = controls.untrained(ensemble.keys(1, 3), model, 784)
        made[recipe] = Subject(Path(recipe), Run(config, kept, trained.history), splits)
    return made


@pytest.fixture(scope="module")
def measured(subjects):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "MEASURES", {name: MEASURES[name] for name in ASKED})
        return study.measure(subjects)


def planted(levels, seeds=8, **fields):
    """A record in which every measure is right this often on each test, by measure."""
    names = tuple(levels)
    made = random_record(
        study.Record,
        {"seeds": seeds},
        measures=names,
        tests=study.TESTS,
        conditions=study.CONDITIONS,
        recipes=tuple(study.RECIPES),
        chance=np.array([0.5, 0.5, 0.25]),
        **fields,
    )
    shake = np.random.default_rng(0).uniform(-0.01, 0.01, made.right.shape)
    values = np.array([levels[name] for name in names])[:, :, None, None]
    return made._replace(right=np.broadcast_to(values, made.right.shape) + shake)


@given(st.integers(0, 2**32 - 1), st.integers(3, 6))
def test_being_more_alike_is_the_area_under_the_curve(seed, seeds):
    rng = np.random.default_rng(seed)
    own, other = rng.integers(0, 4, (2, seeds, seeds)).astype(float)  # few values, so that there are ties
    for i, share in enumerate(more_alike(own, other)):
        first, second = np.delete(own[i], i), np.delete(other[i], i)
        u = scipy.stats.mannwhitneyu(first, second).statistic
        np.testing.assert_allclose(share, u / (len(first) * len(second)))


def test_pairs_that_are_unknown_count_nowhere():
    own, other = np.ones((4, 4)), np.zeros((4, 4))
    own[2] = own[:, 2] = other[2] = other[:, 2] = np.nan
    np.testing.assert_array_equal(more_alike(own, other), [1, 1, np.nan, 1])


def test_the_same_layer_is_found_where_it_is_the_most_alike():
    layers, seeds = 3, 4
    rng = np.random.default_rng(0)
    table = rng.uniform(size=(layers, seeds, layers, seeds))
    right = table.copy()
    right[range(layers), :, range(layers)] += 1
    np.testing.assert_array_equal(same_layer(right), np.ones(seeds))
    slow = [
        np.mean([table[i, s, :, o].argmax() == i for i in range(layers) for o in range(seeds) if o != s])
        for s in range(seeds)
    ]
    np.testing.assert_allclose(same_layer(table), slow)
    np.testing.assert_allclose(same_layer(np.ones_like(table)), np.full(seeds, 1 / layers))
    right[:, 1] = right[..., 1] = np.nan
    np.testing.assert_array_equal(same_layer(right), [1, np.nan, 1, 1])


def test_toy_networks_are_asked_everything(measured):
    assert measured.right.shape == (3, 3, 2, 3)
    known = np.isfinite(measured.right)
    assert known[:2].all()
    assert not known[2, study.TESTS.index(WIDTHS)].any()  # it compares unit with unit
    untrained = measured.right[:, study.TESTS.index(LABELS), study.CONDITIONS.index(study.UNTRAINED)]
    np.testing.assert_array_equal(untrained, 0.5)  # labels have told them nothing yet
    assert len(study.findings(measured)) == 8
    assert (
        "cosine" in study.answer(measured) or "cka" in study.answer(measured) or "procrustes" in study.answer(measured)
    )


def test_the_record_survives_storing(measured):
    again = records.from_xarray(study.Record, records.to_xarray(measured))
    assert study.answer(again) == study.answer(measured)


def test_a_network_that_diverged_changes_nothing_for_the_others(subjects):
    asked = MEASURES["debiased_cka"]
    layers = study._layers(subjects[study.STUDY])[0]
    whole = study._of_layers({study.STUDY: layers}, asked)
    lost = layers.copy()
    lost[:, 1] = np.nan
    found = study._of_layers({study.STUDY: lost}, asked)
    assert np.isnan(found[1]) and np.isfinite(found[[0, 2]]).all() and np.isfinite(whole).all()


def test_verdicts_follow_the_numbers():
    record = planted({"good": (0.95, 0.97, 0.96), "half": (0.95, 0.5, 0.96), "poor": (0.4, 0.5, 0.3)})
    verdicts = {finding.claim.id: finding.verdict for finding in study.findings(record)}
    assert verdicts == {
        f"{test} {name}": "holds" if name == "good" or (name == "half" and test != WIDTHS) else "does not hold"
        for test in (LABELS, WIDTHS, LAYERS)
        for name in ("good", "half", "poor")
    }
    said = study.answer(record)
    assert "Of 3, good pass all 3 tests" in said and "is good (labels 0.95, widths 0.97, layers 0.96)" in said
    said = study.answer(planted({"half": (0.95, 0.5, 0.96), "poor": (0.4, 0.45, 0.3)}))
    assert "none passes every test" in said and "is half" in said


def test_groups_of_different_sizes_are_refused(subjects):
    few = subjects[study.WIDE]
    run = few.run._replace(networks=ensemble.take(few.run.networks, slice(2)))
    with pytest.raises(InputError, match="of one size, got 2, 3 seeds"):
        study.measure(dict(subjects) | {study.WIDE: few._replace(run=run)})


def test_the_study_takes_every_recipe_that_is_named_after_it():
    assert studies.get("measuring-similarity") is study
    assert set(study.RECIPES) == {name for name in recipes.RECIPES if name.startswith("measuring-similarity")}
