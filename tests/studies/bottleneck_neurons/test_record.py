"""What is measured for study `bottleneck-neurons`, by the real path at toy size and on planted roles."""

import jax
import jax.numpy as jnp
import numpy as np
import planted
import pytest

from jaxinterp import networks, records, store
from jaxinterp.analysis import responses
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.errors import InputError
from jaxinterp.interventions import ablate, identity, rescale, select
from jaxinterp.networks import Network
from jaxinterp.studies import Subject
from jaxinterp.studies.bottleneck_neurons import STUDY, BottleneckNeurons, answer, findings, measure, numbers
from jaxinterp.train import History

NONE = identity()


def history(seeds, diverged=()):
    never = np.zeros((seeds, 1, 3))
    ended = np.isin(np.arange(seeds), diverged).astype(int)
    return History(never, never, never[..., None], ended, ended, ended)


def asked(ensemble_, config, splits, path, diverged=()):
    run = store.Run(config, ensemble_, history(config.train.seeds, diverged))
    return measure({STUDY: Subject(path, run, splits)})


@pytest.fixture(scope="module")
def toy_record(toy, tmp_path_factory):
    """What is measured on the toy run, as stored with its snapshots."""
    config, splits, trained = toy
    path = tmp_path_factory.mktemp("runs") / "toy"
    store.save(path, config, trained, splits.test)
    return measure({STUDY: Subject(path, store.load(path), splits)})


@pytest.fixture(scope="module")
def planted_record(tmp_path_factory):
    """Three copies of the network with planted roles, without the second layer, which copies the first."""
    variables = planted.network().variables
    params = {name: variables["params"][name] for name in ("hidden0", "output")}
    model = ModelConfig((planted.UNITS,), outputs=planted.CLASSES)
    copies = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), {"params": params})
    config = RunConfig(DataConfig(), model, TrainConfig(seeds=3))
    splits = Splits(planted.data(400, 1), planted.data(0), planted.data(400, 2))
    return asked(Network(networks.build(model), copies), config, splits, tmp_path_factory.mktemp("planted"))


def finding(record, name):
    (found,) = [finding for finding in findings(record) if finding.claim.id == name]
    return found


def test_planted_units_are_found(planted_record):
    record = planted_record
    zero = record.kinds.index("zero")
    cost = record.baseline[:, None] - record.ablated[:, zero]
    np.testing.assert_allclose(record.baseline, 1)
    expected = np.zeros((planted.UNITS, planted.CLASSES))
    expected[planted.ALONE, planted.ALONE_CLASS] = 1
    expected[4, 2] = 1  # either unit of the pair is enough for class 1, and class 3 is what is answered by default
    np.testing.assert_allclose(cost, np.broadcast_to(expected, cost.shape), atol=1e-6)
    assert (record.worst[:, zero, planted.ALONE_CLASS] == planted.ALONE).all() and (record.worst[:, zero, 2] == 4).all()
    np.testing.assert_allclose(record.worst_accuracy[:, zero, -1], [[0, 1, 0, 1]] * 3)
    assert (record.searched_p[:, zero][:, [0, 2]] < 0.02).all() and (record.searched_p[:, zero][:, [1, 3]] > 0.9).all()
    assert finding(record, "4.6 most digits zero").score.mean == 0.5
    assert finding(record, "4.6 some digit zero").verdict == "holds"
    # The mean of a unit that carries one class in four speaks for it even where nothing else does.
    assert finding(record, "4.6 some digit mean").verdict == "does not hold"


def test_planted_doses_ranks_and_maps(planted_record):
    record = planted_record
    curve = numbers.worst_doses(record)[:, planted.ALONE_CLASS]
    assert (curve[:, 0] == 0).all() and (curve[:, 4:] > 0.999).all() and (np.diff(curve) > -1e-6).all()
    rises = numbers.dose_rises(record, numbers.worst_doses(record))
    np.testing.assert_array_equal(rises, [[1, 0, 1, 0]] * 3)
    dead = record.dead[:, -1]
    np.testing.assert_allclose(dead, 1 / planted.UNITS)
    for ranking in range(3):
        assert (np.argmax(record.ranking[:, ranking, 2], axis=-1) == 4).all()
    index = record.selectivity[:, record.measures.index("index")]
    assert (index[:, planted.ALONE_CLASS, planted.ALONE] > 0.99).all() and (index[:, :, planted.DEAD] == 0).all()
    # Each of four pixels moves one logit, through gates that are open on some images alone.
    fixed = 1 - planted.CLASSES / (planted.PIXELS * planted.CLASSES)
    np.testing.assert_allclose(record.gradient_fixed, [[fixed, 1]] * 3)
    assert (record.weight_deviation == 0).all() and (record.maps_agree == 1).all()
    after = record.conditions.index("trained")
    np.testing.assert_allclose(record.map_correlation[:, after], 1, atol=1e-6)  # the dead unit has no map to correlate
    # Another class's pixel is anticorrelated; the two units of the pair see the same one.
    pairs = 5 * 4
    np.testing.assert_allclose(record.other_correlation[:, after, 0], (2 - (pairs - 2) / 8) / pairs, atol=1e-6)
    assert record.epochs == ("untrained", "trained")  # there are no snapshots
    assert record.gradient_sites == ("input", "hidden0/post")
    found = {found.claim.id: found for found in findings(record)}
    assert "4.3 order" not in found and "4.8 probes" not in found  # four classes and one layer
    assert found["4.4 identity"].verdict == found["4.8 first layer"].verdict == "holds"
    assert all(-1 <= f.score.mean <= 1 for f in found.values() if f.score.n)


def halves(toy):
    """The rows on which neurons are chosen and scored, and the keys of the whole."""
    config, splits, _ = toy
    keys = jax.random.split(jax.random.key(config.train.base_seed), 3)
    return np.split(np.asarray(jax.random.permutation(keys[0], len(splits.test.labels))), 2), keys


@pytest.mark.parametrize("seed", [0, 3])
def test_ablations_doses_and_answers_are_those_of_the_network_itself(toy, toy_record, seed):
    _, splits, trained = toy
    network = jax.tree.map(lambda leaf: leaf[seed], trained.networks)
    data, record, (choosing, scoring), _ = splits.test, toy_record, *halves(toy)

    def answers(rows, edit=NONE):
        return np.asarray(network(data.images[rows], {"hidden1/post": edit})[0]).argmax(axis=-1)

    def accuracy(rows, label, edit=NONE):
        return np.mean(answers(rows, edit)[data.labels[rows] == label] == label)

    activations = np.asarray(network(data.images[scoring])[1]["hidden1/post"])
    zero, mean = record.kinds.index("zero"), record.kinds.index("mean")
    for label in range(2):
        before = []
        for unit in range(6):
            mask = select([unit], 6)
            before.append(accuracy(choosing, label, ablate(mask)))
            assert record.ablated[seed, zero, unit, label] == pytest.approx(accuracy(scoring, label, ablate(mask)))
            value = float(np.mean(activations[:, unit]))
            expected = accuracy(scoring, label, ablate(mask, value))
            assert record.ablated[seed, mean, unit, label] == pytest.approx(expected, abs=0.003)
            dose = list(record.doses).index(1.75)
            expected = accuracy(scoring, label, rescale(mask, 1.75))
            assert record.dose_accuracy[seed, unit, dose, label] == pytest.approx(expected, abs=0.003)
        worst = int(record.worst[seed, zero, label])
        assert before[worst] == min(before)
        mask = select([worst], 6)
        assert record.worst_accuracy[seed, zero, -1, label] == pytest.approx(accuracy(scoring, label, ablate(mask)))
        for place, edit in enumerate((NONE, ablate(mask), rescale(mask, 3.0))):
            given = answers(scoring, edit)[data.labels[scoring] == label]
            expected = [np.mean(given == answer) for answer in range(2)]
            np.testing.assert_allclose(record.redirected[seed, place, label], expected, atol=0.003)
    assert record.baseline[seed, 0] == pytest.approx(accuracy(scoring, 0))
    right = np.diagonal(record.confusion[seed])
    np.testing.assert_allclose(right, [accuracy(np.arange(len(data.labels)), label) for label in range(2)], atol=1e-6)


def test_chosen_neurons_rankings_and_maps_are_those_of_the_network_itself(toy, toy_record):
    _, splits, trained = toy
    network = jax.tree.map(lambda leaf: leaf[0], trained.networks)
    data, record, (choosing, scoring), (_, key, _) = splits.test, toy_record, *halves(toy)
    place, dead = record.conditions.index("trained"), 1e-3

    def index(rows):
        values, labels = np.asarray(network(data.images[rows])[1]["hidden1/post"], np.float64), data.labels[rows]
        means = np.stack([values[labels == label].mean(axis=0) for label in range(2)])
        return (means - means[::-1]) / (means.sum(axis=0) + dead), values  # of two classes, one is the other's rest

    top = index(choosing)[0].argmax(axis=1)
    own, values = index(scoring)
    np.testing.assert_allclose(record.top_index[0, place], own[[0, 1], top], rtol=1e-4)
    np.testing.assert_allclose(record.top_firing[0, place], (values[:, top] > 0).mean(axis=0), rtol=1e-5)
    null = responses.selectivity_null(key, jnp.float32(values), data.labels[scoring], classes=2, draws=100).index
    expected = [np.quantile(null[:, label, top[label]], 0.95) for label in range(2)]
    np.testing.assert_allclose(record.null_index[0, place], expected, rtol=1e-3)

    activations = np.asarray(network(data.images)[1]["hidden1/post"])
    means = np.stack([activations[data.labels == label].mean(axis=0) for label in range(2)])
    np.testing.assert_allclose(record.ranking[0, 0], means, rtol=1e-4)
    np.testing.assert_allclose(record.ranking[0, 2], network.variables["params"]["output"]["kernel"].T, rtol=1e-4)
    sample = data.images[np.concatenate([choosing, scoring])[:1000]]
    gradient = jax.grad(lambda images: jnp.sum(network(images)[1]["hidden1/pre"][:, 2]))(sample)
    np.testing.assert_allclose(record.saliency[2], np.mean(gradient, axis=0), atol=1e-5)
    lit = np.mean(data.images > 0, axis=0) >= 0.01
    table = np.corrcoef(record.probe[:, lit], record.saliency[:, lit])[:6, 6:]
    np.testing.assert_allclose(record.map_correlation[0, place, -1], np.diagonal(table).mean(), atol=1e-4)
    np.testing.assert_allclose(record.other_correlation[0, place, -1], table[~np.eye(6, dtype=bool)].mean(), atol=1e-4)


def test_activity_over_training(toy, toy_record):
    _, splits, trained = toy
    record = toy_record
    assert record.epochs == ("untrained", "epoch 2", "trained") and record.layers == ("hidden0", "hidden1")
    for place, ensemble_ in enumerate((trained.snapshots[0], trained.snapshots[2], trained.networks)):
        activations = jax.vmap(lambda network: network(splits.test.images)[1])(ensemble_)
        for layer in range(2):
            fires = np.asarray(activations[f"hidden{layer}/post"] > 0).mean(axis=1)
            np.testing.assert_allclose(record.firing_rate[:, place, layer], fires.mean(axis=1), atol=1e-5)
            np.testing.assert_allclose(record.dead[:, place, layer], (fires == 0).mean(axis=1))
    np.testing.assert_allclose(record.histogram.sum(axis=-1), 1, atol=1e-5)
    below = record.edges[:, None, :-1] < 0
    post = record.histogram[:, :, :, 1]
    np.testing.assert_allclose(np.where(below[:, 0], post, 0), 0, atol=1e-6)  # nothing is below 0 after a ReLU
    shares = np.bincount(splits.test.labels) / len(splits.test.labels)
    pooled = np.einsum("slpcb,c->slpb", record.class_histogram, shares)
    np.testing.assert_allclose(pooled, record.histogram[:, -1], atol=0.02)


def test_pixels_and_failures(toy, toy_record):
    _, splits, trained = toy
    images, record = splits.train.images, toy_record
    expected = [images.mean(), images.std(), (images == 0).mean()]
    np.testing.assert_allclose(record.pixel_statistics, expected, rtol=1e-4)
    own = images[splits.train.labels == 1]
    np.testing.assert_allclose(record.class_pixel_statistics[1], [own.mean(), own.std(), (own == 0).mean()], rtol=1e-4)
    wrong = record.failure_index[record.failure_index >= 0]
    logits = np.asarray(jax.vmap(lambda network: network(splits.test.images)[0])(trained.networks))
    answers = logits.argmax(axis=-1)
    everything = np.flatnonzero(answers[0] != splits.test.labels)
    assert set(wrong) <= set(everything) and len(wrong) == min(len(everything), len(record.failure_index))
    failed = np.mean(answers[1:, wrong] != splits.test.labels[wrong], axis=0)
    np.testing.assert_allclose(record.failed_by[: len(wrong)], failed)
    np.testing.assert_array_equal(record.failure_label[len(wrong) :], -1)


def test_a_gradient_is_fixed_behind_the_last_layer_and_only_there(toy_record):
    assert (toy_record.gradient_fixed[:, 1] == 1).all() and (toy_record.gradient_fixed[:, 0] < 1).all()
    assert (toy_record.weight_deviation < 1e-6).all()
    assert (toy_record.maps_agree[:, 0] == 1).all() and (toy_record.maps_agree[:, 1] < 0.9).all()
    assert finding(toy_record, "4.4 identity").verdict == finding(toy_record, "4.8 first layer").verdict == "holds"


def test_the_record_can_be_stored(toy_record, tmp_path):
    store.save_result(tmp_path, STUDY, toy_record)
    again = records.from_xarray(BottleneckNeurons, store.load_result(tmp_path, STUDY))
    for name, value in toy_record._asdict().items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert findings(again) == findings(toy_record) or np.isnan([f.score.low for f in findings(again)]).any()
    assert answer(again) == answer(toy_record)


def test_networks_that_diverged_change_nothing_for_the_others(toy, toy_record, tmp_path):
    config, splits, trained = toy
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf).at[0].set(jnp.nan), trained.networks.variables)
    record = asked(trained.networks.replace(variables=variables), config, splits, tmp_path, diverged=(0,))
    assert int(record.example_seed) == 1 and record.diverged.tolist() == [True] + [False] * 4
    for name in ("baseline", "ablated", "worst", "searched_p", "dose_accuracy", "predictor", "selectivity", "ranking"):
        assert np.isnan(getattr(record, name)[0]).all()
        np.testing.assert_allclose(getattr(record, name)[1:], getattr(toy_record, name)[1:], atol=1e-5)
    np.testing.assert_allclose(record.map_correlation[1:], toy_record.map_correlation[1:], atol=1e-4)
    for found in findings(record):
        assert found.measured.n == 4 and "1 of 5 networks diverged" in found.note


def test_networks_with_norms_and_classes_without_examples_will_do(tmp_path):
    model = ModelConfig((5, 4), outputs=4, norm="layer", norm_position="after", activation="tanh")
    config = RunConfig(DataConfig(), model, TrainConfig(seeds=2, snapshots=(0, 1)))  # snapshots that are not stored
    ensemble_ = jax.vmap(lambda key: networks.init(key, networks.build(model), 9))(jax.random.split(jax.random.key(0)))
    data = planted.data(120)
    data = Dataset(data.images, np.where(data.labels == 3, 0, data.labels))
    record = asked(ensemble_, config, Splits(data, planted.data(0), data), tmp_path)
    assert np.isnan(record.baseline[:, 3]).all() and np.isfinite(record.baseline[:, :3]).all()
    found = {found.claim.id: found for found in findings(record)}
    assert all(-1 <= f.score.mean <= 1 for f in found.values() if f.score.n)
    assert found["4.4 identity"].verdict == "does not hold"  # a norm is in between


def test_wrong_networks_are_refused(toy, tmp_path):
    _, splits, _ = toy
    for model in (ModelConfig((), outputs=2), ModelConfig((3,), outputs=1)):
        config = RunConfig(DataConfig(), model, TrainConfig(seeds=2))
        with pytest.raises(InputError, match="needs a hidden layer and two outputs"):
            asked(Network(networks.build(model), {}), config, splits, tmp_path)
