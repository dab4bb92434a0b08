import json
import os
import re
import shutil
from typing import NamedTuple

import jax
import numpy as np
import pytest
import xarray
from jaxtyping import Array, Float
from orbax.checkpoint import v1 as ocp
from specimens import forget_origin
from support.toys import TOY

from jaxinterp import store, train
from jaxinterp.data import Dataset, Splits
from jaxinterp.errors import InputError
from jaxinterp.networks import Network

_NOTHING = Dataset(np.zeros((0, 2), np.float32), np.zeros(0, np.int32))
SPLITS = Splits(_NOTHING, _NOTHING, _NOTHING)


class Effects(NamedTuple):
    sites: tuple[str, ...]
    effects: Float[Array, "seeds sites units"]


@pytest.fixture
def run(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "toy")


@pytest.fixture(scope="module")
def checkpoint(trained):
    """A small checkpoint with the shapes of a real one."""
    variables = jax.device_get(trained.networks.variables)
    state = train.TrainState(
        **{field: None for field in train.TrainState._fields}
        | {"variables": variables, "stopped": np.arange(5, dtype=np.int32)}
    )
    metrics = train.EpochMetrics(*(np.full((5, 3, 3), np.nan, np.float32) for _ in train.EpochMetrics._fields))
    return train.Checkpoint(2, state, metrics, {0: variables, 2: variables})


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def edit_config(path, part, **changes):
    values = json.loads((path / "config.json").read_text())
    values[part] |= changes
    (path / "config.json").write_text(json.dumps(values))


def change_weights(path, change):
    """Write other weights than those the run was saved with."""
    variables = jax.tree.map(np.array, store.load(path).networks.variables)
    change(variables)
    store._save_weights(path / "weights", variables, store._Origin(store.read_config(path), ""))


# A run, whole.


def test_what_is_saved_is_loaded_bit_for_bit(saved, trained):
    found = store.load(saved)
    assert found.config == TOY
    assert found.networks.model == trained.networks.model
    assert jax.tree.structure(found.networks.variables) == jax.tree.structure(trained.networks.variables)
    assert bits(found.networks) == bits(trained.networks)
    for name, ours, theirs in zip(train.History._fields, found.history, trained.history, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert ours.dtype == theirs.dtype
    assert all(a.tobytes() == np.asarray(b).tobytes() for a, b in zip(found.history, trained.history, strict=True))


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_snapshot_is_loaded_by_its_epoch(saved, trained, epoch):
    found = store.load(saved, epoch=epoch)
    assert bits(found.networks) == bits(trained.snapshots[epoch])
    assert bits(found.networks) != bits(trained.networks)


@pytest.mark.parametrize(
    ("epoch", "name"), [(0, "0"), (20.0, "20"), (0.25, "0.25"), (1e-5, "0.00001"), (4 / 3, "1.3333333333333333")]
)
def test_a_folder_has_its_epoch_as_its_name(epoch, name):
    assert store.epoch_name(epoch) == name and float(name) == epoch


def test_a_missing_snapshot_is_refused_and_those_there_named(saved):
    with pytest.raises(InputError, match=r"no snapshot of epoch 1 in .*toy; there are \[0, 2\]"):
        store.load(saved, epoch=1)


def test_a_run_without_snapshots_says_so(run):
    shutil.rmtree(run / "snapshots")
    with pytest.raises(InputError, match=r"no snapshot of epoch 0 in .*; there are none"):
        store.load(run, epoch=0)


def test_what_lies_among_the_snapshots_is_passed_over(run):
    (run / "snapshots" / "2.orbax-checkpoint-tmp-7").mkdir()
    (run / "snapshots" / ".DS_Store").touch()
    assert store.load(run, epoch=2)


def test_history_is_read_alone_and_has_named_axes(saved, trained):
    np.testing.assert_array_equal(store.read_history(saved).accuracy, trained.history.accuracy)
    import xarray

    dataset = xarray.load_dataset(saved / "history.nc", engine="scipy")
    np.testing.assert_array_equal(
        dataset.accuracy.sel(splits="test", epochs=3), np.asarray(trained.history.accuracy)[:, 2, 2]
    )


def test_nothing_in_a_run_is_a_pickle_or_half_written(saved):
    files = [file for file in saved.rglob("*") if file.is_file()]
    assert not [file for file in files if file.suffix in (".pkl", ".pickle", ".pt") or ".partial" in file.name]
    assert not [file for file in files if file.read_bytes()[:2] in (b"\x80\x04", b"\x80\x05")]
    np.load(saved / "probe.npz", allow_pickle=False).close()
    assert sorted(child.name for child in saved.iterdir()) == [
        "config.json",
        "history.nc",
        "probe.npz",
        "snapshots",
        "weights",
    ]


def test_saving_again_replaces_the_run(run, toy):
    config, splits, trained = toy
    store.save(run, config, trained._replace(networks=trained.snapshots[0]), splits.test)
    assert bits(store.load(run).networks) == bits(trained.snapshots[0])


# A run, not whole.


def test_a_run_is_complete_once_it_has_weights(run):
    assert store.is_complete(run)
    shutil.rmtree(run / "weights")
    assert not store.is_complete(run)
    assert store.is_run(run)
    with pytest.raises(InputError, match=f"{run} is not complete; go on with: jaxinterp train --resume {run}"):
        store.load(run)


@pytest.mark.parametrize("crash_at", range(6))
def test_a_save_that_is_cut_short_is_never_a_complete_run(toy, saved, tmp_path, monkeypatch, crash_at):
    config, splits, trained = toy
    calls = []

    def crashing(original):
        def call(*args, **kwargs):
            if len(calls) == crash_at:
                raise OSError("disk full")
            calls.append(args)
            return original(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crashing(os.replace))
        patch.setattr(store.ocp, "save", crashing(store.ocp.save))
        with pytest.raises(InputError, match="could not be written: disk full"):
            store.save(tmp_path / "run", config, trained, splits.test)
    assert not store.is_complete(tmp_path / "run")
    store.save(tmp_path / "run", config, trained, splits.test)
    assert bits(store.load(tmp_path / "run").networks) == bits(trained.networks)
    left, expected = ({child.name for child in path.iterdir()} for path in (tmp_path / "run", saved))
    assert left == expected  # nothing of the first attempt


def test_a_missing_run_is_refused_and_its_neighbours_named(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # which has no folder checkpoints
    for path, end in {
        run.parent / "tyo": rf" \(did you mean {run}\?\); runs in {run.parent}: toy",
        run.parent / "other": f"; runs in {run.parent}: toy",
        run.parent / "nowhere" / "tyo": "; runs in checkpoints: none",
    }.items():
        with pytest.raises(InputError, match=f"no run at {path}{end}$"):
            store.load(path)


# A run whose parts do not belong together.


@pytest.mark.filterwarnings("ignore::jaxinterp.errors.InputWarning")
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity"])
def test_weights_are_refused_under_another_activation(run, activation):
    edit_config(run, "model", activation=activation)
    with pytest.raises(
        InputError, match=f"changed after training began: model.activation was relu and is now {activation}"
    ):
        store.load(run)
    forget_origin(run)
    with pytest.raises(InputError, match=r"refused: seed \d reaches .* do not belong together"):
        store.load(run)


@pytest.mark.filterwarnings("ignore::jaxinterp.errors.InputWarning")
@pytest.mark.parametrize(
    "changes",
    [{"widths": (9, 6)}, {"widths": (8,)}, {"widths": (8, 6, 6)}, {"outputs": 3}, {"norm": "batch"}],
)
def test_weights_are_refused_by_a_model_of_another_shape(run, changes):
    edit_config(run, "model", **changes)
    forget_origin(run)
    with pytest.raises(InputError, match=r"the weights in .* do not fit the model in its config.json") as caught:
        store.load(run)
    assert "\n" not in str(caught.value)


def test_weights_that_were_changed_are_refused(run):
    def zero(variables):
        variables["params"]["output"]["kernel"][3] = 0

    change_weights(run, zero)
    with pytest.raises(InputError, match="refused: seed 3 reaches"):
        store.load(run)


def test_weights_that_are_not_finite_are_refused(run):
    def spoil(variables):
        variables["params"]["output"]["kernel"][1] = np.nan

    change_weights(run, spoil)
    with pytest.raises(InputError, match="refused: seed 1 reaches"):
        store.load(run)


def test_fewer_seeds_than_recorded_are_refused(run):
    variables = jax.tree.map(lambda leaf: leaf[:1], store.load(run).networks.variables)
    store._save_weights(run / "weights", variables, store._Origin(TOY, ""))
    with pytest.raises(InputError):
        store.load(run)


@pytest.mark.parametrize("name", ["config.json", "history.nc", "probe.npz"])
@pytest.mark.parametrize("kept", [0, 40, -30])
def test_a_truncated_file_is_wrong_input(run, name, kept):
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[:kept])
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        store.load(run)


@pytest.mark.parametrize("name", ["history.nc", "probe.npz"])
def test_a_missing_file_is_wrong_input(run, name):
    (run / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        store.load(run)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Orbax's other readers fail unheard
def test_damaged_weights_are_wrong_input(run):
    for file in (run / "weights").rglob("*"):
        if file.is_file() and file.parent.name == "d":
            file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(InputError, match="weights"):
        store.load(run)


# Results.


def test_results_have_named_dimensions(run):
    effects = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    file = store.save_result(run, "effects", Effects(("input", "hidden0", "logits"), effects), study="none", seeds=2)
    assert file == run / "results" / "effects.nc"
    found = store.load_result(run, "effects")
    assert found.effects.dims == ("seeds", "sites", "units")
    np.testing.assert_array_equal(found.effects.sel(sites="hidden0").isel(seeds=1), effects[1, 1])
    assert found.attrs["study"] == "none"
    store.save_result(run, "effects", Effects(("input",), effects[:, :1]))
    assert store.load_result(run, "effects").sizes["sites"] == 1
    assert [child.name for child in (run / "results").iterdir()] == ["effects.nc"]


def test_a_missing_result_is_refused_and_those_there_named(run):
    assert store.results(run) == []
    with pytest.raises(InputError, match=r"no result 'effects' in .*; results: none"):
        store.load_result(run, "effects")
    for name in ("b", "a"):
        store.save_result(run, name, Effects(("input",), np.zeros((1, 1, 1), np.float32)))
    with pytest.raises(InputError, match=r"no result 'effects' in .*; results: a, b"):
        store.load_result(run, "effects")


def test_runs_are_found_in_a_folder_and_in_its_sweeps(tmp_path):
    for name in ("b", "a", "sweep/x", "sweep/w", "too/deep/run"):
        store.begin(tmp_path / name, TOY)
    (tmp_path / "empty").mkdir()
    found = [str(path.relative_to(tmp_path)) for path in store.runs(tmp_path)]
    assert found == ["a", "b", "sweep/w", "sweep/x"]
    assert store.runs(tmp_path / "nowhere") == []


# Checkpoints of a training.


def test_a_checkpoint_is_loaded_bit_for_bit(checkpoint, tmp_path):
    store.save_checkpoint(tmp_path, checkpoint, TOY)
    like = jax.tree.map(np.zeros_like, checkpoint)
    found = store.load_checkpoint(tmp_path, like, TOY, SPLITS)
    assert jax.tree.structure(found) == jax.tree.structure(checkpoint)
    assert bits(found) == bits(checkpoint)


def test_checkpoints_keep_the_keys_of_earlier_versions(checkpoint, tmp_path):
    store.save_checkpoint(tmp_path, checkpoint, TOY)
    assert ocp.load(str(tmp_path / "2" / "arrays")).keys() == {"epoch", "members", "measured", "snapshots"}


def test_only_the_last_checkpoint_is_kept(checkpoint, tmp_path):
    for epoch in (9, 10, 11):
        store.save_checkpoint(tmp_path, checkpoint._replace(epoch=epoch), TOY)
        assert [child.name for child in tmp_path.iterdir()] == [str(epoch)]
    found = store.load_checkpoint(tmp_path, checkpoint, TOY, SPLITS)
    assert found is not None
    assert found.epoch == 11


def test_without_a_checkpoint_there_is_none(checkpoint, tmp_path):
    assert store.load_checkpoint(tmp_path, checkpoint, TOY, SPLITS) is None
    assert store.load_checkpoint(tmp_path / "nowhere", checkpoint, TOY, SPLITS) is None


def test_what_a_killed_save_left_is_passed_over_and_cleared(checkpoint, tmp_path):
    store.save_checkpoint(tmp_path, checkpoint, TOY)
    for name in ("3.orbax-checkpoint-tmp", "3.orbax-checkpoint-tmp-99", "1", "4", "5"):
        (tmp_path / name).mkdir()
    (tmp_path / "4" / "arrays").mkdir()  # half a checkpoint, half removed
    shutil.copytree(tmp_path / "2" / "arrays", tmp_path / "5" / "arrays")
    (tmp_path / f".3.{2**22 + 1}-0.partial").mkdir()  # of a process that cannot be
    (tmp_path / "arms.json").write_text("[]")
    found = store.load_checkpoint(tmp_path, checkpoint, TOY, SPLITS)
    assert found is not None
    assert found.epoch == 2
    store.save_checkpoint(tmp_path, checkpoint._replace(epoch=3), TOY)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["3", "arms.json"]


def test_a_network_is_what_it_was_however_often_it_travels(run, toy):
    _, splits, trained = toy
    for _ in range(2):
        stored = store.load(run)
        store.save(run, stored.config, train.Trained(stored.networks, stored.history, {}), splits.test)
    again = store.load(run)
    assert isinstance(again.networks, Network)
    assert bits(again.networks) == bits(trained.networks)


@pytest.mark.parametrize(
    "change",
    [
        lambda history: history.assign(best=history.best + 1000),
        lambda history: history.assign(diverged=history.diverged - 1),
        lambda history: history.assign(loss=history.loss.isel(epochs=0)),
        lambda history: history.assign(loss=history.loss.astype("U5")),
        lambda history: history.assign(stopped=history.stopped.astype(float)),
        lambda history: history.isel(epochs=slice(0)),
        lambda history: history.isel(splits=slice(2)),
        lambda history: history.drop_vars("accuracy"),
    ],
)
def test_a_history_that_contradicts_itself_is_refused(run, change):
    forget_origin(run)
    history = change(xarray.load_dataset(run / "history.nc", engine="scipy"))
    (run / "history.nc").write_bytes(bytes(history.to_netcdf(engine="scipy")))
    with pytest.raises(InputError, match=re.escape(f"{run / 'history.nc'} is missing or damaged")):
        store.read_history(run)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (xarray.Dataset({"effects": ("units", ["a", "b"])}), "effects has no numbers"),
        (xarray.Dataset({"effects": ("units", [1.0])}, {"units": [b"\xff"]}), "units has neither numbers nor text"),
    ],
)
def test_a_result_of_text_is_refused(run, dataset, expected):
    forget_origin(run)
    (run / "results" / "text.nc").parent.mkdir(exist_ok=True)
    (run / "results" / "text.nc").write_bytes(bytes(dataset.to_netcdf(engine="scipy")))
    with pytest.raises(InputError, match=f"{expected}; the study or the analysis makes it again"):
        store.load_result(run, "text")
