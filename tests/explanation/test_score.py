"""Scores are scikit-learn's, know what is undefined, and fall where a label loses or gains what is not true."""

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from sklearn import metrics as reference

from jaxinterp.analysis import correlation
from jaxinterp.explanation import score
from jaxinterp.explanation.score import Scores

scores = jax.jit(score.scores)
EXAMPLES, LABELS = 60, 4


@st.composite
def tables(draw):
    """Predictions and activations with and without ties; neither is constant."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([2, 3, 10, 1000]))
    predictions = rng.integers(0, levels, (LABELS, EXAMPLES)) / levels
    activations = np.maximum(rng.normal(size=(LABELS, EXAMPLES)) + predictions, draw(st.sampled_from([-9, 0, 0.5])))
    for values in (predictions, activations):
        values[:, :2] = [0.3, 0.9]
    return predictions.astype(np.float32), activations.astype(np.float32)


@settings(max_examples=40)
@given(tables())
def test_scores_are_those_of_scikit_learn(values):
    predictions, activations = values
    found = scores(predictions, activations)
    for place, (predicted, real) in enumerate(zip(predictions, activations, strict=True)):
        active, flagged = (np.asarray(score.above_mean(values)) for values in (real, predicted))
        expected = Scores(
            pearson=np.corrcoef(predicted, real)[0, 1],
            cosine=reference.pairwise.cosine_similarity(predicted[None], real[None])[0, 0],
            auprc=reference.average_precision_score(active, predicted),
            f1=reference.f1_score(active, flagged),
            iou=reference.jaccard_score(active, flagged),
        )
        np.testing.assert_allclose([value[place] for value in found], expected, atol=2e-5)


@given(tables())
def test_scales_and_the_order_of_images_do_not_matter(values):
    predictions, activations = values
    order = np.random.default_rng(0).permutation(EXAMPLES)
    found, moved = scores(predictions, activations), scores(4 * predictions[:, order], activations[:, order] / 8)
    for own, other in zip(found, moved, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)


@given(tables())
def test_a_table_of_exchanges_holds_every_correlation(values):
    predictions, activations = values
    table = np.asarray(correlation.pairwise(predictions, activations))
    np.testing.assert_allclose(np.diagonal(table), scores(predictions, activations).pearson, atol=1e-5)
    expected = np.corrcoef(predictions, activations)[:LABELS, LABELS:]
    np.testing.assert_allclose(table, expected, atol=2e-5)
    others = [np.delete(expected[:, unit], unit).mean() for unit in range(LABELS)]
    np.testing.assert_allclose(score.of_others(table), others, atol=2e-5)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-30, 3e8])
def test_a_constant_prediction_is_undefined_and_so_is_a_constant_unit(constant):
    real = np.random.default_rng(0).uniform(size=(2, EXAMPLES)).astype(np.float32)
    flat = np.full((2, EXAMPLES), constant, np.float32)
    for found in (scores(flat, real), scores(real, flat), scores(np.full_like(real, np.nan), real)):
        assert all(np.isnan(value).all() for value in found)
    assert np.isnan(score.of_others(np.full((2, 2), np.nan))).all()


def planted(rng, examples=20_000, share=0.05):
    """A unit that is active on a share of the images, and its label: perfect, with half missing, with as many extra."""
    active = rng.uniform(size=examples) < share
    missing = active & (rng.uniform(size=examples) < 0.5)
    extra = active | (rng.uniform(size=examples) < share)
    labels = np.stack([active, missing, extra]).astype(np.float32)
    return labels, np.tile(active * rng.uniform(0.5, 1, examples), (3, 1)).astype(np.float32)


def test_scores_fall_with_labels_that_are_missing_and_with_extra_ones():
    labels, activations = planted(np.random.default_rng(0))
    for name, (perfect, missing, extra) in zip(Scores._fields, scores(labels, activations), strict=True):
        assert missing < 0.85 * perfect and extra < 0.85 * perfect, name


def test_recall_precision_and_the_roc_curve_miss_one_of_them():
    labels, activations = planted(np.random.default_rng(0))
    active = activations[0] > 0
    kept = 0.95
    assert reference.recall_score(active, labels[2]) == 1 and reference.precision_score(active, labels[1]) == 1
    assert reference.roc_auc_score(active, labels[2]) > kept
    # Where the unit's best images and as many others are the whole sample, extra labels are hardly seen.
    order = np.argsort(-activations[0])
    rows = np.concatenate([order[:100], np.random.default_rng(1).choice(order[2000:], 100, replace=False)])
    perfect, _, extra = (np.corrcoef(own[rows], activations[0, rows])[0, 1] for own in labels)
    assert extra > 0.9 * perfect


def test_labels_handed_out_at_random_have_uniform_p_values():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        table = rng.normal(size=(12, 12)) + 2 * np.eye(12)[rng.permutation(12)]
        found.append(score.shuffled_p(table, rng, draws=199))
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01
    assert score.shuffled_p(rng.normal(size=(12, 12)) + 3 * np.eye(12), rng, draws=199) == 1 / 200
    assert np.isnan(score.shuffled_p(np.full((3, 3), np.nan), rng))
