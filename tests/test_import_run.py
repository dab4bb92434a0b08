import dataclasses

import numpy as np
import pytest

from jaxinterp import ensemble, files, foreign, jobs, report, store
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError
from jaxinterp.foreign.accuracy import Likely
from jaxinterp.train import SPLITS, kept_accuracy


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


# Several files.


def scaled(weights, factor, name, **changed):
    """The same function in a file of its own: hidden units times a factor, the output's weights divided by it."""
    with np.load(weights) as stored:
        arrays = {**stored}
    arrays = {key: array * (1 / factor if key == "2.weight" else 1 if key == "2.bias" else factor)
              for key, array in arrays.items()}  # fmt: skip
    file = weights.parent / name
    np.savez(file, allow_pickle=False, **{**arrays, **changed})
    return file


def test_several_files_become_one_run_in_their_order(weights, tmp_path):
    several = [weights, scaled(weights, 2, "a.npz"), scaled(weights, 4, "0.npz")]
    imported = jobs.import_run(tmp_path / "run", imported_config(), *several)
    run = store.load(tmp_path / "run")
    assert run.config.train.seeds == ensemble.size(run.networks) == 3
    kernels = np.asarray(run.networks.variables["params"]["hidden0"]["kernel"])
    for seed, factor in enumerate((1, 2, 4)):
        np.testing.assert_array_equal(kernels[seed], factor * kernels[0])
    np.testing.assert_array_equal(imported.check.accuracy, [1, 1, 1])
    np.testing.assert_array_equal(kept_accuracy(run.history)[:, SPLITS.index("test")], [1, 1, 1])
    assert imported.mapping == jobs.import_run(tmp_path / "one", imported_config(), weights).mapping


def test_a_file_of_another_architecture_is_named(weights, tmp_path):
    rng = np.random.default_rng(0)
    narrow = {"0.weight": rng.normal(size=(3, 2)), "0.bias": np.zeros(3), "2.weight": rng.normal(size=(2, 3))}
    np.savez(tmp_path / "narrow.npz", allow_pickle=False, **narrow)
    message = r"narrow\.npz has widths 3, and .*weights\.npz has 4: import networks of one architecture together"
    with pytest.raises(InputError, match=message):
        jobs.import_run(tmp_path / "run", imported_config(), weights, tmp_path / "narrow.npz", known=foreign.Known())
    normed = scaled(weights, 2, "normed.npz", **{"1.weight": np.ones(4), "1.bias": np.zeros(4)})
    with pytest.raises(InputError, match=r"normed\.npz has norm layer, and .*weights\.npz has none"):
        jobs.import_run(tmp_path / "run", imported_config(), weights, normed, known=foreign.Known())
    assert not (tmp_path / "run").exists()


def test_one_network_given_twice_is_refused(weights, tmp_path):
    copy = tmp_path / "copy.npz"
    copy.write_bytes(weights.read_bytes())
    other = scaled(weights, 2, "other.npz")
    for several, twin in (
        ((weights, weights), "weights"),
        ((weights, other, copy), "copy"),
        ((weights, other, other), "other"),
    ):
        with pytest.raises(
            InputError, match=rf"{twin}\.npz holds the same weights as .*: an ensemble is of independent"
        ):
            jobs.import_run(tmp_path / "run", imported_config(), *several)


def test_names_that_differ_are_in_the_mapping_with_their_file(weights, tmp_path):
    with np.load(scaled(weights, 2, "scaled.npz")) as stored:
        np.savez(
            tmp_path / "wrapped.npz", allow_pickle=False, **{f"module.{name}": array for name, array in stored.items()}
        )
    mapping = jobs.import_run(tmp_path / "run", imported_config(), weights, tmp_path / "wrapped.npz").mapping
    assert mapping[0] == ("0.weight", "params/hidden0/kernel (2, 4), transposed")
    assert mapping[len(mapping) // 2] == ("wrapped.npz: module.0.weight", "params/hidden0/kernel (2, 4), transposed")


def test_those_near_chance_are_named_and_nothing_is_stored(weights, tmp_path):
    zero = {"2.weight": np.zeros((2, 4))}
    bad = [scaled(weights, factor, f"bad{factor}.npz", **zero) for factor in (2, 3)]
    several = [bad[0], weights, bad[1]]
    with pytest.raises(InputError) as caught:
        jobs.import_run(tmp_path / "run", imported_config(), *several)
    message = str(caught.value)
    assert message.startswith(
        f"nothing is stored, since {bad[0]} (50.0 %), {bad[1]} (50.0 %) do little better than chance"
    )
    assert "weights.npz" not in message and message.endswith("or --force to store them all the same")
    assert not (tmp_path / "run").exists()
    jobs.import_run(tmp_path / "run", imported_config(), *several, force=True)
    assert ensemble.size(store.load(tmp_path / "run").networks) == 3


def test_a_value_that_nobody_gave_is_refused_where_test_images_contradict_it(weights, tmp_path, monkeypatch):
    asked = []

    def check(*arguments):
        asked.append(arguments[-1])
        return foreign.Check(np.array([0.9]), 0.5, "it would reach 97.0 % with X", frozenset({"activation"}))

    monkeypatch.setattr(foreign, "check", check)
    message = (
        r"weights\.npz does not tell --model\.activation, and of the likely values the default is not the best "
        r"\(test accuracy 90\.0 %, chance 50\.0 %\): it would reach 97\.0 % with X; give that, or --force"
    )
    arguments = (tmp_path / "run", imported_config(), weights)
    with pytest.raises(InputError, match=message):
        jobs.import_run(*arguments, known=foreign.Known(), asked=("activation", "widths"))
    assert asked == [{"activation"}] and not (tmp_path / "run").exists()  # the file tells its widths
    jobs.import_run(*arguments, known=foreign.Known(), asked=("activation",), force=True)
    assert store.is_complete(tmp_path / "run")


def test_an_activation_function_that_test_images_do_not_tell_must_be_given(weights, tmp_path):
    arguments, known = (tmp_path / "run", imported_config(), weights), foreign.Known()
    with pytest.raises(InputError) as caught:  # four images decide nothing
        jobs.import_run(*arguments, known=known, asked=("activation",))
    message = "weights.npz does not tell its activation function, and test images do not decide (accuracy relu 100.0 %"
    assert message in str(caught.value)
    assert str(caught.value).endswith("give --model.activation, or --force to take relu")
    jobs.import_run(*arguments, known=known, asked=("activation",), force=True)
    jobs.import_run(tmp_path / "other", *arguments[1:], known=known)


def test_a_kind_of_pooling_that_test_images_do_not_tell_must_be_given(weights, tmp_path, monkeypatch):
    likely = {"kind of pooling": Likely("max", {"max": 0.651, "mean": 0.654})}
    checked = foreign.Check(np.array([0.651]), 0.1, "", likely=likely, undecided=("kind of pooling",))
    monkeypatch.setattr(foreign, "check", lambda *_: checked)
    arguments = (tmp_path / "run", imported_config(), weights)
    with pytest.raises(InputError) as caught:
        jobs.import_run(*arguments, known=foreign.Known(), asked=("pool",))
    assert str(caught.value).endswith(
        "does not tell its kind of pooling, and test images do not decide (accuracy max 65.1 %, mean 65.4 %): "
        "give --model.pool, or --force to take max"
    )
    assert not (tmp_path / "run").exists()


def test_a_guess_that_does_little_better_than_chance_is_named(tmp_path):
    config = RunConfig(DataConfig("strokes"), ModelConfig((), 2), TrainConfig(seeds=1, epochs=1))
    rows, columns, _ = jobs.data.load(config.data).train.shape
    kernel, dense = np.zeros((3, 3, 1, 1)), np.zeros(((rows - 2) * (columns - 2), 2))
    np.savez(tmp_path / "w.npz", allow_pickle=False, **{"conv0/kernel": kernel, "output/kernel": dense})
    guess = (
        r"its --model\.stride 1 --model\.padding 0 --model\.pool-size 1 are a guess; give the right ones, or --force"
    )
    with pytest.raises(InputError, match=rf"little better than chance .*: {guess}"):
        jobs.import_run(tmp_path / "run", config, tmp_path / "w.npz", known=foreign.Known(activation="relu"))


def test_a_run_says_which_file_each_network_is_from(weights, tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    with np.load(weights) as stored:
        arrays = dict(stored)
    for scale, folder in enumerate(folders, start=1):  # the same function with other weights
        folder.mkdir()
        arrays["2.bias"] = arrays["2.bias"] * scale
        np.savez(folder / "net.npz", allow_pickle=False, **arrays)
    jobs.import_run(tmp_path / "run", imported_config(), *(folder / "net.npz" for folder in folders), force=True)
    assert store.read_sources(tmp_path / "run") == ("first/net.npz", "second/net.npz")
    page = report.render(tmp_path / "run")
    assert "Imported from" in page and "<td>second/net.npz</td>" in page


def test_a_run_that_was_trained_here_is_from_no_file(toy, tmp_path):
    config, splits, trained = toy
    store.save(tmp_path / "run", config, trained, splits.test)
    assert store.read_sources(tmp_path / "run") == ()
