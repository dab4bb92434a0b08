import csv
import io
import json
import re

import numpy as np
import pytest

from jaxinterp import cli, data, recipes, store, studies, train
from jaxinterp.cli import shell
from jaxinterp.errors import InputError
from jaxinterp.report import explorer
from jaxinterp.stats import Estimate
from jaxinterp.studies import Claim, Finding, Rule


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command that succeeds: its stdout and stderr."""
    monkeypatch.setattr(shell, "prepare_jax", lambda: None)  # conftest has prepared it

    def call(*arguments):
        assert cli.main(list(map(str, arguments))) == 0
        return capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def root(tmp_path_factory, toy):
    """A root with one complete run and one that is not."""
    config, splits, trained = toy
    root = tmp_path_factory.mktemp("root")
    store.save(root / "done", config, trained, splits.test)
    store.begin(root / "begun", config)
    return root


@pytest.fixture
def answered(monkeypatch, root, toy):
    """A study that asks the complete run alone, and is answered at once."""
    monkeypatch.setattr(studies, "runs", lambda *_, **__: {root / "done": toy[0]})
    monkeypatch.setattr(studies, "run", lambda *_: studies.Answer("Yes.", [], None))
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
    assert (parse(kind, out), err) == ([], "Yes.\n")


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
    options = "--data.source xor --model.widths 4 --model.outputs 2 --format csv --name x --root".split()
    out, err = call("import", tmp_path / "w.npz", *options, tmp_path)
    assert err == "" and {row["tensor"] for row in parse("csv", out)} == set(shapes)
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


def test_several_tables_are_a_line_each_in_json(call, answered, root):
    out, err = call("run", "--study", "instance-variation", "--root", root, "--format", "json")
    assert [len(parse("json", line)) for line in out.splitlines()] == [2, 0]
    assert err.startswith("Yes.\n") and f"open {root / 'done'}" in err


@pytest.fixture
def two_answered(monkeypatch, answered):
    """Every study finds two things; there are two studies."""

    def run(study, _):
        estimate = Estimate(0.5, 0.1, 0.4, 0.6, 5)
        claims = [Claim(study, name, "a claim", "—", Rule("score", low=0.5)) for name in ("1.1", "1.2")]
        return studies.Answer("Yes.", [Finding(claim, estimate, estimate, "null", estimate) for claim in claims], None)

    monkeypatch.setattr(studies, "run", run)
    for study in list(studies.STUDIES)[2:]:
        monkeypatch.delitem(studies.STUDIES, study)
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
    out = call("study", "all").out
    assert out.count("claim") == 6 and not re.search(r"┃\s*study", out)  # a terminal's tables have titles


def test_csv_of_other_columns_begins_after_an_empty_line(call, two_answered, root):
    out = call("run", "--study", two_answered[0], "--root", root, "--format", "csv").out
    first, second = (list(csv.DictReader(io.StringIO(part))) for part in out.split("\n\n"))
    assert [row["run"] for row in first] == [str(root / "done")] * 2
    assert [row["study"] for row in second] == two_answered[:1] * 2
