import io

from rich.console import Console

from jaxinterp.report import tables
from jaxinterp.stats import Estimate
from jaxinterp.studies import Claim, Control, Finding, Rule

ESTIMATE = Estimate(-0.5, 0.1, -0.7, -0.3, 8)


def test_terminal_table_shows_markup_as_text():
    claim = Claim("study", "1.1", "[bold]claim[/bold] [/]", "—", Rule("score", low=0.5))
    output = io.StringIO()
    table = tables.findings_table([Finding(claim, ESTIMATE, ESTIMATE, "null", ESTIMATE)], title="[red]title")
    Console(file=output, width=160).print(table)
    for words in ("[bold]claim[/bold] [/]", "[red]title", "−0.500 ± 0.100", "[−0.700, −0.300]", "does not hold"):
        assert words in output.getvalue()


def test_numbers_have_a_true_minus_sign_and_unknown_ones_a_dash():
    assert (
        tables.number(-0.12345) == "−0.123" and tables.number(-0.0001) == "0.000" and tables.number(float("nan")) == "—"
    )


def test_a_row_says_all_of_a_finding():
    claim = Claim("study", "1.1", "text", "—", Rule("score", low=0.5))
    score, none = Estimate(0.6, 0.1, 0.55, 0.65, 8), Estimate(*[float("nan")] * 4, 0)
    finding = Finding(claim, ESTIMATE, ESTIMATE, "null", score, (Control("other", ESTIMATE),), "note")
    (row,) = tables.rows([finding])
    assert (row.measured, row.interval, row.n) == ("−0.500 ± 0.100", "[−0.700, −0.300]", 8)
    assert (row.control, row.others, row.verdict) == ("−0.500 (null)", "other −0.500 ± 0.100", "holds")
    (row,) = tables.rows([finding._replace(score=none)])
    assert (row.score, row.score_interval, row.verdict) == ("—", "[no 95 % interval]", "undecided")
