"""What do readers of labels reach, beside readers who know nothing of the network? The figure of row 2.7."""

import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.explanation.reading import PUBLISHED
from jaxinterp.explanation.rules import EXPLAINERS
from jaxinterp.report.figures.captions import caption, seeds
from jaxinterp.report.figures.common import GREY
from jaxinterp.report.figures.drawing import INTERVAL, intervals
from jaxinterp.report.figures.layout import panels, plain
from jaxinterp.studies.llm_labels.neurons import SIX
from jaxinterp.studies.llm_labels.readers import READERS, reached
from jaxinterp.studies.study import Results

_PANELS = {
    "correct": "Correct: (C − L)/(1 − L)",
    "incorrect": "Incorrect: (N − F/8)/(1 − F/8)",
    "final": "Final: their mean",
    "beyond": "Agreement beyond a digit reader",
}


def scores(results: Results) -> Figure:
    """The write-up's scores of every reader of networks of six, the published ones, and the calibrated replacement."""
    figure, [grid] = panels(1, len(_PANELS), (2.9, 3.9), sharey=True)
    texts = []
    for axes, (quantity, title) in zip(grid, _PANELS.items(), strict=True):
        rows: dict[str, xr.DataArray] = {reader: reached(results, reader, quantity) for reader in READERS}
        text = intervals(axes, rows, own=tuple(EXPLAINERS))
        if quantity != "beyond":
            axes.axvline(float(getattr(PUBLISHED[0].scores, quantity)), color="black", linewidth=1, linestyle="--")
        axes.axvline(0, color=GREY, linewidth=0.8)
        plain(axes, title)
        texts.append(f"{title}: {text}")
    title = "Can a reader of labels predict what a network answers? Networks of six neurons"
    notes = (
        f"{INTERVAL} 90 % of networks; dashed: published, by a language model; blue: readers of the network's labels"
    )
    return caption(figure, seeds(results, SIX), title, notes, f"Means. {'; '.join(texts)}", "2.7")
