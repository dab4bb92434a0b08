"""Records and findings made readable: figures, tables, one web page."""

from pathlib import Path

from jaxinterp import store, studies
from jaxinterp.report import build, figures

# What is drawn of each study's record.
FIGURES = {
    "instance-variation": lambda record: [
        figures.similarity(record, measure="cosine"),
        figures.similarity(record, measure="pearson"),
        figures.shared_features(record),
    ],
}


def write(path: Path | str) -> Path:
    """Write a run's page, <run>/report/index.html, from the results that it holds, and return the file."""
    run, answers = store.load(path), studies.answers(path)
    drawn = [figure for study, (_, record) in answers.items() for figure in FIGURES[study](record)]
    html = build.render(
        f"{Path(path).name}: {run.config.train.seeds} networks",
        [finding for findings, _ in answers.values() for finding in findings],
        figures=[*drawn, figures.learning_curves(run.history)],
        history=run.history,
        config=run.config,
    )
    target = Path(path) / "report" / "index.html"
    build.write(target, html)
    return target
