"""The check of networks from PyTorch, at toy size."""

import outside
import pytest


def test_networks_of_pytorch_answer_here(tmp_path, capsys):
    pytest.importorskip("torch")
    outside.main(source="strokes", seeds=2, epochs=8, examples=1500, folder=tmp_path)
    printed = capsys.readouterr().out
    for network in ("mlp", "cnn"):
        for command in ("PyTorch", "import", *outside.QUESTIONS):
            [row] = [line for line in printed.splitlines() if line.startswith(f"| {network} | {command} |")]
            assert row.endswith("| yes |")
        assert (tmp_path / network / "report" / "index.html").is_file()


def test_a_difference_and_a_command_that_fails_are_told(tmp_path):
    row = outside.run_command("mlp", "units", str(tmp_path))
    assert not row.fine and "exit code 2" in row.says
    assert "**no**" in outside.line(row)
