# %% [markdown]
"""
# Does a CNN's first layer find lines and edges?

"The first layer focuses on small groups of pixels to find lines and edges", a lecture said, and a write-up went to look
for it in a multilayer perceptron. Here the question is put to a convolutional network with as many parameters, whose
first layer sees small groups of pixels because it is built so, and to the perceptron beside it.

A channel is a unit like a neuron: it is ablated at every position, and its activation is the mean over its map.

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
import dataclasses
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

from jaxinterp import controls, data, ensemble, jobs, networks, recipes, stats
from jaxinterp.analysis import ablation, attribution, edges
from jaxinterp.ensemble import over_seeds
from jaxinterp.report import tables
from jaxinterp.report.figures.bottleneck_neurons.channels import alike
from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, SIGNED
from jaxinterp.studies import inputs, runner
from jaxinterp.studies.bottleneck_neurons import STUDY, filters
from jaxinterp.studies.judge import judge

RUN = Path("../checkpoints/cnn")  # three runs in it are trained if they do not exist yet: a few minutes
SEEDS = 8  # how many networks to train of each recipe
EPOCHS = None  # None: the recipes' numbers
IMAGES = 6000  # training images, a tenth of all; the study trains on all, and more networks

# %%
ensemble.use_every_core()
MLP, CNN, LARGER = "bottleneck-neurons", "bottleneck-cnn", "bottleneck-cnn-wide"


def config_of(recipe):
    """The recipe's config with few networks and training images."""
    config = recipes.config(recipe, seeds=SEEDS, epochs=EPOCHS)
    few = dataclasses.replace(config.data, train_size=config.data.train_size or IMAGES)
    return dataclasses.replace(config, data=few)


runs = {recipe: jobs.train_run(RUN / recipe, config_of(recipe), resume=True) for recipe in (MLP, CNN, LARGER)}
test = data.load(runs[CNN].config.data).test
tables.run_table(RUN / CNN, runs[CNN])

# %%
SHAPE, SIDE = test.shape, 5


def show(what, values):
    """Print one number per network as mean ± sd [95 % interval]."""
    estimate = stats.over_seeds_estimate(values)
    print(f"{what}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")


def untrained(run):
    """The same networks before training."""
    config = run.config.train
    return controls.untrained(ensemble.keys(config.base_seed, config.seeds), run.networks.model, test.images.shape[1])


def draw(axes, window):
    """Draw a filter: orange above 0, blue below."""
    bound = np.abs(window).max() or 1
    axes.imshow(window.reshape(SIDE, SIDE), cmap=SIGNED, vmin=-bound, vmax=bound)
    axes.set(xticks=[], yticks=[])


for recipe, run in runs.items():
    parameters = networks.count(run.networks.model, test.images.shape[1])[0]
    show(f"{recipe}, {parameters:,} parameters: test accuracy", run.history.accuracy[:, -1, -1])

# %% [markdown]
"""
## What counts as an edge?

A pair of filters in quadrature, an odd one for edges and an even one for lines, gives a filter's energy at an
orientation: the share of its variance that they explain. How oriented a filter is, is its energy at the best
orientation less that across it. It is drawn for sharp edges at sixteen angles, for a spot, and for noise, which has
some orientation by chance: what trained filters have to beat.
"""

# %%
row, column = np.mgrid[:SIDE, :SIDE] - SIDE // 2
spot = np.exp(-(row**2 + column**2) / 2)[None, ..., None]
noise = np.random.default_rng(0).normal(size=(500, SIDE, SIDE, 1))
planted = {"sharp edges": edges.step_edges(SIDE), "spot": spot, "noise": noise}
oriented = {name: np.asarray(edges.edges(windows).oriented) for name, windows in planted.items()}

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.hist(oriented["noise"], bins=30, color=GREY, density=True, label="500 windows of noise")
for name, colour in (("sharp edges", BLUE), ("spot", ORANGE)):
    for place, value in enumerate(oriented[name]):
        axes.axvline(value, color=colour, label=None if place else name)
axes.set(xlabel="share of variance that one orientation explains", ylabel="density", xlim=(-0.02, 1.02))
legend = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
Sharp edges lie at about two thirds, at every angle, beyond every window of noise, whose mean is about 0.12. The spot
has no orientation.
"""

# %% [markdown]
"""
## Are the filters edges?

The kernels of one CNN's eight channels, and the window of each MLP neuron's weights in which they are largest, the most
oriented first.
"""


# %%
def first_layer(network, key):
    """Filters of the first layer, how oriented they are, and how oriented with their pixels shuffled."""
    windows = edges.first_filters(network, SHAPE, side=SIDE)
    shuffled = edges.shuffled(key, windows, draws=10)
    by_chance = edges.edges(shuffled.reshape(-1, *windows.shape[1:])).oriented
    return windows, edges.edges(windows).oriented, by_chance.reshape(10, -1).mean(axis=0)


measure = jax.jit(over_seeds(lambda network: first_layer(network, jax.random.key(0)), chunk=8))
found = {recipe: jax.tree.map(np.asarray, measure(run.networks)) for recipe, run in runs.items()}
before = {recipe: jax.tree.map(np.asarray, measure(untrained(run))) for recipe, run in runs.items()}

figure, panels = plt.subplots(4, 8, figsize=(7, 4), layout="constrained")
rows = {"CNN": found[CNN], "untrained": before[CNN], "MLP": found[MLP], "MLP, untrained": before[MLP]}
for line, (name, (windows, values, _)) in zip(panels, rows.items(), strict=True):
    for axes, unit in zip(line, np.argsort(-values[0]), strict=False):
        draw(axes, windows[0, unit])
        axes.set_title(f"{values[0, unit]:.2f}", fontsize=8, pad=2)
    line[0].set_ylabel(name, fontsize=8)

# %% [markdown]
"""
The trained CNN's kernels look much like those before training, with more orange: they respond to brightness, and the
best of them are barely oriented. The MLP's weights became smooth, and their best windows do look like soft edges.
"""

# %% [markdown]
"""
Over all networks, beside the same filters before training and with their pixels shuffled:
"""

# %%
figure, panels = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained", sharey=True)
for axes, recipe in zip(panels, runs, strict=True):
    for (name, values), colour in zip(
        {"trained": found[recipe][1], "untrained": before[recipe][1], "shuffled": found[recipe][2]}.items(),
        (BLUE, ORANGE, GREY),
        strict=True,
    ):
        axes.hist(values.ravel(), bins=np.linspace(0, 1, 26), histtype="step", color=colour, label=name, density=True)
        show(f"{recipe}, {name}", values.mean(axis=1))
    axes.set(title=recipe, xlabel="share that one orientation explains")
panels[0].set_ylabel("density over units and seeds")
legend = panels[-1].legend(frameon=False, fontsize=8)

# %% [markdown]
"""
Training makes filters of all three recipes more oriented than they were and than shuffled ones, but far less than a
sharp edge; and the MLP, which nothing forces to look at few pixels, more so than the CNNs.
"""

# %% [markdown]
"""
## What does a channel see?

For each channel of the first layer, the patches of the test images at which it is most active, one per image.
"""

# %%
model = runs[CNN].networks.model
network = ensemble.take(runs[CNN].networks, 0)
conv0 = model.layers[0]
field = networks.receptive_field(model, conv0.pre)
maps = np.asarray(network(test.images[:1000])[1][conv0.pre])
images = np.pad(np.asarray(test.images[:1000]).reshape(-1, *SHAPE[:2]), ((0, 0), (SIDE, SIDE), (SIDE, SIDE)))

figure, panels = plt.subplots(7, conv0.units, figsize=(7, 6), layout="constrained")
for unit, line in enumerate(panels.T):
    draw(line[0], np.asarray(edges.first_filters(network, SHAPE, side=SIDE))[unit])
    own = maps[..., unit].reshape(len(maps), -1)
    for axes, image in zip(line[1:], np.argsort(-own.max(axis=1)), strict=False):
        place = np.array(divmod(own[image].argmax(), maps.shape[2]))
        down, across = field.offset + field.stride * place + SIDE
        axes.imshow(images[image, down : down + field.size, across : across + field.size], "gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])

# %% [markdown]
"""
The patches that activate a channel most are pieces of strokes of one direction, although most of the kernels above them
have little orientation: images made of strokes offer hardly anything else, so such patches show no edge detector.
"""

# %% [markdown]
"""
## Does a digit need one channel?

Accuracy on each digit that is lost without each unit of a CNN, under zero-ablation, chosen and scored on different
halves of the images; the control is a random unit of the layer.
"""

# %%
choose, score = test.take(np.s_[0:2000:2]), test.take(np.s_[1:2000:2])


def without(network):
    """Accuracy "units digits" without each unit of every layer, on both halves; and with all of them."""
    halves = [
        [ablation.units(network, half, site=layer.post, chunk=4).accuracy for layer in model.layers]
        for half in (choose, score)
    ]
    return halves, ablation.baseline(network, score).accuracy


(chosen_on, scored), intact = jax.tree.map(np.asarray, jax.jit(over_seeds(without, chunk=1))(runs[CNN].networks))

figure, panels = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained", sharey=True)
for axes, layer, first, second in zip(panels, model.layers, chosen_on, scored, strict=True):
    worst = first.argmin(axis=1)  # "seeds digits"
    left = np.take_along_axis(second, worst[:, None], axis=1)[:, 0]
    for values, colour, name, shift in (
        (left, BLUE, "its most damaging unit", -0.2),
        (second.mean(axis=1), ORANGE, "a random unit", 0),
        (intact, GREY, "nothing", 0.2),
    ):
        axes.plot(np.arange(10) + shift + np.zeros_like(values), values, ".", color=colour, ms=3, alpha=0.5)
        axes.plot(np.arange(10) + shift, np.median(values, axis=0), "_", color=colour, mew=2, label=name)
    show(f"{layer.name}: share of digits below 10 %", (left < 0.1).mean(axis=1))
    axes.set(title=layer.name, xticks=range(10), xlabel="digit", ylim=(-0.03, 1.03))
panels[0].set_ylabel("accuracy on the digit, without …")
legend = figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8)

# %% [markdown]
"""
No digit needs one channel: without any of them nearly all accuracy is left. Neurons of the layer after the convolutions
matter more: without its most damaging neuron a 9 falls furthest.
"""

# %% [markdown]
"""
## Which pixels do the logits depend on?

The gradient times the input of the right digit's logit, for the same images in a CNN and in an MLP.
"""

# %%
some = test.take(np.s_[:8])
figure, panels = plt.subplots(3, 8, figsize=(8, 3.4), layout="constrained")
for axes, image in zip(panels[0], np.asarray(some.images), strict=True):
    axes.imshow(image.reshape(SHAPE[:2]), "gray_r")
for line, recipe in zip(panels[1:], (CNN, MLP), strict=True):
    maps = attribution.gradient_times_input(ensemble.take(runs[recipe].networks, 0), some.images, some.labels)
    for axes, own in zip(line, np.asarray(maps), strict=True):
        axes.imshow(own.reshape(SHAPE[:2]), SIGNED, vmin=-np.abs(own).max(), vmax=np.abs(own).max())
    line[0].set_ylabel("CNN" if recipe == CNN else "MLP", fontsize=9)
for axes in panels.flat:
    axes.set(xticks=[], yticks=[])

# %% [markdown]
"""
In both networks, what speaks for a digit lies on its strokes, and the maps are much alike: both see the middle of a 1,
and both count the diagonal of the 2 against it.
"""

# %% [markdown]
"""
## What the study says

The study judges these claims by a rule, with random directions, untrained networks and images shuffled within their
class as controls. Here its measurements are made of the few networks above: intervals are wide, and verdicts may differ
from those on 32 networks.
"""

# %%
loaded = {recipe: inputs.load(recipe, RUN / recipe) for recipe in runs}
wanted = ("networks", "first-layer", "looks", "cnn-similarity")
results = {
    measurement.name: runner.take(measurement, {name: loaded[name] for name in measurement.recipes if name in loaded})
    for measurement in runner.all_measurements(STUDY)
    if measurement.name in wanted
}
findings = judge(STUDY.name, filters.claims(results))
tables.findings_table(findings)

# %%
alike(results)

# %% [markdown]
"""
Convolutions of two CNNs are almost equally alike before training, by means over maps, so their similarity says little
of what is learnt. The neurons of the CNN and of the MLP are alike far beyond untrained networks and beyond the class.
"""
