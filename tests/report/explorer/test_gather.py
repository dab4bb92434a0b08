import base64
import dataclasses
import json
import re
from functools import partial

import jax
import numpy as np
import pytest
from support import pages

from jaxinterp import data, ensemble, networks, train
from jaxinterp.analysis import ablation, responses, units
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import Network
from jaxinterp.questions.units import EXEMPLARS
from jaxinterp.report import build, explorer, templates
from jaxinterp.report.explorer import budget
from jaxinterp.report.explorer.embedding import EMBEDDED
from jaxinterp.report.explorer.measures import NAMES
from jaxinterp.store import Run

# Of seed 2's hidden units, which of seed 0's each is.
ORDERS = (np.array([3, 0, 7, 1, 2, 6, 5, 4]), np.array([5, 3, 0, 1, 4, 2]))
DIVERGED, COPY = 1, 2


def permuted(variables):
    """The same function, with its hidden units in another order."""
    params = jax.tree.map(np.asarray, variables["params"])
    first, second = ORDERS
    return {
        "params": {
            "hidden0": {"kernel": params["hidden0"]["kernel"][:, first], "bias": params["hidden0"]["bias"][first]},
            "hidden1": {
                "kernel": params["hidden1"]["kernel"][first][:, second],
                "bias": params["hidden1"]["bias"][second],
            },
            "output": {"kernel": params["output"]["kernel"][second], "bias": params["output"]["bias"]},
        }
    }


@pytest.fixture(scope="module")
def run(toy):
    """Four networks: trained, diverged, the first with its units permuted, and another one."""
    config, _, trained = toy
    first, last = (ensemble.take(trained.networks, seed).variables for seed in (0, 3))
    lost = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), first)
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), first, lost, permuted(first), last)
    history = train.History(*(np.asarray(part)[:4] for part in trained.history))
    history = history._replace(diverged=np.array([0, 1, 0, 0], np.int32))
    train_config = dataclasses.replace(config.train, seeds=4)
    return Run(dataclasses.replace(config, train=train_config), Network(trained.networks.model, stacked), history)


@pytest.fixture(scope="module")
def payload(run, splits):
    return explorer.gather(run, splits)


def forward(arrays, place, images):
    """Slow and plain, a ReLU network of the payload's own arrays: pre-activations of each layer, and logits."""
    values, found = np.float64(images), []
    for name in ("hidden0", "hidden1", "output"):
        found.append(values @ np.float64(arrays[f"params/{name}/kernel"][place]) + arrays[f"params/{name}/bias"][place])
        values = np.maximum(found[-1], 0)
    return found


def test_arrays_have_the_shapes_that_the_page_reads(payload):
    meta, arrays = payload
    seeds, classes, pixels, measures = 3, 2, 28 * 28, len(NAMES)
    pool = len(arrays["pool/labels"])
    expected = {"pool/images": (pool, pixels), "pool/labels": (pool,), "pool/index": (pool,)}
    expected |= {"params/hidden0/kernel": (seeds, pixels, 8), "params/hidden0/bias": (seeds, 8)}
    expected |= {"params/hidden1/kernel": (seeds, 8, 6), "params/hidden1/bias": (seeds, 6)}
    expected |= {"params/output/kernel": (seeds, 6, 2), "params/output/bias": (seeds, 2)}
    for layer, width in enumerate((8, 6)):
        own = {
            "maximiser": (seeds, width, pixels),
            **{name: (seeds, width) for name in ("maximiser_value", "maximiser_bound", "maximiser_fraction")},
            **{name: (seeds, width) for name in ("mean", "sd", "firing")},
            **{name: (seeds, width, EXEMPLARS) for name in ("exemplars", "exemplar_values")},
            **{name: (seeds, width, classes) for name in ("class_mean", "class_sd")},
            "damage": (seeds, 3, width, classes),
            **{name: (measures, seeds, width) for name in ("measures", "nulls")},
            **{name: (seeds, seeds, width) for name in ("counterpart", "counterpart_r")},
            "cka": (seeds, seeds),
            "points": (seeds, 240, 2),
            "embedded": (seeds, len(EMBEDDED), 3),
            **{name: (3, seeds, width) for name in ("label", "label_score")},
            **{name: (seeds, width) for name in ("baseline", "baseline_score")},
        }
        expected |= {f"layer{layer}/{name}": shape for name, shape in own.items()}
    expected |= {f"roles/{name}": (seeds, classes, 6) for name in ("shapley", "alone", "enough", "needed")}
    expected |= {f"roles/{name}": (seeds, classes) for name in ("intact", "kept", "left", "disjoint")}
    expected |= {"roles/pair": (seeds, classes, 5, 2), "roles/interaction": (seeds, classes, 5)}
    expected |= {"embedded/images": (240,)}
    expected |= {f"history/{name}": (4,) for name in ("diverged", "best", "test_accuracy")} | {"history/dead": (4, 2)}
    assert {name: array.shape for name, array in arrays.items()} == expected
    integers = {"exemplars", "counterpart", "labels", "index", "diverged", "best", "label", "baseline", "pair"}
    for name, array in arrays.items():
        last = name.rpartition("/")[2]
        bytes_ = dict.fromkeys(("maximiser", "pool/images", "enough", "needed"), "uint8")
        kind = (bytes_ | {"embedded/images": "int32", "points": "int16"}).get(
            name if last == "images" else last, "int32" if last in integers else "float32"
        )
        assert array.dtype == kind, name
    assert [measure["name"] for measure in meta["measures"]] == list(NAMES)
    assert [kept["name"] for kept in meta["embedded"]] == [kept.name for kept in EMBEDDED]
    assert all(measure["explanation"].endswith(".") and measure["label"] for measure in meta["measures"])
    assert meta["layers"] == [
        {"site": "hidden0/post", "units": 8, "maps": None},
        {"site": "hidden1/post", "units": 6, "maps": None},
    ]
    assert (meta["rows"], meta["columns"], meta["test_images"], meta["loss"]) == (28, 28, 240, "cross_entropy")
    assert meta["classes"] == ["0", "1"]


@pytest.mark.parametrize("kind", ["payload", "mapped"])
def test_all_that_is_sent_is_read(kind, request):
    script, (meta, arrays) = templates.joined(build.SCRIPTS), request.getfixturevalue(kind)
    for name in arrays:
        last = name.rpartition("/")[2] if name.startswith("layer") else name
        last = re.sub("^(params|batch_stats)/[^/]*/", r"\1/${name}/", last)
        assert re.search(rf'[/"`]{re.escape(last)}["`]', script), name
    operations = [operation for step in meta["steps"] for operation in step["operations"]]
    ours = meta["used"], meta["labels"], *meta["labels"]["explainers"], meta["roles"]
    parts = (meta, *ours, *operations, *meta["steps"], *meta["measures"], *meta["embedded"], *meta["layers"])
    maps = [layer["maps"] for layer in meta["layers"] if layer["maps"]]
    for name in (name for part in (*parts, *maps) for name in part):
        assert re.search(rf"(\.|{{ |, ){name}\b", script), name


def test_made_up_pages_have_what_gathered_ones_have(payload, mapped):
    convolutions = {"channels": (3, 4), "pool_size": (3, 3), "kernel_size": (3, 3), "stride": (1, 1), "padding": (0, 0)}
    models = pages.model(), networks.CNN((5,), 2, norm="batch", **convolutions)
    for model, gathered in zip(models, (payload, mapped), strict=True):
        made_up = pages.payload(pages.trained(model))
        assert made_up.meta.keys() == gathered.meta.keys() and made_up.arrays.keys() == gathered.arrays.keys()
        for name in ("used", "labels", "roles"):
            assert made_up.meta[name].keys() == gathered.meta[name].keys()
        for name in ("measures", "embedded", "layers", "steps"):
            assert made_up.meta[name][0].keys() == gathered.meta[name][0].keys()
        for name, array in made_up.arrays.items():
            assert array.dtype == gathered.arrays[name].dtype, name


def test_dead_units_are_counted_of_every_seed(payload, run, splits):
    counted = explorer.dead_units(run, splits)
    assert counted.shape == (4, 2) and np.isnan(counted[DIVERGED]).all()
    for place, seed in enumerate(payload.meta["seeds"]):
        alive = [
            np.ptp(np.maximum(pre, 0), axis=0) > 0 for pre in forward(payload.arrays, place, splits.test.images)[:2]
        ]
        assert counted[seed].tolist() == [int((~units).sum()) for units in alive]
    np.testing.assert_allclose(payload.arrays["history/dead"] * [8, 6], counted)
    flat = run._replace(networks=Network(networks.build(ModelConfig((), outputs=2)), run.networks.variables))
    assert explorer.dead_units(flat, splits).shape == (4, 0)


def test_diverged_seeds_are_left_out_and_named(payload):
    meta, arrays = payload
    assert (meta["seeds"], meta["all_seeds"], meta["diverged"], meta["left_out"]) == ([0, 2, 3], 4, [1], "")
    assert np.isnan(arrays["history/dead"][DIVERGED]).all() and np.isnan(arrays["history/test_accuracy"][DIVERGED])
    for name in ("class_mean", "damage", "cka", "maximiser_value"):
        assert np.isfinite(arrays[f"layer0/{name}"]).all(), name


def test_the_arrays_are_the_networks(payload, run, splits):
    for place, seed in enumerate(payload.meta["seeds"]):
        logits, activations = ensemble.take(run.networks, seed)(splits.test.images)
        *pre, own = forward(payload.arrays, place, splits.test.images)
        np.testing.assert_allclose(own, logits, atol=1e-4)
        for layer in range(2):
            np.testing.assert_allclose(pre[layer], activations[f"hidden{layer}/pre"], atol=1e-4)


def test_responses_are_those_of_a_slow_forward_pass(payload, splits):
    labels, arrays = splits.test.labels, payload.arrays
    for place in range(3):
        for layer, pre in enumerate(forward(arrays, place, splits.test.images)[:2]):
            values = np.maximum(pre, 0)
            own = {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"layer{layer}/")}
            np.testing.assert_allclose(own["mean"][place], values.mean(0), atol=1e-4)
            np.testing.assert_allclose(own["sd"][place], values.std(0), atol=1e-4)
            np.testing.assert_allclose(own["firing"][place], (values > 0).mean(0), atol=1e-6)
            for label in range(2):
                mine = values[labels == label]
                np.testing.assert_allclose(own["class_mean"][place, :, label], mine.mean(0), atol=1e-4)
                np.testing.assert_allclose(own["class_sd"][place, :, label], mine.std(0), atol=1e-4)
            best = arrays["pool/index"][own["exemplars"][place]]
            taken = np.take_along_axis(pre.T, best, axis=1)
            np.testing.assert_allclose(taken, own["exemplar_values"][place], atol=1e-4)
            np.testing.assert_allclose(taken, -np.sort(-pre.T, axis=1)[:, :EXEMPLARS], atol=1e-4)
            dead = arrays["history/dead"][payload.meta["seeds"][place], layer]
            assert dead == np.float32(np.mean((values <= 0).all(0)))


def test_the_pool_holds_the_test_images_it_names(payload, splits):
    arrays = payload.arrays
    index = arrays["pool/index"]
    assert (np.diff(index) > 0).all()
    np.testing.assert_array_equal(np.float32(arrays["pool/images"]) / np.float32(255), splits.test.images[index])
    np.testing.assert_array_equal(arrays["pool/labels"], splits.test.labels[index])
    assert min(np.bincount(arrays["pool/labels"])) >= budget.TO_TRY
    shown = np.concatenate([arrays[f"layer{layer}/exemplars"].ravel() for layer in range(2)])
    assert 0 <= shown.min() and shown.max() < len(index)


def test_damage_is_ablations(payload, run, splits):
    arrays, network = payload.arrays, ensemble.take(run.networks, 3)
    before = ablation.baseline(network, splits.test)
    key = jax.random.split(jax.random.key(0), 4)[0]
    for layer in range(2):
        for place, kind in enumerate(("zero", "mean", "resample")):
            ablated = partial(ablation.units, site=f"hidden{layer}/post", kind=kind, key=key)
            after = jax.jit(ablated)(network, splits.test)
            found = arrays[f"layer{layer}/damage"][2, place]
            np.testing.assert_allclose(found, before.accuracy - after.accuracy, atol=1e-6)
            worst = arrays[f"layer{layer}/measures"][NAMES.index(f"damage_{kind}"), 2]
            np.testing.assert_array_equal(worst, found.max(-1))


def test_measures_are_those_of_the_analyses(payload, run, splits):
    arrays, network = payload.arrays, ensemble.take(run.networks, 3)
    for layer in range(2):
        values = network(splits.test.images)[1][f"hidden{layer}/post"]
        selectivity = jax.jit(partial(responses.selectivity, classes=2))(values, splits.test.labels)
        own = dict(zip(NAMES, arrays[f"layer{layer}/measures"][:, 2], strict=True))
        null = dict(zip(NAMES, arrays[f"layer{layer}/nulls"][:, 2], strict=True))
        alive = np.asarray(values).max(0) > 0
        for name, field in units.SELECTIVITY.items():
            np.testing.assert_allclose(own[name], np.max(getattr(selectivity, field), 0), rtol=1e-4, atol=1e-5)
        assert (null["auc"][alive] > 0.5).all() and (null["auc"] < 0.7).all()
        assert (null["mutual_information"][alive] > 0).all() and (own["auc"] >= 0.5).all()
        following = np.asarray(network.variables["params"][("hidden1", "output")[layer]]["kernel"])
        np.testing.assert_allclose(own["outgoing"], np.sqrt((following**2).sum(1)), rtol=1e-5)
        assert ((own["participation"] >= 1) & (own["participation"] <= 28 * 28)).all()
        assert len(set(null["participation"])) == 1 and null["participation"][0] > 28  # random weights are spread out
        for name in ("firing", "mean", "fraction", "damage_zero"):
            assert np.isnan(null[name]).all()
        np.testing.assert_allclose(null["universality"], 0.5)  # one of two: chance gives it to a tenth of the units


def test_a_permuted_copy_is_its_own_counterpart(payload):
    arrays = payload.arrays
    for layer, order in enumerate(ORDERS):
        alive = arrays[f"layer{layer}/firing"][0] > 0.05
        assert alive.sum() > 2
        # Seed 2 is in place 1: its unit k is unit order[k] of seed 0.
        where = np.argsort(order)
        r = arrays[f"layer{layer}/counterpart_r"]
        np.testing.assert_array_equal(arrays[f"layer{layer}/counterpart"][0, 1][alive], where[alive])
        np.testing.assert_array_equal(arrays[f"layer{layer}/counterpart"][1, 0][where][alive], np.flatnonzero(alive))
        np.testing.assert_allclose(r[0, 1][alive], 1, atol=1e-5)
        np.testing.assert_allclose(arrays[f"layer{layer}/cka"][[0, 1, 0], [1, 0, 0]], 1, atol=1e-4)
        universality = arrays[f"layer{layer}/measures"][NAMES.index("universality")]
        assert (universality[0][alive] >= 0.5).all()  # of two others, one is itself


def test_maximisers_reach_what_is_said_and_stay_within_the_bound(payload, run):
    arrays = payload.arrays
    network = ensemble.take(run.networks, 0)
    read = jax.jit(lambda images: network(images)[1])
    for layer in range(2):
        own = {name: arrays[f"layer{layer}/maximiser{name}"][0] for name in ("", "_value", "_bound", "_fraction")}
        reached = np.diagonal(read(np.float32(own[""]) / np.float32(255))[f"hidden{layer}/pre"])
        np.testing.assert_allclose(reached, own["_value"], rtol=5e-3, atol=0.05)  # bytes round
        assert (own["_value"] <= own["_bound"] + 1e-4).all() and (own["_fraction"] <= 1 + 1e-5).all()
        exemplars = read(np.float32(arrays["pool/images"]) / 255)[f"hidden{layer}/pre"]
        assert (own["_value"] >= np.max(exemplars, 0) - 0.05).all()
    kernel = np.asarray(network.variables["params"]["hidden0"]["kernel"])
    np.testing.assert_array_equal(arrays["layer0/maximiser"][0], 255 * (kernel.T > 0))


def test_the_payload_fits_into_what_was_reckoned(payload, run, splits):
    size = len(base64.b64decode(explorer.encode(payload)))
    assert size < budget.size(run, splits.test, np.array([3]))[0] + 10_000  # the header
    json.dumps(payload.meta, allow_nan=False)


def test_too_many_networks_are_cut_to_the_budget(run, splits):
    one, two, three = (int(size) + 1 for size in budget.size(run, splits.test, np.arange(1, 4)))
    assert budget.held(run, splits.test, three) == ([0, 2, 3], "")
    seeds, sentence = budget.held(run, splits.test, (two + three) // 2)
    assert seeds == [0, 2] and sentence == "The page holds 2 networks of 3: more would make it too large."
    assert budget.held(run, splits.test, one)[0] == [0]
    with pytest.raises(InputError, match=r"one network takes 0\.\d MB, more than the 0\.01 MB"):
        explorer.gather(run, splits, limit=10_000)


def test_where_there_is_nothing_to_explore_it_says_why(run, splits):
    lost = run._replace(history=run.history._replace(diverged=np.ones(4, np.int32)))
    with pytest.raises(InputError, match="all networks diverged"):
        explorer.gather(lost, splits)
    with pytest.raises(InputError, match="4 or more test images, got 3"):
        explorer.gather(run, splits._replace(test=splits.test.take(slice(3))))
    flat = Network(networks.build(ModelConfig((), outputs=2)), run.networks.variables)
    with pytest.raises(InputError, match="no hidden units"):
        explorer.gather(run._replace(networks=flat), splits)


def test_pixels_without_a_square_and_one_output_do_not_fail():
    config = RunConfig(
        DataConfig("xor"), ModelConfig((3,), outputs=1, activation="tanh"), TrainConfig(2, loss="squared_error")
    )
    model = networks.build(config.model)
    initial = jax.vmap(lambda key: networks.init(key, model, 2))(ensemble.keys(0, 2))
    nothing = np.full((2, 1, 3), np.nan, np.float32)
    ended = np.zeros(2, np.int32)
    history = train.History(nothing, nothing, np.full((2, 1, 3, 2), np.nan, np.float32), ended, ended, ended)
    splits = data.load(config.data)
    meta, arrays = found = explorer.gather(Run(config, initial, history), splits)
    assert (meta["rows"], meta["columns"], meta["classes"]) == (1, 2, ["0", "1"])
    assert meta["matching"] == "absolute"
    np.testing.assert_array_equal(arrays["pool/images"], 255 * splits.test.images)
    assert arrays["layer0/exemplars"].shape == (2, 3, 4)
    own = dict(zip(NAMES, arrays["layer0/measures"], strict=True))
    assert np.isnan(own["participation"]).all() and np.isfinite(own["outgoing"]).all()
    network = ensemble.take(initial, 1)
    before = (np.asarray(network(splits.test.images)[0])[:, 0] > 0.5) == splits.test.labels
    params = jax.tree.map(np.asarray, network.variables["params"])
    for unit in range(3):
        hidden = np.tanh(splits.test.images @ params["hidden0"]["kernel"] + params["hidden0"]["bias"])
        hidden[:, unit] = 0
        after = (hidden @ params["output"]["kernel"] + params["output"]["bias"])[:, 0] > 0.5
        drop = [np.mean((before.astype(int) - (after == splits.test.labels))[splits.test.labels == c]) for c in (0, 1)]
        np.testing.assert_allclose(arrays["layer0/damage"][1, 0, unit], drop, atol=1e-6)
    again = explorer.gather(Run(config, initial, history), splits)
    assert explorer.encode(again) == explorer.encode(found)  # the same run, the same bytes


def test_colour_images_that_are_not_square_keep_their_shape_and_names(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 4, 6, 3), np.uint8), np.arange(40) % 2
    names = np.array(["ankle boot", "T-shirt/top"])
    source = tmp_path / "colour.npz"
    np.savez(source, x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=names)
    config = RunConfig(DataConfig(str(source)), ModelConfig((3,), outputs=2), TrainConfig(1))
    initial = jax.vmap(lambda key: networks.init(key, networks.build(config.model), 72))(ensemble.keys(0, 1))
    nothing, ended = np.full((1, 1, 3), np.nan, np.float32), np.zeros(1, np.int32)
    history = train.History(nothing, nothing, np.full((1, 1, 3, 2), np.nan, np.float32), ended, ended, ended)
    meta, arrays = explorer.gather(Run(config, initial, history), data.load(config.data))
    assert (meta["rows"], meta["columns"], meta["channels"], meta["classes"]) == (4, 6, 3, names.tolist())
    np.testing.assert_array_equal(arrays["pool/images"], images.reshape(40, 72)[arrays["pool/index"]])
    own = dict(zip(NAMES, arrays["layer0/measures"][:, 0], strict=True))
    kernel = np.asarray(initial.variables["params"]["hidden0"]["kernel"][0], np.float64)
    mass = (kernel.reshape(24, 3, 3) ** 2).sum(axis=1)
    np.testing.assert_allclose(own["participation"], mass.sum(0) ** 2 / (mass**2).sum(0), rtol=1e-4)


def test_dead_units_and_absent_classes_are_nan_alone():
    images = np.random.default_rng(0).uniform(size=(40, 9)).astype(np.float32)
    labels = (np.arange(40) % 2).astype(np.int32)
    network = networks.init(jax.random.key(1), networks.build(ModelConfig((4,), outputs=3)), 9)
    bias = network.variables["params"]["hidden0"]["bias"].at[2].set(-100.0)
    params = network.variables["params"]
    network = network.replace(variables={"params": params | {"hidden0": params["hidden0"] | {"bias": bias}}})
    key, test = jax.random.key(0), Dataset(images, labels)
    options = {"loss": "cross_entropy", "classes": 3, "exemplars": 2}
    (found,) = jax.jit(lambda network: units.read(network, test, key, **options))(network)
    assert np.isnan(found.class_mean[:, 2]).all() and np.isfinite(found.class_mean[:, :2]).all()
    assert np.isfinite(found.damage[..., :2]).all() and (found.damage[:, 2, :2] == 0).all()
    worst = units.largest_damage(np.asarray(found.damage))["damage_zero"]
    np.testing.assert_array_equal(worst, np.max(found.damage[0, :, :2], -1))
    values = network(images)[1]["hidden0/post"]
    selective = jax.jit(lambda values: units.selectivity(values, labels, key, classes=3, draws=20))(values)
    best, null = (values[list(units.SELECTIVITY).index("auc")] for values in (selective.best, selective.best_level))
    assert best[2] == 0.5 and np.isfinite(best).all() and np.isfinite(null).all()
    assert units.dead_share(network, images)[0] >= 0.25
