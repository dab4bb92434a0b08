import dataclasses

import numpy as np
import pytest

from jaxinterp import files, foreign, jobs, store
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "weights.npz"
    # x + y and x + y − 1 above 0 make XOR: the first minus twice the second.
    first, second = np.array([[1.0, 1], [1, 1], [0, 0], [0, 0]]), np.array([[0.0, 0, 0, 0], [1, -2, 0, 0]])
    biases = {"0.bias": np.array([0.0, -1, 0, 0]), "2.bias": np.array([0.5, 0])}
    np.savez(file, allow_pickle=False, **{"0.weight": first, "2.weight": second}, **biases)
    return file


def imported_config():
    return RunConfig(DataConfig("xor"), ModelConfig((4,), outputs=2), TrainConfig(seeds=1, epochs=1))


def test_imported_weights_are_a_run(weights, tmp_path):
    jobs.import_run(tmp_path / "run", imported_config(), weights)
    run = store.load(tmp_path / "run")
    with np.load(weights) as stored:
        kernel = stored["0.weight"].T.astype(np.float32)
    np.testing.assert_array_equal(run.networks.variables["params"]["hidden0"]["kernel"][0], kernel)
    assert np.isnan(run.history.loss[..., 0]).all()  # it was not trained here
    assert np.isfinite(run.history.loss[..., 2]).all()


def test_an_import_that_is_refused_writes_nothing(weights, tmp_path):
    wide = dataclasses.replace(imported_config(), model=ModelConfig((5,), outputs=2))
    with pytest.raises(InputError, match="widths 4, outputs 2"):
        jobs.import_run(tmp_path / "run", wide, weights)
    assert [child.name for child in tmp_path.iterdir()] == ["weights.npz"]


def test_an_import_tells_accuracy_and_chance(weights, tmp_path):
    imported = jobs.import_run(tmp_path / "run", imported_config(), weights)
    assert (imported.check.accuracy, imported.check.chance) == (1, 0.5)
    assert ("0.weight", "params/hidden0/kernel (2, 4), transposed") in imported.mapping


def test_what_the_file_tells_need_not_be_known(weights, tmp_path):
    config = dataclasses.replace(imported_config(), model=ModelConfig((9, 9), outputs=9, norm="batch"))
    jobs.import_run(tmp_path / "run", config, weights, known=foreign.Known())
    assert store.read_config(tmp_path / "run").model == ModelConfig((4,), outputs=2)


def test_a_network_near_chance_is_stored_only_by_force(weights, tmp_path):
    with np.load(weights) as stored:
        arrays = {**stored, "2.weight": np.zeros((2, 4))}
    np.savez(weights, allow_pickle=False, **arrays)
    path = tmp_path / "run"
    message = r"weights\.npz is not stored, .* \(test accuracy 50\.0 %, chance 50\.0 %\): check how .*--force to store"
    with pytest.raises(InputError, match=message):
        jobs.import_run(path, imported_config(), weights)
    assert [child.name for child in tmp_path.iterdir()] == ["weights.npz"]
    jobs.import_run(path, imported_config(), weights, force=True)
    assert store.is_complete(path)


def test_an_import_that_was_cut_short_does_not_become_a_training(weights, tmp_path, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(store, "_save_weights", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(InputError, match="could not be written: disk full"):
            jobs.import_run(path, imported_config(), weights)
    assert not store.is_run(path)  # else it could be gone on with, and chance weights would stand under its name


def test_a_run_that_another_process_began_in_between_is_kept(weights, tmp_path, monkeypatch):
    path, check = tmp_path / "run", foreign.check
    other = dataclasses.replace(imported_config(), recipe="other")
    monkeypatch.setattr(foreign, "check", lambda *arguments: (store.begin(path, other), check(*arguments))[1])
    with pytest.raises(InputError, match="holds an unfinished run"):
        jobs.import_run(path, imported_config(), weights)
    assert store.read_config(path) == other and not store.is_complete(path)


def test_a_folder_that_another_process_holds_is_not_replaced(weights, tmp_path):
    path = tmp_path / "run"
    with files.only_writer(path):
        with pytest.raises(InputError, match=f"another process is writing to {path}"):
            jobs.import_run(path, imported_config(), weights)
        assert not list(path.iterdir())
    jobs.import_run(path, imported_config(), weights)
    assert {child.name for child in tmp_path.iterdir()} == {"run", "weights.npz"}
