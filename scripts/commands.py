"""Which whole commands does reliability have to hold for? Each at toy size, as a process that can be killed.

A process is forked from one that has loaded the libraries, which is most of what a command does at this size. Studies
have one of their topics, and train and measure toy networks.
"""

import contextlib
import dataclasses
import hashlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxinterp import cli, recipes, report, store, studies, sweeps
from jaxinterp.cli import shell, sweep
from jaxinterp.config import DataConfig
from jaxinterp.report import tables
from jaxinterp.studies.bottleneck_neurons import activity

RUN = "run"  # the name of the run that all commands work on
XOR = "--data.source xor --model.widths 4 --model.outputs 2 --train.batch-size 2".split()
SMALL = [*XOR, "--train.seeds", "2", "--train.epochs", "16"]
STUDY = "bottleneck-neurons"
OPERATIONS = ("replace", "rename", "mkdir", "unlink", "rmdir", "fsync")
_LOADED = (cli, report, sweeps, tables)  # all that commands import when they need it
_FORK = multiprocessing.get_context("fork")


class Job(NamedTuple):
    """A command: its arguments, and those that it is given after it was killed, as functions of the folder of all runs.

    base: arguments of the command that makes the run that it works on. share: of all kills, in per cent.
    """

    name: str
    first: Callable[[Path], list[str]]
    again: Callable[[Path], list[str]]
    base: Callable[[Path], list[str]] | None
    share: int
    program: Callable[[list[str]], int] = cli.main


class Ended(NamedTuple):
    """How a process ended: its exit code, negative for a signal, what it printed, and its operations on files."""

    code: int | None
    said: str
    operations: int


class Started(NamedTuple):
    """A process, the file that it prints to, and the number of its operations on files so far."""

    process: BaseProcess
    printed: Any
    made: Any

    def end(self) -> Ended:
        """Wait for its end."""
        self.process.join()
        self.printed.seek(0)
        return Ended(self.process.exitcode, self.printed.read(), self.made.value)


def _in(root: Path, *arguments: str) -> list[str]:
    return [*arguments, "--root", str(root), "--name", RUN]


def _train(root: Path) -> list[str]:
    return _in(root, "train", *SMALL)


def _resume(root: Path) -> list[str]:
    return ["train", "--resume", str(root / RUN)] if store.is_run(root / RUN) else _train(root)


def _sweep(root: Path) -> list[str]:
    return [*_in(root, "--grid", "train.learning_rate=0.01,0.02", *SMALL), "--resume"]


def _of_run(*arguments: str) -> Callable[[Path], list[str]]:
    return lambda root: [argument.replace("RUN", str(root / RUN)) for argument in arguments]


def _study(root: Path) -> list[str]:
    return ["study", STUDY, "--run", str(root / RUN), "--format", "csv"]


def _train_for_study(root: Path) -> list[str]:
    return _in(root, "train", "--recipe", STUDY, "--train.seeds", "2")


def _run(root: Path) -> list[str]:
    return _in(root, "run", "--study", STUDY, "--seeds", "2", "--format", "csv")


def importing(root: Path) -> list[str]:
    """An import of weights that answer XOR: x + y and x + y − 1 above 0, and the first minus twice the second."""
    first, second = np.array([[1.0, 1], [1, 1], [0, 0], [0, 0]]), np.array([[0.0, 0, 0, 0], [1, -2, 0, 0]])
    biases = {"0.bias": np.array([0.0, -1, 0, 0]), "2.bias": np.array([0.5, 0])}
    file = root / "weights.npz"
    np.savez(file, allow_pickle=False, **{"0.weight": first, "2.weight": second}, **biases)
    return ["import", str(file), "--data.source", "xor", "--model.activation", "relu"]


def _import(root: Path) -> list[str]:
    return _in(root, *importing(root))


def _import_again(root: Path) -> list[str]:
    return ["runs", str(root / RUN)] if store.is_run(root / RUN) else _import(root)


def _with_toy_study(arguments: list[str]) -> int:
    """The command line with one topic of the study, whose recipe trains toy networks."""
    recipe, study = recipes.RECIPES[STUDY], studies.STUDIES[STUDY]
    train = dataclasses.replace(recipe.config.train, epochs=2, snapshots=())
    model = dataclasses.replace(recipe.config.model, widths=(4,), outputs=2)
    config = dataclasses.replace(recipe.config, data=DataConfig("xor"), model=model, train=train)
    recipes.RECIPES[STUDY] = dataclasses.replace(recipe, config=config)
    studies.STUDIES[STUDY] = dataclasses.replace(
        study,
        measurements=activity.MEASUREMENTS,
        claims=(activity.claims,),
        answer=lambda findings: f"{len(findings)} findings",
        highlights=(),
        optional={},
    )
    report.figures_of = lambda _: lambda results: []  # of all topics
    return cli.main(arguments)


_ANALYZE, _REPORT = _of_run("analyze", "RUN", "damage"), _of_run("report", "RUN")
JOBS = {
    job.name: job
    for job in (
        Job("train", _train, _resume, None, 20),
        Job("sweep", _sweep, _sweep, None, 12, sweep.main),
        Job("analyze", _ANALYZE, _ANALYZE, _train, 15),
        Job("report", _REPORT, _REPORT, _train, 11),
        Job("import", _import, _import_again, None, 20),
        Job("study", _study, _study, _train_for_study, 11, _with_toy_study),
        Job("run", _run, _run, None, 11, _with_toy_study),
    )
}


@contextlib.contextmanager
def started(job: Job, arguments: list[str], *, last: int = 0, number: int = signal.SIGKILL) -> Iterator[Started]:
    """The command as a process. It gets the signal of this number just before its operation number `last` on files."""
    made = _FORK.Value("i", 0)
    with tempfile.NamedTemporaryFile("w+") as said:
        process = _FORK.Process(target=_command, args=(job.program, arguments, said.fileno(), made, last, number))
        process.start()
        yield Started(process, said, made)


def run(job: Job, arguments: list[str], **options) -> Ended:
    """Start a command and wait for its end; options: of `started`."""
    with started(job, arguments, **options) as process:
        return process.end()


def _prepare() -> None:
    """`shell.prepare_jax`, which keeps the smallest programs too: compiling is most of a toy command."""
    _PREPARE()
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


_PREPARE = shell.prepare_jax


def _command(program, arguments, said: int, made, last: int, number: int) -> None:
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdout, sys.stderr = (open(handle, "w", encoding="utf-8", closefd=False) for handle in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    shell.prepare_jax = _prepare

    def counted(operation):
        def call(*arguments, **options):
            with made.get_lock():
                made.value += 1
                is_last = made.value == last
            if is_last:
                os.kill(os.getpid(), number)
            return operation(*arguments, **options)

        return call

    for name in OPERATIONS:
        setattr(os, name, counted(getattr(os, name)))
    code = program(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def contents(root: Path) -> dict[str, str]:
    """What is stored, by name: checksums of the bits of weights and histories, results, and which pages there are."""
    found = {}
    for path in store.runs(root):
        loaded, name = store.load(path), path.relative_to(root).as_posix()
        found[name] = _sum([np.asarray(leaf) for leaf in jax.tree.leaves((loaded.networks, loaded.history))])
        if (path / "report" / "index.html").is_file():
            found[f"{name}/page"] = "written"
        for result in store.results(path):
            dataset = store.load_result(path, result)
            found[f"{name}/{result}"] = _sum(
                [dataset[variable].to_numpy() for variable in sorted(map(str, dataset.variables))]
            )
    return found


def _sum(arrays: list[np.ndarray]) -> str:
    texts = [array.astype(str) if array.dtype == object else array for array in arrays]  # objects are but pointers
    return hashlib.sha256(b"".join(f"{a.dtype} {a.shape}".encode() + a.tobytes() for a in texts)).hexdigest()


def leftovers(root: Path) -> list[Path]:
    """What killed writers left: partial files and folders, and checkpoints of complete runs."""
    return [path for path in root.rglob("*") if path.name.endswith(".partial") or path.name == "training"]


@contextlib.contextmanager
def reader() -> Iterator[Callable[[Path], dict[str, str]]]:
    """`contents`, computed in another process: one in which JAX runs must not be forked."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _prepare) as pool:
        yield lambda root: pool.submit(contents, root).result()
