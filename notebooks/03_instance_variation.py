# %% [markdown]
"""
# Do two trainings find the same features?

A write-up trained one network twice. Unit by unit, the two answered an image differently; with each answer's values
sorted they answered it alike, and from that it concluded that both encode the same features.

Here all pairs of many networks are compared, each figure beside what chance gives: the same networks when one of a pair
sees the images in another order, and the same networks before training, which share the images and nothing else.

On a hosted machine without the package, clone the repository and change into its folder `notebooks/` first; the first
cell installs it.
"""

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("jaxinterp") is None:  # such as on a hosted machine
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", ".."], check=True)
    importlib.invalidate_caches()

# %%
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from scipy.cluster import hierarchy

from jaxinterp import controls, data, ensemble, jobs, metrics, networks, report, stats, studies
from jaxinterp.analysis import ablation, barriers, matching, similarity
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.report import tables
from jaxinterp.report.figures.common import AMOUNT, BLUE, GREEN, GREY, ORANGE, SIGNED

RUN = Path("../checkpoints/instance-variation")  # trained there, where it is not there yet: about a minute
SEEDS = None  # how many networks to train; None: as many as the study asks
EPOCHS = None  # None: as many as the recipe has

# %%
ensemble.use_every_core()
plan = studies.runs("instance-variation", RUN, seeds=SEEDS, epochs=EPOCHS, optional=False)
run = jobs.train_run(RUN, plan[RUN], resume=True)
test = data.load(run.config.data).test
few = Dataset(test.images[:1000], test.labels[:1000])  # those that the write-up compares
choose, score = (Dataset(test.images[half::4], test.labels[half::4]) for half in (0, 1))
tables.run_table(RUN, run)

# %%
SITES = ("hidden0/post", "hidden1/post")
COLOURS = {"trained": BLUE, "untrained": ORANGE}
seeds, base_seed = run.config.train.seeds, run.config.train.base_seed
before = controls.untrained(ensemble.keys(base_seed, seeds), run.networks.model, 784)
ensembles = {"trained": run.networks, "untrained": before}
keys = jax.random.split(jax.random.key(0), 5)


def answers(network, images):
    """What every site but the input answers to images."""
    return {site: values for site, values in network(images)[1].items() if site != "input"}


read = jax.jit(over_seeds(answers, chunk=8))
activations = {condition: read(group, few.images) for condition, group in ensembles.items()}  # "seeds examples units"


def tell(what, found):
    """Print numbers of pairs of networks, or of networks, as mean ± sd [95 % interval over networks], by condition."""
    for condition, values in found.items():
        estimate = (stats.over_pairs_estimate if np.ndim(values) == 2 else stats.over_seeds_estimate)(values)
        print(f"{what}, {condition}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")


def pairs(matrix):
    """The numbers of different networks: "seeds seeds …" → "pairs …", each pair in both orders."""
    return np.asarray(matrix)[~np.eye(len(matrix), dtype=bool)]


def histograms(axes, shown, colours, bins):
    """Outline the distribution of each condition's numbers."""
    for (condition, values), colour in zip(shown.items(), colours, strict=True):
        axes.hist(np.ravel(values), bins, density=True, histtype="step", linewidth=1.5, color=colour, label=condition)
    axes.set(yticks=[])


def line(axes, place, matrix, colour, label=None):
    """Draw the numbers of pairs as a dot at their mean and a line over the middle 95 % of them."""
    axes.plot(np.quantile(pairs(matrix), (0.025, 0.975)), (place, place), color=colour, linewidth=1.5)
    axes.plot(pairs(matrix).mean(), place, "o", color=colour, label=label)


# %% [markdown]
"""
## Unit by unit, and sorted

Pearson's correlation of two networks' activations on an image, averaged over images: unit k with unit k, then values
sorted. The first says nothing, since the order of units is arbitrary; the second is high for any two similar samples.
"""


# %%
@partial(jax.jit, static_argnames="name")
def compare(activations, orders, name):
    """A measure of every pair of networks, and of every pair when one of them sees the images in other orders."""
    measure = similarity.MEASURES[name]
    return similarity.all_pairs(measure, activations), similarity.permuted(measure, activations, orders)


rows = jax.vmap(controls.shuffled_rows, (0, None))(jax.random.split(keys[0], 5), jnp.arange(len(few.labels)))
figure, panels = plt.subplots(2, 2, figsize=(8, 4.4), layout="constrained", sharex="row")
for across, (name, title) in zip(panels, {"pearson": "unit by unit", "sorted_pearson": "sorted"}.items(), strict=True):
    for axes, site in zip(across, SITES, strict=True):
        trained, shuffled = compare(activations["trained"][site], rows, name)
        untrained, _ = compare(activations["untrained"][site], rows, name)
        shown = {"trained": trained, "rows shuffled": shuffled[0], "untrained": untrained}
        tell(f"{site}, {title}", shown)
        shown = {condition: pairs(matrix) for condition, matrix in shown.items()}
        histograms(axes, shown, (BLUE, GREY, ORANGE), np.histogram_bin_edges(list(shown.values()), 40))
        axes.set(title=f"{site}, {title}", xlabel="Pearson's correlation, a pair of networks")
legend = panels[1, 0].legend(frameon=False, fontsize=8, loc="upper left")

# %% [markdown]
"""
Trained networks are, in either way, as alike as with rows shuffled; sorted, untrained ones are more alike still.

## Whichever units carry them

Other measures do not ask which unit is which. Most are far from their worst for unrelated networks too, so each is put
on a scale where 0 is what the pair gives with the images of one network shuffled, and 1 is identity. What untrained
networks reach on this scale they owe to the images.
"""

# %%
MEASURES = {"debiased_cka": "debiased CKA", "cca": "mean CCA", "procrustes": "Procrustes angle"}
MEASURES |= {"neighbours": "nearest neighbours", "predictivity": "linear prediction"}
figure, panels = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained", sharey=True)
for axes, site in zip(panels, SITES, strict=True):
    for place, (name, title) in enumerate(MEASURES.items()):
        scores = {}
        for condition in ensembles:
            observed, null = compare(activations[condition][site], rows, name)
            scores[condition] = similarity.calibrate(similarity.MEASURES[name], observed, null).score
            line(axes, place, scores[condition], COLOURS[condition], None if place else condition)
        tell(f"{site}, {title}", scores)
    axes.set(title=site, xlabel="0: rows shuffled, 1: identical", xlim=(-0.05, 1.05))
panels[0].set_yticks(range(len(MEASURES)), list(MEASURES.values()))
panels[0].invert_yaxis()
legend = panels[1].legend(frameon=False, fontsize=8)

# %% [markdown]
"""
By every measure training makes networks more alike, in the first layer least, by mean CCA only just.

Are there kinds of solutions? If so, clustering the networks shows blocks. But it orders any table: what differs between
pairs must come back on other images, and be more than that some networks are less like every other one.
"""


# %%
@jax.jit
def on_halves(activations, keys):
    """CKA of every pair on one half of the images and on the other."""
    return similarity.half_samples(similarity.MEASURES["debiased_cka"], activations, keys)


linear_cka = jax.jit(similarity.linear_cka)


def explained(values):
    """Share of the variance over pairs that one number for each network explains, the two of a pair added."""
    first, second = np.triu_indices(seeds, 1)
    either = np.eye(seeds)[first] + np.eye(seeds)[second]
    return 1 - np.var(values - either @ np.linalg.lstsq(either, values, rcond=None)[0]) / np.var(values)


figure, panels = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for axes, site in zip(panels, SITES, strict=True):
    matrix = np.array(linear_cka(activations["trained"][site]), float)
    values = matrix[np.triu_indices(seeds, 1)]
    halves = on_halves(activations["trained"][site], jax.random.split(keys[1], 10))
    reliability = stats.noise_ceiling(halves[:, :, *np.triu_indices(seeds, 1)]).reliability
    chance = np.mean([explained(np.random.default_rng(draw).permutation(values)) for draw in range(20)])
    print(f"{site}: reliability of what differs between pairs {reliability:.2f}")
    print(f"{site}: share of it that single networks explain {explained(values):.2f}, by chance {chance:.2f}")
    leaves = hierarchy.leaves_list(hierarchy.linkage(1 - values, "average", optimal_ordering=True))
    np.fill_diagonal(matrix, np.nan)
    shown = axes.imshow(matrix[np.ix_(leaves, leaves)], AMOUNT)
    axes.set(title=site, xlabel="network, as clustered", xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes, label="debiased CKA")

# %% [markdown]
"""
No blocks stand out. Bands do: some networks are more like all others, and some less.

Does a layer resemble the same layer of another network more than its other layers? All layers of all networks are
compared at once; those with fewer units are filled up with zeros, to which CKA is blind.
"""

# %%
names = [site for site in networks.sites(run.networks.model) if site != "input"]
widest = max(values.shape[2] for values in activations["trained"].values())
figure, panels = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained", sharey=True)
for axes, (condition, found) in zip(panels, activations.items(), strict=True):
    layers = jnp.concatenate(
        [jnp.pad(found[site], ((0, 0), (0, 0), (0, widest - found[site].shape[2]))) for site in names]
    )
    table = np.asarray(linear_cka(layers)).reshape(len(names), seeds, len(names), seeds)
    table = pairs(table.transpose(1, 3, 0, 2))  # "pairs sites sites"
    for place in np.ndindex(len(names), len(names)):
        value = table[:, *place].mean()
        axes.text(*place, f"{value:.2f}", ha="center", va="center", color="black" if value < 0.6 else "white")
    shown = axes.imshow(table.mean(axis=0), AMOUNT, vmin=0, vmax=1)
    axes.set(title=f"{condition}, two networks")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    right = np.mean(table.argmax(axis=2) == np.arange(len(names)))
    print(f"{condition}: the most similar layer is the same one in {100 * right:.0f} % of comparisons")
bar = figure.colorbar(shown, ax=panels, label="debiased CKA")

# %% [markdown]
"""
Trained, a layer is most like the same one, logits as much like the one before; untrained, like the first.

## Which unit is which?

Units are matched one to one by how their activations correlate, on one half of the images, and scored on the other.
tanh is odd, so that a unit and its mirror image are taken for the same. Beside that stand the same networks when one of
each pair sees other images, or other images of the same class, and the networks before training.
"""

# %%
matched = jax.jit(partial(matching.matched_correlation, key=keys[3], absolute=True))
within = jax.vmap(controls.shuffled_within_class, (0, None, None))(
    jax.random.split(keys[2], 20), jnp.arange(len(few.labels)), jnp.asarray(few.labels)
)
for site in SITES:
    trained, untrained = (found[site] for found in activations.values())
    found = {
        "trained": matched(trained, trained),
        "rows shuffled": matched(trained, trained[:, rows[0]]),
        "shuffled within class": matched(trained, trained[:, within[0]]),
        "untrained": matched(untrained, untrained),
    }
    tell(f"{site}, correlation of matched units", found)

# %% [markdown]
"""
How common is a unit? Its universality is the share of other networks whose closest unit is closer than chance makes one
in 95 % of draws. Chance may be that network with its images shuffled within classes: what is closer shares more than
the class. Two random units do so too, as they see the same image; so the second bar is untrained networks.
"""


# %%
@jax.jit
def strength(activations, others):
    """How strongly each unit correlates with the closest one of each other network."""
    return matching.strongest(matching.correlations(activations, others), absolute=True)


@jax.jit
def shuffled_strength(activations, orders):
    """The same with the images of the other network in other orders: "draws seeds seeds units"."""
    return jax.lax.map(lambda order: strength(activations, activations[:, order]), orders)


universality = jax.jit(matching.universality)
figure, panels = plt.subplots(2, 2, figsize=(8, 4.4), layout="constrained", sharex="col")
strangers = read(controls.untrained(ensemble.keys(base_seed + 1, 4 * seeds), run.networks.model, 784), few.images)
for (left, right), site in zip(panels, SITES, strict=True):
    trained, untrained = (found[site] for found in activations.values())
    closest = {condition: strength(found[site], found[site]) for condition, found in activations.items()}
    within_class = {condition: shuffled_strength(found[site], within) for condition, found in activations.items()}
    to_strangers = jnp.stack([strength(trained, others) for others in jnp.split(strangers[site], 4)])
    universal = {
        "trained, bar: within class": universality(closest["trained"], within_class["trained"]),
        "trained, bar: untrained": universality(closest["trained"], to_strangers),
        "untrained, bar: within class": universality(closest["untrained"], within_class["untrained"]),
    }
    tell(f"{site}, universality", {condition: np.nanmean(x, axis=1) for condition, x in universal.items()})
    shown = {"trained": closest["trained"], "trained, within class": within_class["trained"][0]}
    shown = {condition: pairs(x) for condition, x in {**shown, "untrained": closest["untrained"]}.items()}
    histograms(left, shown, (BLUE, GREY, ORANGE), np.linspace(0, 1, 51))
    histograms(right, universal, (GREY, BLUE, ORANGE), np.linspace(0, 1, 21))
    left.set(ylabel=site)
panels[1, 0].set(xlabel="|correlation| with the closest unit")
panels[1, 1].set(xlabel="universality of a unit")
for axes, place in zip(panels[0], ("upper right", "upper left"), strict=True):
    axes.legend(frameon=False, fontsize=8, loc=place)

# %% [markdown]
"""
Closest units of trained networks correlate more than by class alone, in the second layer only slightly. There most
units are universal by the bar of untrained networks (blue), and to a third by that of the class (grey).

`consensus` gives the units of all networks one common order. Below are the first-layer weights of the units in the same
place, orange where ink raises the unit, and mirrored where the unit is. Weights are scaled by their pixel's spread, or
those of pixels that no image inks would show their initial noise. The places are those where the networks agree most,
half and least; last, most without training.
"""


# %%
@jax.jit
def aligned(activations):
    """The common order of the units of one site, with signs and how well the networks agree."""
    return matching.consensus(matching.correlations(activations), absolute=True)


def weights(condition):
    """Scaled first-layer weights "seeds places pixels", in the common order."""
    kernel, order = ensembles[condition].variables["params"]["hidden0"]["kernel"], common[condition]
    kernel = jnp.take_along_axis(kernel, order.order[:, None], axis=2) * order.signs[:, None]
    return np.asarray(kernel.swapaxes(1, 2)) * test.images.std(axis=0)


common = {condition: aligned(found["hidden0/post"]) for condition, found in activations.items()}
agreed = {condition: np.asarray(jnp.nanmean(order.value, axis=0)) for condition, order in common.items()}
ranked = {condition: np.argsort(-values) for condition, values in agreed.items()}
shown = [("trained", ranked["trained"][place]) for place in (0, 1, 2, len(ranked["trained"]) // 2, -1)]
shown.append(("untrained", ranked["untrained"][0]))
figure, panels = plt.subplots(len(shown), min(seeds, 8), figsize=(8, 6.2), layout="constrained")
for row, (condition, place) in zip(panels, shown, strict=True):
    for axes, picture in zip(row, weights(condition)[: len(row), place], strict=True):
        size = np.abs(picture).max()
        axes.imshow(picture.reshape(28, 28), cmap=SIGNED, vmin=-size, vmax=size, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
    row[0].set_ylabel(f"{condition}\n{agreed[condition][place]:.2f}", fontsize=8)
title = figure.suptitle("a row: one place; a column: one network; number: mean correlation of activations", fontsize=10)

# %% [markdown]
"""
Seven of the eight networks have the short bar of the second row. The other rows show little in common.
"""

# %%
correlations = jax.jit(matching.correlations)
for condition in ensembles:
    between = np.asarray(correlations(weights(condition).swapaxes(1, 2)))  # over pixels: "seeds seeds places places"
    same = np.diagonal(between, axis1=2, axis2=3)
    others = (between.sum(axis=(2, 3)) - same.sum(axis=2)) / (same.shape[2] ** 2 - same.shape[2])
    tell(f"correlation of weights, {condition}", {"same place": same.mean(axis=2), "another place": others})

# %% [markdown]
"""
## Do counterparts do the same?

A counterpart was chosen since it answers alike. Does its network also need it for the same? On other images than those
that the units were matched on, each unit's mean activation on each digit is compared with its counterpart's, and so is
what each digit's margin loses under mean-ablation of the unit. Beside it stand two units at random.
"""


# %%
def roles(network, data):
    """What each unit answers to each digit, and what the digit's margin loses without it: by site, "units digits"."""

    def damage(site):
        lost = ablation.units(network, data, site=site, kind="mean", chunk=8)
        return ablation.damage(ablation.baseline(network, data), lost).margin

    found = network(data.images)[1]
    return {site: (metrics.by_class(found[site].T, data.labels, classes=10), damage(site)) for site in SITES}


@jax.jit
def functions(profile, damage, activations):
    """Correlation over digits of counterparts, and of units at random, averaged over units."""
    found = matching.match(matching.correlations(activations), absolute=True)
    compared = matching.functional_match(profile, damage, found, absolute=True)
    return [jnp.nanmean(values, axis=2) for values in compared]


figure, panels = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained", sharex=True, sharey=True)
labels = []
for condition, group in ensembles.items():
    found, role = read(group, choose.images), jax.jit(over_seeds(roles, chunk=8))(group, score)
    for site in SITES:
        profile, profile_random, damage, damage_random = functions(*role[site], found[site])
        shown = {
            "|correlation| of mean activation": (profile, profile_random),
            "correlation of damage": (damage, damage_random),
        }
        for axes, (what, (own, random)) in zip(panels, shown.items(), strict=True):
            line(axes, len(labels), own, COLOURS[condition], None if labels else "counterparts")
            line(axes, len(labels) + 0.25, random, GREY, None if labels else "at random")
            axes.set(xlabel=f"{what}, over digits")
            tell(f"{site}, {condition}, {what}", {"counterparts": own, "at random": random})
        labels.append(f"{site}, {condition}")
panels[0].set_yticks(range(len(labels)), labels)
panels[0].invert_yaxis()
legend = panels[1].legend(frameon=False, fontsize=8)

# %% [markdown]
"""
Counterparts have similar mean activations, before training too. Their damage agrees after it alone, and weakly.

## Is it one network in another order?

If two networks differ by the order and the signs of their units alone, then one of them, reordered, is the other, and
nothing lies between them. The loss is followed along the straight line from one to the other: in the order that
training left, with the second aligned by its activations, and by its weights. The control is a copy of the first
network with its units shuffled and mirrored, which alignment by weights has to undo. No two pairs share a network.
"""

# %%
ORDERS = ("in their own order", "aligned by activations", "aligned by weights", "a shuffled copy, by weights")
ALIGNED = dict(zip(ORDERS, (ORANGE, GREEN, BLUE, GREY), strict=True))


def shuffled(network, key):
    """The same function with its units in random order and mirrored at random."""
    widths = network.model.widths
    split = [jax.random.split(each) for each in jax.random.split(key, len(widths))]
    order = [jax.random.permutation(first, width) for (first, _), width in zip(split, widths, strict=True)]
    signs = [jax.random.rademacher(second, (width,), float) for (_, second), width in zip(split, widths, strict=True)]
    return barriers.permute(network, order, signs)


def stacked(*networks):
    """An ensemble of the networks."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)


def lines(pair, images, data):
    """Loss on the line between two networks, and the barrier, under each alignment, in the order of ALIGNED."""
    first, second, key = pair

    def by_weights(network):
        return barriers.permute(network, *barriers.weight_matching(first, network, key, absolute=True))

    def by_activations(network):
        both = [[answers(each, images)[site][None] for each in (first, network)] for site in SITES]
        found = [matching.match(matching.correlations(*each), absolute=True) for each in both]
        signs = [jnp.where(x.value[0, 0] < 0, -1.0, 1.0) for x in found]
        return barriers.permute(network, [x.order[0, 0] for x in found], signs)

    own = stacked(second, by_activations(second))
    aligned = over_seeds(by_weights, chunk=1)(stacked(second, shuffled(first, key)))
    ends = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), own, aligned)
    return over_seeds(lambda network: barriers.barrier(first, network, data), chunk=1)(ends)


halves = np.arange(seeds // 2 * 2).reshape(-1, 2).T
ends = (*(ensemble.take(run.networks, half) for half in halves), jax.random.split(keys[4], halves.shape[1]))
ask = jax.jit(lambda ends, images, data: jax.lax.map(lambda pair: lines(pair, images, data), ends))
found = jax.tree.map(np.asarray, ask(ends, choose.images, score))

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", width_ratios=(3, 2))
for place, (name, colour) in enumerate(ALIGNED.items()):
    losses = found.loss[:, place]
    left.plot(np.linspace(0, 1, losses.shape[1]), losses.mean(axis=0), color=colour, label=name)
    middle = np.quantile(losses, (0.05, 0.95), axis=0)
    left.fill_between(np.linspace(0, 1, losses.shape[1]), *middle, color=colour, alpha=0.2, linewidth=0)
    right.plot(np.full(len(losses), place), found.barrier[:, place], ".", color=colour, alpha=0.6)
    for what, values in (("barrier", found.barrier), ("accuracy half way", found.accuracy[:, :, losses.shape[1] // 2])):
        estimate = stats.over_seeds_estimate(values[:, place])
        print(f"{name}, {what}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} pairs")
left.set(xlabel="from the first network to the second", ylabel="cross-entropy on test images", ylim=(0, None))
right.plot(found.barrier[:, :3].T, color=GREY, linewidth=0.5, alpha=0.5, zorder=0)
right.set_xticks(range(len(ALIGNED)), ["own order", "activations", "weights", "copy"])
right.set(ylabel="barrier, a dot a pair", xlim=(-0.4, 3.4))
legend = left.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
Alignment removes nine tenths of the barrier, of a shuffled copy all of it: order and signs are most, not all.

## What the study says

The study judges every claim by a rule, `finding.rule`. What it measured is kept in the run's folder; where that
is not there yet, this cell trains whatever other networks the study asks, and asks them, which takes some minutes.
"""

# %%
answer = studies.answers(RUN).get("instance-variation")
if answer is None:
    for path, config in plan.items():
        jobs.train_run(path, config, resume=True)
    answer = studies.run("instance-variation", RUN)
tables.findings_table(answer.findings)

# %%
print(answer.sentence)
report.figures_of("instance-variation")(answer.results)[0]

# %% [markdown]
"""
Sorted similarity is that of shuffled rows in both hidden layers; raw similarity stands apart in the logits alone.

To go on: `answer.results` holds every measurement as an `xarray.Dataset` with named axes, such as
`answer.results["similarity"].cka.sel(conditions="trained", layers="hidden0")`. `similarity.MEASURES` holds more
measures, and `all_pairs` takes another site, epoch or ensemble as `others`.
"""
