"""What do neurons look at, and how did it come about? Pictures of one network, named, and maps over all networks."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, labels, panels, plain
from jaxinterp.report.figures.looking_for_four.common import bound_of, finish, picture
from jaxinterp.studies.claims import in_words
from jaxinterp.studies.looking_for_four import Record
from jaxinterp.studies.looking_for_four.likeness import MAXIMISER
from jaxinterp.studies.looking_for_four.record import DIFFERENCE, TARGET

_FIRST = "the first network that did not diverge"


def focused(record: Record) -> Figure:
    """The first layer's most focused neurons of one network."""
    columns = 8
    rows = -(-len(record.focused_unit) // columns)
    figure, axes = panels(rows, columns, (1.25, 1.5))
    bound = bound_of(record.focused)
    for one in axes:
        one.set_axis_off()
    for place, (one, unit) in enumerate(zip(axes, record.focused_unit, strict=False)):
        one.set_axis_on()
        picture(one, record.focused[place], bound)
        count = _count(record.focused_foci[place])
        one.set_title(f"{unit}: {record.focused_pixels[place]:.0f} px\n{count}", fontsize=8, pad=2)
    _scale(figure, axes, "weight")
    title = (
        f"Weights of the {len(record.focused_unit)} most focused neurons of {record.layers[0]}, seed {_seed(record)}"
    )
    notes = f"{_FIRST}; pixels: effective number, of lit ones; foci: parts with a quarter of the core or more"
    text = f"Effective pixels from {_ends(record.focused_pixels)}"
    return finish(figure, record, title, notes, text, ("5.2",))


def growing(record: Record) -> Figure:
    """Some neurons' weights over training."""
    rows, columns = record.growth.shape[:2]
    figure, axes = panels(rows, columns + 1, (1.15, 1.2))
    bound, change = bound_of(record.growth), record.growth[:, -1] - record.growth[:, 0]
    for row in range(rows):
        own = axes[row * (columns + 1) : (row + 1) * (columns + 1)]
        for step, one in enumerate(own[:-1]):
            picture(one, record.growth[row, step], bound)
            if row == 0:
                one.set_title(record.snapshots[step], fontsize=9)
        picture(own[-1], change[row], bound)
        own[0].set_ylabel(f"neuron {record.growth_unit[row]}", fontsize=9)
    axes[columns].set_title("change", fontsize=9)
    _scale(figure, axes, "weight")
    title = f"Weights of neurons of {record.layers[0]} over training, seed {_seed(record)}"
    notes = f"{_FIRST}; neurons evenly by number; change: kept less untrained"
    sizes = [np.sqrt(np.mean(values**2)) for values in (change, record.growth)]
    text = f"Root mean square of the change {sizes[0]:.3f}, of the weights {sizes[1]:.3f}"
    return finish(figure, record, title, notes, text, ("5.3",))


def logits(record: Record) -> Figure:
    """What stands behind every logit, beside the templates."""
    count = len(record.classes)
    figure, axes = panels(len(record.methods) + 1, count, (1.0, 1.05))
    template = record.templates[record.kinds.index(DIFFERENCE)]
    named = (("template", template), *zip(record.methods, record.logit_map, strict=True))
    for row, (name, maps) in enumerate(named):
        bound = bound_of(maps)
        for label in range(count):
            one = axes[row * count + label]
            picture(one, maps[label], bound)
            if row == 0:
                one.set_title(record.classes[label], fontsize=10)
        axes[row * count].set_ylabel(name.replace(" ", "\n"), fontsize=9)
    title = "What stands behind every logit, pushed back to the pixels, below the digits' templates"
    notes = "mean over seeds of maps of equal size; red raises, blue lowers, each row to its own scale"
    text = "Templates: a class's mean image less the mean of all other images"
    return finish(figure, record, title, notes, text, ("5.4",))


def traced(record: Record) -> Figure:
    """One real image of the target, its heat maps, and its neurons beside the averages."""
    columns = len(record.attributions) + 1
    figure = Figure(figsize=(9.2, 5.6), layout="constrained")
    grid = figure.add_gridspec(3, columns, height_ratios=(2, 1.2, 1.2))
    above = [figure.add_subplot(grid[0, column]) for column in range(columns)]
    picture(above[0], record.traced_image, 1.0, signed=False)
    above[0].set_title("the image", fontsize=9)
    for one, values, name in zip(above[1:], record.traced_map, record.attributions, strict=True):
        picture(one, values, bound_of(values, 1.0))
        side = round(len(record.traced_image) ** 0.5)
        one.contour(record.traced_image.reshape(side, side), levels=[0.3], colors=GREY, linewidths=0.8)
        one.set_title(name, fontsize=9)
    first = figure.add_subplot(grid[1, :])
    second = figure.add_subplot(grid[2, :], sharex=first)
    order = np.argsort(-record.traced_average[TARGET], kind="stable")
    place = np.arange(len(order))
    first.bar(place, record.traced_activation[order], color=BLUE, label=f"this {TARGET}")
    first.plot(place, record.traced_average[TARGET][order], "_", color=ORANGE, mew=2, ms=6, label=f"average {TARGET}")
    others = np.nanmean(np.delete(record.traced_average, TARGET, axis=0), axis=0)
    first.plot(place, others[order], ".", color=GREY, ms=4, label="average of other digits")
    first.set_ylabel("activation", fontsize=9)
    first.legend(fontsize=8, frameon=False, ncols=3, loc="upper right")
    second.bar(place, record.traced_contribution[order], color=BLUE)
    labels(second, f"neuron of {record.layers[-1]}, by the average {TARGET}", f"adds to logit {TARGET}")
    for one in (first, second):
        plain(one, grid="y")
    alike = np.corrcoef(record.traced_activation, record.traced_average[TARGET])[0, 1] if _varies(record) else np.nan
    title = f"A real {TARGET} traced through seed {_seed(record)}: heat maps, and neurons beside the averages"
    notes = f"{_FIRST}, the first {TARGET} that it answers rightly; each map to its own scale"
    text = f"Correlation with the average {TARGET} over neurons {alike:.2f}"
    return finish(figure, record, title, notes, text, ("5.5",))


def cards(record: Record) -> list[Figure]:
    """Of every layer, each class's most differentiated neuron: what it looks at, and what it answers most."""
    return [_cards(record, layer) for layer in range(len(record.layers))]


def _cards(record: Record, layer: int) -> Figure:
    views, exemplars = len(record.views), record.card_images.shape[2]
    columns, rows = views + exemplars + 1, len(record.classes)
    widths = [1.0] * (views + exemplars) + [1.7]
    figure, axes = panels(rows, columns, (1.08, 1.0), width_ratios=widths)
    bounds = [bound_of(record.card_map[layer, :, view]) for view in range(views)]
    for row in range(rows):
        own = axes[row * columns : (row + 1) * columns]
        for view, name in enumerate(record.views):
            values = record.card_map[layer, row, view]
            picture(own[view], values, bounds[view], signed=name != MAXIMISER)
            own[view].set_xlabel(f"r {in_words(record.card_match[layer, row, view])}", fontsize=8, labelpad=1)
        for one, image in zip(own[views:], record.card_images[layer, row], strict=False):
            picture(one, image, 1.0, signed=False)
        _profile(own[-1], record.card_profile[layer, row], row, record.classes, last=row == rows - 1)
        own[0].set_ylabel(f"class {record.classes[row]}\nneuron {record.card_unit[layer, row]}", fontsize=8)
    for one, name in zip(axes, ("weights", "what it uses", "maximiser"), strict=False):
        one.set_title(name, fontsize=9)
    axes[views + exemplars // 2].set_title("images that it answers most", fontsize=9)
    axes[columns - 1].set_title("mean by class", fontsize=9)
    title = f"{record.layers[layer]}: each class's most differentiated neuron, seed {_seed(record)}"
    notes = "the first that did not diverge; r: correlation with the class's template; means in sd; a scale a column"
    values = ", ".join(f"{value:.2f}" for value in record.card_match[layer, TARGET])
    text = f"Correlation of the neuron for {TARGET} with its template, by {', '.join(record.views)}: {values}"
    return finish(figure, record, title, notes, text, ("5.6",))


def _profile(axes: Axes, values: np.ndarray, own: int, classes: tuple[str, ...], *, last: bool) -> None:
    colours = [BLUE if label == own else GREY for label in range(len(values))]
    axes.bar(range(len(values)), np.nan_to_num(values), color=colours)
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.set_xticks(range(len(classes)), classes if last else [""] * len(classes), fontsize=8)
    axes.set_yticks([0, 2])
    axes.tick_params(labelsize=8, length=2)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _scale(figure: Figure, axes, label: str) -> None:
    shown = next(one for one in axes if one.images)
    figure.colorbar(shown.images[0], ax=axes, shrink=0.6, label=label)


def _seed(record: Record) -> int:
    return int(record.example_seed)


def _varies(record: Record) -> bool:
    return bool(np.std(record.traced_activation) > 0 and np.std(record.traced_average[TARGET]) > 0)


def _count(foci: float) -> str:
    if np.isnan(foci):
        return "no map"
    return "1 focus" if foci == 1 else f"{foci:.0f} foci"


def _ends(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return f"{known.min():.0f} to {known.max():.0f}" if known.size else "none"
