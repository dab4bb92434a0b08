"""Tables of what `jaxinterp.questions` returns: one function for each question."""

import io
from collections.abc import Callable, Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from jaxinterp import files
from jaxinterp.analysis.units import KINDS
from jaxinterp.explanation.labels import Label
from jaxinterp.explanation.prompting import Prompt
from jaxinterp.explanation.reading import PUBLISHED, Counts, Reading
from jaxinterp.questions.ablate import CONTROLS, Ablation
from jaxinterp.questions.ablate import rows as ablated_rows
from jaxinterp.questions.attribute import ORDERS, Attribution
from jaxinterp.questions.coalitions import Coalitions, Roles
from jaxinterp.questions.coalitions import rows as coalition_rows
from jaxinterp.questions.compare import Comparison
from jaxinterp.questions.explain import Explained, OverUnits, Score, over_units
from jaxinterp.questions.readers import Reached
from jaxinterp.questions.units import FACETS, Units
from jaxinterp.report.figures import attributed
from jaxinterp.report.figures.drawing import has_rows
from jaxinterp.report.tables import Table, interval, number, spread
from jaxinterp.stats import Estimate, over_seeds_estimate
from jaxinterp.text import format_number

TOP = 10  # pixels and units


def units_table(found: Units, *, title: str = "") -> Table:
    """One row per unit; classes by their names."""
    values: list[dict[str, Any]] = found.frame.to_dict("records")
    for row in values:
        row |= {name: found.classes[row[name]] for name in ("class", *(f"damage_{kind}_class" for kind in KINDS))}
    named = {
        "seed": lambda row: str(row["seed"]),
        "unit": lambda row: f"{row['layer']}:{row['unit']}",
        "mean": lambda row: number(row["mean"]),
        "active": lambda row: "dead" if row["dead"] else number(row["active"]),
        "class": lambda row: row["class"],
        "index": _above_null("selectivity"),
        "d′": _above_null("d_prime"),
        "AUC": _above_null("auc"),
        **{f"damage {kind}": _damage(kind) for kind in KINDS},
        "pixels": _above_null("participation", 0),
        "cluster": _above_null("largest"),
        "universal": _above_null("universality"),
    }
    if FACETS in found.frame:
        named[FACETS] = lambda row: format_number(row[FACETS], 0)
    cells = [tuple(cell(row) for cell in named.values()) for row in values]
    caption = (
        "in brackets: the 95th percentile by chance (index, d′, AUC: permuted labels; cluster, and pixels, their 5th: "
        "untrained networks; universal: unrelated networks); active: share of the test images, or dead; "
        "damage: the most that a class's accuracy falls, and over all images; pixels: that the unit's map uses; "
        "cluster: share of the map's core in its largest part; universal: share of the other networks with such a unit"
    )
    if len(values) < found.total:
        caption = f"{len(values)} of {found.total} rows; {caption}"
    return Table(tuple(named), cells, values, title, _captioned(caption, found.notes))


def ablation_table(found: Ablation, *, title: str = "") -> Table:
    """Accuracy without a group over all images and by class, as means over networks."""
    cells, values = [], []
    for row in ablated_rows(found):
        name, *estimates = row
        cells.append((name, *(_both(estimate, "\n") for estimate in estimates)))
        values.append({"class": name, "n": row.before.n} | dict(zip(_ABLATED, estimates, strict=True)))
    caption = (
        "lost: accuracy that is lost without the group, without as many units of the layer (at random, or matched in "
        "mean activation), and as the sum over its units of what each alone loses"
    )
    if (networks := len(found.seeds)) > 1:
        other_units = "units of the same number in different networks are different units"
        caption = f"mean ± sd [95 % interval] over {networks} networks; {other_units}; {caption}"
    columns = ("class", "accuracy", "without", "lost", "lost, random", "lost, matched", "lost, sum of singles")
    return Table(columns, cells, values, title, _captioned(caption, found.notes))


def ablated_networks_table(found: Ablation) -> Table:
    """The same of every network, over all images, with its accuracy in each class."""
    cells, values = [], []
    shares = dict(zip(CONTROLS, found.as_damaging[:, :, 0], strict=True))
    for place, seed in enumerate(found.seeds):
        losses = (found.damage, *found.control_damage, found.sum_of_singles)
        accuracies = (found.accuracies.before, found.accuracies.without)
        whole = [float(part[place, 0]) for part in (*accuracies, *losses)]
        as_damaging = {name: float(share[place]) for name, share in shares.items()}
        by_class = dict(zip(found.classes[1:], found.accuracies.without[place, 1:].tolist(), strict=True))
        cells.append((str(seed), *map(number, (*whole, *as_damaging.values(), *by_class.values()))))
        row = {"seed": seed} | dict(zip(_ABLATED, whole, strict=True))
        row |= {f"{name}_as_damaging": share for name, share in as_damaging.items()}
        values.append(row | {f"without_class_{name}": value for name, value in by_class.items()})
    columns = ("seed", "accuracy", "without", "lost", "random", "matched", "singles")
    columns += tuple(f"{name} ≥" for name in CONTROLS) + found.classes[1:]
    caption = (
        "≥: share of the control groups that lose as much or more; json, csv and markdown also have the accuracy "
        "without the group by class"
    )
    return Table(columns, cells, values, caption=caption, hidden=found.classes[1:])


def coalitions_table(found: Coalitions, *, title: str = "") -> Table:
    """How few units each class needs, as means over networks."""
    cells, values = [], []
    for row in coalition_rows(found):
        name, *estimates = row
        cells.append((name, *(_both(estimate, "\n") for estimate in estimates)))
        values.append({"class": name, "n": row.intact.n} | dict(zip(row._fields[1:], estimates, strict=True)))
    caption = (
        f"F1 of each class by subsets of units, on {found.images} test images: sets are chosen on one half and "
        "scored on the other; enough: units in the smallest set that alone keeps 95 % of F1; kept: the share it keeps; "
        "necessary: units in the smallest set without which less than 10 % is left; left: the share; "
        "random: the same with directions of a random basis; disjoint: sets without a common unit that are enough; "
        "predicted: rank correlation of F1 with what it would be if the losses by single units added up"
    )
    if (networks := len(found.seeds)) > 1:
        caption = f"mean ± sd [95 % interval] over {networks} networks; {caption}"
    columns = ("class", "F1", "enough", "enough, random", "kept", "necessary", "necessary, random", "left")
    return Table((*columns, "disjoint", "predicted"), cells, values, title, _captioned(caption, found.notes))


def coalition_sets_table(found: Coalitions) -> Table:
    """The smallest sets of every network and class, and the pair of units that interacts most."""
    cells, values = [], []
    for place, seed in enumerate(found.seeds):
        for label, name in enumerate(found.classes):
            own = Roles(*(values[place, label] for values in found.roles))
            pair = found.strongest(place, label) or ()
            sets = [np.flatnonzero(members).tolist() for members in (own.enough, own.needed)]
            row: dict[str, Any] = {"seed": seed, "class": name, "f1": float(own.intact)}
            row |= {"enough": sets[0], "kept": float(own.kept), "kept_by_one": float(own.kept_by_one)}
            row |= {"necessary": sets[1], "left": float(own.left), "left_without_one": float(own.left_without_one)}
            row |= {"disjoint": float(own.disjoint), "pair": list(pair)}
            row["interaction"] = float(own.interaction[pair]) if pair else np.nan
            lists = {key: _listed(row[key]) for key in ("enough", "necessary", "pair")}
            cells.append((str(seed), *(lists[k] if k in lists else _cell(v) for k, v in list(row.items())[1:])))
            values.append(row | lists)
    columns = ("seed", "class", "F1", "enough", "kept", "by one", "necessary", "left", "without one", "disjoint")
    caption = (
        f"units of {found.layer}; by one: the share that the best unit keeps; without one: what is left without the "
        "most damaging; pair: the units with the strongest Shapley interaction, positive where they work together and "
        "negative where each stands in for the other"
    )
    return Table((*columns, "pair", "interaction"), cells, values, caption=caption)


def coalition_units_table(found: Coalitions) -> Table:
    """Every unit's part in the F1 of the class where it is largest, beside what that loses without the unit alone."""
    cells, values = [], []
    for place, seed in enumerate(found.seeds):
        for unit in range(found.roles.shapley.shape[-1]):
            shapley, damage = (part[place, :, unit] for part in (found.roles.shapley, found.roles.damage))
            label = int(np.argmax(np.nan_to_num(shapley, nan=-np.inf)))
            row = {"seed": seed, "layer": found.layer, "unit": unit, "class": found.classes[label]}
            row |= {"shapley": float(shapley[label]), "damage": float(damage[label])}
            if found.is_sampled:
                row["shapley_error"] = float(found.roles.error[place, label, unit])
            by_class = dict(zip(found.classes, shapley.tolist(), strict=True))
            parts = (*row.values(),)[4:]
            cells.append((str(seed), f"{found.layer}:{unit}", row["class"], *map(number, (*parts, *by_class.values()))))
            values.append(row | {f"shapley_class_{name}": value for name, value in by_class.items()})
    caption = (
        "Shapley: the unit's part of F1, for the class where it is largest; the parts of all units sum to F1 less that "
        "without any unit; alone: F1 lost without this unit alone; json, csv and markdown also have the Shapley value "
        f"for every class{'; error: standard error of the Shapley value' * found.is_sampled}"
    )
    columns = ("seed", "unit", "class", "Shapley", "alone", *("error",) * found.is_sampled, *found.classes)
    return Table(columns, cells, values, caption=caption, hidden=found.classes)


def attribution_table(found: Attribution, *, title: str = "") -> Table:
    """What every network says of the image, and how well its map does."""
    cells, values = [], []
    for place, seed in enumerate(found.seeds):
        numbers = (found.values[place], found.gains[place], found.maps[place].sum(), *found.areas[place])
        prediction = int(found.predictions[place])
        cells.append((str(seed), found.named(prediction), *map(number, map(float, numbers))))
        row: dict[str, Any] = {"seed": seed, "prediction": prediction}
        if found.class_names:
            row["predicted_class"] = dict(enumerate(found.class_names)).get(prediction, str(prediction))
        values.append(row | dict(zip(_ATTRIBUTED, map(float, numbers), strict=True)))
    columns = ("seed", "prediction", "value", "gain", "sum of map", *(f"area, {order}" for order in ORDERS))
    means = ", ".join(
        f"{order} {_both(over_seeds_estimate(found.areas[:, place]))}" for place, order in enumerate(ORDERS)
    )
    caption = (
        f"value: {found.what}; gain: over the blank image; area: under the value as ink is blanked in the order of "
        f"the map, at random, or brightest first; smaller is better. Means: {means}"
    )
    return Table(columns, cells, values, title, _captioned(caption, found.notes))


def pixels_table(found: Attribution, *, top: int = TOP) -> Table:
    """The pixels with the largest contributions, averaged over networks: of images with channels, one number of one."""
    axes = _AXES[: 3 if found.shape[2] > 1 else 2] if has_rows(found.shape) else ()
    mean = found.maps.mean(axis=0)
    cells, values = [], []
    for pixel in np.argsort(-np.abs(mean), kind="stable")[:top].tolist():
        estimate = over_seeds_estimate(found.maps[:, pixel])
        where = dict(zip(axes, map(int, np.unravel_index(pixel, found.shape)), strict=False))
        words = [_COLOURS[at] if axis == "channel" and found.shape[2] == 3 else str(at) for axis, at in where.items()]
        intensity = float(found.image[pixel])
        cells.append((str(pixel), *words, number(intensity), _both(estimate)))
        values.append({"pixel": pixel, **where, "intensity": intensity, "contribution": estimate})
    columns = ("pixel", *axes, "intensity", "contribution")
    return Table(columns, cells, values, f"pixels with the largest contributions, by {found.method.replace('-', ' ')}")


def passing_table(found: Attribution, *, top: int = TOP) -> Table:
    """The units of the shown network through which most of the gain passes."""
    gain = float(found.gains[found.seeds.index(found.shown)])
    listed: list[dict[str, Any]] = [
        {"layer": layer, "unit": unit}
        | {"activation": float(active), "conductance": float(part), "share": _share(float(part), gain)}
        for layer, (activations, parts) in found.passing.items()
        for unit, (active, part) in enumerate(zip(activations, parts, strict=True))
    ]
    values = sorted(listed, key=lambda row: -abs(row["conductance"]))[:top]
    cells = [(row["layer"], str(row["unit"]), *map(number, list(row.values())[2:])) for row in values]
    title = f"units of seed {found.shown} through which most of the gain of {number(gain)} passes"
    return Table(("layer", "unit", "activation", "conductance", "share of gain"), cells, values, title)


def likeness_table(found: Comparison, *, title: str = "") -> Table:
    """How alike every layer is, within runs and between them."""
    cells, values = [], []
    for row in found.likeness:
        names = (row.first, row.second, row.layer, row.measure, row.pairs)
        estimates = (row.observed, row.untrained, row.shuffled, row.score)
        means = (_both(row.observed), number(row.untrained.mean), number(row.shuffled.mean), _both(row.score))
        cells.append((*names, *means, str(row.observed.n)))
        values.append(dict(zip(_LIKENESS, (*names, *estimates), strict=True)))
    caption = (
        f"on {found.images} test images; mean ± sd over pairs [95 % interval over networks]; untrained: the "
        "same networks before training; shuffled: images within their class; score: above the larger of the two, "
        "(observed − null)/(1 − null); n: networks"
    )
    columns = ("run", "other run", "layer", "measure", "pairs", "observed", "untrained", "shuffled", "score", "n")
    return Table(columns, cells, values, title, _captioned(caption, found.notes))


def accuracies_table(found: Comparison) -> Table:
    """Test accuracy of each run, and its paired difference from the first."""
    cells, values = [], []
    for row in found.accuracies:
        cells.append((row.run, _both(row.accuracy), "—" if row.difference is None else _both(row.difference)))
        values.append({"run": row.run, "test_accuracy": row.accuracy, "difference": row.difference})
    first = found.accuracies[0].run
    caption = f"mean ± sd [95 % interval] over networks; difference: from {first}, seed by seed where seeds pair"
    return Table(("run", "test accuracy", "difference"), cells, values, caption=caption)


def labels_table(explained: Iterable[Explained], *, images: int = 0, title: str = "") -> Table:
    """What each explainer said of every unit, with its scores, and in summaries of layers and networks.

    images: on how many of them the model's own predictions are scored; without any these columns are left out.
    """
    cells, values, counts, means = [], [], [], []
    for one in explained:
        explainer, found, scores, predicted = one
        means += [_over_units(explainer, own) for own in over_units(one)]
        labelled = (*found.units, *found.layers, *found.networks)
        for label, *reached in zip_longest(labelled, scores, predicted):
            said = f"{label.text or '—'}\n{label.reason}".strip()
            layer = None if label.site is None else label.site.partition("/")[0]
            own = {"explainer": explainer, "seed": label.seed, "layer": layer, "unit": label.unit}
            own |= {"label": label.text or None, "status": label.status, "reason": label.reason or None}
            row = [explainer, str(label.seed), _subject(label), said, label.status]
            for score, names in list(zip(reached, _SCORED, strict=True))[: 2 if images else 1]:
                row += ["", ""] if score is None else [number(score.pearson), _beside(score)]
                own |= dict.fromkeys(names) if score is None else dict(zip(names, score, strict=True))
            cells.append(tuple(row))
            values.append(own)
        counts.append(f"{explainer}: {', '.join(f'{status} {count}' for status, count in found.counts.items())}")
    caption = (
        "score: correlation of the unit, on test images, with what rules make of its label, — if they make nothing; "
        "best baseline: the same of a prediction without words\n"
    )
    columns = ("explainer", "seed", "unit", "label", "status", "score", "best baseline")
    if images:
        columns += ("predicted", "baseline there")
        caption += f"predicted: the same of the model's own predictions from the label, on {images} test images\n"
    return Table(columns, cells, values, title, "\n".join([caption + "; ".join(counts), *means]))


def readers_table(reached: Iterable[Reached], *, title: str = "") -> Table:
    """What every reader of every network reaches, with the published rows below."""
    cells, values = [], []
    for own in reached:
        *shares, final = (number(own.estimates[name].mean) for name in (*_SHARES, *_READING))
        final += f" {interval(own.estimates['final'])}"
        cells.append((str(own.seed), own.reader, *shares, final, number(own.agreement), number(own.beyond)))
        row: dict[str, Any] = {"seed": own.seed, "reader": own.reader}
        for name, estimate in own.estimates.items():
            row |= {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        images = own.estimates["final"].n
        values.append(row | {"agreement": own.agreement, "beyond": own.beyond, "images_of_either_kind": images})
    for published in PUBLISHED:
        known = {name: float(value) for part in published[1:] for name, value in part._asdict().items()}
        cells.append(("—", f"published, {published.name}", *map(number, known.values()), "—", "—"))
        values.append({"seed": None, "reader": f"published, {published.name}"} | known)
    caption = (
        "C: share of the images that the network gets right where the reader says what it answers; N, L, F: share of "
        "those that it gets wrong where the reader says what it answers, the true class, or neither; agreement: on all "
        'of them; beyond: agreement beyond the nearest image. Intervals: over images. A score of 0 is not "no '
        'understanding", and readers that know nothing of the network score above it'
    )
    columns = ("seed", "reader", *(name.upper() for name in _SHARES), *_READING, "agreement", "beyond")
    return Table(columns, cells, values, title, caption)


def prompts_table(prompts: Iterable[Prompt], *, title: str = "") -> Table:
    """What would be sent, with roughly how many tokens that is."""
    prompts = list(prompts)
    cells = [(prompt.subject, str(prompt.images), f"{prompt.tokens:,}") for prompt in prompts]
    values = [
        {"prompt": prompt.subject, "images": prompt.images, "tokens": prompt.tokens, "text": prompt.text}
        for prompt in prompts
    ]
    total = sum(prompt.tokens for prompt in prompts)
    caption = f"{len(prompts)} prompts, about {total:,} tokens; json and csv also have their text"
    return Table(("prompt", "images", "tokens"), cells, values, title, caption)


def write_picture(path: Path, found: Attribution) -> None:
    """Write the image, its maps and the deletion curves as a PNG."""
    stream = io.BytesIO()
    attributed.figure(found).savefig(stream, format="png", dpi=150)
    files.write(path, stream.getvalue())


def _both(estimate: Estimate, between: str = " ") -> str:
    """A mean with its interval; the mean alone where one network gives it."""
    return number(estimate.mean) if estimate.n < 2 else f"{spread(estimate)}{between}{interval(estimate)}"


def _above_null(name: str, digits: int = 2) -> Callable[[dict[str, Any]], str]:
    return lambda row: f"{format_number(row[name], digits)}\n({format_number(row[f'{name}_null'], digits)})"


def _damage(kind: str) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        damage, total = row[f"damage_{kind}"], row[f"damage_{kind}_total"]
        return f"{number(damage)} of {row[f'damage_{kind}_class']}\n{number(total)} in all"

    return cell


def _listed(units: list[int]) -> str:
    return ",".join(map(str, units)) or "—"


def _over_units(explainer: str, own: OverUnits) -> str:
    named = zip(OverUnits._fields[1:], own[1:], strict=True)
    known = (f"{name.replace('_', ' ')} {spread(mean)} {interval(mean)}" for name, mean in named if mean.n)
    return f"{explainer}, seed {own.seed}, mean over {own.score.n} live units [interval over units]: {', '.join(known)}"


def _beside(score: Score) -> str:
    return f"{number(score.baseline)} {score.best or ''}".strip()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else number(value)


def _subject(label: Label) -> str:
    if label.site is None:
        return "network"
    layer = label.site.partition("/")[0]
    return layer if label.unit is None else f"{layer}:{label.unit}"


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _captioned(caption: str, notes: Iterable[str]) -> str:
    return "\n".join([caption, *notes])


_AXES = ("row", "column", "channel")
_COLOURS = ("red", "green", "blue")
_SCORED = (
    ("score", "baseline", "best_baseline"),
    ("predicted", "predicted_baseline", "predicted_best_baseline"),
)
_SHARES, _READING = Counts._fields, Reading._fields
_ABLATED = ("accuracy", "without", "lost", "lost_random", "lost_matched", "lost_singles")
_ATTRIBUTED = ("value", "gain", "sum_of_map", *(f"area_{order.replace(' ', '_')}" for order in ORDERS))
_LIKENESS = ("run", "other_run", "layer", "measure", "pairs", "observed", "untrained", "shuffled", "score")
