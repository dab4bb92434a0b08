"""The benchmark at toy size: what it records, and that its contestants train the same mathematics."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from jaxinterp import epoch
from jaxinterp.config import ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset, Splits

PATH = Path(__file__).parents[2] / "scripts" / "benchmark.py"
spec = importlib.util.spec_from_file_location("benchmark", PATH)
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)


def blobs(key, examples):
    random = np.random.default_rng(key)
    labels = random.integers(0, 10, examples).astype(np.int32)
    return Dataset(random.uniform(size=(examples, 20)).astype(np.float32), labels)


@pytest.fixture(scope="module")
def splits():
    return Splits(blobs(0, 75), blobs(1, 0), blobs(2, 12))  # 75: the last batch is smaller


def config(optimizer, seeds=3):
    rate = {"sgd": 0.1, "adam": 0.01}[optimizer]
    train = TrainConfig(seeds=seeds, batch_size=16, optimizer=optimizer, learning_rate=rate)
    return RunConfig(model=ModelConfig((8, 6), initializer="torch"), train=train)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_peers_train_the_same_mathematics(splits, optimizer):
    torch = pytest.importorskip("torch")
    chosen = config(optimizer)
    params = next(benchmark.ours(chosen, splits))

    def permute(examples):
        return torch.tensor(np.array(epoch.data_order(chosen.train, 1, None, examples)))

    loop = benchmark.torch_loop(benchmark.torch_models(chosen, 20), chosen, splits.train, permute)
    func = next(benchmark.torch_func(benchmark.torch_models(chosen, 20), chosen, splits.train, 5, permute))
    for seed in range(chosen.train.seeds):
        model = next(loop)
        for number, name in enumerate(("hidden0", "hidden1", "output")):
            for part, own in (("weight", "kernel"), ("bias", "bias")):
                expected = np.array(params[name][own][seed]).T
                np.testing.assert_allclose(model[2 * number].get_parameter(part).detach(), expected, atol=1e-5)
                np.testing.assert_allclose(func[f"{2 * number}.{part}"].detach()[seed], expected, atol=1e-5)


def test_epoch_flop_counts_the_products_of_training_and_evaluation():
    # 20 → 8 → 6 → 10: forward and weight gradients of all three, activation gradients of the last two.
    assert benchmark.epoch_flop(config("sgd"), 20, 7, 3) == 2 * (
        7 * (2 * (160 + 48 + 60) + 48 + 60) + 3 * (160 + 48 + 60)
    )


def test_race_gives_every_contestant_the_same_turns_in_turn():
    calls = []

    def turns(name):
        while True:
            yield calls.append(name)

    timings = benchmark.race({name: benchmark.Contestant(2.0, turns(name)) for name in "ab"}, rounds=3)
    assert calls == list("ab" * 4)
    assert [len(timing.rates) for timing in timings.values()] == [3, 3]


def test_record_has_machine_timings_and_a_target_beside_each_ratio(splits, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark.data, "load", lambda _: splits)
    monkeypatch.setattr(benchmark, "product_rates_of_fresh_jax", benchmark.product_rates)
    monkeypatch.setattr(benchmark, "processes", lambda code: iter(lambda: code, None))
    options = benchmark.Options(rounds=2, seeds=2, steps=2, product=8, output=tmp_path / "benchmark.json")
    benchmark.main(options)
    record = json.loads(options.output.read_text())
    assert record["machine"].keys() >= {"cpu", "cores", "versions"}
    assert {field.name for field in dataclasses.fields(options)} == record["options"].keys()
    assert len(record["timings"]["sgd"]["ours"]["seconds"]) == options.rounds
    targets = {row["name"]: row["target"] for row in record["results"] if row["target"]}
    assert list(targets.values()) == ["≥ 18", "≥ 6", "≥ 12", "≥ 0.60", "≤ 1.2"]


def test_missing_peer_says_how_to_install_it(splits, monkeypatch):
    monkeypatch.setattr(benchmark, "torch", None)
    timings = benchmark.training_race(config("sgd", seeds=1), splits, benchmark.Options(rounds=1))
    assert list(timings) == ["ours"]
    rows = list(benchmark._training_results("SGD", timings, {"torch loop": "≥ 18"}))
    assert rows[1].note == benchmark.NO_TORCH and rows[1].ratio is None
