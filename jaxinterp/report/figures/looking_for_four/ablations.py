"""Does the neuron that looks most like a 4 fire for 4s, and are they lost without it? Row 5.6."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, DOTS, GREEN, GREY, ORANGE, panels, plain, strips
from jaxinterp.report.figures.looking_for_four.common import finish
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.ablations import KINDS
from jaxinterp.studies.looking_for_four.maps import FOUR
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number


def figures(results: Results) -> list[Figure]:
    """How well the neuron tells the target from the rest, and what is lost without it."""
    figure, (firing, needed) = panels(1, 2, (4.6, 3.2))
    found, losses = results["matches"], results["ablations"]
    layers, trained = found.layers.to_numpy(), found.sel(conditions=TRAINED)
    strips(firing, trained.auc, BLUE, f"looks most like a {FOUR}", -0.25)
    strips(firing, trained.selective_auc, GREEN, "most differentiated")
    strips(firing, found.auc.sel(conditions=UNTRAINED), ORANGE, f"looks most like a {FOUR}, untrained", 0.25)
    firing.axhline(0.5, color=GREY, linewidth=0.8)
    firing.set_xticks(range(len(layers)), layers, fontsize=9)
    firing.set_ylabel(f"AUC, {FOUR}s against all other images", fontsize=9)
    groups = (
        (losses.match, BLUE, f"looks most like a {FOUR}", -0.25),
        (losses.most_damaging, GREEN, "the most damaging neuron, chosen on other images", 0.0),
        (losses.random, ORANGE, "a neuron at random", 0.25),
    )
    for values, colour, label, shift in groups:
        strips(needed, values.stack(places=("layers", "kinds")), colour, label, shift)
    names = [f"{layer}\n{kind}" for layer in layers for kind in KINDS]
    needed.set_xticks(range(len(names)), names, fontsize=8)
    needed.axhline(0, color=GREY, linewidth=0.8)
    needed.set_ylabel(f"accuracy on {FOUR}s lost without it", fontsize=9)
    for axes in (firing, needed):
        axes.legend(fontsize=8, frameon=False, loc="best")
        plain(axes, grid="y")
    aucs = ", ".join(f"{layer} {format_number(float(trained.auc.sel(layers=layer).mean()))}" for layer in layers)
    lost = format_number(float(losses.match.mean()), 4)
    text = f"AUC: {aucs}. Accuracy lost without it, mean over layers and ablations: {lost}"
    title = f"Does the neuron that looks most like a {FOUR} fire for {FOUR}s, and are they lost without it?"
    return [finish(figure, results, title, f"{DOTS}; left all, right by kind of ablation", text, "5.6")]
