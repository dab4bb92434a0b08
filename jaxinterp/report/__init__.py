"""Records and findings made readable: figures, tables, one web page."""

from pathlib import Path

from jaxinterp import store, studies
from jaxinterp.report import build
from jaxinterp.report.figures import (
    bottleneck_neurons,
    instance_variation,
    measuring_similarity,
    one_vs_seven,
    training,
)

# What is drawn of each study's record.
FIGURES = {
    "one-vs-seven": one_vs_seven.figures,
    "instance-variation": instance_variation.figures,
    "measuring-similarity": measuring_similarity.figures,
    "bottleneck-neurons": bottleneck_neurons.figures,
}


def write(path: Path | str) -> Path:
    """Write a run's page, <run>/report/index.html, from the results that it holds, and return the file."""
    run, answers = store.load(path), studies.answers(path)
    drawn = [figure for study, answer in answers.items() for figure in FIGURES[study](answer.record)]
    html = build.render(
        f"{Path(path).name}: {run.config.train.seeds} networks",
        [finding for answer in answers.values() for finding in answer.findings],
        sentences=[answer.sentence for answer in answers.values()],
        figures=[*drawn, training.learning_curves(run.history)],
        history=run.history,
        config=run.config,
    )
    target = Path(path) / "report" / "index.html"
    build.write(target, html)
    return target
