import re
import shlex
from importlib import metadata

import pytest

from jaxinterp import cli, studies, sweeps
from jaxinterp.cli import commands, sweep
from jaxinterp.cli.commands import COMMANDS


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
            (
                "--recipe",
                "--resume",
                "--model.widths",
                "units in each hidden layer",
                "--train.seeds",
                "--coordinator",
                "--live",
            ),
        ),
        ("study", ("STUDY", "--run", "--seeds", "--again", "--all")),
        ("analyze", ("RUN", "ANALYSIS", "activity, damage or similarity", "--again")),
        ("units", ("RUN", "--sort", "--top", "--class", "--layer", "--seeds", "--facets", "with their nulls")),
        ("ablate", ("RUN", "--units", "hidden1:3,7", "--kind", "control groups")),
        ("coalitions", ("RUN", "--kind", "--layer NAME", "all subsets")),
        ("attribute", ("RUN", "--image", "--class", "--unit", "--method", "--seed", "--out")),
        ("compare", ("RUN [RUN ...]", "untrained")),
        ("explain", ("--url", "--model", "--max-requests", "--max-tokens", "--dry-run", "--yes", "JAXINTERP_API_KEY")),
        ("report", ("RUN", "RUN/report/index.html", "RUN/report/with-OTHER.html", "--open")),
        ("export", ("--tensorboard", "--wandb", "--seeds", "Nothing is sent", "wandb sync")),
        ("runs", ("--root", "to show its seeds")),
        ("recipes", ("five write-ups", "controls")),
        ("studies", ("question", "how many claims")),
        ("doctor", ("versions", "what is missing")),
        ("completion", ("{bash,zsh,fish}",)),
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
    for part in (*COMMANDS, "Start with: jaxinterp run", "--debug", "--version"):
        assert part in text
    assert "pickles are refused" not in text  # of each command its first paragraph alone


def test_help_shows_a_recipes_own_values(show):
    assert "default: 128 64" in show("train", "--recipe", "looking-for-four")


@pytest.mark.parametrize("program", [cli.main, sweep.main])
def test_a_program_without_arguments_prints_its_help(program, capsys):
    found = []
    for arguments in ([], ["--help"]):
        with pytest.raises(SystemExit) as exit_:
            program(arguments)
        found.append((exit_.value.code, *capsys.readouterr()))
    assert found[0] == found[1] and found[0][0] == 0 and "Examples:" in found[0][1]


def examples(help_):
    """The commands that a help text shows as examples."""
    _, _, rest = help_.partition("\nExamples:\n")
    return [shlex.split(line) for line in rest.partition("\n\n")[0].splitlines()]


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_the_examples_of_a_command_are_commands(capsys, name):
    with pytest.raises(SystemExit):
        cli.main(["--help"] if name is None else [name, "--help"])
    found = examples(capsys.readouterr().out)
    assert 1 <= len(found) <= 3
    for program, *arguments in found:
        chosen = commands.parsed(arguments)
        assert program == "jaxinterp"
        assert name is None or type(chosen) is COMMANDS[name][0]
        if study := getattr(chosen, "study", None):
            studies.get(study)


def test_the_examples_of_sweeps_are_sweeps(capsys):
    with pytest.raises(SystemExit):
        sweep.main(["--help"])
    found = examples(capsys.readouterr().out)
    assert len(found) == 2
    for program, *arguments in found:
        assert program == "jaxinterp-sweep"
        for axis in sweep.parsed(arguments).grid:
            assert len(sweeps.parse_axis(axis)[1]) > 1


@pytest.mark.parametrize(("program", "name"), [(cli.main, "jaxinterp"), (sweep.main, "jaxinterp-sweep")])
def test_a_program_says_its_version(capsys, program, name):
    assert program(["--version"]) == 0
    assert capsys.readouterr() == (f"{name} {metadata.version('jaxinterp')}\n", "")
