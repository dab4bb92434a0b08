"""A page with everything on it: findings, figures, networks, seeds and configuration."""

from matplotlib.figure import Figure
from support import findings, pages

from jaxinterp.config import RunConfig
from jaxinterp.report import build, explorer
from jaxinterp.report.figures.common import shows
from jaxinterp.stats import Estimate
from jaxinterp.studies import Control


def finding(identifier, text="a claim", note=""):
    row, _, name = identifier.partition(" ")
    estimate = Estimate(0.6, 0.05, 0.55, 0.65, 8)
    return findings.finding(
        row=row,
        name=name,
        text=text,
        published=text,
        scored=text,
        measured=estimate,
        control=Estimate(0.1, 0.02, 0.05, 0.15, 8),
        control_name=text,
        score=estimate,
        others=(Control(text, estimate),),
        note=note,
    )


def figure(label, *rows):
    drawn = Figure(figsize=(3, 2))
    drawn.subplots().plot([0, 1])
    drawn.set_label(label)
    return shows(drawn, *rows)


ROWS = [finding("1.1 first"), finding("1.1 second", "another claim"), finding("1.2 third")]
ROWS[1] = ROWS[1]._replace(score=Estimate(0.4, 0.05, 0.35, 0.45, 8), joint=Estimate(0.4, 0.05, 0.35, 0.45, 8))


def render(payload):
    """The page of these networks."""
    return build.render(
        "Networks",
        ROWS,
        folder="checkpoints/a run",
        summaries=[build.Summary("A question?", "An answer.", ROWS[1:])],
        figures=[build.drawn(figure("of both", "1.1")), build.drawn(figure("of none"))],
        history=pages.history(),
        config=RunConfig(),
        made={"command": "jaxinterp train", "date": "2026-01-31"},
        payload=explorer.encode(payload),
    )
