"""What stands behind every logit, and does it look like its digit? Row 5.4."""

from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, DOTS, GREEN, GREY, ORANGE, panels, plain, strips
from jaxinterp.report.figures.looking_for_four.common import bound_of, finish, picture
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four.logits import METHODS
from jaxinterp.studies.looking_for_four.maps import DIFFERENCE, FOUR, UPRIGHT
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number


def figures(results: Results) -> list[Figure]:
    """Both figures of the topic."""
    return [maps(results), correlations(results)]


def maps(results: Results) -> Figure:
    """What stands behind every logit, below the templates."""
    found = results["logit_maps"]
    classes = found.classes.to_numpy()
    rows = {"template": found.templates} | {method: found.logits.sel(methods=method) for method in METHODS}
    figure, axes = panels(len(rows), len(classes), (1.0, 1.05))
    for row, (name, values) in enumerate(rows.items()):
        own, bound = axes[row * len(classes) : (row + 1) * len(classes)], bound_of(values)
        for one, of_class in zip(own, values, strict=True):
            picture(one, of_class, bound)
        own[0].set_ylabel(name.replace(" ", "\n"), fontsize=9)
    for one, label in zip(axes, classes, strict=False):
        one.set_title(label, fontsize=10)
    title = "What stands behind every logit, pushed back to the pixels, below the digits' templates"
    notes = "mean over seeds of maps of equal size; red raises, blue lowers, each row to its own scale"
    text = "Templates: a class's mean image less the mean of all other images"
    return finish(figure, results, title, notes, text, "5.4")


def correlations(results: Results) -> Figure:
    """Does what stands behind each logit look like its digit?"""
    figure, axes = panels(1, len(METHODS), (3.6, 3.2), sharey=True)
    found, means = results["logits"].alike.sel(kinds=DIFFERENCE), []
    classes = found.classes.to_numpy()
    for one, method in zip(axes, METHODS, strict=True):
        trained, before = (found.sel(methods=method, conditions=condition) for condition in (TRAINED, UNTRAINED))
        upright, turned = trained.sel(turns=UPRIGHT), trained.drop_sel(turns=UPRIGHT).mean("turns")
        strips(one, upright, BLUE, "its digit", -0.25)
        strips(one, turned, GREEN, "its digit turned and mirrored, mean")
        strips(one, before.sel(turns=UPRIGHT), ORANGE, "its digit, untrained", 0.25)
        one.axhline(0, color=GREY, linewidth=0.8)
        one.set_xticks(range(len(classes)), classes, fontsize=9)
        one.set_xlabel("logit", fontsize=9)
        one.set_title(method, fontsize=10)
        plain(one, grid="y")
        means.append(f"{method} {format_number(float(upright.sel(classes=FOUR).mean()))}")
    axes[0].set_ylabel("correlation with the template", fontsize=9)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=9, ncols=3, loc="outside lower center")
    title = "Does a logit pushed back to the pixels look like its digit? Controls: turned digits, untrained networks"
    return finish(figure, results, title, DOTS, f"Mean for the logit of {FOUR}: {', '.join(means)}", "5.4")
