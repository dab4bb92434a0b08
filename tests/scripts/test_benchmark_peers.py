"""Contestants of the benchmark compute the same: convolutions, imports, pruning, dynamics, coalitions and labels."""

import itertools

import jax
import numpy as np
import pytest
from benchmarks import ablation, coalitions, convolutions, dynamics, explanation, imports, pruning, training
from support.toy_benchmark import PIXELS, blobs, config

from jaxinterp import ensemble, foreign, networks
from jaxinterp.config import ModelConfig
from jaxinterp.explanation import facts

pytestmark = pytest.mark.usefixtures("toy_recipe")


# Convolutions and imports


def test_the_convolutional_network_is_the_same_in_pytorch(splits):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for network in convolutions.untrained(convolutions.recipe(splits.train, 2)):
        logits = convolutions.torch_model(network)(torch.tensor(np.asarray(splits.test.images))).detach()
        np.testing.assert_allclose(network(splits.test.images)[0], logits, atol=1e-6)


def test_captum_removes_the_same_channels(splits):
    pytest.importorskip("captum", reason="captum is not installed")
    (network,) = convolutions.untrained(convolutions.recipe(splits.train, 1))
    for ways in convolutions.ablations(network, splits.test).values():
        ours = np.asarray(next(ways["ours"].turns))
        for logit in range(2):
            np.testing.assert_allclose(next(ways["captum"].turns), ours[..., logit], atol=1e-6)


def test_imported_files_are_the_networks(tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "FILES", 2)
    files, many = imports.written(tmp_path, PIXELS), ablation.untrained(2, PIXELS)
    for seed, path in enumerate(files):
        network = ensemble.take(foreign.import_weights(path, many.model, PIXELS).networks, 0)
        expected = ensemble.take(many, seed).variables["params"]
        for name, part in network.variables["params"].items():
            jax.tree.map(np.testing.assert_array_equal, dict(part), dict(expected[name]))


# Pruning


def test_the_peer_retrains_the_same_pruned_networks(splits, many, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(pruning, "SHARES", np.array([0, 0.5]))
    chosen, masks = config("sgd"), pruning.weight_masks(many, splits.train)
    found = next(pruning.ours(many, masks, splits.train, chosen)).variables["params"]["hidden0"]["kernel"]
    keys = iter([key for key in ensemble.keys(0, 3) for _ in range(found.shape[1])])

    def permute(examples):
        return torch.tensor(np.array(jax.random.permutation(jax.random.fold_in(next(keys), 0), examples)))

    loop = training.torch_loop(pruning.torch_models(many, masks), chosen, splits.train, permute)
    for place in np.ndindex(found.shape[:2]):
        layer = next(loop)[0]
        expected = (layer.weight_orig * layer.weight_mask).detach().numpy().T  # what the next pass would use
        np.testing.assert_allclose(found[place], expected, atol=1e-5)
        assert (expected[masks["hidden0"]["kernel"][place] == 0] == 0).all()


# Dynamics


def test_the_loop_over_epochs_and_networks_computes_ours():
    course, test = dynamics.made(2, 3, networks.build(ModelConfig((8, 6))), PIXELS), blobs(3, 200)
    active, drift, becoming, selective = jax.jit(dynamics.everything)(course, test, dynamics.KEY)
    turns = dynamics.loop(course, test)
    for time, seed in itertools.product(range(2), range(3)):
        activity, pairs, units, aucs = next(turns)
        found = np.stack(jax.tree.map(lambda leaf, at=(time, seed): leaf[at], active), axis=-1)
        np.testing.assert_allclose(found, activity, rtol=1e-3, atol=1e-5)
        values = np.reshape(pairs, (2, 4, 3, 2))  # layers references seeds_other measures
        own = np.asarray(drift.own)[:, :, time, :, seed]
        between = np.asarray(drift.between)[:, :, time, :, seed]
        whole = np.where(np.arange(3) == seed, own[..., None], between)  # measures references layers seeds_other
        kept = [0, 2, 3] if time == 0 else [0, 1, 2, 3]  # ours knows nothing before the first
        np.testing.assert_allclose(whole[:, kept], values.transpose(3, 1, 0, 2)[:, kept], atol=1e-3)
        for layer, (with_end, with_match) in enumerate(units):
            for part, expected in zip(becoming, (with_end, with_match), strict=True):
                np.testing.assert_allclose(part[time, seed, layer, : len(expected)], expected, atol=1e-3)
        for part, expected in zip(selective, aucs, strict=True):
            np.testing.assert_allclose(part[time, seed], expected, atol=1e-5)


# Coalitions


def test_captum_samples_the_same_shapley_values(splits):
    pytest.importorskip("captum", reason="captum is not installed")
    network = coalitions.trained(splits)
    exact = jax.jit(coalitions.shapley)(network, splits.test)[coalitions.DIGIT]
    turns = coalitions.captum(network, splits.test, [], orders=10)
    found = np.array([next(turns) for _ in range(20)])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - exact) < 5 * error + 1e-6).all()
    np.testing.assert_allclose(found.sum(axis=1), float(exact.sum()), atol=1e-5)


# Labels


def test_the_loop_over_units_scores_as_ours(many, splits):
    known = facts.read(many, splits.train, jax.random.key(0), loss="cross_entropy")
    layer = explanation.Layer(many, known, 0, blobs(3, 300))
    labels, others = layer.everything()
    found = np.concatenate([np.stack(labels)[:, :, None], np.stack(others)], axis=2)  # scores seeds predictions units
    loop = layer.loop()
    for seed, unit in np.ndindex(found.shape[1], found.shape[3]):
        np.testing.assert_allclose(found[:, seed, :, unit].T, next(loop), atol=5e-3)
