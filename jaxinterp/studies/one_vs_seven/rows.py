"""How much of a 7 must go until it is a 1, and how much does noise change? Rows 1.5 and 1.6.

The write-up erased rows from the top of one 7 until its answer flipped, by a binary search, with dropout on.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import stats
from jaxinterp.analysis import counterfactuals
from jaxinterp.data import Dataset, image_shape
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies.claims import Claim, Finding, Rule
from jaxinterp.studies.one_vs_seven.edits import ROWS, published
from jaxinterp.studies.one_vs_seven.record import (
    ARMS,
    MOST,
    ONE,
    PLAIN,
    SEVEN,
    SMALL,
    STUDY,
    OneVsSeven,
    judged,
    key_of,
    laid_out,
    left_out,
    mean,
    of_class,
    share,
    stacked,
)
from jaxinterp.studies.subjects import Subject

TOP, BOTTOM = DIRECTIONS = ("from the top", "from the bottom")
WINDOWED = 256  # 7s for which every window of rows is tried
PASSES = 20
CRUCIAL = 13  # the row that the write-up names

# One in twenty, the customary line between what may be let pass and what may not.
RELIABLE, NOTICEABLE = 0.95, 0.05


class Rows(NamedTuple):
    """Rows erased from those 7s that are read rightly."""

    as_seven: Float[Array, "directions steps"]
    fewest: Float[Array, "directions fewest"]
    mean: Float[Array, " directions"]
    bisection_wrong: Float[Array, ""]
    window_mean: Float[Array, ""]
    window_none: Float[Array, ""]
    window_covers: Float[Array, " rows"]


class Noise(NamedTuple):
    """Each logit's sd over noisy passes, the passes' share of the logits' variance, and answers that differ."""

    sd: Float[Array, " classes"]
    share: Float[Array, ""]
    differing: Float[Array, ""]


def measure(subjects: Mapping[str, Subject], seeds: int) -> dict[str, Any]:
    """The record's fields of rows 1.5 and 1.6."""
    subject = subjects[STUDY]
    networks, sevens = subject.run.networks, of_class(subject.splits.test, SEVEN)
    rows = laid_out(subject, seeds, jax.jit(over_seeds(erase_rows, chunk=1))(networks, sevens))
    noise = stacked([_noise(subjects[arm], seeds, key_of(subjects, 1), networks.model.dropout) for arm in ARMS])
    return {
        "directions": DIRECTIONS,
        **{f"rows_{name}": getattr(rows, name) for name in ("as_seven", "fewest", "mean")},
        **{name: getattr(rows, name) for name in ("bisection_wrong", "window_mean", "window_none", "window_covers")},
        **{f"noise_{name}": value for name, value in noise._asdict().items()},
    }


def erase_rows(network: Network, sevens: Float[Array | np.ndarray, "examples pixels"]) -> Rows:
    """How many rows a 7 can lose, from the top, from the bottom and anywhere, until it is read as a 1."""
    side = image_shape(sevens.shape[-1])[0]
    row = np.arange(side * side) // side

    def bottom(count):
        return counterfactuals.read(network, jnp.where(row < side - count, sevens, 0), SEVEN, ONE).margin

    top = counterfactuals.erase_rows(network, sevens, SEVEN, ONE)
    margins = (top, jax.lax.map(bottom, jnp.arange(side + 1)).T)
    right = top[:, 0] > 0
    fewest = [counterfactuals.fewest_rows(margin) for margin in margins]
    window = counterfactuals.fewest_window(network, sevens[:WINDOWED], SEVEN, ONE)
    found = right[:WINDOWED] & (window.start >= 0)
    place = jnp.arange(side)
    covered = (window.start[:, None] <= place) & (place < (window.start + window.rows)[:, None])
    return Rows(
        as_seven=jnp.stack([share((margin > 0).T, right) for margin in margins]),
        fewest=jnp.stack([share(jax.nn.one_hot(count, side + 2).T, right) for count in fewest]),
        mean=jnp.stack([share(count, right & (count <= side)) for count in fewest]),
        bisection_wrong=share(counterfactuals.bisected_rows(top) != fewest[0], right),
        window_mean=share(window.rows, found),
        window_none=share(window.start < 0, right[:WINDOWED]),
        window_covers=share(covered.T, found),
    )


def noisy(network: Network, data: Dataset, key) -> Noise:
    """How much dropout changes the logits of 1 and 7, and the answer between the two.

    share: the mean variance over passes as a part of the variance over passes and the images of a class.
    """
    output = network.variables["params"]["output"]
    two = {name: leaf[..., jnp.array([ONE, SEVEN])] for name, leaf in output.items()}
    variables = {**network.variables, "params": {**network.variables["params"], "output": two}}
    passes = counterfactuals.noisy_passes(
        Network(network.model.clone(outputs=2), variables), data.images, key, passes=PASSES
    )
    members = [jnp.asarray(data.labels) == label for label in (ONE, SEVEN)]
    of_images = [share((passes.mean.T - share(passes.mean.T, own)[:, None]) ** 2, own) for own in members]
    own, images = jnp.mean(passes.sd**2), jnp.mean(jnp.stack(of_images))
    return Noise(jnp.mean(passes.sd, axis=0), own / (own + images), jnp.mean(passes.differing))


def findings(record: OneVsSeven) -> list[Finding]:
    """Rows 1.5 and 1.6 judged."""
    return [*_rows_findings(record), *_noise_findings(record)]


def _rows_findings(record: OneVsSeven) -> list[Finding]:
    apart = left_out(record)
    place = record.edits.index(ROWS)
    unsure, control = record.edit_ambiguous[place], record.control_ambiguous[place]
    rule = Rule("the share of the 7s whose probability of a 1, between the two logits, is then ¼ to ¾", low=MOST)
    claim = Claim(STUDY, "1.5 rows 0–14", "A 7 without its rows 0–14 is ambiguous", published(ROWS), rule)
    logits = " / ".join(mean(values, 2) for values in record.edit_logits[place])
    note = f"Mean logits (1 / 7) {logits}. Read as a 1: {mean(record.edit_as_one[place])} of them. {apart}"
    found = [judged(claim, unsure, control, "as much ink erased elsewhere", unsure, note=note)]

    fewest = record.rows_fewest[record.directions.index(TOP)]
    flips, side = fewest[CRUCIAL + 1], len(fewest) - 2
    chance = np.where(np.isfinite(flips), 1 / side, np.nan)
    usual = int(np.argmax(_mean_row(fewest[1 : side + 1])))
    from_top, from_bottom = (record.rows_mean[record.directions.index(name)] for name in DIRECTIONS)
    rule = Rule(
        f"the share of the 7s that first flip when row {CRUCIAL} goes, 0 for one row in {side} and 1 for all of them",
        low=MOST,
    )
    claim = Claim(
        STUDY, f"1.5 row {CRUCIAL}", f"Row {CRUCIAL} is crucial: erased from the top, a 7 flips there", "one 7", rule
    )
    around = mean(fewest[CRUCIAL : CRUCIAL + 3].sum(axis=0))
    note = (
        f"Most often it is row {usual} ({mean(fewest[usual + 1])} of the 7s); rows {CRUCIAL - 1} to {CRUCIAL + 1} "
        f"together {around}. Mean number of rows until a 7 is a 1: {mean(from_top, 1)} from the top, "
        f"{mean(from_bottom, 1)} from the bottom, {mean(record.window_mean, 1)} for the smallest window anywhere (the "
        f"first {WINDOWED} 7s; {mean(record.window_none)} of them have none). Never from the top: "
        f"{mean(fewest[side + 1])}. {apart}"
    )
    score = stats.calibrated(flips, chance)
    found.append(judged(claim, flips, chance, f"one row in {side}", score, note=note))

    exact = 1 - record.bisection_wrong
    rule = Rule("the share of the 7s for which the search finds the fewest rows that flip the answer", low=RELIABLE)
    claim = Claim(STUDY, "1.5 search", "A binary search of rows finds where a 7 stops being one", "the method", rule)
    note = f"It errs where an answer flips more than once. {apart}"
    found.append(judged(claim, exact, np.where(np.isfinite(exact), 1.0, np.nan), "every row tried", exact, note=note))
    return found


def _noise_findings(record: OneVsSeven) -> list[Finding]:
    main, plain, small = (record.arms.index(arm) for arm in (STUDY, PLAIN, SMALL))
    sds = "; ".join(
        f"{record.arms[arm]} {' / '.join(mean(values, 2) for values in record.noise_sd[arm])}"
        for arm in (main, plain, small)
    )
    note = f"{PASSES} passes with every test image. Sd of the logits 1 / 7 over passes: {sds}. {left_out(record)}"
    found = []
    for id_, text, values, score in (
        (
            "1.6 answers",
            "With dropout on, the answer differs from run to run",
            record.noise_differing,
            "the share of images and passes whose answer, between 1 and 7, is not that without noise",
        ),
        (
            "1.6 logits",
            "With dropout on, the logits differ from run to run",
            record.noise_share,
            "the noise's share of the variance of a logit over the passes and images of a class",
        ),
    ):
        claim = Claim(STUDY, id_, text, "unquantified", Rule(score, low=NOTICEABLE))
        name = "trained without dropout, the same noise"
        others = {SMALL: values[small]}
        found.append(judged(claim, values[main], values[plain], name, values[main], others=others, note=note))
    return found


def _mean_row(values: np.ndarray) -> np.ndarray:
    """Mean over the networks that there are."""
    known = np.isfinite(values).all(axis=0)
    return values[:, known].mean(axis=1) if known.any() else np.zeros(len(values))


def _noise(subject: Subject, seeds: int, key, rates: tuple[float, ...]) -> Noise:
    """An arm's networks, whether or not they were trained with dropout, under the main arm's."""
    networks = subject.run.networks
    networks = networks.replace(model=networks.model.clone(dropout=rates))
    return laid_out(subject, seeds, jax.jit(over_seeds(noisy, chunk=1))(networks, subject.splits.test, key))
