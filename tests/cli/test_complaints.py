import pytest

from jaxinterp import cli


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("tran", "no command 'tran' (did you mean train?); there are run, train,"),
        ("--hlep", "there is no option --hlep; see"),
        ("recipes now", "unexpected argument: now; see"),
        (
            "train --train.seeds many",
            "Error parsing --train.seeds: invalid literal for int() with base 10: 'many'; see",
        ),
        ("train --train.seeds", "Missing value for argument '--train.seeds'"),
        ("study", "Missing from jaxinterp study: STUDY"),
        ("import", "Missing from jaxinterp import: --name"),
        (
            "train --train.learning-rat 1",
            "there is no option --train.learning-rat (did you mean --train.learning-rate?)",
        ),
        ("units x --clas 4", "there is no option --clas (did you mean --class?)"),
        # Another command has the option, and this one may have a similar one.
        ("run --seed 1", "there is no option --seed (did you mean --seeds?)"),
        ("report x --seeds 3", "there is no option --seeds; see"),
        ("train --model.activation rleu", "--model.activation cannot be 'rleu' (did you mean relu?): use relu, tanh,"),
        (
            "recipes --format xml",
            "--format cannot be 'xml': use table, json, csv, markdown; see jaxinterp recipes --help",
        ),
        ("completion powershell", "shell cannot be 'powershell': use bash, zsh, fish"),
    ],
)
def test_a_complaint_is_one_line_with_a_suggestion(capsys, arguments, message):
    assert cli.main(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"jaxinterp: {message}") and err.endswith("--help\n" if "no command" not in err else "\n")


def test_every_wrong_option_has_its_suggestion(capsys):
    assert cli.main("train --train.sedes 3 --model.widhts 4".split()) == 2
    said, _, meant = capsys.readouterr().err.partition(" (did you mean ")
    assert said.endswith("there is no option --train.sedes, --model.widhts")
    assert all(name in meant.partition("?)")[0] for name in ("--train.seeds", "--model.widths"))
