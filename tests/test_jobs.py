import dataclasses
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxinterp import jobs, store, train
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError

pytestmark = pytest.mark.usefixtures("optimized")  # bits are compared, and those depend on how a program is compiled

# Dropout and label noise draw, momentum and the best weights are carried: a checkpoint that forgot one would show.
CONFIG = RunConfig(
    DataConfig("xor"),
    ModelConfig((4,), outputs=2, dropout=(0.2,)),
    TrainConfig(seeds=2, epochs=3, batch_size=2, optimizer="momentum", label_noise=0.2, patience=3, snapshots=(0, 1.5)),
)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    """A checkpoint after every epoch."""
    monkeypatch.setattr(jobs, "CHECKPOINT_SECONDS", 0)


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A run that was never interrupted, and what lay on the disk when each epoch ended, as after a crash."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "CHECKPOINT_SECONDS", 0)
        jobs.train_run(
            folder / "run",
            CONFIG,
            progress=lambda state: shutil.copytree(folder / "run", folder / str(state.epoch) / "run"),
        )
    return folder


@pytest.fixture
def whole(halves):
    return halves / "run"


def with_train(config=CONFIG, **changes):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))


def contents(path):
    """All that a run says: its weights and snapshots bit for bit, and its other files byte for byte."""
    epochs = [None, *sorted(float(folder.name) for folder in (path / "snapshots").glob("*"))]
    weights = {epoch: jax.tree.leaves(store.load(path, epoch=epoch).networks) for epoch in epochs}
    files = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}
    with np.load(path / "probe.npz") as probe:
        files["probe.npz"] = {name: probe[name].tobytes() for name in probe}  # a zip holds the time
    return {epoch: [np.asarray(leaf).tobytes() for leaf in leaves] for epoch, leaves in weights.items()} | files


def crash_at(epoch):
    def progress(state):
        if state.epoch == epoch:
            raise RuntimeError(f"crashed in epoch {epoch}")

    return progress


def test_a_run_is_trained_into_its_folder(whole):
    run = store.load(whole)
    assert run.config == CONFIG
    assert run.history.loss.shape == (2, 3, 3)
    names = sorted(child.name for child in whole.iterdir())
    assert names == ["config.json", "history.nc", "probe.npz", "snapshots", "weights"]  # no checkpoint is left


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_crash_in_any_epoch_changes_no_bit(halves, whole, tmp_path, epoch):
    path = shutil.copytree(halves / str(epoch) / "run", tmp_path / "run")
    assert store.is_run(path)
    assert not store.is_complete(path)
    seen = []
    jobs.train_run(path, CONFIG, resume=True, progress=lambda state: seen.append(state.epoch))
    assert seen == list(range(epoch + 1, 4))  # nothing is done again
    assert contents(path) == contents(whole)


def test_a_run_goes_on_under_another_name(halves, tmp_path):
    path = shutil.copytree(halves / "2" / "run", tmp_path / "another")
    seen = []
    jobs.train_run(path, CONFIG, resume=True, progress=lambda state: seen.append(state.epoch))
    assert seen == [3]


def test_going_on_with_a_complete_run_trains_nothing(whole, tmp_path, monkeypatch):
    path = shutil.copytree(whole, tmp_path / "run")
    before = contents(path)
    monkeypatch.setattr(train, "fit_arms", lambda *_, **__: pytest.fail("it was trained again"))
    assert jobs.train_run(path, CONFIG, resume=True).config == CONFIG
    assert contents(path) == before


def test_a_checkpoint_that_outlived_its_run_is_removed(whole, tmp_path):
    path = shutil.copytree(whole, tmp_path / "run")
    (path / "training").mkdir()  # killed after the weights and before the checkpoint went
    jobs.train_run(path, CONFIG, resume=True)
    assert not (path / "training").exists()


# Killed for good: real processes.

PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
from jaxinterp import cli, jobs, store
jobs.CHECKPOINT_SECONDS = 0
save = store.save_checkpoint
def slowly(*arguments):  # so that a signal meets the epoch it is meant for, on a busy machine too
    save(*arguments)
    time.sleep(0.25)
store.save_checkpoint = slowly
raise SystemExit(cli.main(sys.argv[1:]))
"""
OPTIONS = (
    "--data.source xor --model.widths 4 --model.outputs 2 --train.seeds 2 --train.epochs 16 "
    "--train.batch-size 2 --train.snapshots 0 5 --name x --root"
).split()


def start(*arguments):
    cache = Path(__file__).parents[1] / ".pytest_cache"
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "train", *map(str, arguments)],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process, *files):
    """Return once one of the files exists or the process has ended."""
    until = time.monotonic() + 60
    while process.poll() is None and not any(file.exists() for file in files):
        assert time.monotonic() < until, "it never came so far"
        time.sleep(0.001)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The same command, left alone, in the background: its process and its run."""
    root = tmp_path_factory.mktemp("uninterrupted")
    process = start(*OPTIONS, root)
    yield process, root / "x"
    process.kill()
    process.communicate()


def test_killing_it_at_any_moment_changes_no_byte(uninterrupted, tmp_path):
    rng = random.Random(0)
    path = tmp_path / "x"
    moments = [  # what to wait for, and how many seconds longer
        (path / "config.json", 0.0),  # before the first checkpoint
        (path / "training" / "3", rng.uniform(0, 1)),
        (path / "history.nc", rng.uniform(0, 0.1)),  # while the run is saved
    ]
    ends = []
    for file, seconds in moments:
        process = start("--resume", path) if store.is_run(path) else start(*OPTIONS, tmp_path)
        wait_for(process, file, path / "history.nc")
        time.sleep(seconds)
        process.kill()
        process.communicate()
        ends.append(process.returncode)
    assert ends[0] == -signal.SIGKILL and set(ends) <= {-signal.SIGKILL, 0}  # on a busy machine the last comes too late
    jobs.train_run(path, store.read_config(path), resume=True)
    process, other = uninterrupted
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "jaxinterp" not in errors  # progress is all that it says
    assert contents(path) == contents(other)
    assert not list(path.rglob("*orbax-checkpoint-tmp*"))
    assert not list(path.rglob("*.partial"))


def test_ctrl_c_is_told_in_a_line_and_can_be_gone_on_from(uninterrupted, tmp_path):
    process = start(*OPTIONS, tmp_path)
    path = tmp_path / "x"
    wait_for(process, path / "training" / "4")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("jaxinterp: interrupted")  # a slow machine tells its progress before
    assert len(errors.strip().splitlines()) == 1
    assert not store.is_complete(path)
    jobs.train_run(path, store.read_config(path), resume=True)
    reference, other = uninterrupted
    reference.wait(60)
    assert contents(path) == contents(other)


# Several arms in one program.

ARMS = {"a": CONFIG, "b": with_train(learning_rate=0.3, label_noise=0.0)}


def arms_in(folder):
    return {folder / name: config for name, config in ARMS.items()}


@pytest.fixture(scope="module")
def whole_arms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arms")
    jobs.train_arms(arms_in(folder))
    return folder


def test_each_arm_is_a_run_of_its_own(whole_arms, whole):
    for path, config in arms_in(whole_arms).items():
        assert store.load(path).config == config
        assert not (path / "training").exists()
    alone, together = (store.load(path).networks for path in (whole, whole_arms / "a"))
    for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_crash_between_the_saving_of_arms_changes_no_bit(whole_arms, tmp_path, monkeypatch):
    def save(path, *args, **options):
        if path.name == "b":
            raise OSError("disk full")
        real(path, *args, **options)

    real = store.save
    with monkeypatch.context() as patch:
        patch.setattr(store, "save", save)
        with pytest.raises(OSError, match="disk full"):
            jobs.train_arms(arms_in(tmp_path))
    assert [store.is_complete(path) for path in arms_in(tmp_path)] == [True, False]
    jobs.train_arms(arms_in(tmp_path), resume=True, progress=lambda _: pytest.fail("an epoch was trained again"))
    for name in ARMS:
        assert contents(tmp_path / name) == contents(whole_arms / name)
        assert not (tmp_path / name / "training").exists()


def test_a_crash_in_training_arms_changes_no_bit(whole_arms, tmp_path):
    with pytest.raises(RuntimeError, match="crashed"):
        jobs.train_arms(arms_in(tmp_path), progress=crash_at(2))
    jobs.train_arms(arms_in(tmp_path), resume=True)
    for name in ARMS:
        assert contents(tmp_path / name) == contents(whole_arms / name)


def test_arms_that_need_programs_of_their_own_are_refused(tmp_path):
    arms = {tmp_path / "a": CONFIG, tmp_path / "b": with_train(batch_size=4)}
    with pytest.raises(InputError, match="may differ only in learning_rate, weight_decay, l1, label_noise and dropout"):
        jobs.train_arms(arms)
    assert not list(tmp_path.iterdir())


def test_one_program_serves_configs_that_differ_in_numbers_alone():
    same = [
        with_train(learning_rate=9.0, weight_decay=0.1, l1=0.2, label_noise=0.5),
        dataclasses.replace(CONFIG, model=dataclasses.replace(CONFIG.model, dropout=(0.7,))),
    ]
    other = [
        with_train(epochs=9),
        with_train(seeds=9),
        with_train(optimizer="adam"),
        dataclasses.replace(CONFIG, model=dataclasses.replace(CONFIG.model, widths=(5,))),
        dataclasses.replace(CONFIG, data=DataConfig("strokes")),
    ]
    assert all(jobs.program_of(config) == jobs.program_of(CONFIG) for config in same)
    assert not any(jobs.program_of(config) == jobs.program_of(CONFIG) for config in other)


# What is refused.


def test_a_run_that_is_there_is_not_overwritten(whole, tmp_path):
    before = contents(whole)
    with pytest.raises(InputError, match=f"{whole} holds a complete run; choose another name, or go on with --resume"):
        jobs.train_run(whole, CONFIG)
    assert contents(whole) == before
    store.begin(tmp_path / "run", CONFIG)
    with pytest.raises(InputError, match="holds an unfinished run"):
        jobs.train_run(tmp_path / "run", CONFIG)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (with_train(learning_rate=0.5), "train.learning_rate was 0.5 and is now 0.001"),
        (with_train(seeds=3, epochs=8), "train.seeds was 3 and is now 2"),  # the first of two
        (dataclasses.replace(CONFIG, data=DataConfig("strokes")), "data.source was strokes and is now xor"),
    ],
)
def test_a_run_begun_with_another_config_is_refused(tmp_path, other, message):
    store.begin(tmp_path / "run", other)
    with pytest.raises(InputError, match=f"run was begun with another config: {message}"):
        jobs.train_run(tmp_path / "run", CONFIG, resume=True)
    assert store.read_config(tmp_path / "run") == other
    assert [child.name for child in (tmp_path / "run").iterdir()] == ["config.json"]


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_is_not_a_run_is_left_alone(tmp_path, resume):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(InputError, match="photos exists and is not a run; choose another name"):
        jobs.train_run(tmp_path / "photos", CONFIG, resume=resume)
    assert [child.name for child in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_a_file_is_not_a_run(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(InputError, match="notes exists and is not a run"):
        jobs.train_run(tmp_path / "notes", CONFIG)
    with pytest.raises(InputError, match="notes"):
        jobs.train_run(tmp_path / "notes" / "run", CONFIG)


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "run").mkdir()
    jobs.check_arms({tmp_path / "run": CONFIG}, resume=False)


@pytest.mark.parametrize(
    "config",
    [
        with_train(epochs=-1),
        with_train(snapshots=(9,)),
        with_train(loss="binary_cross_entropy"),
        dataclasses.replace(CONFIG, model=ModelConfig((4,), outputs=2, dropout=(0.1, 0.1))),
        dataclasses.replace(CONFIG, data=DataConfig("nowhere")),
        dataclasses.replace(CONFIG, data=DataConfig("xor", classes=(7,))),
    ],
)
def test_nothing_is_written_for_a_config_that_does_not_fit(tmp_path, config):
    with pytest.raises(InputError):
        jobs.train_run(tmp_path / "root" / "run", config)
    with pytest.raises(InputError):
        jobs.train_arms({tmp_path / "root" / "a": CONFIG, tmp_path / "root" / "b": config})
    assert not list(tmp_path.iterdir())
