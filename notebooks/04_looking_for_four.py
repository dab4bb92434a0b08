# %% [markdown]
"""
# Is there a neuron that looks for a 4?

A write-up trained one network of 128 and 64 neurons on digits and looked at its weights by eye: at its most focused
neurons, at the output weights of 4 pushed back to the pixels, which did not look like a 4, and at the neuron that tells
4s apart best, which did.

An eye finds a 4 in many pictures. Here "looks like a 4" is a correlation, of every neuron of many networks. Its
controls are what the same search finds in the same networks before training, and what it finds for a mirrored 4.

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
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from jaxinterp import controls, data, ensemble, jobs, stats, studies
from jaxinterp.analysis import attribution, locality
from jaxinterp.ensemble import over_seeds
from jaxinterp.report import tables
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE, SIGNED
from jaxinterp.report.figures.looking_for_four import matches

RUN = Path("../checkpoints/looking-for-four")  # trained if it does not exist: some minutes
SEEDS = None  # how many networks to train; None: as many as the study needs
EPOCHS = None  # None: as many as the recipe has, stopping early

# %%
ensemble.use_every_core()
plan = studies.runs("looking-for-four", RUN, seeds=SEEDS, epochs=EPOCHS, optional=False)
run = jobs.train_run(RUN, plan[RUN], resume=True)
splits = data.load(run.config.data)
tables.run_table(RUN, run)

# %%
SIDE, FOUR = 20, 4
COLOURS = {"trained": BLUE, "untrained": ORANGE}
seeds, base_seed = run.config.train.seeds, run.config.train.base_seed
before = controls.untrained(ensemble.keys(base_seed, seeds), run.networks.model, SIDE**2)
ensembles = {"trained": run.networks, "untrained": before}
few = jnp.asarray(splits.test.images[:1000])
inked = (splits.train.images > 0).mean(axis=0) >= 0.01  # pixels with ink in 1 % of the training images or more


def tell(what, found):
    """Print values over networks as mean ± sd [95 % interval], by condition."""
    for condition, values in found.items():
        estimate = stats.over_seeds_estimate(values)
        print(f"{what}, {condition}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")


def show(axes, image, bound, title="", **options):
    """A square picture: orange raises, blue lowers."""
    options = {"cmap": SIGNED, "vmin": -bound, "vmax": bound} | options
    axes.imshow(np.reshape(image, (SIDE, SIDE)), **options)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)


# %% [markdown]
"""
## Focus

A neuron's focus is the effective number of pixels that its squared weights spread over: 1 where one pixel holds all,
400 where all hold as much. Next to no image has ink in the corners, where weights stay as they began: they count as 0.
The most focused neuron of a network was picked out of 128, so that it is compared with the
most focused one of the same network before training.
"""


# %%
def pixels(network):
    """The weights of the first layer, and on how many pixels they lie."""
    maps = jnp.where(inked, attribution.weights(network, site="hidden0/pre"), 0)
    return maps, locality.locality(maps).participation


found = {name: jax.jit(over_seeds(pixels, chunk=1))(group) for name, group in ensembles.items()}
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
bins = np.linspace(0, SIDE**2, 60)
for name, (_, count) in found.items():
    axes.hist(np.ravel(count), bins, density=True, histtype="step", linewidth=1.5, color=COLOURS[name], label=name)
    axes.plot(np.min(count, axis=1), np.zeros(seeds), "v", color=COLOURS[name], alpha=0.6)
axes.set(xlabel="effective number of pixels; triangle: a network's most focused neuron", yticks=[])
axes.legend(frameon=False)
tell("pixels of the most focused neuron", {name: np.min(count, axis=1) for name, (_, count) in found.items()})

# %% [markdown]
"""
Training concentrates weights: most neurons spread over 80 to 150 pixels, before training over more than 200. A
network's most focused one has 33, and 202 before training.
"""

# %%
maps, count = (np.asarray(part[0]) for part in found["trained"])
order = np.argsort(count)[:6]
figure, panels = plt.subplots(1, 6, figsize=(9, 1.9), layout="constrained")
for axes, unit in zip(panels, order, strict=True):
    show(axes, maps[unit], np.abs(maps[order]).max(), f"{unit}: {count[unit]:.0f} pixels")
title = figure.suptitle("Weights of the most focused neurons of seed 0", fontsize=10)

# %% [markdown]
"""
All six see one short stroke, level or slightly slanted, or its absence.

## What stands behind the logit of 4

The output weights of 4 can be pushed back to the pixels as the product of all kernels, with batch norms folded in,
or, image by image, through those neurons alone that are active: the gradient. The template is the mean training 4 less
the mean of all other training images; correlations are over the pixels that have ink often enough.
"""

# %%
labels, images = splits.train.labels, splits.train.images
templates = np.stack([images[labels == k].mean(axis=0) - images[labels != k].mean(axis=0) for k in range(10)])
mirrored = np.flip(templates.reshape(10, SIDE, SIDE), axis=2).reshape(10, -1)
fours = jnp.asarray(splits.test.images[splits.test.labels == FOUR])


def alike(maps, template):
    """Pearson's correlation over the inked pixels of each map with a template; 0 for a neuron that has no map."""
    rows, target = np.asarray(maps, np.float64)[..., inked], template[inked] - template[inked].mean()
    rows = rows - rows.mean(axis=-1, keepdims=True)
    size = np.linalg.norm(rows, axis=-1) * np.linalg.norm(target)
    return rows @ target / np.where(size > 0, size, np.inf)


def behind(network, fours):
    """The map of the logit of 4: all weights pushed back, and the mean gradient over images of 4s."""
    weights = attribution.weights(network, site="logits")[FOUR]
    return jnp.stack([weights, jnp.mean(attribution.gradient(network, fours, FOUR), axis=0)])


looks = {name: np.asarray(jax.jit(over_seeds(behind, chunk=1))(group, fours)) for name, group in ensembles.items()}
for place, how in enumerate(("weights, batch norm folded", "mean gradient over 4s")):
    tell(f"{how}, like a 4", {name: alike(maps[:, place], templates[FOUR]) for name, maps in looks.items()})
    tell(f"{how}, like a mirrored 4", {"trained": alike(looks["trained"][:, place], mirrored[FOUR])})

figure, panels = plt.subplots(1, 3, figsize=(6.4, 2.3), layout="constrained")
show(panels[0], templates[FOUR], np.abs(templates[FOUR]).max(), "template")
for axes, place, how in zip(panels[1:], (0, 1), ("weights pushed back", "through active neurons"), strict=True):
    maps = looks["trained"][:, place]
    mean = (maps / np.sqrt(np.mean(maps**2, axis=1, keepdims=True))).mean(axis=0)
    show(axes, mean, np.abs(mean).max(), how)
title = figure.suptitle("What stands behind the logit of 4, mean over networks", fontsize=10)

# %% [markdown]
"""
Pushed back through all neurons, the weights resemble a 4 little (correlation 0.28). Through the active ones (0.59) the
open top shows in blue and the arms in orange.

## Does the heat map of a 4 show what matters?

Blank the ink of real 4s in the order of a heat map, and watch the logit. On a dark background only ink matters, so that
the order to beat is ink at random, or the brightest first; and since images differ in how much ink they have, the curve
runs over the share of it that is gone. A map with a sign can do more than find ink: what speaks against a 4 goes last,
and on the way the logit falls below that of the blank image.
"""


# %%
def blanked(network, key, fours):
    """The logit of 4, mean over images, by the share of their ink that is gone, in three orders."""
    ink = fours > 0
    gone = jnp.linspace(0, 1, 41) * jnp.sum(ink, axis=1, keepdims=True)

    def curve(order):
        order = jnp.where(ink, order, -jnp.inf)
        by_pixel = attribution.deletion(network, fours, order, FOUR, steps=SIDE**2)
        return jnp.mean(jax.vmap(jnp.interp, (0, None, 0))(gone, jnp.arange(SIDE**2 + 1.0), by_pixel), axis=0)

    maps = attribution.integrated_gradients(network, fours, FOUR)
    return jnp.stack([curve(order) for order in (maps, attribution.random_order(key, fours), fours)])


curves = np.asarray(jax.jit(over_seeds(blanked, chunk=1))(run.networks, jax.random.key(0), fours[:100]))
figure, axes = plt.subplots(figsize=(5.4, 2.8), layout="constrained")
orders = {"integrated gradients": BLUE, "ink at random": ORANGE, "brightest first": GREEN}
for place, (name, colour) in enumerate(orders.items()):
    share = np.linspace(0, 100, curves.shape[-1])
    axes.plot(share, curves[:, place].mean(axis=0), color=colour, label=name)
    axes.fill_between(share, *np.quantile(curves[:, place], (0.05, 0.95), axis=0), color=colour, alpha=0.2)
axes.axhline(curves[..., -1].mean(), color=GREY, linewidth=0.8)
axes.set(xlabel="% of the ink blanked; grey: the blank image", ylabel="logit of 4, mean over 4s")
legend = axes.legend(frameon=False)

# %% [markdown]
"""
Blanked in the order of integrated gradients, a 4 loses its logit far faster than at random or brightest first: a
quarter of the ink is enough. It then falls below that of the blank image, since what speaks against a 4 goes last.

## The neuron that looks most like a 4

Of all neurons of a layer the one whose map correlates most with the 4. What it uses: its mean gradient times what each
pixel varies. The same search in the network before training, and for a mirrored 4, which is as smooth as a 4 but is
nothing that a network could look for, says how much of that is the search.
"""


# %%
def used(network, images):
    """What each neuron of both layers uses of the pixels."""
    spread = jnp.std(images, axis=0)
    return [attribution.gradients(network, images, site=f"hidden{layer}/pre") * spread for layer in (0, 1)]


uses = {name: jax.jit(over_seeds(used, chunk=1))(group, few) for name, group in ensembles.items()}
figure, panels = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained", sharex=True)
for layer, axes in enumerate(panels):
    best = {name: alike(maps[layer], templates[FOUR]) for name, maps in uses.items()}
    best["a mirrored 4"] = alike(uses["trained"][layer], mirrored[FOUR])
    tell(f"hidden{layer}, best match", {name: values.max(axis=1) for name, values in best.items()})
    for name, colour in (*COLOURS.items(), ("a mirrored 4", GREEN)):
        axes.plot(best[name].max(axis=1), np.full(seeds, list(best).index(name)), "o", color=colour, alpha=0.6)
    axes.set(yticks=range(3), yticklabels=list(best), ylim=(2.5, -0.5), title=f"hidden{layer}")
    axes.set(xlabel="correlation of a network's best neuron")
    axes.axvline(0, color=GREY, linewidth=0.8)

# %% [markdown]
"""
In the first layer the best match for a 4 is no better than that for a mirrored 4, in the second slightly better. Both
are far better than in untrained networks.

## What the study says

The study measures more: every class and template, all turns of a 4, whether the neuron fires for 4s and whether they
are lost without it; and the ladder of networks that led to this one. Its measurements are kept in the run's folder;
where they are missing, this cell makes them, which takes a minute or two.
"""

# %%
answer = studies.answers(RUN).get("looking-for-four") or studies.run("looking-for-four", RUN)
tables.findings_table(answer.findings)

# %%
print(answer.sentence)
matches.correlations(answer.results)

# %% [markdown]
"""
Trained neurons spread to both sides: many are as unlike a 4 as others are like one. A network's best neuron for a 4
(blue dots) is at most 0.1 better than those for turned 4s (green).

Every measurement is an `xarray.Dataset` whose axes have names, so that a number is a selection: accuracy on 4s that is
lost without the neuron that looks most like a 4, by layer and kind of ablation, mean over networks.
"""

# %%
answer.results["ablations"].match.mean("seeds").to_pandas().round(4)

# %% [markdown]
"""
To go on: `jaxinterp study looking-for-four` trains the ladder's other rungs too.
"""
