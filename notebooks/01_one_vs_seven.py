# %% [markdown]
"""
# Which neurons see the stroke that makes a 1 a 7?

A write-up drew strokes into a 1, erased rows of a 7, and knocked out the neurons whose mean activation differs
between the two. Accuracy fell, and there it stopped: is the drop due to *how many* neurons were removed, or to *which*?

Here every question is put to several networks, and every number has its control. An analysis is a function of one
network; `over_seeds` applies it to all, and whatever it returns then leads with a seeds axis.

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

from jaxinterp import controls, data, ensemble, jobs, metrics, report, stats, studies
from jaxinterp.analysis import ablation, counterfactuals, patching, responses, strokes
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.report import tables
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE

RUN = Path("../checkpoints/one-vs-seven")  # trained by the next cell if it does not exist yet: about a minute
SEEDS = None  # how many networks to train; None: as many as the study trains
EPOCHS = None  # None: as many as the recipe has

# %%
ensemble.use_every_core()
plan = studies.runs("one-vs-seven", RUN, seeds=SEEDS, epochs=EPOCHS)
run = jobs.train_run(RUN, plan[RUN], resume=True)
test = data.load(run.config.data).test
ones, sevens = (test.images[test.labels == label] for label in (1, 7))
tables.run_table(RUN, run)


# %%
def tell(what, values):
    """Print one number per network as mean ± sd [95 % interval]."""
    estimate = stats.over_seeds_estimate(np.asarray(values))
    print(f"{what}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")


def band(axes, x, values, colour, label):
    """Draw "seeds points": the mean over networks, and the middle 90 % of them."""
    axes.plot(x, np.mean(values, axis=0), color=colour, marker="o", markersize=3, label=label)
    axes.fill_between(x, *np.quantile(values, (0.05, 0.95), axis=0), color=colour, alpha=0.2, linewidth=0)


def finish(axes, **settings):
    """Label the axes, and show the legend."""
    axes.set(**settings)
    axes.legend(frameon=False, fontsize=8)


# %% [markdown]
"""
## Does a bar make a 1 a 7?

The write-up drew the bar by hand, over row 5 of one 1. The bar of a real 7 is cut out and set on the 1 as well,
and both have their control: as much ink in random places. The other way round, real 7s lose their top bar, or as much
ink from elsewhere.
"""

# %%
keys = jax.random.split(jax.random.key(0), 7)
bars = jax.jit(strokes.top_bars)(sevens)
barred = np.asarray(bars.any(axis=1))  # in a few 7s bar and stem cannot be separated
drawn = np.where(strokes.rows(28, 5, 5), np.float32(1), ones)
real = jax.jit(strokes.transplant)(keys[0], sevens, bars, ones)
draw, erase = jax.jit(strokes.draw_equal_ink), jax.jit(strokes.erase_equal_ink)
edits = {
    "1": ones,
    "bar over row 5": drawn,
    "its ink scattered": draw(keys[1], ones, drawn),
    "bar of a real 7": real,
    "that ink scattered": draw(keys[2], ones, real),
    "7": sevens[barred],
    "without its bar": np.where(bars, 0, sevens)[barred],
    "as much ink gone": erase(keys[3], sevens[barred], bars[barred]),
}
margins = jax.jit(over_seeds(lambda network, images: counterfactuals.read(network, images, 1, 7).margin, chunk=1))
as_one = {name: np.mean(margins(run.networks, images) > 0, axis=1) for name, images in edits.items()}

figure, panels = plt.subplots(2, 4, figsize=(8, 5), layout="constrained")
for axes, (name, images) in zip(panels.flat, edits.items(), strict=True):
    axes.imshow(images[0].reshape(28, 28), cmap="gray", vmin=0, vmax=1)
    axes.set_title(f"{name}\n{100 * as_one[name].mean():.1f} % read as a 1", fontsize=9)
    axes.axis("off")
for name, shares in as_one.items():
    tell(f"{name}, share read as a 1", shares)

# %% [markdown]
"""
A bar drawn over row 5 leaves every 1 a 1, while the bar of a real 7 turns a fifth of them into 7s, and the same ink
scattered hardly any. Without its bar, 6 % of 7s are read as a 1.

## How many rows must a 7 lose?

The write-up searched for the row at which one 7 becomes a 1, and found row 13. Here every number of rows is erased
from the top of every 7.
"""


# %%
def erased(network):
    """Shares of 7s that are still read as such, by rows erased, and that first flip there; of those read rightly."""
    found = counterfactuals.erase_rows(network, sevens, 7, 1)  # margins "examples rows"
    right = found[:, 0] > 0
    kept = jnp.mean(found > 0, axis=0, where=right[:, None])
    flips = jax.nn.one_hot(counterfactuals.fewest_rows(found), 30)  # after 0 to 28 rows, or never
    return kept, jnp.mean(flips, axis=0, where=right[:, None])


kept, fewest = jax.jit(over_seeds(erased, chunk=1))(run.networks)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
band(left, np.arange(29), kept, BLUE, "mean, and 90 % of networks")
finish(left, xlabel="rows erased from the top", ylabel="share of 7s still read as a 7", ylim=(-0.03, 1.03))
right.bar(np.arange(28), fewest[:, 1:29].mean(axis=0), yerr=fewest[:, 1:29].std(axis=0), color=BLUE)
right.axvline(13, color=ORANGE, linestyle=":", label="row 13")
finish(right, xlabel="row whose loss makes it a 1", ylabel="share of 7s")
tell("share of 7s that row 13 flips", fewest[:, 14])
tell("share of 7s that no row flips", fewest[:, 29])

# %% [markdown]
"""
Few 7s flip at row 13, more than half of them at rows 14 to 17. With 18 rows gone, 13 % are still read as a 7; with 24,
when only a stump of the stem is left, nearly all are so again.

## Which neurons tell the two apart?

The write-up's measure is the mean activation on 1s less that on 7s, neuron by neuron. It depends on the scale of the
activations, so the same networks before training are shown for comparison.
"""


# %%
def difference(network, images):
    """The class difference of every neuron of the last hidden layer."""
    return responses.class_difference(network(images.images)[1]["hidden1/post"], images.labels, 1, 7)


seeds = run.config.train.seeds
before = controls.untrained(ensemble.keys(run.config.train.base_seed, seeds), run.networks.model, 784)
measure = jax.jit(over_seeds(difference, chunk=1))
differences = {
    name: np.asarray(measure(networks, test))
    for name, networks in {"trained": run.networks, "untrained": before}.items()
}

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
edges = np.linspace(-2, 2, 81)
for (name, values), colour in zip(differences.items(), (BLUE, ORANGE), strict=True):
    axes.hist(np.clip(values.ravel(), -2, 2), edges, density=True, color=colour, alpha=0.6, label=name)
    tell(f"{name}, share of neurons below 0.2", np.mean(np.abs(values) < 0.2, axis=1))
finish(axes, xlabel="mean activation on 1s less that on 7s", ylabel="density of neurons", yscale="log")

# %% [markdown]
"""
Training spreads the differences: those of trained neurons reach beyond ±1, those of untrained ones stay within ±0.2.

## How many, or which?

Every neuron of `hidden1` whose difference exceeds a threshold is removed. Neurons are chosen on one half of the test
images, and accuracy is measured on the other. The controls are groups of as many neurons, drawn at random, and drawn
so that their mean activations are about the same. A neuron's activation is replaced by 0, by its mean, or by that on
another image: the last two stay closer to what the outputs are used to.
"""

# %%
THRESHOLDS = np.round(np.arange(0.1, 1, 0.1), 1)
DRAWS = 20
choose, score = (Dataset(test.images[half::2], test.labels[half::2]) for half in (0, 1))
GROUPS = {"largest difference": BLUE, "random": ORANGE, "random, same mean activation": GREEN}


def accuracy(logits, labels):
    """Share of correct predictions, among all outputs."""
    return jnp.mean(metrics.correct("cross_entropy", logits, labels))


def removed(network, key, kind):
    """Accuracies "groups thresholds", in the order of GROUPS, and how many neurons each threshold removes."""
    mean = jnp.mean(network(choose.images)[1]["hidden1/post"], axis=0)
    chosen = jnp.abs(difference(network, choose)) > THRESHOLDS[:, None]
    draw, fill = jax.random.split(key)
    drawn = [ablation.random_groups(draw, group, draws=DRAWS) for group in chosen]
    matched = [ablation.matched_groups(draw, group, mean, draws=DRAWS) for group in chosen]
    masks = jnp.concatenate([chosen, *drawn, *matched])
    options = {"site": "hidden1/post", "kind": kind, "key": fill, "measure": accuracy, "chunk": 16}
    found = ablation.groups(network, score, masks, **options)
    own, others = found[: len(THRESHOLDS)], found[len(THRESHOLDS) :].reshape(2, len(THRESHOLDS), DRAWS)
    return jnp.concatenate([own[None], others.mean(axis=2)]), chosen.sum(axis=1)


curves = {
    kind: jax.jit(over_seeds(partial(removed, kind=kind), chunk=1))(run.networks, keys[4])
    for kind in ("zero", "mean", "resample")
}
figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
for axes, (kind, (values, _)) in zip(panels, curves.items(), strict=True):
    for place, (name, colour) in enumerate(GROUPS.items()):
        band(axes, THRESHOLDS, values[:, place], colour, name)
    axes.set(xlabel="class difference above which neurons go", title=f"{kind}-ablation", ylim=(-0.03, 1.03))
finish(panels[0], ylabel="accuracy on the other half")

# %% [markdown]
"""
Without the neurons of largest difference accuracy falls to one half, which is chance. As many random ones cost nothing
under zero- and mean-ablation, and some accuracy under resample-ablation, where at low thresholds groups of the same
mean activation cost as much as the chosen ones.
"""

# %%
PLACE = 2
counts = np.asarray(curves["zero"][1])[:, PLACE]
print(f"at a threshold of {THRESHOLDS[PLACE]:g}, {counts.mean():.0f} ± {counts.std():.0f} neurons go")
for kind, (values, _) in curves.items():
    for place, name in enumerate(GROUPS):
        tell(f"{kind}-ablation, {name}: accuracy", values[:, place, PLACE])

# %% [markdown]
"""
## Which neurons carry the bar?

A large class difference says that a neuron varies with the class, not that it sees the stroke. Activation patching
tests the stroke alone: a neuron's activation on the whole 7 is put into the run on the same 7 without its
bar, and the share of the lost margin that comes back is its effect. Neurons are ranked on half of the pairs, and scored
on the other.
"""

# %%
SIZES = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])


def carried(network, key):
    """Shares of the margin that the first few neurons restore, by three orders: "orders sizes"."""
    clean, corrupt = edits["7"], edits["without its bar"]
    options = {"site": "hidden1/post", "first": 7, "second": 1}
    alone = patching.patch_units(network, clean[::2], corrupt[::2], **options).effect
    orders = [-alone, -jnp.abs(difference(network, choose)), jax.random.uniform(key, alone.shape)]
    ranks = jnp.stack([jnp.argsort(jnp.argsort(order)) for order in orders])
    masks = (ranks[:, None] < SIZES[:, None]).reshape(-1, len(alone))
    return patching.patch_groups(network, clean[1::2], corrupt[1::2], masks, **options).reshape(len(orders), len(SIZES))


restored = jax.jit(over_seeds(carried, chunk=1))(run.networks, keys[5])
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
names = ("largest effect on the other half", "largest class difference", "random order")
for place, (name, colour) in enumerate(zip(names, (BLUE, GREEN, ORANGE), strict=True)):
    band(axes, SIZES, restored[:, place], colour, name)
    tell(f"{SIZES[4]} neurons, {name}: share of the margin restored", restored[:, place, 4])
axes.axhline(1, color=GREY, linestyle=":")
axes.set_xscale("log", base=2)
finish(axes, xlabel="neurons patched", ylabel="share of the margin restored")

# %% [markdown]
"""
Neurons ranked by their effect on the other half restore the margin hardly faster than those ranked by class
difference, and both far faster than neurons in random order: 128 of the 512 restore nine tenths or more.

## What the study says

The study asks all of this, also of networks without dropout, of small ones, and of others whose two classes differ by
nothing but the stroke. It judges every claim by a rule, `finding.rule`. Its measurements are stored in the run's
folder; if they do not exist yet, this cell trains the other networks and makes them, which takes some minutes.
"""

# %%
answer = studies.answers(RUN).get("one-vs-seven")
if answer is None:
    for path, config in plan.items():
        jobs.train_run(path, config, resume=True)
    answer = studies.run("one-vs-seven", RUN)
tables.findings_table(answer.findings)

# %%
print(answer.sentence)
report.figures_of("one-vs-seven")(answer.results)[0]

# %% [markdown]
"""
Without the chosen neurons everything is read as one class: under zero-ablation 7s are lost (dotted), under
mean-ablation 1s (dashed). The published accuracies (stars) lie near ours on 7s alone.
"""

# %%
found = answer.results["knockouts"].sel(recipes="one-vs-seven", thresholds=0.3)
for kind in found.kinds.to_numpy():
    tell(f"{kind}-ablation, chosen: balanced accuracy", found.chosen.sel(signs="all", kinds=kind).mean("classes"))
    for group in found.groups.to_numpy():
        tell(f"{kind}-ablation, {group}: balanced accuracy", found.drawn.sel(groups=group, kinds=kind).mean("classes"))

# %% [markdown]
"""
To go on: `answer.results` holds one `xarray.Dataset` per measurement, its axes labelled, as in the last cell. An
analysis of your own is a function of one network, lifted by `over_seeds` as above.
"""
