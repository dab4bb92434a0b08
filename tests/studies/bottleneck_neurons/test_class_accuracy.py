import jax
import numpy as np
import pytest
from support.findings import judged
from support.random_results import random_results

from jaxinterp.studies.bottleneck_neurons import STUDY, class_accuracy
from jaxinterp.studies.bottleneck_neurons.class_accuracy import PUBLISHED, correct_share


def test_confusions_and_failures_are_those_of_the_networks(toy, toy_results):
    _, splits, trained = toy
    images, labels = splits.test.images, splits.test.labels
    predictions = np.asarray(jax.vmap(lambda network: network(images)[0])(trained.networks)).argmax(axis=-1)
    shares = [[np.mean(own[labels == label] == label) for label in range(2)] for own in predictions]
    np.testing.assert_allclose(correct_share(toy_results["confusion"].share), shares, atol=1e-6)
    np.testing.assert_allclose(toy_results["confusion"].share.sum("predictions"), 1, atol=1e-6)
    found = toy_results["failures"]
    known = found.label.notnull().to_numpy()
    wrong = np.flatnonzero(predictions[0] != labels)
    assert known.sum() == min(len(wrong), class_accuracy.FAILURES)
    for image, label, prediction, share in zip(
        found.image[known], found.label[known], found.prediction[known], found.failed_by[known], strict=True
    ):
        index = np.flatnonzero((images == image.to_numpy()).all(axis=1))[0]
        assert index in wrong and label == labels[index] and prediction == predictions[0, index]
        assert share == pytest.approx(np.mean(predictions[1:, index] != labels[index]))


def test_the_order_of_digits_is_judged_against_the_published_one():
    results = random_results(STUDY)
    share = results["confusion"]["share"]
    share[:] = np.eye(10) * PUBLISHED.to_numpy()[:, None]
    finding = judged(STUDY, results, class_accuracy.claims)["4.3 order"]
    assert finding.verdict == "holds" and finding.score.mean == pytest.approx(1) and abs(finding.control.mean) < 0.1
    assert finding.others[0].estimate.mean == pytest.approx(1) and finding.others[1].estimate.mean == 0
    share[:] = np.eye(10) * (1 - PUBLISHED.to_numpy()[:, None])
    assert judged(STUDY, results, class_accuracy.claims)["4.3 order"].verdict == "does not hold"


def test_other_classes_have_no_published_order(planted_results, toy_results):
    assert class_accuracy.claims(planted_results) == class_accuracy.claims(toy_results) == []
