import dataclasses
import json
import shutil
import threading

import jax
import numpy as np
import pytest
from support.meeting import together

from jaxinterp import data, jobs, networks, parts, store, train
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError

pytestmark = pytest.mark.usefixtures("optimized")

# The first three networks stop in epoch 3, and the last of the others in epoch 6.
CONFIG = RunConfig(
    DataConfig("xor"),
    ModelConfig((4,), outputs=2, dropout=(0.2,)),
    TrainConfig(
        seeds=6,
        epochs=12,
        batch_size=2,
        optimizer="momentum",
        learning_rate=1.0,
        label_noise=0.2,
        patience=2,
        chunk=1,
        snapshots=(0, 1.5, 4, 4.5, 9),
    ),
)
SPLITS = data.load(CONFIG.data)
MODEL = networks.build(CONFIG.model)
ARMS = [(CONFIG.train, MODEL.dropout)]


def bits(run):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((run.networks, run.history))]


def contents(path):
    """A run and its snapshots, bit for bit, and its files."""
    names = sorted(folder.name for folder in (path / "snapshots").iterdir())
    files = sorted(file.relative_to(path).parts[0] for file in path.rglob("*") if file.is_file())
    return {name: bits(store.load(path, epoch=float(name))) for name in names} | {"": bits(store.load(path))}, set(
        files
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run that one process trains."""
    path = tmp_path_factory.mktemp("alone") / "run"
    jobs.train_run(path, CONFIG)
    assert list(store.read_history(path).stopped) == [3, 3, 3, 6, 3, 5]
    return path


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    """A checkpoint after every epoch; one thread at a time uses Orbax, which real processes do each for itself."""
    monkeypatch.setattr(jobs, "CHECKPOINT_SECONDS", 0.0)
    lock = threading.Lock()

    def one_at_a_time(fn):
        def locked(*arguments, **options):
            with lock:
                return fn(*arguments, **options)

        return locked

    for name in ("save_checkpoint", "load_checkpoint"):
        monkeypatch.setattr(store, name, one_at_a_time(getattr(store, name)))


def train_in(path, processes, *, fail=None, resume=True):
    """Train a run by threads that act as processes. fail: (process, epoch) in which that one cannot save its part."""
    save = store.save_checkpoint

    def fn(group):
        jobs.train_arms({path: CONFIG}, resume=resume, group=group)

    def save_or_fail(folder, checkpoint, *arguments):
        if fail is not None and checkpoint.epoch == fail[1] and folder.name.startswith(f"{fail[0]}-"):
            raise InputError("no space")
        save(folder, checkpoint, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "save_checkpoint", save_or_fail)
        return [error and str(error) for error in together(processes, fn)]


def parts_in(path):
    return sorted(child.relative_to(path).as_posix() for child in (path / "training" / "parts").glob("*/*"))


def test_any_number_of_processes_go_on_and_nothing_is_lost(alone, tmp_path):
    path = tmp_path / "run"
    assert train_in(path, 2, fail=(3, 4)) == ["process 1 has ended: no space", "no space"]
    assert parts_in(path) == [f"training/parts/{name}" for name in ("3/0-3", "3/3-6", "4/0-3")]
    assert json.loads((path / "training" / "parts.json").read_text()) == ["3/0-3", "3/3-6"]
    assert train_in(path, 3, fail=(2, 5)) == [
        "process 1 has ended: no space",
        "no space",
        "process 1 has ended: no space",
    ]
    assert parts_in(path) == [f"training/parts/{name}" for name in ("4/0-2", "4/2-4", "4/4-6", "5/0-2", "5/4-6")]
    jobs.train_run(path, CONFIG, resume=True)
    assert contents(path) == contents(alone)


def test_several_processes_go_on_from_a_checkpoint_of_one(alone, tmp_path):
    path = tmp_path / "run"

    def stop(checkpoint):
        if checkpoint.epoch == 2:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        jobs.train_run(path, CONFIG, progress=stop)
    assert train_in(path, 2) == [None, None]
    assert contents(path) == contents(alone)


def test_a_complete_run_is_left_alone(alone, tmp_path):
    path = shutil.copytree(alone, tmp_path / "run")
    assert train_in(path, 2) == [None, None]
    assert all("holds a complete run" in error for error in train_in(path, 2, resume=False))
    assert contents(path) == contents(alone)


def test_processes_that_would_train_something_else_are_refused(tmp_path):
    other = dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, learning_rate=0.5))

    def fn(group):
        jobs.train_arms({tmp_path / "run": other if group.process == 2 else CONFIG}, group=group)

    errors = together(3, fn)
    line = "process 2 has another config than process 0: start all in the same way"
    assert [str(error) for error in errors] == [line] * 3
    assert not (tmp_path / "run").exists()


def test_processes_with_files_of_their_own_are_refused(tmp_path):
    """As on machines that do not share a file system."""

    def fn(group):
        jobs.train_arms({tmp_path / str(group.process) / "run": CONFIG}, group=group)

    first, second = together(2, fn)
    assert "0-3" not in str(first) and "another process has saved, is not there: all need the same file" in str(first)
    assert str(second) == f"process 0 has ended: {first}"


def test_parts_are_whole_chunks():
    def divided(seeds, chunk, processes):
        config = dataclasses.replace(CONFIG.train, seeds=seeds, chunk=chunk)
        return [(part.start, part.stop) for part in parts.divide(MODEL, SPLITS, [(config, ())], processes)]

    assert divided(32, 8, 4) == [(0, 8), (8, 16), (16, 24), (24, 32)]
    assert divided(30, 8, 3) == [(0, 8), (8, 16), (16, 30)]
    assert divided(5, 2, 1) == [(0, 5)]
    line = "5 networks in chunks of 2 are too few for 4 processes: use at most 3, or a smaller train.chunk"
    with pytest.raises(InputError, match=line):
        divided(5, 2, 4)


def test_too_many_processes_are_refused_before_anything_is_written(tmp_path):
    found = together(7, lambda group: jobs.train_arms({tmp_path / "run": CONFIG}, group=group))
    assert any("are too few for 7 processes" in str(error) for error in found)
    assert all(isinstance(error, InputError) for error in found) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["4/0-3"], "its parts are not of 6 networks"),
        (["4/0-3", "5/3-6"], "its parts are not of 6 networks"),
        (["4/0-4", "4/3-6"], "its parts are not of 6 networks"),
        (["cat"], "'cat' is the name of no part"),
        ({}, "it is no list of names"),
        (["4/0-3", "4/3-6"], "0-3 is missing"),
    ],
)
def test_a_damaged_list_of_parts_is_refused(tmp_path, names, message):
    (tmp_path / "parts.json").write_text(json.dumps(names))
    state = train.Checkpoint(0, {"a": np.zeros((6, 2))}, {}, {})
    with pytest.raises(InputError, match=f"{message}.*remove the folder training"):
        parts.load(tmp_path, state, config=CONFIG, splits=SPLITS, seeds=6, part=slice(0, 6))
