import csv
import io
import json

import pytest

from jaxinterp import cli, recipes, store, studies
from jaxinterp.cli import shell


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
        (("runs", root / "done"), 2),
        (("recipes",), len(recipes.RECIPES)),
    ):
        out, err = call(*command, "--format", kind)
        assert (len(parse(kind, out)), err) == (rows, "")
    out, err = call("study", "instance-variation", "--run", root / "done", "--format", kind)
    assert (parse(kind, out), err) == ([], "Yes.\n")


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
