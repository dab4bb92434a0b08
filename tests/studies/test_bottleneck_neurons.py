import jax
import jax.numpy as jnp
import numpy as np
import planted
import pytest
import scipy.stats
from random_records import random_record

from jaxinterp import networks, records, store, studies
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.errors import InputError
from jaxinterp.interventions import ablate, rescale, select
from jaxinterp.studies import Subject, bottleneck_neurons
from jaxinterp.studies.bottleneck_neurons import BottleneckNeurons, answer, findings, measure, numbers
from jaxinterp.train import History

STUDY = bottleneck_neurons.STUDY
SEEDS, UNITS = 6, 16


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


PLANTED = RunConfig(DataConfig(), ModelConfig((planted.UNITS,) * 2, outputs=planted.CLASSES), TrainConfig(seeds=3))


def copies(network, count=3):
    return jax.tree.map(lambda leaf: jnp.stack([leaf] * count), network)


@pytest.fixture(scope="module")
def planted_record(tmp_path_factory):
    """Three copies of the network with planted roles."""
    splits = Splits(planted.data(400, 1), planted.data(0), planted.data(400, 2))
    return asked(copies(planted.network()), PLANTED, splits, tmp_path_factory.mktemp("planted"))


def finding(record, name):
    (found,) = [finding for finding in findings(record) if finding.claim.id == name]
    return found


def test_planted_units_are_found(planted_record):
    record = planted_record
    zero = record.kinds.index("zero")
    cost = record.baseline[:, None] - record.ablated[:, zero]
    np.testing.assert_array_equal(record.baseline, 1)
    expected = np.zeros((planted.UNITS, planted.CLASSES))
    expected[planted.ALONE, planted.ALONE_CLASS] = 1
    expected[4, 2] = 1  # either unit of the pair is enough for class 1, and class 3 is what is answered by default
    np.testing.assert_array_equal(cost, np.broadcast_to(expected, cost.shape))
    assert (record.worst[:, zero, planted.ALONE_CLASS] == planted.ALONE).all() and (record.worst[:, zero, 2] == 4).all()
    np.testing.assert_array_equal(record.worst_accuracy[:, zero, -1], [[0, 1, 0, 1]] * 3)
    np.testing.assert_array_equal(record.worst_accuracy[:, zero, 0], [[0, 1, 0, 1]] * 3)  # hidden1 copies hidden0
    assert (record.searched_p[:, zero][:, [0, 2]] < 0.02).all() and (record.searched_p[:, zero][:, [1, 3]] > 0.9).all()
    assert finding(record, "4.6 every digit zero").score.mean == 0.5
    assert finding(record, "4.6 some digit zero").verdict == "holds"
    # The mean of a unit that carries one class in four speaks for it even where nothing else does.
    assert finding(record, "4.6 some digit mean").verdict == "does not hold"


def test_planted_doses_ranks_and_maps(planted_record):
    record = planted_record
    curve = numbers.worst_doses(record)[:, planted.ALONE_CLASS]
    assert (curve[:, 0] == 0).all() and (curve[:, 4:] == 1).all() and (np.diff(curve) >= 0).all()
    rises = numbers.dose_rises(record, numbers.worst_doses(record))
    np.testing.assert_array_equal(rises, [[1, 0, 1, 0]] * 3)
    dead = record.dead[:, -1]
    np.testing.assert_allclose(dead, 1 / planted.UNITS)
    for ranking in range(3):
        assert (np.argmax(record.ranking[:, ranking, 2], axis=-1) == 4).all()
    index = record.selectivity[:, record.measures.index("index")]
    assert (index[:, planted.ALONE_CLASS, planted.ALONE] > 0.99).all() and (index[:, :, planted.DEAD] == 0).all()
    np.testing.assert_array_equal(record.gradient_fixed, [[1, 1]] * 3)  # no gate of hidden1 ever closes on hidden0
    assert (record.weight_deviation == 0).all()
    after = record.conditions.index("trained")
    assert np.isnan(record.map_correlation[:, after]).sum() == 0  # the dead unit of hidden1 is left out of the mean
    assert (record.maps_agree[:, 0] == 1).all()
    assert record.epochs == ("untrained", "trained")  # there are no snapshots


@pytest.mark.parametrize("seed", [0, 3])
def test_ablations_doses_and_answers_are_those_of_the_network_itself(toy, toy_record, seed):
    config, splits, trained = toy
    network = jax.tree.map(lambda leaf: leaf[seed], trained.networks)
    data, record = splits.test, toy_record
    order_key, _, _ = jax.random.split(jax.random.key(config.train.base_seed), 3)
    order = np.asarray(jax.random.permutation(order_key, len(data.labels)))
    choosing, scoring = np.split(order, 2)

    def answers(rows, edit=None):
        interventions = {} if edit is None else {"hidden1/post": edit}
        return np.argmax(network(data.images[rows], interventions)[0], axis=-1)

    def accuracy(rows, label, edit=None):
        return np.mean(answers(rows, edit)[data.labels[rows] == label] == label)

    activations = network(data.images[scoring])[1]["hidden1/post"]
    zero, mean = record.kinds.index("zero"), record.kinds.index("mean")
    for label in range(2):
        before = []
        for unit in range(6):
            mask = select([unit], 6)
            before.append(accuracy(choosing, label, ablate(mask)))
            assert record.ablated[seed, zero, unit, label] == pytest.approx(accuracy(scoring, label, ablate(mask)))
            value = float(jnp.mean(activations[:, unit]))
            expected = accuracy(scoring, label, ablate(mask, value))
            assert record.ablated[seed, mean, unit, label] == pytest.approx(expected, abs=0.003)
            dose = list(record.doses).index(1.75)
            expected = accuracy(scoring, label, rescale(mask, 1.75))
            assert record.dose_accuracy[seed, unit, dose, label] == pytest.approx(expected, abs=0.003)
        worst = int(record.worst[seed, zero, label])
        assert before[worst] == min(before)
        mask = select([worst], 6)
        assert record.worst_accuracy[seed, zero, -1, label] == pytest.approx(accuracy(scoring, label, ablate(mask)))
        for place, edit in enumerate((None, ablate(mask), rescale(mask, 3.0))):
            given = answers(scoring, edit)[data.labels[scoring] == label]
            expected = [np.mean(given == answer) for answer in range(2)]
            np.testing.assert_allclose(record.redirected[seed, place, label], expected, atol=0.003)
    assert record.baseline[seed, 0] == pytest.approx(accuracy(scoring, 0))
    right = np.diagonal(record.confusion[seed])
    np.testing.assert_allclose(right, [accuracy(order, label) for label in range(2)], atol=1e-6)


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
    variables = jax.tree.map(lambda leaf: leaf.at[0].set(jnp.nan), trained.networks.variables)
    record = asked(trained.networks.replace(variables=variables), config, splits, tmp_path, diverged=(0,))
    assert int(record.example_seed) == 1 and record.diverged.tolist() == [True] + [False] * 4
    for name in ("baseline", "ablated", "worst", "searched_p", "dose_accuracy", "predictor", "selectivity", "ranking"):
        assert np.isnan(getattr(record, name)[0]).all()
        np.testing.assert_allclose(getattr(record, name)[1:], getattr(toy_record, name)[1:], atol=1e-5)
    np.testing.assert_allclose(record.map_correlation[1:], toy_record.map_correlation[1:], atol=1e-4)
    for found in findings(record):
        assert found.measured.n == 4 and "1 of 5 networks diverged" in found.note


@pytest.mark.parametrize(
    ("widths", "options"), [((5,), {}), ((6, 5, 4), {"norm": "layer", "norm_position": "after", "activation": "tanh"})]
)
def test_any_depth_and_classes_will_do(widths, options, tmp_path):
    model = ModelConfig(widths, outputs=4, **options)
    config = RunConfig(DataConfig(), model, TrainConfig(seeds=2, snapshots=(0, 1)))  # snapshots that are not stored
    ensemble_ = jax.vmap(lambda key: networks.init(key, networks.build(model), 9))(jax.random.split(jax.random.key(0)))
    data = planted.data(120)
    data = Dataset(data.images, np.where(data.labels == 3, 0, data.labels))  # class 3 has no examples
    record = asked(ensemble_, config, Splits(data, planted.data(0), data), tmp_path)
    assert np.isnan(record.baseline[:, 3]).all() and np.isfinite(record.baseline[:, :3]).all()
    found = {found.claim.id: found for found in findings(record)}
    assert "4.3 order" not in found and ("4.8 probes" in found) == (len(widths) > 1)
    assert all(-1 <= f.score.mean <= 1 for f in found.values() if f.score.n)
    assert found["4.4 identity"].verdict == ("holds" if len(widths) == 1 else "does not hold")  # a norm is in between


def test_wrong_networks_are_refused(toy, tmp_path):
    _, splits, _ = toy
    for model in (ModelConfig((), outputs=2), ModelConfig((3,), outputs=1)):
        config = RunConfig(DataConfig(), model, TrainConfig(seeds=2))
        built = jax.vmap(lambda key, m=model: networks.init(key, networks.build(m), 784))(
            jax.random.split(jax.random.key(0))
        )
        with pytest.raises(InputError, match="needs a hidden layer and two outputs"):
            asked(built, config, splits, tmp_path)


def made(**fields):
    """A record in which nothing is planted but the fields given."""
    names = {
        "classes": tuple("0123456789"),
        "layers": ("hidden0", "hidden1"),
        "epochs": ("untrained", "trained"),
        "statistics": ("mean", "sd", "share at 0"),
        "parts": ("pre", "post"),
        "rankings": ("mean activation", "loss gradient", "logit gradient"),
        "measures": ("index", "d_prime", "auc", "mutual_information"),
        "conditions": ("untrained", "trained"),
        "kinds": ("zero", "mean", "class mean", "resample"),
        "doses": np.arange(0, 3.01, 0.25),
        "edits": ("before", "without", "tripled"),
        "predictors": ("selectivity", "activation", "weight", "activation_weight", "centred_activation_weight"),
        "gradient_sites": ("hidden0/post", "hidden1/post"),
        "held_out": np.full(10, 500),
        "diverged": np.zeros(SEEDS, bool),
    }
    sizes = {
        "seeds": SEEDS,
        "units": UNITS,
        "doses": 13,
        "pixels": 9,
        "bins": 5,
        "edges": 6,
        "answers": 10,
        "failures": 4,
    }
    return random_record(BottleneckNeurons, sizes, **names | fields)


def verdict(name, **fields):
    return finding(made(**fields), name).verdict


def noise(*shape, scale=0.01):
    return np.random.default_rng(1).uniform(-scale, scale, shape)


@pytest.mark.parametrize("kind", ["zero", "mean", "resample"])
def test_losing_a_digit_is_judged_by_what_is_left_of_it(kind):
    place = ("zero", "mean", "class mean", "resample").index(kind)
    left = np.full((SEEDS, 4, 2, 10), 0.8)
    intact = np.full((SEEDS, 10), 0.95)
    nothing = {"worst_accuracy": left.copy(), "baseline": intact, "worst_class": np.full((SEEDS, 4), 3.0)}
    some = nothing | {"worst_accuracy": left.copy()}
    some["worst_accuracy"][:, place, -1, 3] = 0.02
    most = nothing | {"worst_accuracy": left.copy()}
    most["worst_accuracy"][:, place, -1, :8] = 0.02
    every, any_ = f"4.6 every digit {kind}", f"4.6 some digit {kind}"
    assert [verdict(every, **case) for case in (nothing, some, most)] == ["does not hold", "does not hold", "holds"]
    assert [verdict(any_, **case) for case in (nothing, some, most)] == ["does not hold", "holds", "holds"]
    assert finding(made(**some), every).score.mean == pytest.approx(0.1)
    lost_before = some | {"baseline": np.where(np.arange(10) == 3, 0.05, intact)}
    assert finding(made(**lost_before), every).score.mean == 0  # there was nothing to take


def test_answer_follows_from_the_verdicts():
    left = np.full((SEEDS, 4, 2, 10), 0.01)
    lost, kept = (made(worst_accuracy=left + x, baseline=np.full((SEEDS, 10), 0.95)) for x in (0, 0.85))
    assert "Under zero-ablation: some digit yes, most digits yes (100 % of digits" in answer(lost)
    assert "Under zero-ablation: some digit no, most digits no (0 % of digits" in answer(kept)
    assert "mean accuracy 1 %" in answer(lost) and "mean accuracy 86 %" in answer(kept)
    cost = np.random.default_rng(2).uniform(0, 0.5, (SEEDS, 1, UNITS, 10))
    predictor = np.random.default_rng(3).uniform(size=(SEEDS, 5, UNITS, 10))
    predictor[:, 0] = cost[:, 0]
    told = made(ablated=np.repeat(0.9 - cost, 4, axis=1), predictor=predictor, baseline=np.full((SEEDS, 10), 0.9))
    assert "Selectivity tells" in answer(told) and "rank correlation 1.00" in answer(told)
    assert "Selectivity does not tell" in answer(made())


def test_scaling_is_judged_by_the_digits_own_curve():
    rising = np.linspace(0, 1, 13)[None, None, :, None]
    bump = np.concatenate([np.linspace(0, 1, 5), np.linspace(1, 0.2, 8)])[None, None, :, None]
    shape = (SEEDS, UNITS, 13, 10)
    worst = np.zeros((SEEDS, 4, 10))
    for curve, expected in ((rising, "holds"), (bump, "does not hold"), (np.ones((1, 1, 1, 1)), "does not hold")):
        record = made(dose_accuracy=np.broadcast_to(curve, shape), worst=worst)
        assert finding(record, "4.6 dose monotonic").verdict == expected
    gain = noise(*shape) + rising
    assert verdict("4.6 dose gain", dose_accuracy=gain, worst=worst) == "holds"
    assert verdict("4.6 dose gain", dose_accuracy=noise(*shape) + bump, worst=worst) == "does not hold"
    own = np.broadcast_to(bump, shape).copy()
    own[:, 5] = rising[0, 0]  # unit 5 alone rises, and it is the one that was chosen
    assert verdict("4.6 dose monotonic", dose_accuracy=own, worst=worst + 5) == "holds"
    step = np.broadcast_to(rising, shape).copy()
    step[:, :, 6] -= 1 / 12 + 1 / 500  # down by one image is tolerated
    assert verdict("4.6 dose monotonic", dose_accuracy=step, worst=worst) == "holds"
    step[:, :, 6] -= 1 / 500
    assert verdict("4.6 dose monotonic", dose_accuracy=step, worst=worst) == "does not hold"


def test_dead_units_and_order_of_digits():
    dead = np.zeros((SEEDS, 2, 2))
    dead[:, 1, 0] = 0.2
    assert (
        verdict("4.1 dead hidden0", dead=dead) == "holds" and verdict("4.1 dead hidden1", dead=dead) == "does not hold"
    )
    assert verdict("4.1 dead hidden0", dead=np.full((SEEDS, 2, 2), 0.2)) == "does not hold"  # they were dead before
    published = bottleneck_neurons.PUBLISHED_ACCURACY
    same = np.eye(10) * published[:, None] + 0 * noise(SEEDS, 10, 10)
    assert (
        verdict("4.3 order", confusion=same) == "holds" and finding(made(confusion=same), "4.3 order").score.mean == 1
    )
    assert verdict("4.3 order", confusion=1 - same) == "does not hold"


def test_selectivity_must_beat_its_nulls():
    null = np.full((SEEDS, 2, 10), 0.2)
    after = np.full((SEEDS, 2, 10), 0.6)
    learned = after - np.array([0.5, 0])[:, None]
    assert verdict("4.5 selective", top_index=learned, null_index=null) == "holds"
    assert verdict("4.5 selective", top_index=after, null_index=null) == "does not hold"  # so it was before training
    assert verdict("4.5 selective", top_index=learned, null_index=null + 0.5) == "does not hold"
    assert (
        verdict("4.5 fires", top_firing=null) == "holds"
        and verdict("4.5 fires", top_firing=null / 10) == "does not hold"
    )
    index = noise(SEEDS, 1, 10, UNITS)
    agreeing = np.concatenate([index, np.exp(index), index**3, np.abs(index)], axis=1)
    assert verdict("4.5 agrees", selectivity=agreeing) == "holds" and verdict("4.5 agrees") == "does not hold"
    correlations = numbers.measure_correlations(made(selectivity=agreeing))
    for values in correlations.values():
        np.testing.assert_allclose(values, 1)


def test_top_lists_that_name_the_same_neurons():
    one = np.random.default_rng(0).uniform(size=(SEEDS, 1, 10, UNITS))
    assert verdict("4.4 rankings", ranking=np.repeat(one, 3, axis=1)) == "holds"
    assert verdict("4.4 rankings") == "does not hold"
    hub = np.repeat(np.broadcast_to(np.arange(UNITS) * 1.0, one.shape), 3, axis=1)  # the same units for every digit
    record = made(ranking=hub)
    own, other, chance = numbers.top_overlap(record)
    assert (own == 1).all() and (other == 1).all() and chance == 3 / UNITS
    assert finding(record, "4.4 rankings").verdict == "undecided"  # the control leaves nothing open


def test_probes_are_judged_beside_other_neurons():
    own, other = np.full((SEEDS, 2, 2), 0.9), np.zeros((SEEDS, 2, 2))
    assert verdict("4.8 probes", map_correlation=own, other_correlation=other) == "holds"
    assert verdict("4.8 probes", map_correlation=own, other_correlation=other + 0.85) == "does not hold"
    assert verdict("4.8 first layer", maps_agree=np.full((SEEDS, 2), 0.5)) == "does not hold"


def test_spearman_is_scipys():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (2, 3, 4, 30)).astype(float)
    second[1, 2, :7] = np.nan
    second[2, 3] = np.inf
    found = numbers.spearman(first, second)
    for i in range(3):
        for j in range(4):
            if (i, j) == (2, 3):
                assert np.isnan(found[i, j])  # it is constant
                continue
            expected = scipy.stats.spearmanr(first[i, j], second[i, j], nan_policy="omit").statistic
            assert found[i, j] == pytest.approx(expected)


def test_all_is_defined_where_every_network_diverged():
    record = made(diverged=np.ones(SEEDS, bool))
    assert all(found.verdict == "undecided" and found.measured.n == 0 for found in findings(record))
    assert "undecided" in answer(record)


def test_the_study_is_listed():
    assert studies.get(STUDY) is bottleneck_neurons and bottleneck_neurons.RECIPES == {STUDY: 32}
    ids = [found.claim.id for found in findings(made())]
    assert len(set(ids)) == len(ids) and {name.split()[0] for name in ids} == {"4.1", "4.3", "4.4", "4.5", "4.6", "4.8"}
