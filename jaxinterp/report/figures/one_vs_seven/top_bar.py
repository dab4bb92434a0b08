"""How many units carry the top bar of a real 7?"""

from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, plain
from jaxinterp.report.figures.one_vs_seven.common import LINES, MIDDLE, band, finish, legend, networks
from jaxinterp.studies.one_vs_seven.carriers import DIFFERENCE
from jaxinterp.studies.one_vs_seven.common import LARGEST_GROUP, LAYERS, NAME, mean
from jaxinterp.studies.one_vs_seven.top_bar import SIZES
from jaxinterp.studies.study import Results


def figures(results: Results) -> list[Figure]:
    """Share of the margin that the first few units restore."""
    figure = Figure(figsize=(8.4, 3.7), layout="constrained")
    panels, texts = figure.subplots(1, len(LAYERS), sharey=True), []
    for axes, layer in zip(panels, LAYERS, strict=True):
        found = results["top_bar"].sel(layers=layer)
        random = found.random.mean("draws")
        band(axes, found.restored, BLUE, "those that restore most")
        for values, colour, marker, name in (
            (random, ORANGE, "D", "random"),
            (found.by_difference, GREEN, "s", f"largest {DIFFERENCE}"),
        ):
            if values.notnull().any():
                label = f"{LARGEST_GROUP} units, {name}"
                axes.plot(LARGEST_GROUP, values.mean(), marker, color=colour, label=label)
                axes.plot(2 * (LARGEST_GROUP,), values.quantile(MIDDLE), color=colour, linewidth=4, alpha=0.4)
        axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES, list(map(str, SIZES)))
        axes.set_xlabel("units patched", fontsize=9)
        axes.set_title(layer, fontsize=10)
        plain(axes, grid="y")
        texts.append(f"{layer}: {LARGEST_GROUP} units restore {mean(found.top)}, random {mean(random)}")
    panels[0].set_ylabel("share of the lost margin restored", fontsize=9)
    legend(figure, panels[0])
    title = "Units that carry a real 7's top bar: margin restored by patching them, and by patching random units"
    return [finish(figure, title, f"{LINES}; ranked on other 7s", networks(results, NAME), "; ".join(texts), "1.10")]
