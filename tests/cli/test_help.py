import re

import pytest

from jaxinterp import cli

COMMANDS = (
    *("run", "train", "study", "analyze", "units", "ablate", "coalitions", "attribute", "compare", "explain"),
    *("report", "runs", "recipes", "import", "doctor"),
)


@pytest.fixture
def show(capsys):
    """The help that a command prints, without the frames and line breaks that depend on a terminal's width."""

    def show(*arguments):
        with pytest.raises(SystemExit) as exit_:
            cli.main([*arguments, "--help"])
        out, err = capsys.readouterr()
        assert (exit_.value.code, err) == (0, "")
        return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│─╭╮╰╯]", " ", out).split())

    return show


@pytest.mark.parametrize(
    ("command", "mentioned"),
    [
        ("run", ("--study", "--seeds", "how many networks", "--root", "Continues where it was interrupted")),
        (
            "train",
            ("--recipe", "--resume", "--model.widths", "units in each hidden layer", "--train.seeds", "--coordinator"),
        ),
        ("study", ("STUDY", "--run", "--seeds", "--again", "--all")),
        ("analyze", ("RUN", "ANALYSIS", "activity, damage or similarity", "--again")),
        ("units", ("RUN", "--sort", "--top", "--class", "--layer", "--seeds", "--facets", "with their nulls")),
        ("ablate", ("RUN", "--units", "hidden1:3,7", "--kind", "control groups")),
        ("coalitions", ("RUN", "--kind", "all subsets")),
        ("attribute", ("RUN", "--image", "--class", "--unit", "--method", "--seed", "--out")),
        ("compare", ("RUN [RUN ...]", "untrained")),
        ("explain", ("--url", "--model", "--max-requests", "--max-tokens", "--dry-run", "--yes", "JAXINTERP_API_KEY")),
        ("report", ("RUN", "RUN/report/index.html", "RUN/report/with-OTHER.html")),
        ("runs", ("--root", "to show its seeds")),
        ("recipes", ("five write-ups", "controls")),
        ("doctor", ("versions", "what is missing")),
        (
            "import",
            (
                "the weights",
                "one file for each network",
                "--name",
                "--model.norm",
                "pickles are refused",
                "--layers",
                "--orientation",
            ),
        ),
    ],
)
def test_every_command_has_help(show, command, mentioned):
    text = show(command)
    for part in mentioned:
        assert part in text


def test_help_names_every_command_and_a_beginning(show):
    text = show()
    for part in (*COMMANDS, "Start with: jaxinterp run", "--debug"):
        assert part in text


def test_help_shows_a_recipes_own_values(show):
    assert "default: 128 64" in show("train", "--recipe", "looking-for-four")
