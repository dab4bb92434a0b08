import csv
import dataclasses
import io
import json
import re
import threading

import numpy as np
import pytest
from support.findings import answer, finding

from jaxinterp import cli, data, recipes, store, studies, train
from jaxinterp.cli import progress
from jaxinterp.errors import InputError
from jaxinterp.report import explorer


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command that succeeds: its stdout and stderr."""
    monkeypatch.setattr(progress, "QUIET", threading.TIMEOUT_MAX)  # no lines of progress, however slow the machine

    def call(*arguments):
        assert cli.main(list(map(str, arguments))) == 0
        return capsys.readouterr()

    return call


@pytest.fixture
def answered(monkeypatch, root, toy):
    """A study that asks the complete run alone, and is answered at once."""
    monkeypatch.setattr(studies, "runs", lambda *_, **__: {root / "done": toy[0]})
    monkeypatch.setattr(studies, "run", lambda study, *_, **__: answer(studies.get(study)))
    monkeypatch.setattr("jaxinterp.report.write", lambda path: path)


def parse(kind, out):
    """The rows of the one table that stdout holds, and nothing else."""
    if kind == "json":
        return json.loads(out)["rows"]
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(out)))
    return [line for line in out.splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("kind", ["json", "csv", "markdown"])
def test_stdout_is_the_table_alone_in_the_format_asked_for(call, answered, root, kind):
    for command, rows in (
        (("runs", "--root", root), 2),
        (("runs", root / "done"), 5),
        (("recipes",), len(recipes.RECIPES)),
    ):
        out, err = call(*command, "--format", kind)
        assert (len(parse(kind, out)), err) == (rows, "")
    out, err = call("study", "instance-variation", "--run", root / "done", "--format", kind)
    assert (parse(kind, out), err) == ([], f"Yes.\npage: jaxinterp report {root / 'done'}\n")


@pytest.mark.parametrize("kind", ["json", "csv", "markdown", "table"])
def test_the_self_check_is_a_table_and_what_is_wrong_ends_it(capsys, monkeypatch, tmp_path, kind):
    monkeypatch.setattr(data, "shipped", lambda: tmp_path)
    assert cli.main(["doctor", "--format", kind]) == 2
    out, err = capsys.readouterr()
    assert re.fullmatch(r"jaxinterp: not in order: shipped MNIST is altered or missing: .*\n", err)
    if kind == "table":
        assert "shipped MNIST" in out
    else:
        assert len(parse(kind, out)) > 20


def test_every_seed_of_a_run_is_a_row(call, root, toy):
    _, splits, trained = toy
    rows = parse("json", call("runs", root / "done", "--format", "json").out)
    kept = train.kept_accuracy(trained.history)
    dead = explorer.dead_units(store.load(root / "done"), splits)
    assert [row["seed"] for row in rows] == list(range(5))
    for seed, row in enumerate(rows):
        assert row == {
            "run": str(root / "done"),
            "seed": seed,
            "diverged_in_epoch": None,
            "train_accuracy": pytest.approx(kept[seed, 0]),
            "test_accuracy": pytest.approx(kept[seed, 2]),
            "kept_epoch": 3,
            "dead_hidden0": dead[seed, 0],
            "dead_hidden1": dead[seed, 1],
        }


def test_where_the_data_are_not_dead_units_are_not_counted(call, root, monkeypatch):
    def refuse(_):
        raise InputError("no data here")

    monkeypatch.setattr(data, "load", refuse)
    out, err = call("runs", root / "done", "--format", "json")
    assert err == "jaxinterp: dead units are not counted: no data here\n"
    assert [set(row) & {"dead_hidden0", "test_accuracy"} for row in parse("json", out)] == [{"test_accuracy"}] * 5


def test_what_was_imported_can_be_exported(call, tmp_path):
    shapes = {"fc1.weight": (4, 2), "fc1.bias": (4,), "fc2.weight": (2, 4), "fc2.bias": (2,)}
    np.savez(tmp_path / "w.npz", allow_pickle=False, **{name: np.ones(shape) for name, shape in shapes.items()})
    given = "--model.activation relu --model.input-mean 0 --model.input-std 1"
    options = f"--data.source xor --force --format csv {given} --name x --root".split()
    out, err = call("import", tmp_path / "w.npz", *options, tmp_path)
    assert err == "test accuracy 50.0 %, chance 50.0 %\n"
    assert {row["tensor"] for row in parse("csv", out)} == set(shapes)
    assert all(row["parameter"].startswith("params/") for row in parse("csv", out))


def test_numbers_are_numbers_in_json(call, root):
    begun, done = parse("json", call("runs", "--root", root, "--format", "json").out)
    assert (begun["diverged"], begun["test_accuracy"]["mean"]) == (None, None)
    assert (done["seeds"], done["diverged"], done["test_accuracy"]["n"]) == (5, 0, 5)
    assert 0 <= done["test_accuracy"]["mean"] <= 1


def test_resuming_takes_a_format_beside_it(call, toy, tmp_path):
    store.begin(tmp_path / "begun", toy[0])
    out, err = call("train", "--resume", tmp_path / "begun", "--format", "json")
    assert ([row["split"] for row in parse("json", out)], err) == (["train", "test"], "")


def test_run_names_the_page_beside_the_table(call, answered, root):
    out, err = call("run", "--study", "instance-variation", "--root", root, "--format", "json")
    assert parse("json", out) == [] and err.startswith("Yes.\n") and f"open {root / 'done'}" in err


@pytest.fixture
def two_answered(monkeypatch, answered):
    """Every study finds two things; there are two studies."""

    def run(study, *_, **__):
        return answer(studies.get(study), [finding(study=study, name=name) for name in ("a", "b")])

    monkeypatch.setattr(studies, "run", run)
    monkeypatch.setattr(studies, "STUDIES", dict(list(studies.STUDIES.items())[:2]))
    return list(studies.STUDIES)


def test_rows_of_several_studies_are_told_apart(call, two_answered):
    expected = [study for study in two_answered for _ in range(2)]
    out = call("study", "all", "--format", "csv").out
    assert [row["study"] for row in csv.DictReader(io.StringIO(out))] == expected  # below one header
    out = call("study", "all", "--format", "json").out
    assert [row["study"] for line in out.splitlines() for row in parse("json", line)] == expected
    out = call("study", "all", "--format", "markdown").out
    tables = [[line for line in block.splitlines() if line.startswith("|")] for block in out.split("\n**")]
    assert [line.split(" | ")[0].strip("| ") for block in tables for line in block[2:]] == expected
    assert "\n\n**" in out  # a title right below a table would be a row of it
    out = call("study", "all", "--all").out
    assert out.count(" text ") == 4 and not re.search(r"┃\s*study", out)  # a terminal's tables have titles


def test_a_terminal_shows_what_matters_first(call, answered, root, monkeypatch):
    found = [finding(name=str(number), text=f"claim number {number}") for number in range(9)]
    study = dataclasses.replace(studies.get("instance-variation"), highlights=("1.1 3", "1.1 7"))
    monkeypatch.setattr(studies, "run", lambda *_, **__: answer(study, found))
    out = call("study", "instance-variation", "--run", root / "done").out
    assert f"{root / 'done'}: 4 networks" in out and "test accuracy 90.0 ± 0.0 %" in out
    assert study.question in out and "9 claims: holds 0, does not hold 9, undecided 0." in out
    assert re.findall(r"claim number (\d)", out) == ["3", "7"]
    assert f"all 9 findings: jaxinterp study instance-variation --run {root / 'done'} --all" in out.replace("\n", " ")
    out = call("study", "instance-variation", "--run", root / "done", "--all").out
    assert re.findall(r"claim number (\d)", out) == list("012345678")
