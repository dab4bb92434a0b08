"""What neurons and logits look like, how alike templates are, and what is lost without them, beside slow NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxinterp import networks
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network
from jaxinterp.studies.looking_for_four import asked, backwards, focus, likeness
from jaxinterp.studies.looking_for_four.record import KINDS, TARGET, TURNS

CLASSES, SIDE, WIDTHS = 5, 4, (8, 6)
PIXELS = SIDE**2
DIFFERENCE = KINDS.index("difference")
LIT = np.arange(PIXELS) > 2


@pytest.fixture(scope="module")
def network():
    """16-8-6-5 ReLU with batch norms behind, whose weights and running statistics are random."""
    model = MLP(WIDTHS, CLASSES, norm="batch", norm_position="after")
    rng, made = np.random.default_rng(0), networks.init(jax.random.key(1), model, PIXELS)
    return made.replace(
        variables=jax.tree.map(
            lambda leaf: jnp.float32(rng.uniform(0.5, 1.5, leaf.shape)) if leaf.ndim == 1 else leaf, made.variables
        )
    )


@pytest.fixture(scope="module")
def halves():
    return images(0), images(1)


@pytest.fixture(scope="module")
def seen(network, halves):
    return jax.jit(asked.see)(network, halves[0].images)


@pytest.fixture(scope="module")
def templates():
    return asked.turned(np.random.default_rng(2).normal(size=(len(KINDS), CLASSES, PIXELS)).astype(np.float32))


def images(seed, examples=150):
    rng = np.random.default_rng(seed)
    labels = (np.arange(examples) % CLASSES).astype(np.int32)
    values = (
        rng.uniform(size=(examples, PIXELS))
        * np.where(np.arange(PIXELS) % 3, 0.1, 1)
        * (1 + (np.arange(PIXELS) % CLASSES == labels[:, None]))
    )
    return Dataset((values / 2).astype(np.float32), labels)


def parts(network):
    """Kernels as they are, and the scale of either norm."""
    params, running = network.variables["params"], network.variables["batch_stats"]
    kernels = [np.asarray(params[name]["kernel"], np.float64) for name in ("hidden0", "hidden1", "output")]
    scales = [
        np.asarray(params[name]["scale"] / np.sqrt(running[name]["var"] + network.model.norm_epsilon), np.float64)
        for name in ("norm0", "norm1")
    ]
    return kernels, scales


def is_open(network, data):
    """Which neurons of either layer are active on each image."""
    activations = network(data.images)[1]
    return [np.asarray(activations[f"hidden{layer}/pre"]) > 0 for layer in (0, 1)]


def alike(first, second):
    return np.corrcoef(np.asarray(first, np.float64)[LIT], np.asarray(second, np.float64)[LIT])[0, 1]


def slow_views(network, data):
    """Of either layer, the weights pushed back, and mean gradients × sd of the pixel."""
    (first, second, _), (scale, _) = parts(network)
    gates, spread = is_open(network, data)[0], data.images.std(axis=0, dtype=np.float64)
    gradients = np.mean([(first * gate * scale) @ second for gate in gates], axis=0)
    return [(first.T, first.T * spread), (((first * scale) @ second).T, gradients.T * spread)]


def test_what_neurons_look_at_agrees_with_numpy(network, halves, seen):
    for layer, (weights, used) in enumerate(slow_views(network, halves[0])):
        np.testing.assert_allclose(seen.weights[layer], weights, atol=1e-5)
        np.testing.assert_allclose(seen.used[layer], used, atol=1e-5)


def test_what_logits_look_like_agrees_with_numpy(network, halves, seen, templates):
    data = halves[1]
    found = jax.jit(backwards._looks)(seen, data, templates, LIT)
    (first, second, last), (scale, next_scale) = parts(network)
    gated = []
    for label in range(CLASSES):
        members = [gates[data.labels == label] for gates in is_open(network, data)]
        each = [
            ((first * a * scale) @ (second * b * next_scale)) @ last[:, label] for a, b in zip(*members, strict=True)
        ]
        gated.append(np.mean(each, axis=0))
    maps = [(first @ second @ last).T, ((first * scale) @ (second * next_scale) @ last).T, np.array(gated)]
    np.testing.assert_allclose(found["maps"], maps, atol=1e-4)
    for method in range(len(backwards.METHODS)):
        for kind in range(len(KINDS)):
            for label in range(CLASSES):
                own = [alike(maps[method][label], templates[kind, turn, label]) for turn in range(len(TURNS))]
                np.testing.assert_allclose(found["look"][method, kind, :, label], own, atol=1e-4)
                other = [alike(maps[method][label], templates[kind, 0, of]) for of in range(CLASSES)]
                np.testing.assert_allclose(found["look_other"][method, kind, label], other, atol=1e-4)


def slow_tellers(activations, labels):
    """Each class's neuron of largest d′."""
    found = []
    for label in range(CLASSES):
        own, rest = activations[labels == label], activations[labels != label]
        spread = np.sqrt((own.var(axis=0) + rest.var(axis=0)) / 2)
        difference = own.mean(axis=0) - rest.mean(axis=0)
        found.append(np.argmax(np.where(spread > 0, difference / np.where(spread > 0, spread, 1), 0)))
    return found


def auc(values, labels):
    own, rest = values[labels == TARGET], values[labels != TARGET]
    return scipy.stats.mannwhitneyu(own, rest).statistic / (len(own) * len(rest))


def test_matches_agree_with_numpy(network, halves, seen, templates, monkeypatch):
    monkeypatch.setattr(likeness, "STEPS", 1)
    monkeypatch.setattr(likeness, "RESTARTS", 1)
    (choosing, scoring), best_by = halves, {}
    found = jax.jit(likeness._matches)(seen, jax.random.key(0), templates, LIT, choosing, scoring)
    for layer, views in enumerate(slow_views(network, choosing)):
        views = [*views, views[0] > 0] if layer == 0 else views  # the best image of a neuron that is linear in pixels
        before, after = (
            np.asarray(network(half.images)[1][f"hidden{layer}/post"], np.float64) for half in (choosing, scoring)
        )
        tellers = slow_tellers(before, choosing.labels)
        assert found["teller"][layer].tolist() == tellers
        assert found["teller_auc"][layer] == pytest.approx(auc(after[:, tellers[TARGET]], scoring.labels), abs=1e-5)
        for view, maps in enumerate(views):
            told = np.array(
                [[[[alike(row, t) for t in turn] for turn in kind] for kind in templates] for row in maps]
            )  # units kinds turns classes
            np.testing.assert_allclose(found["best_match"][layer, view], told.max(axis=0), atol=1e-4)
            target = told[:, DIFFERENCE, 0, TARGET]
            shares = np.histogram(target, likeness.BINS)[0] / len(maps)
            np.testing.assert_allclose(found["match_share"][layer, view], shares, atol=1e-6)
            of_tellers = np.stack([told[unit, DIFFERENCE, :, label] for label, unit in enumerate(tellers)], axis=1)
            np.testing.assert_allclose(found["teller_match"][layer, view], of_tellers, atol=1e-4)
            np.testing.assert_allclose(
                found["teller_other"][layer, view], told[:, DIFFERENCE, 0].mean(axis=0), atol=1e-4
            )
            np.testing.assert_allclose(found["teller_map"][layer, view], np.asarray(maps)[tellers], atol=1e-5)
            best_by[layer, likeness.VIEWS[view]] = int(np.argmax(target))
            if likeness.VIEWS[view] == focus.USED:
                best = after[:, np.argmax(target)]
                assert found["match_auc"][layer] == pytest.approx(auc(best, scoring.labels), abs=1e-5)
    # It matters by which view the neuron that answers was chosen.
    assert any(best_by[layer, focus.WEIGHTS] != best_by[layer, focus.USED] for layer in (0, 1))


def reader():
    """9-6-5: unit u of the one hidden layer copies pixel u, and logit c reads unit c; unit 5 is read by none."""
    params = {
        "hidden0": {"kernel": jnp.float32(np.eye(9)[:, :6]), "bias": jnp.zeros(6)},
        "output": {"kernel": jnp.float32(np.eye(6)[:, :5]), "bias": jnp.zeros(5)},
    }
    return Network(MLP((6,), 5), {"params": params})


def bright(seed, examples=100):
    """Images of class c light pixel c, and noise elsewhere."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(examples) % 5).astype(np.int32)
    values = rng.uniform(0, 0.3, (examples, 9)).astype(np.float32)
    values[np.arange(examples), labels] = rng.uniform(0.7, 1, examples)
    return Dataset(values, labels)


def test_one_neuron_carries_a_logit_that_reads_it_alone():
    network, data = reader(), bright(0)
    np.testing.assert_allclose(
        backwards.contributions(network, data, TARGET).sum(axis=1), network(data.images)[0][:, TARGET], rtol=1e-6
    )
    carried = backwards.evidence(network, data)
    assert carried[TARGET] > 0.3 and np.abs(np.delete(np.asarray(carried), TARGET)).max() == 0
    shares = backwards._shares(asked.see(network, data.images), data, bright(1))
    np.testing.assert_allclose(shares["favourites"], 1, rtol=1e-6)
    np.testing.assert_allclose(shares["carriers"], 1, rtol=1e-6)


@pytest.mark.parametrize(("pixel", "lost"), [(TARGET, 1), (2, 0), (5, 0)], ids=["its own", "another's", "of no logit"])
def test_the_neuron_that_looks_like_the_target_is_lost(pixel, lost):
    """The target's template is one pixel, which one neuron reads: the target is lost if that carries its logit."""
    network, choosing, scoring = reader(), bright(0), bright(1)
    maps = np.zeros((len(KINDS), 5, 9), np.float32)
    maps[DIFFERENCE, TARGET, pixel] = 1
    halves = [likeness.Half(half, half.images[half.labels == TARGET]) for half in (choosing, scoring)]
    seen = asked.see(network, choosing.images)
    found = likeness._losses(seen, jax.random.key(0), asked.turned(maps), np.ones(9, bool), *halves)
    zero = likeness.ABLATIONS.index("zero")
    assert found["baseline"] == 1
    assert found["match_loss"][zero, 0] == lost and found["worst_loss"][zero, 0] == 1
    assert found["random_loss"][zero, 0] == pytest.approx(1 / 6)
    # By the mean, slowly: what is left where the neuron says the same on every image.
    mean, place = scoring.images.mean(axis=0), likeness.ABLATIONS.index("mean")
    losses = []
    for unit in range(6):
        replaced = np.array(halves[1].fours)
        replaced[:, unit] = mean[unit]
        losses.append(1 - float(np.mean(np.argmax(np.asarray(network(replaced)[0]), axis=1) == TARGET)))
    assert 0 < losses[TARGET] < 1
    assert float(found["match_loss"][place, 0]) == pytest.approx(losses[pixel], abs=1e-6)
    assert float(found["random_loss"][place, 0]) == pytest.approx(np.mean(losses), abs=1e-6)


def test_the_worst_neuron_is_chosen_on_the_other_half():
    """Two neurons carry the target, one in either half: the worst of the choosing half costs nothing in the other."""
    first, second = np.eye(9)[:, :6], np.eye(6)[:, :5]
    second[5, TARGET] = 1
    params = {
        "hidden0": {"kernel": jnp.float32(first), "bias": jnp.zeros(6)},
        "output": {"kernel": jnp.float32(second), "bias": jnp.zeros(5)},
    }
    network, choosing, scoring = Network(MLP((6,), 5), {"params": params}), bright(0), bright(1)
    fours = scoring.labels == TARGET
    moved = np.array(scoring.images)
    moved[fours, 5], moved[fours, TARGET] = moved[fours, TARGET], 0
    scoring = scoring._replace(images=moved)
    quiet = np.array(choosing.images)
    quiet[:, 5] = 0
    choosing = choosing._replace(images=quiet)
    halves = [likeness.Half(half, half.images[half.labels == TARGET]) for half in (choosing, scoring)]
    flat = asked.turned(np.ones((len(KINDS), 5, 9), np.float32))
    found = likeness._losses(asked.see(network, quiet), jax.random.key(0), flat, np.ones(9, bool), *halves)
    zero = likeness.ABLATIONS.index("zero")
    assert found["worst_loss"][zero, 0] == 0 and found["random_loss"][zero, 0] == pytest.approx(1 / 6)


def test_answers_of_chosen_neurons_agree_with_numpy(network, halves):
    data, chosen = halves[1], np.array([[0, 3, 7, 3, 1], [5, 0, 2, 1, 4]])
    found = likeness._answers(network, chosen, data)
    for layer in (0, 1):
        every = np.asarray(network(data.images)[1][f"hidden{layer}/post"], np.float64)
        for place, unit in enumerate(chosen[layer]):
            values = every[:, unit]
            expected = [
                (values[data.labels == label].mean() - values.mean()) / values.std() if values.std() else np.nan
                for label in range(CLASSES)
            ]
            np.testing.assert_allclose(found["profile"][layer, place], expected, atol=1e-4)
            shown = found["exemplars"][layer, place]
            np.testing.assert_allclose(values[shown], np.sort(values)[::-1][: len(shown)], atol=1e-6)


def test_focus_is_of_lit_pixels_alone():
    """Weights in pixels that no image lights stay as they began, and tell nothing of what is learnt."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(3, 36))
    lit = np.arange(36) >= 10
    found = []
    for scale in (0.0, 1.0, 100.0):
        values = jnp.float32(np.where(lit, maps, scale * maps))
        found.append(jax.jit(focus._focus)(asked.Seen(None, (values,), (values[:2],)), jnp.asarray(lit)))
    for other in found[1:]:
        jax.tree.map(np.testing.assert_array_equal, found[0], other)
    mass = maps[:, lit] ** 2
    pixels = mass.sum(axis=1) ** 2 / (mass**2).sum(axis=1)
    place = focus.STATISTICS.index("participation")
    means = found[0]["mean"][:, 0, place]
    np.testing.assert_allclose(means, [pixels.mean(), pixels[:2].mean()], rtol=1e-5)
    np.testing.assert_allclose(found[0]["best"][:, 0, place], [pixels.min(), pixels[:2].min()], rtol=1e-5)
