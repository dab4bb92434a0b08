import jax
import numpy as np
import sklearn.decomposition
import sklearn.manifold
import sklearn.metrics
from support.findings import judged
from support.judging import plant
from support.random_results import random_results

from jaxinterp.analysis import projection
from jaxinterp.studies.bottleneck_neurons import STUDY, clusters, pictures
from jaxinterp.studies.fingerprint import fingerprint
from jaxinterp.studies.runner import take

NAME = STUDY.name


def drawn(activations, *, seed):
    """What stands for a method: the first two units, moved a little by the seed, so that it needs no library."""
    if (activations == activations[0]).all():
        raise projection.UndrawableError("dead")
    return activations[:, :2] + np.random.default_rng(seed).normal(0, 0.1, (len(activations), 2)).astype(np.float32)


def test_the_plane_is_measured_in_every_network(toy, toy_inputs, toy_results):
    network = jax.tree.map(lambda leaf: leaf[1], toy[2].networks)
    data = pictures.shown(toy_inputs)
    values = np.asarray(network(data.images)[1]["hidden1/post"], np.float64)
    scores = sklearn.decomposition.PCA(2).fit_transform(values)
    found = toy_results["plane"].sel(conditions="trained").isel(seeds=1)
    np.testing.assert_allclose(found.layer, sklearn.metrics.silhouette_score(values, data.labels), atol=1e-4)
    np.testing.assert_allclose(found.picture, sklearn.metrics.silhouette_score(scores, data.labels), atol=1e-3)
    trust = sklearn.manifold.trustworthiness(values, scores, n_neighbors=projection.NEIGHBOURS)
    np.testing.assert_allclose(found.trustworthiness, trust, atol=1e-3)


def test_a_few_networks_are_drawn_twice_by_every_method(toy_inputs, toy_results, monkeypatch):
    monkeypatch.setattr(projection, "installed", lambda: ("UMAP",))
    monkeypatch.setattr(projection, "umap", drawn)
    monkeypatch.setattr(pictures, "DRAWN", 4)
    found = pictures.pictures({NAME: toy_inputs})
    assert list(pictures.methods()) == ["PCA", "UMAP"]
    seeds, images = toy_inputs.seeds, len(found.labels)
    assert found.points.shape == (2, 4, images, 2)
    np.testing.assert_allclose(np.square(found.points).sum(axis=(2, 3)), 1, rtol=1e-4)
    known = np.arange(seeds) < 4
    for name in ("picture", "permuted", "trustworthiness", "continuity", "overlap"):
        assert (np.isfinite(getattr(found, name)) == known).all(), name
    plane = toy_results["plane"]
    np.testing.assert_allclose(found.picture[0][:, known], plane.picture[:, known], atol=1e-4)
    np.testing.assert_allclose(found.layer[:, known], plane.layer[:, known], atol=1e-4)
    assert (found.overlap[0][:, known] == 1).all() and (found.overlap[1][:, known] < 1).all()


def test_a_dead_layer_has_no_picture_and_parts_of_the_images_are_not_drawn(toy_inputs, monkeypatch):
    monkeypatch.setattr(
        pictures, "methods", lambda: {"a method": pictures.Method(lambda x, seed: drawn(0 * x, seed=seed), 2)}
    )
    found = pictures.pictures({NAME: toy_inputs})
    assert np.isnan(found.points).all() and np.isnan(found.picture).all()
    assert np.isfinite(found.layer[:, :2]).all() and np.isnan(found.layer[:, 2:]).all()


def planted_pictures(methods, after, monkeypatch, layer=0.2):
    monkeypatch.setattr(pictures, "methods", lambda: dict.fromkeys(methods))
    results = random_results(STUDY)
    found = results["pictures"]
    for number, (name, mean) in enumerate({"picture": 0.1, "permuted": 0.0, "layer": layer}.items()):
        plant(found[name], mean, seed=number)
    plant(found.picture, after, seed=9, conditions="trained")
    return judged(STUDY, results, pictures.claims)


def test_umap_is_judged_where_it_is_installed_and_else_said_to_be_left_out(monkeypatch):
    findings = planted_pictures(["PCA", "UMAP"], 0.5, monkeypatch)
    assert findings["4.7 UMAP"].verdict == findings["4.7 UMAP exaggerates"].verdict == "holds"
    assert "left out" not in findings["4.7 PCA"].note
    findings = planted_pictures(["PCA", "UMAP"], 0.05, monkeypatch)
    assert findings["4.7 UMAP"].verdict == findings["4.7 UMAP exaggerates"].verdict == "does not hold"
    findings = planted_pictures(["PCA"], 0.5, monkeypatch)
    assert list(findings) == ["4.7 PCA"]
    assert "t-SNE and UMAP are left out: pip install 'jaxinterp[projection]'" in findings["4.7 PCA"].note


def test_the_plane_must_show_more_than_before_training_and_with_permuted_labels():
    planted = (0.0, 0.2, "holds"), (0.2, 0.1, "does not hold"), (-0.3, -0.1, "does not hold")
    for before, after, verdict in planted:
        results = random_results(STUDY)
        plant(results["plane"].permuted, -0.2, seed=1)
        plant(results["plane"].picture, before, seed=2, conditions="untrained")
        plant(results["plane"].picture, after, seed=3, conditions="trained")
        assert judged(STUDY, results, pictures.claims)["4.7 PCA"].verdict == verdict


def test_what_is_stored_without_a_library_is_measured_again_with_it(toy_inputs, monkeypatch):
    [measurement] = [own for own in pictures.MEASUREMENTS if own.name == "pictures"]
    [other] = [own for own in clusters.MEASUREMENTS if own.name == "subspaces"]
    found = []
    for version in (None, "1.0", "1.1"):
        monkeypatch.setattr("jaxinterp.machine.version", lambda library, version=version: version)
        found.append(tuple(fingerprint(own, {NAME: toy_inputs}, take) for own in (measurement, other)))
    assert len({own for own, _ in found}) == 3 and len({own for _, own in found}) == 1
