"""The benchmark at toy size: what it records, and that its contestants compute the same."""

import dataclasses
import json

import benchmark
import chromium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks import (
    ablation,
    attribution,
    dynamics,
    imports,
    maximization,
    memory,
    page,
    peers,
    processes,
    pruning,
    race,
    similarity,
    superposition,
    training,
)
from benchmarks import many as many_seeds
from benchmarks.options import Options
from benchmarks.race import Contestant, Timing
from support.toy_benchmark import PIXELS, blobs, config

from jaxinterp import controls, ensemble, epoch, networks, recipes, report
from jaxinterp.analysis import ablation as library
from jaxinterp.analysis import ablation_search
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.report import build

RECIPE = recipes.config


pytestmark = pytest.mark.usefixtures("toy_recipe")


# The race


def test_race_gives_every_contestant_the_same_turns_in_turn():
    calls = []

    def turns(name):
        while True:
            yield calls.append(name)

    timings = race.race({name: Contestant(2.0, turns(name)) for name in "ab"}, rounds=3)
    assert calls == list("ab" * 4)
    assert [len(timing.rates) for timing in timings.values()] == [3, 3]


def test_rows_hold_medians_and_ratios_round_by_round():
    timings = {"ours": Timing(6.0, 7.0, [1.0, 2.0, 3.0]), "peer": Timing(1.0, 1.0, [1.0, 1.0, 2.0])}
    mine, peer, absent = race.rows("x", "u/s", timings, {"peer": "≥ 2", "other": ""}, missing="not here")
    assert mine.rate == (3.0, 2.0, 6.0) and mine.note == "compiling: 5.0 s"
    assert peer.rate == (1.0, 0.5, 1.0) and peer.ratio == (4.0, 3.0, 6.0) and peer.target == "≥ 2"
    assert absent.rate is None and absent.ratio is None and absent.note == "not here"


# Training


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_peers_train_the_same_mathematics(splits, optimizer):
    torch = pytest.importorskip("torch")
    chosen = config(optimizer)  # torch.func's batches are shared
    chosen = dataclasses.replace(chosen, train=dataclasses.replace(chosen.train, data_order="shared"))
    params = next(training.ours(chosen, splits))

    def permute(examples):
        return torch.tensor(np.array(epoch.data_order(chosen.train, 1, None, examples)))

    loop = training.torch_loop(training.torch_models(chosen, PIXELS), chosen, splits.train, permute)
    func = next(training.torch_func(training.torch_models(chosen, PIXELS), chosen, splits.train, 5, permute))
    for seed in range(chosen.train.seeds):
        model = next(loop)
        for number, name in enumerate(("hidden0", "hidden1", "output")):
            for part, own in (("weight", "kernel"), ("bias", "bias")):
                expected = np.array(params[name][own][seed]).T
                np.testing.assert_allclose(model[2 * number].get_parameter(part).detach(), expected, atol=1e-5)
                np.testing.assert_allclose(func[f"{2 * number}.{part}"].detach()[seed], expected, atol=1e-5)


def test_epoch_flop_counts_the_products_of_training_and_evaluation():
    # 20 → 8 → 6 → 10: forward and weight gradients of all three, activation gradients of the last two.
    assert training.epoch_flop(config("sgd"), 20, 7, 3) == 2 * (
        7 * (2 * (160 + 48 + 60) + 48 + 60) + 3 * (160 + 48 + 60)
    )


# Ablation


def accuracy_by_class(logits, labels):
    right = logits.argmax(axis=-1) == labels
    return [right[labels == label].mean() if (labels == label).any() else np.nan for label in range(10)]


def forward_without(network, images, layer, unit, value):
    """Logits with one unit set to a value, "mean" for its mean, in float64."""
    at, params = np.asarray(images, float), jax.tree.map(lambda leaf: np.asarray(leaf, float), network.variables)
    for number in range(len(network.model.widths)):
        weights = params["params"][f"hidden{number}"]
        at = np.maximum(at @ weights["kernel"] + weights["bias"], 0)
        if number == layer:
            at[:, unit] = at[:, unit].mean() if value == "mean" else value
    return at @ params["params"]["output"]["kernel"] + params["params"]["output"]["bias"]


@pytest.mark.parametrize("layer", [0, 1])
def test_changes_are_those_of_running_the_network_without_each_unit(splits, many, layer):
    network = ensemble.take(many, 0)
    before = forward_without(network, splits.test.images, None, None, None)
    units = range(network.model.widths[layer])
    expected = [before - forward_without(network, splits.test.images, layer, unit, 0) for unit in units]
    found = next(ablation.contestants(network, splits.test, layer)["ours"].turns)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_captum_answers_the_same_in_every_way_and_a_difference_would_show(splits, many, monkeypatch):
    pytest.importorskip("captum")
    network = ensemble.take(many, 0)
    assert ablation.contestants(network, splits.test, 0).keys() == {"ours", *ablation.TARGETS}
    assert ablation.deviation(network, splits.test, "float64") < 1e-12
    assert 0 < ablation.deviation(network, splits.test, "float32") < 1e-5
    wrong = ablation.changes
    monkeypatch.setattr(ablation, "changes", lambda *args, **options: 1.001 * wrong(*args, **options))
    assert ablation.deviation(network, splits.test, "float64") > 1e-5


def test_mean_ablation_is_of_every_hidden_unit(splits, many):
    found = jax.jit(ensemble.over_seeds(ablation.mean_ablation, chunk=1))(many, splits.test)
    images, labels = splits.test.images, splits.test.labels
    for seed in range(3):
        network = ensemble.take(many, seed)
        where = [(0, unit) for unit in range(8)] + [(1, unit) for unit in range(6)]
        expected = [accuracy_by_class(forward_without(network, images, *at, "mean"), labels) for at in where]
        np.testing.assert_allclose(found[seed], expected, atol=1e-6)


def test_everything_is_of_each_seed_and_agrees_with_itself(splits, key):
    model, test = networks.build(ModelConfig((8,))), splits.test
    many = controls.untrained(ensemble.keys(0, 2), model, PIXELS)
    [found] = jax.jit(lambda many, test: ablation.everything(many, test, key, draws=5))(many, test)
    axes = {"random": 5, "matched": 5, "curve": 9}
    assert {name: scores.loss.shape for name, scores in found["groups"].items()} == {
        name: (2, groups, 10) for name, groups in axes.items()
    }
    assert set(found["units"]) == set(library.KINDS) and found["interactions"].loss.shape == (2, 8, 8, 10)
    [one] = np.flatnonzero(ablation.STRENGTHS == 1)

    def equal(a, b):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), a, b)

    equal(jax.tree.map(lambda leaf: leaf[:, :, 0], found["doses"]), found["units"]["zero"])
    for unit in range(8):
        equal(jax.tree.map(lambda leaf, unit=unit: leaf[:, unit, one], found["doses"]), found["before"])
    equal(jax.tree.map(lambda leaf: leaf[:, 0], found["groups"]["curve"]), found["before"])
    for seed in range(2):
        network = ensemble.take(many, seed)
        logits = [forward_without(network, test.images, 0, unit, 0) for unit in range(8)]
        right = network(test.images)[0].argmax(axis=-1) == test.labels
        drops = right.astype(jnp.float32) - (np.argmax(logits, axis=-1) == test.labels)
        expected = ablation_search.searched_p(key, drops, test.labels, classes=10, draws=5)
        np.testing.assert_allclose(found["searched_p"][seed], expected)


# Memory


def test_memory_that_ablation_asks_for_grows_with_either_chunk(splits, monkeypatch):
    monkeypatch.setattr(recipes, "config", RECIPE)
    monkeypatch.setattr(memory.data, "load", lambda _: splits._replace(test=blobs(3, 500)))
    found = [memory.unit_ablation(*chunks) for chunks in memory.CHUNKS]
    assert all(entry["seconds"] > 0 for entry in found)
    assert all(entry["peak"] is None or entry["peak"] > entry["allocated"] > 0 for entry in found)
    base, *larger = [entry["allocated"] for entry in found]
    assert all(size > 2 * base for size in larger)


# The page


@pytest.fixture
def stored(splits, tmp_path, monkeypatch):
    """A run of two networks without findings."""
    (tmp_path / "demo" / "results").mkdir(parents=True)
    monkeypatch.setattr(page, "DEMO", tmp_path / "demo")
    return page.stored(tmp_path / "run", splits, 2)


def test_the_page_that_is_timed_is_that_of_a_run_and_opens(stored, splits, monkeypatch):
    monkeypatch.setattr(page.data, "load", lambda _: splits)
    file = report.write(stored)
    assert 'id="payload"' in file.read_text() and "run: 2 networks" in file.read_text()
    try:
        timing = page.opened(file, rounds=1)
    except InputError as missing:
        pytest.skip(str(missing))
    assert 0 < timing.seconds[0] < 60 and len(timing.seconds) == 1


def test_making_a_page_is_a_process_of_its_own_with_a_cache_of_its_own(stored, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(processes.subprocess, "run", lambda command, **options: asked.append((command, options)))
    assert page.made(stored, tmp_path / "cache") >= 0
    [(command, options)] = asked
    assert command[-2:] == ["report", str(stored)] and options["env"]["XDG_CACHE_HOME"] == str(tmp_path / "cache")
    assert options["check"]


def test_without_a_browser_a_row_says_what_to_install(splits, monkeypatch):
    monkeypatch.setattr(page, "made", lambda run, _: build.write(run / "report" / "index.html", "page") or 1.0)
    monkeypatch.setattr(chromium, "NAMES", ("no-such-browser",))
    *_, row = page.measure(splits, Options(rounds=1, seeds=2))[1]
    assert (row.name, row.rate) == ("opening it", None)
    assert row.note.startswith("no Chromium on the path: install one of no-such-browser")


# All together


def test_a_fresh_process_answers():
    timing = Timing(**processes.call("training", "product_timing", 8, 2))
    assert timing.work == 2 * 8**3 and len(timing.seconds) == 2


def test_record_has_machine_timings_and_a_target_beside_each_figure(splits, tmp_path, monkeypatch):
    answers = {
        "product_timing": Timing(1.0, 1.0, [1.0])._asdict(),
        "unit_ablation": {"peak": 3e8, "allocated": 2e8, "seconds": 1.0},
        "peak_of_tables": 3e8,
        "of": {"all": 2.0, "imports": 1.0},
        "trained": {"seconds": 1.0, "peak": 3e8, "weights": 1e6},
    }
    monkeypatch.setattr(benchmark.data, "load", lambda _: splits)
    monkeypatch.setattr(processes, "call", lambda module, function, *arguments: answers[function])
    monkeypatch.setattr(processes, "running", lambda code: iter(lambda: code, None))
    monkeypatch.setattr(ablation, "everything", lambda many, test, key, draws: many.variables)  # tested above
    monkeypatch.setattr(dynamics, "everything", lambda course, test, key: course.variables)  # likewise
    sizes = {"NETWORKS": 3, "EXAMPLES": 40, "UNITS": 4, "DRAWS": 2, "CHECKED": 2}
    for name, size in sizes.items():
        monkeypatch.setattr(similarity, name, size)
    small = {maximization: {"RESTARTS": 2, "STEPS": 5}, attribution: {"EXAMPLES": 6}, pruning: {"SEEDS": 2}}
    small |= {superposition: {"SEEDS": 2, "STEPS": 3, "SIZES": ((3, 2),), "SPARSITIES": np.float32([0, 0.5])}}
    small |= {many_seeds: {"MANY": 6, "PAIRS": 2, "EXAMPLES": 40, "UNITS": (4, 2)}}
    for part, sizes in small.items():
        for name, size in sizes.items():
            monkeypatch.setattr(part, name, size)
    monkeypatch.setattr(pruning, "SHARES", np.array([0, 0.5]))
    monkeypatch.setattr(imports, "FILES", 2)
    monkeypatch.setattr(imports, "imported", lambda files, folder, name: float(len(files)))
    monkeypatch.setattr(page, "made", lambda run, _: build.write(run / "report" / "index.html", "page") or 1.0)
    monkeypatch.setattr(page, "opened", lambda _, rounds: Timing(1, 1.0, [1.0] * rounds))
    few = {name: similarity.MEASURES[name] for name in ("debiased_cka", "procrustes")}
    monkeypatch.setattr(similarity, "MEASURES", few)
    options = Options(rounds=2, seeds=3, steps=2, product=8, output=tmp_path / "benchmark.json")
    benchmark.main(options)
    record = json.loads(options.output.read_text())
    assert record["machine"].keys() >= {"cpu", "cores", "versions"}
    assert {field.name for field in dataclasses.fields(options)} == record["options"].keys()
    assert len(record["timings"]["training"]["SGD"]["ours"]["seconds"]) == options.rounds
    assert len(record["timings"]["ablation"]["hidden1"]["ours"]["seconds"]) == options.rounds
    targets = {part: [row["target"] for row in rows if row["target"]] for part, rows in record["results"].items()}
    assert targets == {
        "training": ["≥ 0.95", *["≥ 18"] * 2, *["≥ 6"] * 2, *["≥ 12"] * 2, "≥ 0.60", "≤ 1.2"],
        "ablation": ["≥ 100"] * 6 + ["≤ 1e-6"] * 2 + ["about 1", "< 60"],
        "similarity": ["≥ 6", "≥ 100", "≥ 100", "≥ 15", "≤ 1e-5", "< 120"],
        "maximization": ["≥ 200"] * 2 + ["< 10", "≥ .99"],
        "attribution": ["≥ 10", "≥ 10", "≤ 1e-5", "≤ 1e-6", "≤ 1e-6"],
        "convolutions": ["≥ 3"] * 2 + ["≥ 20"] * 2,
        "imports": ["< 10"] * 2,
        "dynamics": ["≥ 20"],
        "pruning": ["≥ 10"],
        "superposition": ["< 60"],
        "coalitions": ["< 150", "< 150", "< 1", "≥ 1000", "< 1.5"],
        "explanation": ["< 20", "≥ 20"],
        "memory": ["< 2"] * len(memory.CHUNKS),
        "many": ["≤ 1.1", "≤ 1.25", "< 120", "≥ 15", "≥ 15"],
        "page": ["≤ 15", "< 30", "< 30", "< 2"],
        "phases": [],
    }


def test_an_interruption_leaves_the_record_of_the_parts_before_it(tmp_path, monkeypatch, capsys):
    def measured(*_):
        return {"ours": Timing(1, 2.0, [1.0])}, [race.Result("ours", "s", (1.0, 1.0, 1.0))]

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "measure", measured)
    monkeypatch.setattr(ablation, "measure", interrupted)
    options = Options(only=("training", "ablation"), output=tmp_path / "benchmark.json")
    with pytest.raises(KeyboardInterrupt):
        benchmark.main(options)
    assert list(json.loads(options.output.read_text())["results"]) == ["training"]
    assert capsys.readouterr().err == "training (1 of 2)\nablation (2 of 2)\n"


def test_a_missing_peer_is_a_row_that_says_how_to_install_it(splits, many, monkeypatch):
    monkeypatch.setattr(peers, "torch", None)
    monkeypatch.setattr(peers, "captum", None)
    monkeypatch.setattr(peers, "lucent", None)
    assert list(training.training_race(config("sgd"), splits, Options(rounds=1))) == ["ours", "shared order"]
    network = ensemble.take(many, 0)
    assert list(ablation.contestants(network, splits.test, 0)) == ["ours"]
    rows = list(ablation.deviation_results(network, splits.test))
    rows += list(attribution.deviation_results(network, splits.test))
    assert [(row.rate, row.note) for row in rows] == [(None, "captum not installed: pip install .[bench]")] * 4
    results = maximization.measure(splits, Options(rounds=1, seeds=2))[1]
    absent = [row for row in results if row.note == "torch-lucent not installed: pip install .[bench]"]
    assert [row.rate for row in absent] == [None] * 4


# Similarity


@pytest.fixture
def activations():
    return similarity.made(3, 40, 4)


def test_the_loops_over_pairs_compute_ours(activations):
    assert similarity.deviation(activations) < 1e-5
    loops = similarity.library_loops(np.asarray(activations))
    assert set(loops) <= set(similarity.LIBRARIES)
    exact = similarity.deviation(activations[:2])
    wrong = activations.at[1].set(activations[0])
    assert exact < 1e-5 and similarity.compare(*map(similarity.prepare, np.asarray(wrong[:2]))) == pytest.approx(1)
    if "ckatorch" in loops:
        ours = similarity.similarity.linear_cka(activations)[0, 1]
        assert float(next(loops["ckatorch"].turns)[0]) == pytest.approx(float(ours), abs=1e-5)


def test_permutations_are_draws_of_the_null(activations):
    drawn = similarity.permutations(activations, jax.random.key(0), draws=3)
    assert drawn.shape == (3, 3, 3) and float(jnp.ptp(drawn, axis=0).max()) > 0


# Maximisation and attribution


def test_maximisation_makes_an_image_of_every_unit_and_restart(splits, many, monkeypatch):
    monkeypatch.setattr(maximization, "RESTARTS", 2)
    first, second = maximization.every_unit(ensemble.take(many, 0))
    assert (first.shape, second.shape) == ((8, 2, PIXELS), (6, 2, PIXELS))
    assert float(maximization.first_layer_gains(ensemble.take(many, 0)).min()) > 0.99
    assert maximization.ours(many).work == (8 + 6) * 2 * 3


@pytest.mark.parametrize("peer", maximization.PARAMETRIZATIONS)
def test_lucent_climbs_the_same_hill(many, monkeypatch, peer):
    if peers.lucent is None:
        pytest.skip("torch-lucent is not installed")
    network = ensemble.take(many, 0)
    reached = maximization.lucent_gains(network, peer)
    monkeypatch.setattr(maximization, "STEPS", 1)
    assert (maximization.lucent_gains(network, peer) < reached).all() and (reached > 0.8).all() and (reached <= 1).all()


def test_attributions_of_ours_are_complete_and_those_of_captum(splits, many):
    network, test = ensemble.take(many, 0), splits.test
    exact = attribution.METHODS[attribution.EXACT](network, test.images, test.labels)
    assert float(jnp.abs(attribution.shortfall(network, test, exact)).max()) < 1e-5
    assert float(jnp.abs(attribution.shortfall(network, test, 1.01 * exact)).max()) > 1e-3
    if peers.captum is not None:
        assert 0 < attribution.deviation(network, test, "float64") < 1e-6
