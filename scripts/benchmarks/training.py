"""How fast is training, compared with PyTorch and with the machine's own matrix product?

Ours is a whole epoch of all seeds as in a run, including the evaluation of the test images; the peers only train. The
PyTorch loop trains one seed for one epoch per round, torch.func all seeds for some steps; both are scaled to
seed-epochs, and both run on one thread and on all, whichever is faster.
"""

import dataclasses
import itertools
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from benchmarks import peers, processes
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, race, rows, seconds_of, spread
from jaxinterp import data, ensemble, epoch, networks, recipes, train
from jaxinterp.config import RunConfig

THREADS = {1: "1 thread", ensemble.cores(): "all threads"}  # of PyTorch


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    sgd = recipes.config("bottleneck-neurons", seeds=options.seeds)
    adam = dataclasses.replace(sgd, train=dataclasses.replace(sgd.train, optimizer="adam", learning_rate=0.001))
    one = jax.devices()[:1]
    machine = {
        "product, one device": products(options.product, one),
        "product, all devices": products(options.product),
    }
    timings = {"SGD": training_race(sgd, splits, options, machine), "Adam": training_race(adam, splits, options)}
    # In a fresh process, JAX has one device with all cores.
    fresh = processes.call("training", "product_timing", options.product, 3 * options.rounds)
    timings["machine"] = {name: timings["SGD"].pop(name) for name in machine} | {"product, fresh JAX": Timing(**fresh)}
    imports = {name: Contestant(1, processes.running(f"import {name}")) for name in ("jax", "jaxinterp")}
    timings["import"] = race(imports, options.rounds)
    examples, pixels = splits.train.images.shape
    flop, missing = epoch_flop(sgd, pixels, examples, len(splits.test.labels)), peers.missing("torch")
    unit = "seed-epochs/s"
    results = [
        *rows("SGD", unit, timings["SGD"], targets("≥ 0.95", loop="≥ 18", func="≥ 6"), missing=missing),
        *rows("Adam", unit, timings["Adam"], targets("", loop="≥ 12", func=""), missing=missing),
        *[Result(name, "GFLOP/s", _giga(timing.rates)) for name, timing in timings["machine"].items()],
        _of_machine("SGD", timings["SGD"]["ours"], flop, timings["machine"], "≥ 0.60"),
        _of_machine("Adam", timings["Adam"]["ours"], flop, timings["machine"], ""),
        _import_result(timings["import"]),
    ]
    if options.full:
        timings["run"] = {"jaxinterp run": Timing(1, 0.0, [full_run()])}
        seconds = spread(timings["run"]["jaxinterp run"].seconds)
        results.append(Result("jaxinterp run", "s", seconds, note="end to end, in a fresh folder"))
    return timings, results


def targets(shared: str, *, loop: str, func: str) -> dict[str, str]:
    """The target of each contestant but ours."""
    of_torch = {"torch loop": loop, "torch.func": func}
    named = {f"{peer}, {threads}": target for peer, target in of_torch.items() for threads in THREADS.values()}
    return {"shared order": shared, **named}


def training_race(config: RunConfig, splits: data.Splits, options: Options, extra=()) -> dict[str, Timing]:
    """Ours with own and with a shared data order, PyTorch's loop and torch.func, and further contestants.

    All are timed in the same rounds.
    """
    examples, pixels = splits.train.images.shape
    shared = dataclasses.replace(config, train=dataclasses.replace(config.train, data_order="shared"))
    contestants = {
        name: Contestant(config.train.seeds, ours(own, splits))
        for name, own in {"ours": config, "shared order": shared}.items()
    }
    if peers.torch is not None:
        work = config.train.seeds * options.steps / -(-examples // config.train.batch_size)
        for threads, name in THREADS.items():
            loop = torch_loop(torch_models(config, pixels), config, splits.train)
            func = torch_func(torch_models(config, pixels), config, splits.train, options.steps)
            contestants[f"torch loop, {name}"] = Contestant(1, peers.with_threads(threads, loop))
            contestants[f"torch.func, {name}"] = Contestant(work, peers.with_threads(threads, func))
    return race(contestants | dict(extra), options.rounds)


def ours(config: RunConfig, splits: data.Splits) -> Iterator[Any]:
    """One epoch of every seed per turn, exactly as in a run. Yields the weights; the next turn reuses their buffers."""
    model = networks.build(config.model)
    hyperparameters = epoch.hyperparameters_of([(config.train, model.dropout)])
    program = train.compile_program(model, splits, config.train, hyperparameters, slice(0, config.train.seeds))
    state = program.start()
    for number in itertools.count(1):
        state, _ = jax.block_until_ready(program.epoch(state, number))
        yield state.variables["params"]


def torch_models(config: RunConfig, pixels: int) -> list[Any]:
    """The initial networks of ours as PyTorch modules."""
    keys = ensemble.keys(config.train.base_seed, config.train.seeds)
    model = networks.build(config.model)
    return [peers.torch_model(networks.init(key, model, pixels).variables["params"]) for key in keys]


def _torch_optimizer(config: RunConfig, parameters):
    kind = {"sgd": peers.torch.optim.SGD, "adam": peers.torch.optim.Adam}[config.train.optimizer]
    return kind(parameters, lr=config.train.learning_rate)


def _torch_data(train_set: data.Dataset):
    return peers.torch.tensor(np.array(train_set.images)), peers.torch.tensor(np.array(train_set.labels)).long()


def torch_loop(models, config: RunConfig, train_set: data.Dataset, permute: Callable | None = None) -> Iterator[Any]:
    """One epoch of the next model per turn, in the plain PyTorch way; yields that model."""
    torch = peers.torch
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
    """Some steps of all models per turn, vmapped by torch.func over a shared batch; yields their stacked weights.

    The optimisers work element by element, so one of them is enough for the stacked weights.
    """
    torch = peers.torch
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
            gradients = gradient({name: leaf.detach() for name, leaf in params.items()}, images[index], labels[index])
            for name, leaf in params.items():
                leaf.grad = gradients[name]
            optimizer.step()
        yield params


def products(size: int, devices=None, times: int = 3) -> Contestant:
    """A float32 product of size × size matrices on each of the devices at once, several times per turn."""
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


def product_timing(size: int, rounds: int) -> dict[str, Any]:
    """The timing of products on the first device alone."""
    return race({"product": products(size, jax.devices()[:1], times=1)}, rounds)["product"]._asdict()


def epoch_flop(config: RunConfig, pixels: int, trained: int, evaluated: int) -> float:
    """FLOP of the matrix products of one seed's epoch.

    A forward pass for every image; for training images also the gradients of the weights and of the activations, which
    are not needed for the images themselves.
    """
    sizes = (pixels, *config.model.widths, config.model.outputs)
    layers = [2.0 * fan_in * fan_out for fan_in, fan_out in itertools.pairwise(sizes)]
    return trained * (3 * sum(layers) - layers[0]) + evaluated * sum(layers)


def full_run() -> float:
    """Seconds of `jaxinterp run` with its defaults, as a process, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jaxinterp", "run", "--root", folder]
        return seconds_of(Contestant(1, iter(lambda: subprocess.run(command, check=True), None)))


def _giga(rates: list[float]) -> tuple[float, float, float]:
    return spread([rate / 1e9 for rate in rates])


def _of_machine(name: str, timing: Timing, flop: float, machine: dict[str, Timing], target: str) -> Result:
    reached = [rate * flop for rate in timing.rates]
    highest = max(max(product.rates) for product in machine.values())
    note = "its matrix products, with evaluation, relative to the fastest product"
    return Result(
        f"{name}, share of product",
        "GFLOP/s",
        _giga(reached),
        spread([rate / highest for rate in reached]),
        target,
        note,
    )


def _import_result(timings: dict[str, Timing]) -> Result:
    mine, jaxs = timings["jaxinterp"].seconds, timings["jax"].seconds
    ratio = spread([a / b for a, b in zip(mine, jaxs, strict=True)])
    note = f"ratio: to import jax, {statistics.median(jaxs):.2f} s"
    return Result("import jaxinterp", "s", spread(mine), ratio, "≤ 1.2", note)
