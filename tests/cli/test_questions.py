"""The commands that ask a run, on one that was trained; what they compute is tested in tests/questions/."""

import csv
import dataclasses
import io
import json
import re

import numpy as np
import pytest
from support import planted_cnn, planted_images, planted_runs

from jaxinterp import cli, questions, store, studies, train
from jaxinterp.config import DataConfig
from jaxinterp.data import Dataset


@pytest.fixture
def call(capsys):
    """Run a command: its exit code, stdout and stderr."""

    def call(command, root):
        code = cli.main([argument.replace("ROOT", str(root)) for argument in command.split()])
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def other(root, toy):
    """The same networks in another folder, and a run on other test images."""
    config, splits, trained = toy
    store.save(root / "other", config, trained, splits.test)
    return root


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """A root with a stored run of the planted convolutional network, whose data name their classes."""
    root = tmp_path_factory.mktemp("colours")
    test = planted_cnn.data()
    images = np.asarray(test.images).reshape(-1, *test.shape)
    pairs = {
        f"{split}_{part}": own
        for split in ("train", "test")
        for part, own in (("images", images), ("labels", test.labels))
    }
    np.savez(root / "colours.npz", class_names=np.array(planted_cnn.NAMES), **pairs)
    run = planted_cnn.run(planted_cnn.network(), planted_cnn.network(planted_cnn.ORDER)).run
    config = dataclasses.replace(run.config, data=DataConfig(str(root / "colours.npz")))
    store.save(root / "cnn", config, train.Trained(run.networks, run.history, {}), test)
    return root


def tables(kind, out):
    """The rows of every table on stdout."""
    if kind == "json":
        return [json.loads(line)["rows"] for line in out.splitlines()]
    if kind == "csv":
        return [list(csv.DictReader(io.StringIO(block))) for block in out.split("\n\n")]
    blocks = [[line for line in block.splitlines() if line.startswith("| ")] for block in out.split("\n\n")]
    return [block[2:] for block in blocks if block]


@pytest.mark.parametrize(
    ("command", "sizes"),
    [
        ("units ROOT/done --layer hidden1 --seeds 0 3 --sort damage_mean --top 4 --class 1 --format csv", [4]),
        ("ablate ROOT/done --units hidden1:0,2 --kind zero --format csv", [3, 5]),
        ("ablate ROOT/done --units hidden1:0,2 --kind zero --format json", [3, 5]),
        ("ablate ROOT/done --units hidden1:0,2 --kind zero --format markdown", [3, 5]),
        ("coalitions ROOT/done --kind zero --format csv", [2, 10, 30]),
        ("attribute ROOT/done --image 3 --format json", [5, 10, 10]),
        ("attribute ROOT/done --image 3 --unit hidden0:1 --seed 2 --format json", [1, 10]),
        ("compare ROOT/done ROOT/other --format markdown", [24, 2]),
    ],
)
def test_stdout_is_the_tables_alone(call, other, command, sizes):
    code, out, _ = call(command, other)
    assert code == 0 and [len(rows) for rows in tables(command.split()[-1], out)] == sizes


def test_units_are_those_of_the_line_of_python(call, root):
    _, out, _ = call("units ROOT/done --format json", root)
    [rows] = tables("json", out)
    frame = questions.units.answer(questions.load(root / "done")).frame
    assert [row["unit"] for row in rows] == frame.unit.to_list() and len(rows) == 5 * 14
    np.testing.assert_allclose([row["auc"] for row in rows], frame.auc, atol=1e-6)


def test_classes_are_named(call, colours):
    command = "units ROOT/cnn --layer conv0 --seeds 0 --sort damage_zero --top 1 --class green --format json"
    [[row]] = tables("json", call(command, colours)[1])
    assert (row["unit"], row["class"], row["damage_zero_class"]) == (1, "green", "green")
    assert row["damage_zero"] == row["auc"] == 1
    _, out, _ = call("ablate ROOT/cnn --units conv0:1 --kind zero --format json", colours)
    lost = {row["class"]: row["lost"]["mean"] for row in tables("json", out)[0]}
    assert list(lost) == ["all", *planted_cnn.NAMES] and lost["blue"] == 0
    _, out, _ = call("compare ROOT/cnn --format json", colours)
    likeness, _ = tables("json", out)
    assert {row["layer"] for row in likeness} == {"conv0", "hidden0", "logits"}
    assert all(row["observed"]["mean"] == pytest.approx(1, abs=1e-4) for row in likeness)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "units ROOT/cnn --class Sandal",
            "no class 'Sandal': the network has classes 0 to 2, which are red, green, blue",
        ),
        ("attribute ROOT/cnn --image 0 --class Sandal", "no class 'Sandal': the network has classes 0 to 2, which are"),
        (
            "units ROOT/cnn --layer conv0 --facets",
            "no facets of conv0: a channel has a value at each position of its map",
        ),
    ],
)
def test_what_channels_and_named_classes_lack_is_told_in_one_line(call, colours, command, message):
    code, out, err = call(command, colours)
    assert (code, out, err.count("\n")) == (2, "", 1) and f"jaxinterp: {message}" in err


def test_a_terminal_shows_the_first_rows_and_how_many_there_are(call, root):
    code, out, _ = call("units ROOT/done", root)
    assert code == 0 and "20 of 70 rows" in " ".join(out.split())


def test_a_picture_is_written_where_it_is_asked_for(call, root, tmp_path):
    code, out, _ = call(f"attribute ROOT/done --image 3 --out {tmp_path}/why.png", root)
    assert code == 0 and "open " in out
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"why.png"}


@pytest.mark.parametrize("kind", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize("shape", planted_images.PLACES)
def test_a_planted_number_is_printed_with_its_place_in_every_format(call, root, monkeypatch, tmp_path, shape, kind):
    run = planted_runs.run(planted_images.network(shape), data=planted_images.data(shape))
    monkeypatch.setattr(questions, "load", lambda path: run)
    code, out, err = call(f"attribute ROOT/done --image 1 --format {kind} --out {tmp_path}/why.png", root)
    assert code == 0 and (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    text = " ".join((out + err).split())
    row, column, channel = planted_images.PLACES[shape]
    pixel = int(np.ravel_multi_index((row, column, channel), shape))
    place = {"pixel": pixel, "row": row, "column": column} | ({"channel": channel} if shape[2] > 1 else {})
    if kind in ("table", "markdown"):
        cells = [*map(str, (pixel, row, column)), *(["blue"] if shape[2] > 1 else []), "0.900", "2.700"]
        lines = [[cell.strip() for cell in re.split("[│|┃]", line)[1:-1]] for line in out.splitlines()]
        assert cells in lines and "1, ankle boot" in text
    else:
        networks_, pixels, _ = tables(kind, out)
        assert {name: int(pixels[0][name]) for name in place} == place
        assert networks_[0]["predicted_class"] == "ankle boot"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("units", "Missing from jaxinterp units: RUN"),
        ("units ROOT/nowhere", "no run at"),
        ("units ROOT/done --sort beauty", "no column 'beauty'; there are seed, layer,"),
        ("units ROOT/done --top 0", "top is 0: use 1 or more rows"),
        ("units ROOT/done --class 2", "no class 2: the network has classes 0 to 1"),
        ("units ROOT/done --layer hidden7", "no hidden layer 'hidden7'"),
        ("ablate ROOT/done", "--units"),
        ("ablate ROOT/done --units 3", "names no units: write a layer and its units, such as hidden1:3,7"),
        ("ablate ROOT/done --units hidden1:6", "no unit 6 among 6: use 0 to 5"),
        ("ablate ROOT/done --units hidden1:3 --kind melt", "no ablation 'melt'; there are zero, mean,"),
        ("coalitions ROOT/done --kind melt", "no ablation 'melt'; there are zero, mean,"),
        ("coalitions ROOT/done --layer hidden7", "no hidden layer 'hidden7'"),
        ("attribute ROOT/done", "--image"),
        ("attribute ROOT/done --image 99999", "no test image 99999: use 0 to"),
        ("attribute ROOT/done --image 0 --out picture.jpg", "give a name that ends in .png"),
        ("compare", "RUN"),
        ("compare ROOT/done ROOT/begun", "begun is not complete"),
    ],
)
def test_wrong_input_is_told_in_one_line(call, root, command, message):
    code, out, err = call(command, root)
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("jaxinterp: ") and message in last


def test_runs_on_different_data_are_refused_in_one_line(call, other, monkeypatch):
    loaded = questions.load(other / "done")
    changed = loaded.splits._replace(test=Dataset(1 - loaded.splits.test.images, loaded.splits.test.labels))
    monkeypatch.setattr(store, "data_of", lambda path, _: changed if path.name == "other" else loaded.splits)
    code, out, err = call("compare ROOT/done ROOT/other", other)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "cannot be compared: their test images or labels differ; use runs on the same data" in err


def test_a_study_of_a_class_that_is_missing_trains_nothing(call, root, monkeypatch):
    monkeypatch.setattr(train, "fit_arms", lambda *_, **__: pytest.fail("it was trained"))
    code, out, err = call("study looking-for-four --run ROOT/done", root)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"looking-for-four cannot be about {root / 'done'}: it needs 5 outputs or more, not 2" in err
    assert "studies that can: instance-variation, measuring-similarity, bottleneck-neurons" in err
    assert not (root / "done" / "arms").exists() and not studies.answers(root / "done")
