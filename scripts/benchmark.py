"""How fast is training, beside PyTorch and beside the machine's own matrix product?

    python scripts/benchmark.py            # peers need: pip install .[bench]
    python scripts/benchmark.py --full     # also times `jaxinterp run` end to end

Two minutes on two CPU cores; with --full, the time of `jaxinterp run` more. Leave the machine alone meanwhile.
Expect, on two cores of an AMD EPYC: 18 seed-epochs/s with SGD, 10 times the PyTorch loop, 1.9 times torch.func and 0.66
of the matrix product's rate; with Adam 16, 16 times the loop. Targets stand beside the ratios, and every raw timing
goes to benchmark.json.

Everything runs in one process, the contestants in turn, round after round. Ours is a whole epoch of all seeds as a run
does it, the evaluation of the test images included; the peers only train. The PyTorch loop trains one seed for one
epoch a round, torch.func all seeds for some steps; both are scaled to seed-epochs.
"""

import dataclasses
import importlib
import importlib.util
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import tyro
from jax.sharding import NamedSharding, PartitionSpec
from rich.table import Table

from jaxinterp import cli, data, ensemble, networks, recipes, train
from jaxinterp.config import DataConfig, RunConfig

torch: Any = importlib.import_module("torch") if importlib.util.find_spec("torch") else None
NO_TORCH = "torch not installed: pip install .[bench]"


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    rounds: int = 7
    """timed turns of each contestant, after one that compiles and warms up"""
    seeds: int = 32
    """networks trained at once"""
    steps: int = 100
    """steps that torch.func takes in a turn"""
    product: int = 2048
    """rows and columns of the matrices whose product gives the machine's rate"""
    full: bool = False
    """time `jaxinterp run` from end to end too"""
    output: Path = Path("benchmark.json")
    """where machine, raw timings and results are written"""


class Contestant(NamedTuple):
    """One way to do some work: every `next` of turns does the same amount of it."""

    work: float  # in a turn: seed-epochs, FLOP or processes
    turns: Iterator[Any]


class Timing(NamedTuple):
    """The work of a turn, the seconds of the first one, which compiles, and of each later one."""

    work: float
    first: float
    seconds: list[float]

    @property
    def rates(self) -> list[float]:
        """Work per second, turn by turn."""
        return [self.work / seconds for seconds in self.seconds]


class Result(NamedTuple):
    """A row of the table: a rate, and its ratio to another's, each as median, lowest and highest over rounds."""

    name: str
    unit: str
    rate: tuple[float, float, float] | None
    ratio: tuple[float, float, float] | None = None
    target: str = ""
    note: str = ""


def race(contestants: dict[str, Contestant], rounds: int) -> dict[str, Timing]:
    """Time the contestants in turn, round after round, so that a busy moment of the machine meets them all."""
    first = {name: _seconds(contestant) for name, contestant in contestants.items()}
    later = [{name: _seconds(contestant) for name, contestant in contestants.items()} for _ in range(rounds)]
    return {name: Timing(contestants[name].work, first[name], [turn[name] for turn in later]) for name in contestants}


def _seconds(contestant: Contestant) -> float:
    begin = time.perf_counter()
    next(contestant.turns)
    return time.perf_counter() - begin


def ours(config: RunConfig, splits: data.Splits) -> Iterator[Any]:
    """One epoch of every seed a turn, exactly as a run does it; yields their weights, one turn old at the most."""
    model = networks.build(config.model)
    numbers = train.numbers_of([(config.train, model.dropout)])
    program = train.compile_program(model, splits, config.train, numbers)
    members = program.start()
    for epoch in itertools.count(1):
        members, _ = jax.block_until_ready(program.epoch(members, epoch))
        yield members.variables["params"]


def torch_models(config: RunConfig, pixels: int) -> list[Any]:
    """The networks that ours starts from, as PyTorch modules."""
    keys = ensemble.keys(config.train.base_seed, config.train.seeds)
    return [_torch_model(networks.init(key, networks.build(config.model), pixels).variables["params"]) for key in keys]


def _torch_model(params):
    layers = []
    for name in (*sorted(name for name in params if name != "output"), "output"):
        linear = torch.nn.Linear(*params[name]["kernel"].shape)
        linear.weight.data = torch.tensor(np.array(params[name]["kernel"]).T.copy())
        linear.bias.data = torch.tensor(np.array(params[name]["bias"]))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def _torch_optimizer(config: RunConfig, parameters):
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[config.train.optimizer]
    return kind(parameters, lr=config.train.learning_rate)


def _torch_data(train_set: data.Dataset):
    return torch.tensor(np.array(train_set.images)), torch.tensor(np.array(train_set.labels)).long()


def torch_loop(models, config: RunConfig, train_set: data.Dataset, permute: Callable | None = None) -> Iterator[Any]:
    """One epoch of the next model a turn, in the plain PyTorch way; yields that model."""
    images, labels = _torch_data(train_set)
    optimizers = [_torch_optimizer(config, model.parameters()) for model in models]
    for model, optimizer in itertools.cycle(zip(models, optimizers, strict=True)):
        for index in (permute or torch.randperm)(len(labels)).split(config.train.batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[index]), labels[index]).backward()
            optimizer.step()
        yield model


def torch_func(
    models, config: RunConfig, train_set: data.Dataset, steps: int, permute: Callable | None = None
) -> Iterator[Any]:
    """Some steps of all models a turn, vmapped by torch.func over one shared batch; yields their stacked weights.

    The optimisers work element by element, so that one of them serves the stacked weights.
    """
    images, labels = _torch_data(train_set)
    params, buffers = torch.func.stack_module_state(models)
    optimizer = _torch_optimizer(config, params.values())

    def loss(params, images, labels):
        logits = torch.func.functional_call(models[0], (params, buffers), (images,))
        return torch.nn.functional.cross_entropy(logits, labels)

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))
    epochs = ((permute or torch.randperm)(len(labels)).split(config.train.batch_size) for _ in itertools.count())
    batches = itertools.chain.from_iterable(epochs)
    while True:
        for index in itertools.islice(batches, steps):
            found = gradient({name: leaf.detach() for name, leaf in params.items()}, images[index], labels[index])
            for name, leaf in params.items():
                leaf.grad = found[name]
            optimizer.step()
        yield params


def products(size: int, devices=None, times: int = 3) -> Contestant:
    """A float32 product of size × size matrices on each of the devices at once, some times in a turn."""
    mesh = ensemble.mesh(devices)
    rows = np.random.default_rng(0).uniform(size=(mesh.size * size, size)).astype(np.float32)
    left = jax.device_put(rows, NamedSharding(mesh, PartitionSpec("seeds")))
    right = jax.device_put(rows[:size], NamedSharding(mesh, PartitionSpec()))
    multiply = jax.jit(lambda left, right: left @ right)

    def turns():
        while True:
            for _ in range(times):
                multiply(left, right).block_until_ready()
            yield

    return Contestant(2.0 * times * mesh.size * size**3, turns())


def product_rates(size: int, rounds: int) -> list[float]:
    """FLOP/s of products on the first device alone, run after run."""
    return race({"product": products(size, jax.devices()[:1], times=1)}, rounds)["product"].rates


def product_rates_of_fresh_jax(size: int, rounds: int) -> list[float]:
    """`product_rates` in a process of its own, where JAX has one device with all cores."""
    code = f"import runpy; print(runpy.run_path({__file__!r})['product_rates']({size}, {rounds}))"
    return json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def processes(code: str) -> Iterator[Any]:
    """A fresh Python that runs the code, a turn."""
    while True:
        yield subprocess.run([sys.executable, "-c", code], check=True)


def epoch_flop(config: RunConfig, pixels: int, trained: int, evaluated: int) -> float:
    """FLOP of the matrix products of one seed's epoch.

    Forward for every image; for those trained on, gradients of the weights and of the activations too, which the images
    themselves do not need.
    """
    sizes = (pixels, *config.model.widths, config.model.outputs)
    layers = [2.0 * fan_in * fan_out for fan_in, fan_out in itertools.pairwise(sizes)]
    return trained * (3 * sum(layers) - layers[0]) + evaluated * sum(layers)


def training_race(config: RunConfig, splits: data.Splits, options: Options, extra=()) -> dict[str, Timing]:
    """Ours, PyTorch's loop and torch.func, and whatever else shall meet the same moments of the machine."""
    examples, pixels = splits.train.images.shape
    contestants = {"ours": Contestant(config.train.seeds, ours(config, splits))}
    if torch is not None:
        torch.set_num_threads(ensemble.cores())
        work = config.train.seeds * options.steps / -(-examples // config.train.batch_size)
        loop = torch_loop(torch_models(config, pixels), config, splits.train)
        func = torch_func(torch_models(config, pixels), config, splits.train, options.steps)
        contestants |= {"torch loop": Contestant(1, loop), "torch.func": Contestant(work, func)}
    return race(contestants | dict(extra), options.rounds)


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    sgd = recipes.get("bottleneck-neurons").config
    sgd = dataclasses.replace(sgd, train=dataclasses.replace(sgd.train, seeds=options.seeds))
    adam = dataclasses.replace(sgd, train=dataclasses.replace(sgd.train, optimizer="adam", learning_rate=0.001))
    size = options.product
    extra = {"product, one device": products(size, jax.devices()[:1]), "product, all devices": products(size)}
    timings: dict[str, Any] = {"sgd": training_race(sgd, splits, options, extra)}
    timings["adam"] = training_race(adam, splits, options)
    fresh = product_rates_of_fresh_jax(size, 3 * options.rounds)
    imports = {name: Contestant(1, processes(f"import {name}")) for name in ("jax", "jaxinterp")}
    timings["import"] = race(imports, options.rounds)
    machine = {name: timings["sgd"][name].rates for name in extra} | {"product, fresh JAX with one device": fresh}
    examples, pixels = splits.train.images.shape
    flop = epoch_flop(sgd, pixels, examples, len(splits.test.labels))
    results = [
        *_training_results("SGD", timings["sgd"], {"torch loop": "≥ 18", "torch.func": "≥ 6"}),
        *_training_results("Adam", timings["adam"], {"torch loop": "≥ 12", "torch.func": ""}),
        *[Result(name, "GFLOP/s", _spread([rate / 1e9 for rate in rates])) for name, rates in machine.items()],
        _of_machine("SGD", timings["sgd"]["ours"], flop, machine, "≥ 0.60"),
        _of_machine("Adam", timings["adam"]["ours"], flop, machine, ""),
        _import_result(timings["import"]),
    ]
    if options.full:
        seconds = full_run()
        results.append(Result("jaxinterp run", "s", _spread([seconds]), note="end to end, in a fresh folder"))
        timings["run"] = seconds
    return timings | {"product, fresh JAX with one device": fresh}, results


def full_run() -> float:
    """Seconds of `jaxinterp run` with its defaults, as a process, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jaxinterp.cli", "run", "--root", folder]
        return _seconds(Contestant(1, iter(lambda: subprocess.run(command, check=True), None)))


def _spread(values: list[float]) -> tuple[float, float, float]:
    return statistics.median(values), min(values), max(values)


def _training_results(name: str, timings: dict[str, Timing], targets: dict[str, str]) -> Iterator[Result]:
    unit, mine = "seed-epochs/s", timings["ours"]
    yield Result(f"{name}, ours", unit, _spread(mine.rates), note=f"first epoch, compiling: {mine.first:.1f} s")
    for peer, target in targets.items():
        if peer not in timings:
            yield Result(f"{name}, {peer}", unit, None, target=target, note=NO_TORCH)
            continue
        ratios = [a / b for a, b in zip(mine.rates, timings[peer].rates, strict=True)]
        yield Result(
            f"{name}, {peer}", unit, _spread(timings[peer].rates), _spread(ratios), target, "ratio: ours to it"
        )


def _of_machine(name: str, timing: Timing, flop: float, machine: dict[str, list[float]], target: str) -> Result:
    reached, highest = [rate * flop for rate in timing.rates], max(map(max, machine.values()))
    ratio, rate = _spread([rate / highest for rate in reached]), _spread([rate / 1e9 for rate in reached])
    return Result(
        f"{name}, ours", "GFLOP/s", rate, ratio, target, "its products, evaluation's included, to the highest product"
    )


def _import_result(timings: dict[str, Timing]) -> Result:
    mine, jaxs = timings["jaxinterp"].seconds, timings["jax"].seconds
    ratios = _spread([a / b for a, b in zip(mine, jaxs, strict=True)])
    note = f"ratio: to import jax, {statistics.median(jaxs):.2f} s"
    return Result("import jaxinterp", "s", _spread(mine), ratios, "≤ 1.2", note)


def machine_description() -> dict[str, Any]:
    """The machine, its load before the benchmark, and the versions of what runs on it."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    libraries = ("jaxinterp", "jax", "jaxlib", "flax", "optax", "numpy") + (("torch",) if torch is not None else ())
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor(),
        "cores": ensemble.cores(),
        "system": platform.platform(),
        "devices": [str(device) for device in jax.devices()],
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in libraries},
    }


def table(results: list[Result]) -> Table:
    """The results, a row each."""
    view = Table("", "median (lowest – highest)", "unit", "ratio", "target", "note")

    def cell(values):
        return "" if values is None else "{:.3g} ({:.3g} – {:.3g})".format(*values)

    for row in results:
        view.add_row(row.name, cell(row.rate), row.unit, cell(row.ratio), row.target, row.note)
    return view


def _record(timing):
    return timing._asdict() if isinstance(timing, Timing) else timing


def main(options: Options) -> None:
    """Measure, print the table, write the record."""
    ensemble.use_every_core()
    machine = machine_description()
    timings, results = measure(data.load(DataConfig()), options)
    cli.show(table(results))
    record = {
        "machine": machine,
        "options": dataclasses.asdict(options) | {"output": str(options.output)},
        "timings": jax.tree.map(_record, timings, is_leaf=lambda value: isinstance(value, Timing)),
        "results": [result._asdict() for result in results],
    }
    options.output.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options))
