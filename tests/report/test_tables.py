import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from support.findings import ESTIMATE, UNKNOWN, finding
from support.toys import TOY

from jaxinterp.errors import InputError
from jaxinterp.recipes import RECIPES
from jaxinterp.report import tables
from jaxinterp.stats import Estimate
from jaxinterp.store import Run
from jaxinterp.studies import STUDIES, Control
from jaxinterp.sweeps import Comparison


def test_terminal_table_shows_markup_as_text():
    output = io.StringIO()
    table = tables.findings_table([finding(text="[bold]claim[/bold] [/]")], title="[red]title")
    Console(file=output, width=160).print(table)
    for words in ("[bold]claim[/bold] [/]", "[red]title", "−0.500 ± 0.100", "[−0.700, −0.300]", "does not hold"):
        assert words in output.getvalue()


@pytest.mark.parametrize("kind", ["table", "json", "csv", "markdown"])
def test_no_table_has_what_a_terminal_would_obey(kind):
    hostile = "a\x1b[2J\x9b\u202e\rb"
    table = tables.Table(("column",), [(hostile,)], [{"column": hostile}], hostile, hostile)
    output = io.StringIO()
    Console(file=output, width=160).print(table) if kind == "table" else output.write(table.export(kind))
    assert all(map(str.isprintable, output.getvalue().split("\n"))) and "[2J" in output.getvalue()
    if kind == "json":
        assert json.loads(output.getvalue())["rows"] == [{"column": hostile}]


def test_numbers_have_a_true_minus_sign_and_unknown_ones_a_dash():
    assert (
        tables.number(-0.12345) == "−0.123" and tables.number(-0.0001) == "0.000" and tables.number(float("nan")) == "—"
    )


def test_a_row_says_all_of_a_finding():
    score = Estimate(0.6, 0.1, 0.55, 0.65, 8)
    judged = finding(score=score, others=(Control("other", ESTIMATE),), note="note")
    (row,) = tables.rows([judged])
    assert (row.measured, row.interval, row.n) == ("−0.500 ± 0.100", "[−0.700, −0.300]", 8)
    assert (row.score, row.score_interval, row.bar) == ("0.600", "[0.550, 0.650]", "> 0.5")
    assert (row.control, row.others, row.verdict) == ("−0.500 (null)", "other −0.500 ± 0.100", "holds")
    assert row.joint_interval == "[0.550, 0.650]"
    (row,) = tables.rows([judged._replace(joint=score._replace(low=0.45, high=0.75))])
    assert (row.score_interval, row.joint_interval, row.verdict) == ("[0.550, 0.650]", "[0.450, 0.750]", "undecided")
    (row,) = tables.rows([judged._replace(score=UNKNOWN, joint=UNKNOWN)])
    assert (row.score, row.score_interval, row.verdict) == ("—", "[no interval]", "undecided")


# Export: the same content for programs, numbers as numbers.

NONE = UNKNOWN


def findings():
    text, measured = 'of a|b, *all*, <b>\nor "none"', Estimate(np.float64(-0.5), 0.1, -0.7, -0.3, 8)
    return [
        finding(text=text, measured=measured, others=(Control("other", NONE),), note="note"),
        finding(text=text, measured=measured, control=NONE, score=NONE),
    ]


@pytest.fixture
def every_table(trained):
    run = Run(TOY, trained.networks, trained.history)
    return {
        "findings": tables.findings_table(findings(), title="study: *run*"),
        "run": tables.run_table(Path("some/run"), run),
        "seeds": tables.seeds_table(Path("some/run"), run, np.arange(10.0).reshape(5, 2)),
        "mapping": tables.mapping_table([("fc1.weight", "params/hidden0/kernel (2, 4)")], title="x"),
        "runs": tables.runs_table([(Path("done"), TOY, trained.history), (Path("begun"), TOY, None)]),
        "sweep": tables.sweep_table(
            [Comparison("a", ESTIMATE, NONE, 0), Comparison("b", NONE, ESTIMATE, 2)], title="t"
        ),
        "recipes": tables.recipes_table(RECIPES),
        "studies": tables.studies_table(STUDIES),
    }


def test_every_table_has_as_many_rows_and_columns_in_every_format(every_table):
    for name, table in every_table.items():
        assert {len(row) for row in table.cells} == {len(table.columns)}, name
        count = len(table.cells)
        assert len(json.loads(table.export("json"))["rows"]) == count, name
        assert len(list(csv.DictReader(io.StringIO(table.export("csv"))))) == count, name
        lines = [line for line in table.export("markdown").splitlines() if line.startswith("|")]
        assert len(lines) == count + 2, name
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 1}, name
        assert all(table.export(kind).endswith("\n") for kind in ("json", "csv", "markdown"))


def test_terminal_and_markdown_show_the_same_text(every_table):
    for table in every_table.values():
        output = io.StringIO()
        Console(file=output, width=400).print(table)
        markdown = table.export("markdown").replace("\\", "")
        for name, cell in (pair for row in table.cells for pair in zip(table.columns, row, strict=True)):
            for line in cell.splitlines():
                assert line in markdown and (line in output.getvalue() or name in table.hidden)


def test_numbers_are_numbers_in_json_and_what_is_not_known_is_null(every_table):
    first, second = json.loads(every_table["findings"].export("json"))["rows"]
    assert first["ours"] == {"mean": -0.5, "sd": 0.1, "low": -0.7, "high": -0.3, "n": 8}
    assert first["claim"] == 'of a|b, *all*, <b>\nor "none"' and first["verdict"] == "does not hold"
    assert first["others"] == {"other": {"mean": None, "sd": None, "low": None, "high": None, "n": 0}}
    assert second["score"]["mean"] is None and second["verdict"] == "undecided"
    done, begun = json.loads(every_table["runs"].export("json"))["rows"]
    assert (done["seeds"], done["diverged"], done["test_accuracy"]["n"]) == (5, 0, 5)
    assert (begun["seeds"], begun["diverged"], begun["test_accuracy"]["mean"]) == (5, None, None)
    assert every_table["findings"].export("json").count("\n") == 1


def test_an_estimate_takes_a_column_for_each_part_in_csv(every_table, trained):
    test = list(csv.DictReader(io.StringIO(every_table["run"].export("csv"))))[-1]
    reached = np.asarray(trained.history.accuracy)[:, -1, -1]
    assert test["split"] == "test" and float(test["accuracy_mean"]) == pytest.approx(reached.mean())
    assert (int(test["accuracy_n"]), float(test["worst"])) == (5, reached.min())
    first, second = csv.DictReader(io.StringIO(every_table["findings"].export("csv")))
    assert first["claim"] == 'of a|b, *all*, <b>\nor "none"' and first["ours_mean"] == "-0.5"
    assert second["score_mean"] == "" and json.loads(first["others"])["other"]["n"] == 0


def test_a_seed_that_diverged_has_no_accuracy_and_no_dead_units(trained):
    accuracy = np.where(np.arange(5) == 1, np.nan, np.asarray(trained.history.accuracy).T).T
    history = trained.history._replace(accuracy=accuracy, diverged=np.array([0, 2, 0, 0, 0]))
    run, dead = Run(TOY, trained.networks, history), np.where(np.arange(5)[:, None] == 1, np.nan, 2.0) * [1, 0]
    table = tables.seeds_table(Path("some/run"), run, dead)
    assert "diverged: seeds 1" in table.title
    assert table.cells[1] == ("some/run", "1", "diverged in epoch 2", "—", "—", "3", "—", "—")
    assert table.cells[2][2] == "trained" and table.cells[2][-2:] == ("2 of 8", "0 of 6")
    rows = json.loads(table.export("json"))["rows"]
    lost = {"diverged_in_epoch": 2, "test_accuracy": None, "dead_hidden0": None}
    assert {name: rows[1][name] for name in lost} == lost
    assert (rows[2]["dead_hidden0"], rows[2]["dead_hidden1"], rows[2]["diverged_in_epoch"]) == (2, 0, None)


def test_what_all_rows_share_is_left_out_on_a_terminal_alone():
    one, several = findings(), findings()
    several[1] = several[1]._replace(study="another")
    assert tables.findings_table(one).hidden == ("study",) and tables.findings_table(several).hidden == ()
    output = io.StringIO()
    Console(file=output, width=160).print(tables.findings_table(several))
    assert "another" in output.getvalue()
    for table in map(tables.findings_table, (one, several)):
        studies = [row["study"] for row in csv.DictReader(io.StringIO(table.export("csv")))]
        assert studies == [row[0] for row in table.cells]


def test_an_unknown_format_is_refused():
    with pytest.raises(InputError, match="no format 'xml'; there are json, csv, markdown"):
        tables.recipes_table(RECIPES).export("xml")


def test_a_notebook_shows_the_table():
    shown = tables.recipes_table(RECIPES)._repr_mimebundle_((), ())
    assert "bottleneck-neurons" in shown["text/plain"] and "bottleneck-neurons" in shown["text/html"]


@pytest.mark.parametrize(
    ("over", "words"), [(True, "other networks and other test images;"), (False, "other networks;")]
)
def test_tables_say_what_their_intervals_allow_for(over, words):
    assert words in tables.findings_table([finding(over_images=over), finding(over_images=True)]).caption
