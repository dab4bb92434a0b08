"""Learning curves in files of others. Their libraries are optional: what is asked of them is tested without them."""

import os
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from support import events

from jaxinterp import cli, store
from jaxinterp.errors import InputError
from jaxinterp.report import exports
from jaxinterp.train import History

NAN = float("nan")


@pytest.fixture(scope="module")
def run(tmp_path_factory, saved):
    return shutil.copytree(saved, tmp_path_factory.mktemp("runs") / "done")


def expected(trained):
    """The mean test accuracy by epoch."""
    means = np.asarray(trained.history.accuracy, np.float64)[:, :, 2].mean(axis=0)
    return {epoch + 1: float(value) for epoch, value in enumerate(means)}


def history(accuracy, diverged):
    accuracy = np.array(accuracy, np.float32)
    whole = np.stack([np.full_like(accuracy, NAN), np.full_like(accuracy, NAN), accuracy], axis=-1)
    zeros = np.zeros(len(accuracy), int)
    return History(1 - whole, whole, whole[..., None], np.array(diverged), zeros, zeros)


def test_curves_leave_out_networks_that_diverged_and_what_is_not_known():
    found = exports.curves(history([[0.5, 0.7], [0.7, NAN], [0.0, 0.0]], [0, 0, 1]), seeds=[1, 2])
    assert list(found) == ["mean", "p05", "p95", "seed-1", "seed-2"]
    assert set(found["mean"]) == {"accuracy/test", "loss/test"}
    assert found["mean"]["accuracy/test"] == pytest.approx({1: 0.6, 2: 0.7})
    assert found["p05"]["accuracy/test"] == pytest.approx({1: 0.51, 2: 0.7})
    assert found["p95"]["accuracy/test"] == pytest.approx({1: 0.69, 2: 0.7})
    assert found["seed-1"] == {"accuracy/test": pytest.approx({1: 0.7}), "loss/test": pytest.approx({1: 0.3})}
    assert found["seed-2"]["accuracy/test"] == {1: 0, 2: 0}


def test_one_network_has_no_quantiles_and_no_network_has_no_curve():
    assert list(exports.curves(history([[0.5]], [0]))) == ["mean"]
    assert exports.curves(history([[0.5]], [1])) == {}
    with pytest.raises(InputError, match="no seed 7: the run has seeds 0 to 0"):
        exports.curves(history([[0.5]], [0]), seeds=[7])


@pytest.mark.parametrize(("option", "package"), [("tensorboard", "tensorboardX"), ("wandb", "wandb")])
def test_a_missing_package_is_named_with_what_installs_it(run, tmp_path, monkeypatch, capsys, option, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["export", str(run), f"--{option}", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("jaxinterp: ") and said.endswith(f"{package}: pip install 'jaxinterp[{option}]'\n")


def test_export_needs_a_target_and_a_complete_run(run, tmp_path, capsys):
    assert cli.main(["export", str(run)]) == 2
    assert "give --tensorboard FOLDER or --wandb FOLDER" in capsys.readouterr().err
    store.begin(tmp_path / "begun", store.read_config(run))
    assert cli.main(["export", str(tmp_path / "begun"), "--wandb", str(tmp_path)]) == 2
    assert "--resume" in capsys.readouterr().err


class Writer:
    """What tensorboardX is asked to write, by folder."""

    def __init__(self, folder, **options):
        self.folder, self.scalars, self.texts = folder, {}, []

    def __enter__(self):
        Writer.all[self.folder] = self
        return self

    def __exit__(self, *_):
        pass

    def add_scalar(self, tag, value, epoch):
        self.scalars.setdefault(tag, {})[epoch] = value

    def add_text(self, tag, text):
        self.texts.append((tag, text))


def test_tensorboard_gets_a_folder_for_each_line(run, tmp_path, monkeypatch, capsys, trained):
    Writer.all = {}
    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Writer))
    assert cli.main(["export", str(run), "--tensorboard", str(tmp_path / "all events"), "--seeds", "4"]) == 0
    assert capsys.readouterr().out.endswith(f"look at it with: tensorboard --logdir '{tmp_path}/all events'\n")
    folder = tmp_path / "all events" / "done"
    assert set(Writer.all) == {str(folder / line) for line in ("mean", "p05", "p95", "seed-4")}
    mean = Writer.all[str(folder / "mean")]
    assert mean.scalars["accuracy/test"] == pytest.approx(expected(trained))
    assert set(mean.scalars) == {"accuracy/train", "accuracy/test", "loss/train", "loss/test"}
    [(tag, text)] = mean.texts
    assert tag == "configuration" and "| train.seeds | 5 |" in text


def test_a_second_export_into_the_same_folder_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Writer))
    (tmp_path / "done" / "mean").mkdir(parents=True)
    with pytest.raises(InputError, match="is not empty"):
        exports.to_tensorboard(run, tmp_path)


def test_event_files_can_be_read_without_the_library_that_wrote_them(run, tmp_path, trained):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    folder = exports.to_tensorboard(run, tmp_path, seeds=[1])
    for line, tags in exports.curves(trained.history, [1]).items():
        found = events.scalars(folder / line)
        assert set(found) == set(tags)
        for tag, values in tags.items():
            assert found[tag] == pytest.approx(values, rel=1e-6)


def test_wandb_is_told_to_stay_offline_before_it_is_imported_and_by_every_run(run, tmp_path, monkeypatch, trained):
    for name in ("WANDB_MODE", "WANDB_ERROR_REPORTING", "WANDB_SILENT"):
        monkeypatch.setenv(name, "as before")
    started, logged = [], {}

    def init(**options):
        assert os.environ["WANDB_MODE"] == "offline" and os.environ["WANDB_ERROR_REPORTING"] == "false"
        started.append(options)
        own = logged[options["name"]] = {}
        return SimpleNamespace(
            log=lambda values, step: own.update({step: values}),
            dir=str(tmp_path / "wandb" / options["name"] / "files"),
            finish=lambda: None,
        )

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, Settings=dict))
    written = exports.to_wandb(run, tmp_path / "out", seeds=[0])
    assert os.environ["WANDB_MODE"] == "as before"
    assert written == [tmp_path / "wandb" / name for name in ("done", "done seed-0")]
    for options in started:
        assert (options["mode"], options["group"], options["dir"]) == ("offline", "done", str(tmp_path / "out"))
        assert options["config"]["train"]["seeds"] == 5
        assert options["settings"]["x_disable_meta"] and not options["settings"]["x_save_requirements"]
    assert list(logged["done"]) == [1, 2, 3]
    assert {epoch: row["accuracy/test"] for epoch, row in logged["done"].items()} == pytest.approx(expected(trained))
    assert {"loss/test", "loss/test/p05", "loss/test/p95"} < set(logged["done"][1])
    assert set(logged["done seed-0"][2]) == {"accuracy/train", "accuracy/test", "loss/train", "loss/test"}


def test_wandb_itself_opens_no_connection_and_writes_runs(run, tmp_path):
    pytest.importorskip("wandb", reason="wandb is not installed")
    [folder] = exports.to_wandb(run, tmp_path)  # connections of this process are refused
    assert folder.parent == tmp_path / "wandb" and list(folder.glob("run-*.wandb"))
