# %% [markdown]
"""
# How do networks come to be what they are?

A write-up drew the activations of one network over its epochs: the mean rises and then declines, and the spread grows.
Here the weights of several networks are kept after every epoch, and after a quarter and a half of the first. All of
them together are a *course*, a `Network` whose arrays have leading axes "epochs seeds". `jaxinterp.analysis.dynamics`
says how active it is, when units die, how soon a network is like its end, and whether that is more than two networks
share anyway.

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

from jaxinterp import data, ensemble, jobs, stats, store, studies
from jaxinterp.analysis import dynamics
from jaxinterp.analysis.dynamics import MEASURES, REFERENCES
from jaxinterp.report import tables
from jaxinterp.report.figures.bottleneck_neurons.drift import neurons as lives
from jaxinterp.report.figures.common import AMOUNT, BLUE, GREEN, GREY, ORANGE

RUN = Path("../checkpoints/dynamics")  # trained if it does not exist yet: less than a minute
SEEDS = 8  # networks
EPOCHS = 10

# %%
ensemble.use_every_core()
plan = studies.runs("bottleneck-neurons", RUN, seeds=SEEDS, epochs=EPOCHS)
folder = RUN / "arms" / "bottleneck-neurons-every-epoch"
for path in (RUN, folder):  # what the study can do without is not trained
    jobs.train_run(path, plan[path], resume=True)
run = store.load(folder)
test = data.load(run.config.data).test
tables.run_table(folder, run)

# %% [markdown]
"""
The course is the stored snapshots, stacked. Its times are epochs; 0 is before training.
"""

# %%
times = np.array(run.config.train.snapshots)
course = ensemble.stack([store.load(folder, epoch=time).networks for time in times])
some = test.take(np.s_[::10])  # a tenth of the test images
layers = [layer.name for layer in run.networks.model.layers]
print(f"times: {', '.join(f'{time:g}' for time in times)}")


def curve(axes, values, colour, label, style="-"):
    """Draw "times seeds": the median, and a band from the lowest to the highest network."""
    known = np.isfinite(values).any(axis=1)
    at, values = times[known], values[known]
    axes.plot(at, np.nanmedian(values, axis=1), style, color=colour, label=label, marker=".", markersize=4)
    axes.fill_between(at, np.nanmin(values, axis=1), np.nanmax(values, axis=1), color=colour, alpha=0.15, linewidth=0)


def over_time(axes, title, what):
    """Epochs up to 1 linearly, later ones by their logarithm."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.7)
    ticks = [tick for tick in (0, 0.25, 0.5, 1, 2, 5, 10, 20) if tick <= times[-1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(title=title, xlabel="epoch", ylabel=what)


def show(what, values):
    """Print one number per network as mean ± sd [95 % interval]."""
    estimate = stats.over_seeds_estimate(values)
    print(f"{what}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")


# %% [markdown]
"""
## How active are the layers?

`dynamics.over_course` lifts a function of one network to all of them at all times.
"""


# %%
def activity(network, images):
    """Activity of each layer; the mean activation of the last layer's units, and whether they fire at all."""
    activations = network(images)[1]
    posts = [activations[layer.post] for layer in network.model.layers]
    return (
        ensemble.stack([dynamics.activity(post) for post in posts]),
        posts[-1].mean(axis=0),
        (posts[-1] > 0).any(axis=0),
    )


active, unit_means, alive = jax.tree.map(
    np.asarray, jax.jit(dynamics.over_course(activity, chunk=8))(course, some.images)
)
figure, grid = plt.subplots(2, 3, figsize=(11, 5.4), layout="constrained")
for number, (row, layer) in enumerate(zip(grid, layers, strict=True)):
    for axes, names, what in (
        (row[0], ("mean", "spread"), "activation"),
        (row[1], ("sparsity", "dead"), "share"),
        (row[2], ("rank", "participation"), "directions"),
    ):
        for name, colour in zip(names, (BLUE, ORANGE), strict=True):
            curve(axes, getattr(active, name)[..., number], colour, name)
        over_time(axes, layer, what)
        axes.legend(frameon=False, fontsize=8)
for number, layer in enumerate(layers):
    show(
        f"{layer}, mean activation at the end, of that before training",
        active.mean[-1, :, number] / active.mean[0, :, number],
    )

# %% [markdown]
"""
Mean and spread rise together for about three epochs. In the first layer the mean then declines a little; in the second
it does not, within these epochs. At first, half of all pairs of a neuron and an image are inactive, and at the end a
fifth. Activations have the fewest directions around the first epoch, and slowly more afterwards.

## When do units live and die?

Each row of the map is a neuron of the last hidden layer of one network, each column a time.
"""

# %%
order = np.argsort(-unit_means[-1, 0])
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", width_ratios=(3, 2))
shown = left.imshow(unit_means[:, 0, order].T, AMOUNT, aspect="auto", interpolation="nearest")
left.set_xticks(range(len(times)), [f"{time:g}" for time in times], fontsize=8)
left.set(xlabel="epoch", ylabel="neuron, by its mean activation at the end", yticks=[], title=f"{layers[-1]}, seed 0")
bar = figure.colorbar(shown, label="mean activation")
events = dynamics.turnover(~alive)
for values, colour, name in ((events.births, GREEN, "births"), (events.deaths, ORANGE, "deaths")):
    right.plot(times, np.mean(values, axis=1), color=colour, label=name, marker=".")
    show(f"{name} per network", np.sum(values, axis=0))
over_time(right, f"{layers[-1]}, mean over networks", "neurons since the time before")
legend = right.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
The neurons that are the most active at the end are so from the first or second epoch on. Few neurons are born or die,
and nearly all of them in the first epochs.

## How soon is a network like its end?

Debiased CKA compares layers whichever units carry them; matched correlation compares units, one with one. Solid lines
compare a network with itself, dotted ones with the other networks: what two networks share, no memory explains.
"""

# %%
drift = jax.tree.map(np.asarray, jax.jit(dynamics.drift)(course, some.images, jax.random.key(0)))
figure, grid = plt.subplots(len(MEASURES), len(layers), figsize=(9, 6), layout="constrained", sharey="row")
for measure, row in enumerate(grid):
    for number, (axes, layer) in enumerate(zip(row, layers, strict=True)):
        for name, colour in (("end", BLUE), ("previous", GREEN), ("untrained", ORANGE)):
            place = REFERENCES.index(name)
            curve(axes, drift.own[measure, place, :, number], colour, f"itself, {name}")
            others = np.nanmean(drift.between[measure, place, :, number], axis=-1) if name == "end" else None
            if others is not None:
                curve(axes, others, colour, f"another network, {name}", ":")
        same = np.nanmean(drift.between[measure, REFERENCES.index("same"), :, number], axis=-1)
        curve(axes, same, GREY, "another network, same time", ":")
        over_time(axes, layer, MEASURES[measure])
legend = figure.legend(
    *grid[0, 0].get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside lower center", ncols=5
)

# %% [markdown]
"""
By debiased CKA, a network is after one epoch hardly more like its own end than like another network's: the blue lines
part later. By matched correlation they part within the first epoch: a network keeps its units. What it was before
training is mostly gone after half an epoch.

## When does a neuron become what it will be?

Its activations are correlated with its own at the end, over images. A neuron has become what it will be at the first
time from which this correlation stays above .9. Its control is its match in another network.
"""

# %%
becoming = jax.tree.map(np.asarray, jax.jit(dynamics.becoming)(course, some.images))
figure, panels = plt.subplots(1, len(layers), figsize=(9, 3.2), layout="constrained", sharey=True)
for number, (axes, layer) in enumerate(zip(panels, layers, strict=True)):
    for values, colour, name in ((becoming.own, BLUE, "its own end"), (becoming.other, ORANGE, "its match's end")):
        since = np.asarray(dynamics.stays_from(values[:, :, number], 0.9))
        live = np.isfinite(becoming.own[-1, :, number])
        reached = (since <= np.arange(len(times))[:, None, None]) & live
        shares = reached.sum(axis=-1) / live.sum(axis=-1)
        curve(axes, shares, colour, name)
        show(f"{layer}, share of neurons like {name} from epoch 1 on", shares[np.searchsorted(times, 1)])
    over_time(axes, layer, "share of neurons that stay above .9")
legend = panels[0].legend(frameon=False, fontsize=8)

# %% [markdown]
"""
After one epoch, less than a third of the neurons are what they will be; after five, most are. Their matches in another
network hardly ever come as close.

## Is a network early in the basin of its end?

The loss is evaluated on the straight line between a network and an end: its own, or another network's. The barrier is
its largest excess over the chord. "Matched": the end's neurons are first put into the order of the network's.
"""

# %%
site = run.networks.model.layers[-1].post
halves = some.take(np.s_[0::2]), some.take(np.s_[1::2])
selective = jax.jit(lambda course, *halves: dynamics.selective(course, *halves, site=site, classes=10))(course, *halves)
barrier = np.asarray(jax.jit(dynamics.barriers_to_end)(course, some, jax.random.key(1)))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for number, (end, colour) in enumerate(zip(dynamics.ENDS, (BLUE, ORANGE), strict=True)):
    for place, (name, style) in enumerate(zip(dynamics.ORDERS, ("-", ":"), strict=True)):
        curve(left, barrier[number, place], colour, f"{end}, {name}", style)
over_time(left, "barrier to an end", "excess loss")
for values, colour, name in ((selective.now, BLUE, "now"), (selective.end, GREEN, "at the end")):
    curve(right, np.asarray(jnp.nanmean(values, axis=-1)), colour, f"most selective {name}")
over_time(right, "selectivity", "AUC, mean over digits")
for axes in (left, right):
    axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
From half an epoch on, no barrier divides a network from its own end. To another network's end there is one at all
times; matching its units removes most of it, but not all. The most selective neurons gain most of their selectivity in
the first quarter of an epoch, and which neuron is the most selective at the end is decided over about three epochs.

## What the study says

The study `bottleneck-neurons` judges what is seen above, beside its controls. If its results are not stored yet, this
cell measures them, which takes a few minutes. These are few networks; `jaxinterp study bottleneck-neurons` has 32.
"""

# %%
answer = studies.answers(RUN).get("bottleneck-neurons") or studies.run("bottleneck-neurons", RUN, slow=False)
print(answer.sentence)
tables.findings_table([finding for finding in answer.findings if finding.row in ("4.2", "4.12")])

# %%
lives(answer.results)

# %% [markdown]
"""
Most neurons are like their end within a few epochs; those of low activation at the end take the longest. Dotted lines,
the same neurons compared with their matches in another network, stay lower.
"""
