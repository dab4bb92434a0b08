import json

from jaxinterp.cli import sweep

TOY = "--data.source strokes --data.train-size 200 --model.outputs 2 --train.seeds 2 --train.epochs 2".split()


def run(*arguments):
    return sweep.main(list(arguments))


def test_a_sweep_trains_resumes_and_prints_a_table(tmp_path, capsys):
    command = ["--grid", "train.l1=0,0.01", "--root", str(tmp_path), "--model.widths", "4", *TOY]
    assert run(*command) == 0
    table = capsys.readouterr().out
    assert "l1=0.01" in table
    assert "paired by seed" in table
    assert run(*command) == 2
    assert "holds a complete run" in capsys.readouterr().err
    assert run(*command, "--resume") == 0
    assert capsys.readouterr().out == table
    assert run(*command, "--resume", "--format", "json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["arm"] for row in rows] == ["l1=0.0", "l1=0.01"] and rows[0]["difference"]["mean"] == 0


def test_bad_input_gets_one_line(tmp_path, capsys):
    assert run("--grid", "train.lr=1", "--root", str(tmp_path / "new")) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "new").exists()
