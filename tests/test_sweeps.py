import dataclasses

import numpy as np
import pytest
from support.toys import TOY

from jaxinterp import files, jobs, networks, store, sweeps
from jaxinterp.errors import InputError

pytestmark = pytest.mark.usefixtures("optimized")  # bits are compared, and those depend on how a program is compiled

BASE = dataclasses.replace(
    TOY,
    data=dataclasses.replace(TOY.data, train_size=200),
    model=dataclasses.replace(TOY.model, widths=(4,)),
    train=dataclasses.replace(TOY.train, seeds=3, epochs=2, snapshots=()),
)
AXES = {"train.learning_rate": [0.001, 0.01], "model.widths": [(4,), (3, 2)]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps") / "toy"
    seen = []
    sweeps.train(folder, sweeps.grid(BASE, AXES), progress=lambda names, state: seen.append((names, state.epoch)))
    return folder, seen


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("train.learning_rate=0.1,1e-3", [0.1, 0.001]),
        ("train.epochs=3", [3]),
        ("train.patience=none,2", [None, 2]),
        ("data.permute_pixels=true,False", [True, False]),
        ("model.activation=tanh,relu", ["tanh", "relu"]),
        ("model.widths=32x16,64,none", [(32, 16), (64,), ()]),
        ("model.dropout=0.1x0.2", [(0.1, 0.2)]),
        ("data.source=mnist", ["mnist"]),
    ],
)
def test_an_axis_is_read_by_its_fields_type(text, values):
    assert sweeps.parse_axis(text) == (text.split("=")[0], values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.lr=1", r"no config field 'train.lr' .*; there are .*train\.learning_rate"),
        ("train.seeds=1,2", "paired by seed; set it with --train.seeds"),
        ("train.learning_rate", "has no values"),
        ("train.learning_rate=fast", "train.learning_rate must be float, got 'fast'"),
        ("train.epochs=1.5", "train.epochs must be int, got '1.5'"),
        ("model.activation=swish", "model.activation must be one of relu, .*, got 'swish'"),
    ],
)
def test_a_wrong_axis_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        sweeps.parse_axis(text)


def test_a_grid_has_every_combination():
    arms = sweeps.grid(BASE, AXES)
    assert list(arms) == [
        "learning_rate=0.001,widths=4",
        "learning_rate=0.001,widths=3x2",
        "learning_rate=0.01,widths=4",
        "learning_rate=0.01,widths=3x2",
    ]
    chosen = arms["learning_rate=0.01,widths=3x2"]
    assert (chosen.train.learning_rate, chosen.model.widths, chosen.data) == (0.01, (3, 2), BASE.data)


def test_arms_that_differ_in_numbers_share_a_program(swept):
    _, seen = swept
    assert seen == [
        (f"learning_rate=0.001,widths={widths} + learning_rate=0.01,widths={widths}", epoch)
        for widths in ("4", "3x2")
        for epoch in (1, 2)
    ]


def test_an_arm_is_what_its_config_trains_alone(swept, tmp_path):
    folder, _ = swept
    run = store.load(folder / "learning_rate=0.01,widths=4")
    assert run.config.train.learning_rate == 0.01
    alone = jobs.train_run(tmp_path / "alone", run.config)
    np.testing.assert_allclose(run.history.loss, alone.history.loss, atol=1e-5)


def test_convolutional_networks_are_swept(tmp_path):
    seen = []
    model = dataclasses.replace(BASE.model, widths=(), channels=(2,), stride=(6,), pool_size=(1,))
    base = dataclasses.replace(BASE, model=model, train=dataclasses.replace(BASE.train, seeds=2, epochs=1))
    arms = sweeps.grid(base, {"train.l1": [0.0, 0.1]})
    sweeps.train(tmp_path / "cnn", arms, progress=lambda names, state: seen.append((names, state.epoch)))
    assert seen == [("l1=0.0 + l1=0.1", 1)]  # one program
    runs = sweeps.load(tmp_path / "cnn")
    assert [run.config.model.image_shape for run in runs.values()] == [(28, 28, 1)] * 2
    penalised = runs["l1=0.1"]
    alone = jobs.train_run(tmp_path / "alone", penalised.config)
    np.testing.assert_allclose(penalised.history.loss, alone.history.loss, atol=1e-5)
    free, held = (networks.penalty(runs[name].networks.variables["params"]) for name in ("l1=0.0", "l1=0.1"))
    assert held < 0.9 * free


def test_comparisons_are_paired_by_seed(swept):
    runs = sweeps.load(swept[0])
    assert list(runs)[:4] == list(sweeps.grid(BASE, AXES))
    first, *others = sweeps.compare(runs)
    assert (first.difference.mean, first.difference.sd) == (0, 0)
    accuracy = {name: run.history.accuracy[:, -1, 2] for name, run in runs.items()}
    for other in others:
        difference = np.float64(accuracy[other.arm]) - accuracy[first.arm]
        assert other.difference.mean == pytest.approx(difference.mean())
        assert other.difference.sd == pytest.approx(difference.std(ddof=1))
        assert (other.difference.n, other.diverged) == (3, 0)


def test_a_finished_sweep_trains_nothing_again_and_takes_new_arms(swept):
    folder, _ = swept
    seen = []
    more = sweeps.grid(BASE, AXES | {"train.learning_rate": [0.001, 0.01, 0.1], "model.widths": [(4,)]})
    sweeps.train(folder, more, resume=True, progress=lambda names, state: seen.append(names))
    assert set(seen) == {"learning_rate=0.1,widths=4"}
    assert len(sweeps.load(folder)) == 5


def test_a_bad_arm_leaves_nothing_behind(tmp_path):
    arms = sweeps.grid(BASE, {"train.patience": [None, 2]})
    with pytest.raises(InputError, match="validation_share"):
        sweeps.train(tmp_path / "sweep", arms)
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no sweep in"):
        sweeps.load(tmp_path)


def test_an_interrupted_sweep_goes_on_where_it_was_beside_arms_that_were_there(tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def stop(_, state):
        if state.epoch == 2:
            raise Stop

    monkeypatch.setattr(jobs, "CHECKPOINT_SECONDS", -1)
    base = dataclasses.replace(BASE, train=dataclasses.replace(BASE.train, epochs=3))
    few, many = (sweeps.grid(base, {"train.learning_rate": rates}) for rates in ([0.01], [0.001, 0.01, 0.1]))
    sweeps.train(tmp_path, few)
    with pytest.raises(Stop):
        sweeps.train(tmp_path, many, resume=True, progress=stop)
    with pytest.raises(InputError, match=r"with learning_rate=0.1: go on with jaxinterp-sweep --resume"):
        jobs.train_run(tmp_path / "learning_rate=0.001", many["learning_rate=0.001"], resume=True)
    seen = []
    sweeps.train(tmp_path, many, resume=True, progress=lambda names, state: seen.append((names, state.epoch)))
    assert seen == [("learning_rate=0.001 + learning_rate=0.1", 3)]
    assert list(sweeps.load(tmp_path)) == ["learning_rate=0.01", "learning_rate=0.001", "learning_rate=0.1"]


def test_two_arms_of_one_name_are_refused():
    with pytest.raises(InputError, match=r"has the arm l1=0.1 twice; list each value once"):
        sweeps.grid(BASE, {"train.l1": [0.1, 0.1]})


def test_names_of_a_sweep_are_not_written_while_another_process_does(tmp_path):
    arms = sweeps.grid(TOY, {"train.l1": [0.0]})
    with files.only_writer(tmp_path), pytest.raises(InputError, match=f"another process is writing to {tmp_path}"):
        sweeps.train(tmp_path, arms)
    assert not list(tmp_path.iterdir())
