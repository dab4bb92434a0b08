import dataclasses
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from support.findings import answer

from jaxinterp import cli, jobs, recipes, store, studies, train
from jaxinterp.cli import actions, progress
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError

# The study's own sites and loss, on images that are drawn in an instant.
TOY = RunConfig(
    DataConfig("strokes", train_size=300),
    ModelConfig((4, 3), outputs=2, activation="tanh"),
    TrainConfig(seeds=3, epochs=2, batch_size=32, learning_rate=0.01),
    recipe="instance-variation",
)
TOY_OPTIONS = (
    "--data.source strokes --data.train-size 300 --model.widths 4 3 --model.outputs 2 --model.activation tanh "
    "--train.seeds 3 --train.epochs 2 --train.batch-size 32 --train.learning-rate 0.01"
).split()


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command in this process: its exit code, stdout and stderr."""
    monkeypatch.setattr(progress, "QUIET", threading.TIMEOUT_MAX)  # no lines of progress, however slow the machine

    def call(*arguments):
        try:
            code = cli.main(list(map(str, arguments)))
        except SystemExit as exit_:
            code = exit_.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def toy_recipe(monkeypatch):
    recipe = recipes.RECIPES["instance-variation"]
    monkeypatch.setitem(recipes.RECIPES, "instance-variation", dataclasses.replace(recipe, config=TOY))


@pytest.fixture
def answered(monkeypatch):
    """Which studies were asked of which runs; none is really answered, for one test does that."""
    asked = []

    def run(study, path, **_):
        asked.append((study, path))
        return answer(studies.get(study))

    monkeypatch.setattr(studies, "run", run)
    return asked


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root with one complete run and one that is not."""
    root = tmp_path_factory.mktemp("root")
    jobs.train_run(root / "done", TOY)
    store.begin(root / "begun", TOY)
    return root


def words(text):
    """Text without the frames, line breaks and colours that depend on a terminal's width."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│─╭╮╰╯┃━┏┓┗┛┡┩└┘├┤┬┴┼]", " ", text).split())


# What is refused: in one line, with exit code 2, and nothing is left behind.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train --recipe", "recipe"),
        (
            "train --recipe one-vs-eight",
            "no recipe 'one-vs-eight' (did you mean one-vs-seven?); there are",
        ),
        ("train --recipe=one-vs-eight", "no recipe 'one-vs-eight'"),
        ("train --data.source nowhere", "no data source 'nowhere': use mnist"),
        ("train --data.source mnits", "no data source 'mnits' (did you mean mnist?)"),
        ("train --data.source ROOT/images.npz", "no file "),
        ("train --data.source tfds:nowhere", "tfds:nowhere is not prepared"),
        ("train --data.source xor --data.classes 7", "class 7 is not in the data"),
        ("train --data.source strokes --data.train-size 0", "train_size is 0"),
        ("train --data.source xor --train.epochs -1", "epochs must be positive, got -1"),
        ("train --data.source xor --train.seeds 0", "seeds must be positive, got 0"),
        ("train --data.source xor --train.learning-rate nan", "learning_rate"),
        ("train --data.source xor --model.dropout 0.5", "dropout needs one rate for each of the 2 hidden layers"),
        ("train --data.source xor --model.dropout 0.5 1.5", "dropout rates must lie in [0, 1)"),
        ("train --data.source xor --model.widths 4 0", "must be from 1 to 2³¹ − 1"),
        ("train --data.source xor --model.outputs 1", "cross_entropy needs at least 2 outputs"),
        ("train --data.source xor --train.patience 0", "patience counts epochs"),
        ("train --data.source xor --train.snapshots 99", "snapshots must be epochs from 0 to 10"),
        ("train --resume ROOT/nowhere", "no run at"),
        ("run --name x", "give --study too"),
        ("study all --run x", "name the study instead of all"),
        ("run --study nowhere", "no study 'nowhere'; there are one-vs-seven, llm-labels"),
        ("run --seeds -3", "needs at least 2 seeds, got -3"),
        ("study nowhere", "no study 'nowhere'; there are one-vs-seven, llm-labels"),
        ("study one-v-seven", "no study 'one-v-seven' (did you mean one-vs-seven?)"),
        ("study instance-variation --run ROOT/nowhere", "no run at"),
        ("report ROOT/nowhere", "no run at"),
        ("runs ROOT/nowhere", "no run at"),
        ("runs --root ROOT", "no runs in"),
        ("import --name x", "give the weights: at least one FILE"),
        ("import ROOT/weights.npz --name x", "no file"),
        ("import ROOT/weights.pt --name x", "no file"),
        ("import pyproject.toml --name x", "pickles can run code"),
    ],
)
def test_wrong_input_is_told_in_one_line(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root").mkdir()
    (tmp_path / "pyproject.toml").touch()
    arguments = arguments.replace("ROOT", str(tmp_path / "root")).split()
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("jaxinterp: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert message in err
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.rglob("*")} == {"root", "pyproject.toml"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train --name done --root ROOT", "done holds a complete run; choose another name, or go on with --resume"),
        ("train --name begun --root ROOT", "begun holds an unfinished run; choose another name, or go on with"),
        (
            "run --study instance-variation --name done --root ROOT",
            "done was begun with another config: data.source was strokes and is now mnist",
        ),
        ("runs ROOT/begun", "begun is not complete; go on with: jaxinterp train --resume"),
        ("report ROOT/begun", "begun is not complete"),
        ("study instance-variation --run ROOT/begun", "begun is not complete"),
        ("runs ROOT/don", "no run at ROOT/don (did you mean ROOT/done?); runs in ROOT: begun, done"),
        ("train --name done --root ROOT/done/config.json", "config.json"),
        ("train --name config.json --root ROOT/done", "config.json exists and is not a run"),
        ("import ROOT/done/probe.npz --name done --root ROOT", "done holds a complete run"),
        (
            "import ROOT/done/probe.npz --name x --root ROOT --data.source xor --model.outputs 2",
            "weights are floating-point",
        ),
    ],
)
def test_what_does_not_suit_the_runs_there_is_told_in_one_line(call, root, arguments, message):
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    code, out, err = call(*arguments.replace("ROOT", str(root)).split())
    assert (code, out) == (2, "")
    assert err.startswith("jaxinterp: ")
    assert err.count("\n") == 1
    assert message.replace("ROOT", str(root)) in err
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


def test_a_config_that_does_not_fit_its_weights_is_told_in_one_line(call, root, tmp_path):
    path = shutil.copytree(root / "done", tmp_path / "run")
    store.begin(path, dataclasses.replace(TOY, model=ModelConfig((9, 3), outputs=2, activation="tanh")))
    code, _, err = call("runs", path)
    assert code == 2
    assert err.count("\n") == 1
    assert "was changed after training began: model.widths was (4, 3) and is now (9, 3); change it back" in err


def test_a_run_is_suggested_from_the_usual_folder(call, root, tmp_path, monkeypatch):
    (tmp_path / "checkpoints").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    assert "no run at done (did you mean checkpoints/done?); runs in .: checkpoints/begun," in call("runs", "done")[2]
    (tmp_path / "elsewhere").mkdir()
    assert "(did you mean checkpoints/done?); runs in checkpoints: begun," in call("runs", "elsewhere/don")[2]


def test_debug_lets_the_error_through(call, tmp_path):
    with pytest.raises(InputError, match="no run at"):
        call("runs", tmp_path / "nowhere", "--debug")
    with pytest.raises(InputError, match="sedes"):
        call("--debug", "train", "--train.sedes", "3")


def test_an_error_in_the_program_is_not_taken_for_wrong_input(call, root, monkeypatch):
    monkeypatch.setattr(store, "runs", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call("runs", "--root", root)


def test_ctrl_c_is_told_in_one_line(call, root, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "runs", interrupt)
    code, _, err = call("runs", "--root", root)
    assert code == 130
    assert err.strip().startswith("jaxinterp: interrupted")
    assert len(err.strip().splitlines()) == 1


# What works.


def test_from_training_to_the_page(call, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "jaxinterp.studies.inputs._LEAST", 10**9
    )  # no parts, which tests/studies/test_runner.py measures
    code, out, err = call("train", *TOY_OPTIONS, "--name", "mine", "--root", tmp_path)
    assert (code, err) == (0, "")  # no progress is shown where there is no terminal
    assert "strokes 4-3-2 tanh, 300 training images, adam 0.01, batch 32, 2 epochs" in words(out)
    path = tmp_path / "mine"
    assert store.load(path).config == dataclasses.replace(TOY, recipe="")

    code, out, err = call("runs", "--root", tmp_path)
    assert (code, err) == (0, "")
    accuracy = train.kept_accuracy(store.read_history(path))[:, 2]
    assert f"{accuracy.mean():.3f} ±" in words(out)
    assert "mine" in words(out)

    code, out, err = call("runs", path)
    assert (code, err) == (0, "")
    assert f"test accuracy: {accuracy.mean():.3f} ±" in words(out)
    assert all(
        f"{seed} trained" in words(out) and f"{reached:.3f} 2" in words(out) for seed, reached in enumerate(accuracy)
    )

    code, out, err = call("study", "instance-variation", "--run", path)
    assert (code, err) == (0, "")
    own = studies.get("instance-variation")
    measured = [made.name for made in own.measurements if not made.recipes or own.own in made.recipes]
    assert store.results(path) == sorted(f"{own.name}/{name}" for name in ("networks", *measured))
    assert re.search("holds|does not hold|undecided", out)

    code, out, err = call("report", path)
    assert (code, out, err) == (0, f"open {path / 'report' / 'index.html'}\n", "")
    page = (path / "report" / "index.html").read_text()
    assert re.search("holds|does not hold|undecided", page)
    assert "mine: 3 networks" in page


def test_a_page_needs_no_study(call, root):
    code, _, err = call("report", root / "done")
    assert (code, err) == (0, "")
    assert "done: 3 networks" in (root / "done" / "report" / "index.html").read_text()


def test_run_does_it_all_and_goes_on(call, toy_recipe, answered, tmp_path, monkeypatch):
    command = ("run", "--study", "instance-variation", "--seeds", 3, "--epochs", 1, "--root", tmp_path)
    code, out, err = call(*command)
    assert (code, err) == (0, "")
    path = tmp_path / "instance-variation"
    assert answered == [("instance-variation", path)]
    assert f"open {path}/report/index.html" in "".join(out.split("\n")) and re.search(r"^\d+ s$", out, re.MULTILINE)
    assert (path / "report" / "index.html").is_file()
    config = store.read_config(path)
    assert (config.train.seeds, config.train.epochs, config.recipe) == (3, 1, "instance-variation")

    monkeypatch.setattr(train, "fit_arms", lambda *_, **__: pytest.fail("it was trained again"))
    assert call(*command)[0] == 0
    code, _, err = call(*command[:4], 4, *command[5:])
    assert code == 2
    assert "train.seeds was 3 and is now 4" in err


@pytest.fixture(autouse=True)
def nothing_optional(monkeypatch):
    """It is of MNIST, and would be trained here."""
    for study in ("instance-variation", "bottleneck-neurons"):
        change(monkeypatch, study, optional={})


def change(monkeypatch, study, **fields):
    """A study with other fields."""
    monkeypatch.setitem(studies.STUDIES, study, dataclasses.replace(studies.STUDIES[study], **fields))


def toy_studies(monkeypatch, arm):
    """Let both studies of the toy have toy networks, and one of them an arm."""
    for name in ("instance-variation", "bottleneck-neurons", arm):
        recipe = recipes.RECIPES["instance-variation"]
        config = dataclasses.replace(TOY, recipe=name)
        monkeypatch.setitem(recipes.RECIPES, name, dataclasses.replace(recipe, config=config))
    change(monkeypatch, "bottleneck-neurons", recipes={"bottleneck-neurons": 3, arm: 2}, optional={})


def test_run_answers_what_fits_and_says_what_it_left(call, answered, tmp_path, monkeypatch):
    toy_studies(monkeypatch, "one-vs-seven-small")
    change(monkeypatch, "instance-variation", optional={"instance-variation-l1": 2})
    code, out, err = call("run", "--seeds", 2, "--epochs", 1, "--root", tmp_path)
    assert (code, err) == (0, "")
    assert answered == [(study, tmp_path / study) for study in ("instance-variation", "bottleneck-neurons")]
    slow = ", ".join(study for study in studies.STUDIES if study not in studies.QUICK)
    measured = " and ".join(studies.get("bottleneck-neurons").slow)
    left = (
        f"{slow}, the rows of instance-variation about instance-variation-l1, "
        f"the rows of bottleneck-neurons about {measured}"
    )
    assert f"left for jaxinterp study all: {left}\n" in out
    assert not (tmp_path / "instance-variation" / "arms").exists()
    assert out.count("report/index.html") == 2
    arm = store.read_config(tmp_path / "bottleneck-neurons" / "arms" / "one-vs-seven-small")
    assert (arm.recipe, arm.train.seeds, arm.train.epochs) == ("one-vs-seven-small", 2, 1)
    assert "arms/one-vs-seven-small" in call("runs", "--root", tmp_path, "--format", "json")[1]


def test_a_study_trains_the_arms_that_are_missing(call, answered, root, tmp_path, monkeypatch):
    toy_studies(monkeypatch, "one-vs-seven-small")
    change(monkeypatch, "bottleneck-neurons", optional={"instance-variation": 2})
    path = shutil.copytree(root / "done", tmp_path / "mine")
    code, out, err = call("study", "bottleneck-neurons", "--run", path)
    assert (code, err) == (0, "")
    assert answered == [("bottleneck-neurons", path)]
    for arm in ("one-vs-seven-small", "instance-variation"):
        assert store.load(path / "arms" / arm).config.train.seeds == 2
    assert "Yes." in out


def test_a_study_trains_its_recipe_where_there_is_no_run(call, toy_recipe, answered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call("study", "instance-variation", "--seeds", 3)
    assert (code, err) == (0, "")
    path = Path("checkpoints") / "instance-variation"
    assert answered == [("instance-variation", path)]
    assert store.load(path).config == TOY


def test_an_unfinished_run_is_listed_and_gone_on_with(call, root, tmp_path):
    _, out, _ = call("runs", "--root", root)
    assert "unfinished" in out
    store.begin(tmp_path / "begun", TOY)
    code, _, err = call("train", "--resume", tmp_path / "begun")
    assert (code, err) == (0, "")
    assert store.load(tmp_path / "begun").config == TOY


def test_recipes_are_listed_with_what_they_published(call):
    code, out, err = call("recipes")
    assert (code, err) == (0, "")
    for name, recipe in recipes.RECIPES.items():
        assert name in words(out)
        assert recipe.published in words(out)


def test_a_recipe_is_where_options_start_from(call, toy_recipe, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "train_run", lambda path, config, **_: asked.append((path, config)))
    monkeypatch.setattr(actions, "_show_run", lambda *_: None)
    code, _, err = call("train", "--recipe=instance-variation", "--train.epochs", 1, "--root", tmp_path)
    assert (code, err) == (0, "")
    expected = dataclasses.replace(TOY, train=dataclasses.replace(TOY.train, epochs=1))
    assert asked == [(tmp_path / "instance-variation", expected)]


def test_import_says_which_tensor_went_where(call, tmp_path):
    shapes = {"fc1.weight": (4, 2), "fc1.bias": (4,), "fc2.weight": (2, 4), "fc2.bias": (2,)}
    np.savez(tmp_path / "w.npz", allow_pickle=False, **{name: np.ones(shape) for name, shape in shapes.items()})
    options = "--data.source xor --force --name theirs --root".split()
    code, out, err = call("import", tmp_path / "w.npz", *options, tmp_path)
    assert (code, err) == (0, "")
    for pair in (
        "fc1.weight params/hidden0/kernel (2, 4), transposed",
        "fc1.bias params/hidden0/bias (4,)",
        "fc2.weight params/output/kernel (4, 2), transposed",
        "fc2.bias params/output/bias (2,)",
        "test accuracy 50.0 %, chance 50.0 %",
    ):
        assert pair in words(out)
    assert "activation function not given, relu taken; test accuracy relu 50.0 %" in words(out)
    assert call("runs", tmp_path / "theirs")[0] == 0
    assert call("runs", "--root", tmp_path)[0] == 0
    assert call("report", tmp_path / "theirs")[0] == 0


def test_import_takes_several_files(call, tmp_path):
    for seed in range(2):
        np.savez(tmp_path / f"{seed}.npz", allow_pickle=False, weight=np.full((2, 2), 1.0 + seed))
    options = "--data.source xor --force --name theirs --root".split()
    code, out, err = call("import", tmp_path / "0.npz", tmp_path / "1.npz", *options, tmp_path)
    assert (code, err) == (0, "")
    assert "test accuracy 50.0 % on average, from 50.0 % to 50.0 %, chance 50.0 %" in words(out)
    assert "0.npz 50.0 %, 1.npz 50.0 %" in words(out)
    assert len(call("runs", tmp_path / "theirs", "--format", "csv")[1].splitlines()) == 3
