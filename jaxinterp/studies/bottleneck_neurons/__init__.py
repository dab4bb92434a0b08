"""Do single neurons hold single digits? Ablation, scaling and selectivity of every neuron of the last hidden layer.

The write-up found "bottleneck neurons", whose ablation takes a digit to about 0 % and whose scaling raises it, in one
network, by zero-ablation, and picked out of neurons × digits. Here every network gives its worst neuron of every digit,
chosen on one half of the test images and scored on the other, under ablations that stay in the data too.
"""

from collections.abc import Mapping

import numpy as np

from jaxinterp import stats
from jaxinterp.stats import indicator
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.bottleneck_neurons import numbers
from jaxinterp.studies.bottleneck_neurons import record as recorded
from jaxinterp.studies.bottleneck_neurons.measures import DRAWS, SAME
from jaxinterp.studies.bottleneck_neurons.numbers import GONE, TOP, percent, spelled
from jaxinterp.studies.bottleneck_neurons.record import TRAINED, UNTRAINED, BottleneckNeurons
from jaxinterp.studies.claims import Claim, Control, Finding, Rule, left_out
from jaxinterp.studies.subjects import Subject

STUDY = "bottleneck-neurons"
RECIPES = {STUDY: 32}
LEAST_SEEDS = 2  # an interval over seeds needs two

FIRES = 0.05  # a neuron that fires on half the images of one digit in ten, and on no other, fires on this share
MOST = 0.5  # what is said of a digit must be true of more digits or networks than not
EVERY = 0.9  # what is said of every digit may fail for one in ten
ALIKE = 0.5  # half of what the control leaves open, which for a correlation is half of 1: more is shared than missed
STRONG = 0.8  # two rulers of one thing: each explains about two thirds of the other's variance
IDENTICAL = 0.99  # an identity has no exceptions but those of rounding
DYING = 0.01  # one unit in a hundred: fewer than one a network in either layer of the write-up's

PUBLISHED_ACCURACY = np.array([0.983, 0.979, 0.951, 0.922, 0.949, 0.943, 0.955, 0.946, 0.926, 0.924])
JUDGED = ("zero", "mean", "resample")
PREDICTED = ("zero", "mean")
RANDOM = "a neuron at random"
_CHOSEN = "chosen on one half of the test images, scored on the other"

Record = BottleneckNeurons
_estimate = stats.over_seeds_estimate


def measure(subjects: Mapping[str, Subject]) -> BottleneckNeurons:
    """Ask every network of the run; see `bottleneck_neurons.record`."""
    return recorded.measure(subjects[STUDY])


def findings(record: BottleneckNeurons) -> list[Finding]:
    """Every claim judged on the record."""
    found = [
        *_dead(record),
        *_difficulty(record),
        *_rankings(record),
        *_selectivity(record),
        *(finding for kind in JUDGED for finding in _ablation(record, kind)),
        *_doses(record),
        *(_prediction(record, kind) for kind in PREDICTED),
        *_maps(record),
    ]
    apart = left_out(int(record.diverged.sum()), len(record.diverged))
    return [finding._replace(note=f"{finding.note} {apart}".strip()) for finding in found]


def answer(record: BottleneckNeurons) -> str:
    """The write-up's question, answered by the numbers."""
    found = {finding.claim.id: finding for finding in findings(record)}
    says = {"holds": "yes", "does not hold": "no", "undecided": "undecided"}
    by_kind = []
    for kind in JUDGED:
        most, some = found[f"4.6 most digits {kind}"], found[f"4.6 some digit {kind}"]
        by_kind.append(
            f"Under {kind}-ablation: some digit {says[some.verdict]}, most digits {says[most.verdict]} ("
            f"{percent(most.score.mean)} of digits fall below {percent(GONE)} without their worst neuron; mean "
            f"accuracy {percent(most.measured.mean)}, and {percent(most.control.mean)} without {RANDOM})."
        )
    tells = {"holds": "tells", "does not hold": "does not tell", "undecided": "may or may not tell"}
    by_prediction = []
    for kind in PREDICTED:
        prediction = found[f"4.6 selectivity {kind}"]
        best = max(prediction.others, key=lambda other: np.nan_to_num(other.estimate.mean, nan=-np.inf))
        by_prediction.append(
            f"Selectivity {tells[prediction.verdict]} which {kind}-ablation will hurt: rank correlation "
            f"{prediction.measured.mean:.2f}, and {best.estimate.mean:.2f} for {best.name}.".replace("-0", "−0")
        )
    return f"Do single neurons hold single digits? {' '.join(by_kind + by_prediction)}"


def _dead(record: BottleneckNeurons) -> list[Finding]:
    found = []
    for place, layer in enumerate(record.layers):
        before, after = record.dead[:, 0, place], record.dead[:, -1, place]
        claim = _claim(f"4.1 dead {layer}", f"{layer}: training leaves units dead", "share after − share before", DYING)
        rare, fires = (_estimate(values[:, -1, place]).mean for values in (record.rare, record.firing_rate))
        note = f"Dead: fires on no test image. Fire on some but under 0.1 %: {rare:.3f}. Mean firing rate {fires:.2f}."
        found.append(_finding(claim, after, before, UNTRAINED, after - before, note=note))
    return found


def _difficulty(record: BottleneckNeurons) -> list[Finding]:
    if record.classes != tuple("0123456789"):
        return []  # the published figures are of the ten digits
    claim = _claim(
        "4.3 order",
        "Digits are easy or hard in the write-up's order: rank correlation of class accuracies",
        "Spearman's correlation over digits",
        ALIKE,
        published=", ".join(f"{100 * value:.1f}" for value in PUBLISHED_ACCURACY),
    )
    accuracy = np.diagonal(record.confusion, axis1=1, axis2=2)
    order = numbers.spearman(accuracy, PUBLISHED_ACCURACY)
    shuffled = np.random.default_rng(0).permuted(np.tile(PUBLISHED_ACCURACY, (len(accuracy), 200, 1)), axis=2)
    chance = mean(numbers.spearman(accuracy[:, None], shuffled), 1)
    pairs = stats.over_pairs_estimate(numbers.spearman(accuracy[:, None], accuracy))
    off = _estimate(mean(np.abs(accuracy - PUBLISHED_ACCURACY), 1))
    note = (
        f"Ours, %: {', '.join(f'{100 * value:.1f}' for value in mean(accuracy, 0))}. "
        f"Mean absolute difference {100 * off.mean:.1f} ± {100 * off.sd:.1f} points."
    )
    others = (Control("two of our networks", pairs),)
    return [_finding(claim, order, chance, "digits permuted", order, others, note)]


def _rankings(record: BottleneckNeurons) -> list[Finding]:
    before, own = record.gradient_sites
    identity = _claim(
        "4.4 identity",
        "A neuron's gradient of a logit is the same on every image: share of (neuron, digit)",
        "that share",
        IDENTICAL,
        published="“equals the output weights”",
    )
    deviation = _estimate(record.weight_deviation).mean
    fixed, earlier = record.gradient_fixed[:, 1], record.gradient_fixed[:, 0]
    note = (
        f"At {own}, over {recorded.SAMPLE} test images at most; the same: to {SAME:g} of the root mean square. Largest "
        f"deviation from the output weights, relative to their root mean square: {deviation:.1g}."
    )
    same = _claim(
        "4.4 rankings",
        f"Activation, gradient of the loss and gradient of the logit name the same top {TOP} neurons of a digit",
        "what is shared, where 0 is the control and 1 all",
        ALIKE,
    )
    overlap, other, chance = numbers.top_overlap(record)
    definition = (
        f"Share of one list that another holds, mean over pairs of rankings and digits; by chance {chance:.2f}."
    )
    return [
        _finding(identity, fixed, earlier, before, fixed, note=note),
        _finding(same, overlap, other, "lists of other digits", stats.calibrated(overlap, other), note=definition),
    ]


def _selectivity(record: BottleneckNeurons) -> list[Finding]:
    before, after = (record.conditions.index(condition) for condition in (UNTRAINED, TRAINED))
    index, null = record.top_index, record.null_index
    above = indicator(index > null, index)
    claim = _claim(
        "4.5 selective",
        "Training gives every digit a neuron selective for it: share whose top neuron's index exceeds the null's",
        "share that exceed both the null's and that of the digit's top neuron before training",
        EVERY,
        published="top-3 lists of every digit",
    )
    note = (
        "Index: (μ_c − μ_rest)/(μ_c + μ_rest + .001) of the neuron with the highest, "
        f"{_CHOSEN}. Null: the 95th percentile of that neuron's index over {DRAWS} permutations of the labels."
    )
    levels = {TRAINED: index[:, after], UNTRAINED: index[:, before], "null": null[:, after]}
    others = tuple(Control(f"index, {name}", _estimate(mean(level, 1))) for name, level in levels.items())
    beyond = mean(indicator((above[:, after] == 1) & (index[:, after] > index[:, before]), index[:, after]), 1)
    selective = _finding(claim, mean(above[:, after], 1), mean(above[:, before], 1), UNTRAINED, beyond, others, note)

    claim = _claim(
        "4.5 fires",
        f"The neuron most selective for a digit is at work: it fires on at least {percent(FIRES)} of the test images",
        "share of digits",
        EVERY,
    )
    fires = mean(indicator(record.top_firing >= FIRES, record.top_firing), 2)
    note = f"{_CHOSEN.capitalize()}. Mean firing rate {_estimate(mean(record.top_firing[:, after], 1)).mean:.3f}."
    working = _finding(claim, fires[:, after], fires[:, before], UNTRAINED, fires[:, after], note=note)

    claim = _claim(
        "4.5 agrees",
        "The index ranks a digit's neurons as a sounder measure does: rank correlation with d′",
        "Spearman's correlation over neurons, mean over digits",
        STRONG,
    )
    own, shifted = (numbers.measure_correlations(record, shifted=shifted)["d_prime"] for shifted in (False, True))
    others = tuple(
        Control(spelled(name), _estimate(values))
        for name, values in numbers.measure_correlations(record).items()
        if name != "d_prime"
    )
    note = "Mutual information is compared with the size of the index."
    return [selective, working, _finding(claim, own, shifted, "d′ for the next digit", own, others, note)]


def _ablation(record: BottleneckNeurons, kind: str) -> list[Finding]:
    place = record.kinds.index(kind)
    without, intact, p = record.worst_accuracy[:, place, -1], record.baseline, record.searched_p[:, place]
    at_random = mean(record.ablated[:, place], 1)
    claim = _claim(
        f"4.6 most digits {kind}",
        f"Most digits have a neuron whose loss takes them to about 0 %: accuracy under {kind}-ablation",
        f"share of digits that fall below {percent(GONE)}",
        MOST,
        published="“about 0 %”",
    )
    earlier = zip(record.layers[:-1], np.moveaxis(record.worst_accuracy[:, place, :-1], 1, 0), strict=True)
    others = {"no ablation": intact} | {f"worst neuron of {layer}": values for layer, values in earlier}
    note = (
        f"Mean over digits, each without its worst neuron, {_CHOSEN}. Digits whose worst loss is significant at 5 %, "
        "corrected for the search over neurons and digits: "
        f"{_estimate(mean(indicator(p < 0.05, p), 1)).mean:.2f}."
    )
    controls = tuple(Control(name, _estimate(mean(values, 1))) for name, values in others.items())
    lost = mean(numbers.gone(without, intact), 1)
    most = _finding(claim, mean(without, 1), mean(at_random, 1), RANDOM, lost, controls, note)

    claim = _claim(
        f"4.6 some digit {kind}",
        f"Some digit has a neuron whose loss takes it to about 0 %: accuracy under {kind}-ablation",
        f"share of networks in which it falls below {percent(GONE)}",
        MOST,
        published="“about 0 %”",
    )
    own, chance, before = (numbers.worst_class(record, kind, values) for values in (without, at_random, intact))
    takers = np.mean(np.any(numbers.gone(record.ablated[:, place], intact[:, None]) == 1, axis=2), axis=1)
    note = (
        f"The digit that loses most without its worst neuron, {_CHOSEN}. Neurons that take any digit there: "
        f"{_estimate(takers[~record.diverged]).mean:.3f} of all."
    )
    controls = (Control("no ablation", _estimate(before)),)
    return [most, _finding(claim, own, chance, RANDOM, numbers.gone(own, before), controls, note)]


def _doses(record: BottleneckNeurons) -> list[Finding]:
    own, everyone = numbers.worst_doses(record), np.moveaxis(record.dose_accuracy, 3, 2)
    which = f"Each digit's worst neuron under zero-ablation, {_CHOSEN}"
    gain, gain_of_all = numbers.dose_gain(record, own), numbers.dose_gain(record, everyone)
    claim = _claim(
        "4.6 dose gain",
        "Tripling a digit's neuron raises the digit: its accuracy at 3 less that at 1",
        "that difference, mean over digits",
        0.0,
        published="“raises it”",
    )
    overall = numbers.of_units(
        np.broadcast_to(mean(gain_of_all, 2)[..., None], gain_of_all.shape), record.worst[:, record.kinds.index("zero")]
    )
    others = (Control("accuracy over all digits, at 3 less at 1", _estimate(mean(overall, 1))),)
    chance = mean(gain_of_all, (1, 2))
    higher = _finding(claim, mean(gain, 1), chance, RANDOM, mean(gain, 1), others, f"{which}.")

    claim = _claim(
        "4.6 dose monotonic",
        "Scaling a digit's neuron from 0 to 3 raises the digit monotonically: share of digits",
        "that share",
        MOST,
        published="“monotonically”",
    )
    rises, chance = mean(numbers.dose_rises(record, own), 1), mean(numbers.dose_rises(record, everyone), (1, 2))
    note = f"{which}. Steps of 0.25: none down by more than one image, and up by more than one image in all."
    return [higher, _finding(claim, rises, chance, RANDOM, rises, note=note)]


def _prediction(record: BottleneckNeurons, kind: str) -> Finding:
    correlations, shifted = (
        dict(zip(record.predictors, numbers.predictor_correlations(record, kind, shifted=shifted), strict=True))
        for shifted in (False, True)
    )
    claim = _claim(
        f"4.6 selectivity {kind}",
        f"Selectivity tells which {kind}-ablation will hurt: rank correlation with the drop in the digit's accuracy",
        "Spearman's correlation over neurons × digits",
        ALIKE,
    )
    index = np.nan_to_num(record.predictor[:, record.predictors.index("selectivity")], nan=-np.inf)
    worst = record.worst[:, record.kinds.index(kind)]
    same = _estimate(mean(indicator(index.argmax(axis=1) == worst, worst), 1)).mean
    note = (
        "Predictors from one half of the test images, damage on the other. Digits whose most selective neuron is also "
        f"their worst: {same:.2f}, by chance {1 / index.shape[1]:.2f}."
    )
    own = correlations.pop("selectivity")
    others = tuple(Control(spelled(name), _estimate(values)) for name, values in correlations.items())
    return _finding(claim, own, shifted["selectivity"], "selectivity for other digits", own, others, note)


def _maps(record: BottleneckNeurons) -> list[Finding]:
    first, last = record.layers[0], record.layers[-1]
    before, after = (record.conditions.index(condition) for condition in (UNTRAINED, TRAINED))
    claim = _claim(
        "4.8 first layer",
        f"{first}: a neuron's one-pixel probes are its saliency map: share of (neuron, pixel) where they are equal",
        "that share",
        IDENTICAL,
    )
    agree = record.maps_agree[:, 0]
    note = f"Equal: to {SAME:g} of the map's root mean square."
    if first == last:
        return [_finding(claim, agree, np.full_like(agree, np.nan), "there is no deeper layer", agree, note=note)]
    identity = _finding(claim, agree, record.maps_agree[:, -1], last, agree, note=note)

    claim = _claim(
        "4.8 probes",
        f"{last}: one-pixel probes show what a neuron looks at on real images: correlation with its saliency",
        "what is shared, where 0 is the control and 1 all",
        ALIKE,
    )
    own, other = record.map_correlation[..., -1], record.other_correlation[..., -1]
    others = (
        Control(UNTRAINED, _estimate(own[:, before])),
        Control(f"{UNTRAINED}, saliency of other neurons", _estimate(other[:, before])),
    )
    note = (
        f"Pearson's correlation over pixels that are lit in at least {percent(recorded.LIT)} of the test images, mean "
        f"over neurons. Saliency: mean gradient over {recorded.SAMPLE} test images at most."
    )
    score = stats.calibrated(own[:, after], other[:, after])
    control = "saliency of other neurons"
    return [identity, _finding(claim, own[:, after], other[:, after], control, score, others, note)]


def _claim(name: str, text: str, score: str, low: float, *, published: str = "—") -> Claim:
    return Claim(STUDY, name, text, published, Rule(score, low))


def _finding(claim: Claim, values, control, control_name: str, score, others: tuple = (), note: str = "") -> Finding:
    """A finding from one number a seed of what was measured, of its control and of the score."""
    return Finding(claim, _estimate(values), _estimate(control), control_name, _estimate(score), others, note)
