# %% [markdown]
"""
# What one ablation says, what all of them say

Remove one neuron and nothing happens: does the network not use it, or do others stand in for it? Remove another and a
digit is lost: does it hold the digit, or does it only work together with others? One ablation cannot tell. A layer of
16 neurons has 65,536 *coalitions*, the subsets that keep their activation while all others are ablated, and
`jaxinterp.analysis.coalitions` takes the value of every one of them, exactly: the logits are linear in the last hidden
layer.

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
import matplotlib.pyplot as plt
import numpy as np

from jaxinterp import data, ensemble, jobs, recipes, stats
from jaxinterp.analysis import ablation, coalitions
from jaxinterp.report import tables
from jaxinterp.report.figures.bottleneck_neurons.coalitions import roles, sizes
from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, SIGNED
from jaxinterp.studies import inputs, runner
from jaxinterp.studies.bottleneck_neurons import STUDY
from jaxinterp.studies.bottleneck_neurons import coalitions as topic
from jaxinterp.studies.judge import judge

RUN = Path("../checkpoints/coalitions")  # trained if it does not exist yet: less than a minute
SEEDS = 8  # networks
EPOCHS = None  # None: the recipe's number

# %%
ensemble.use_every_core()
run = jobs.train_run(RUN, recipes.config("bottleneck-neurons", seeds=SEEDS, epochs=EPOCHS), resume=True)
some = data.load(run.config.data).test.spaced(2000)
tables.run_table(RUN, run)

# %% [markdown]
"""
## The table of one network

The value of a coalition is F1 of telling a digit from the rest. Recall would mislead: a network without neurons answers
one digit always, and so has full recall of it. Here an ablated neuron is set to its mean.
"""

# %%
DIGIT = 7
network = ensemble.take(run.networks, 0)
values = jax.jit(lambda network, some: coalitions.f1(coalitions.table(network, some, kind="mean")))(network, some)
own = np.asarray(values)[DIGIT]
kept = ablation.subsets(network.model.layers[-1].units)  # "subsets units"
units = kept.shape[1]
print(
    f"{len(own):,} coalitions of {units} neurons; F1 of {DIGIT} with all of them {own[-1]:.3f}, with none {own[0]:.3f}"
)

figure, axes = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
by_size = [own[kept.sum(axis=1) == size] for size in range(units + 1)]
for share, colour in ((0, GREY), (0.1, ORANGE), (0.5, BLUE), (0.9, ORANGE), (1, GREY)):
    name = {0: "lowest", 0.1: "10 %", 0.5: "median", 0.9: "90 %", 1: "highest"}[share]
    axes.plot([np.quantile(group, share) for group in by_size], ".-", color=colour, label=name)
axes.axhline(0.95 * own[-1], color="black", linewidth=0.8, linestyle=":", label="95 % of the whole")
axes.set(xlabel="neurons that are kept", ylabel=f"F1 of {DIGIT}, over coalitions")
legend = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
The last step to the right is what single ablations see: without most of the neurons, hardly anything changes. Four
neurons can be enough, if they are the right four, and eleven can be useless.

## What each neuron adds

A neuron's Shapley value is what it adds, averaged over all orders in which neurons could be added. The values of all
neurons sum to the whole: F1 with all neurons less F1 with none.
"""

# %%
shapley = np.asarray(coalitions.of_units(coalitions.shapley(own)))
damage = np.asarray(coalitions.single_damage(own))
print(f"sum of Shapley values {shapley.sum():.3f}, of what single ablations cost {damage.sum():.3f}")
print(f"to be explained {own[-1] - own[0]:.3f}")

order = np.argsort(-shapley)
figure, axes = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
axes.bar(np.arange(units) - 0.2, damage[order], 0.4, color=ORANGE, label="lost without it alone")
axes.bar(np.arange(units) + 0.2, shapley[order], 0.4, color=BLUE, label="Shapley value")
axes.set_xticks(range(units), order)
axes.set(xlabel="neuron", ylabel=f"F1 of {DIGIT}")
legend = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
Single ablations account for a quarter of the whole, most of it at one neuron. The rest belongs to neurons that are
missed only together.

## Smallest sets, and how many of them

A set is *sufficient* if it keeps 95 % of F1 alone, and *necessary* if less than 10 % is left without it.
"""


# %%
def members(subset):
    """The neurons of a subset, from its index."""
    return ", ".join(map(str, np.flatnonzero(kept[int(subset)])))


sufficient = coalitions.sufficient(own)
for name, sets, best in (("sufficient", sufficient, own), ("necessary", coalitions.necessary(own), -own[::-1])):
    found = coalitions.smallest(sets, best)
    count, example = int(found.number), members(found.subset) if found.number else "none"
    print(f"smallest {name} sets: {float(found.size):g} neurons; {count} sets, of which the best is {example}")
print(f"sufficient sets without a common neuron: {float(coalitions.disjoint_sets(sufficient)):g}")

# %% [markdown]
"""
Four neurons are enough for this digit, and without the wrong four it is lost. No second set could take over: every
sufficient set shares a neuron with every other.

## Which neurons interact

The interaction of two neurons is what they add together beyond what each adds alone, over all coalitions of the others:
below 0 where each stands in for the other, above 0 where each needs the other.
"""

# %%
pairs = np.asarray(coalitions.pairs(coalitions.shapley(own)))[np.ix_(order, order)]
figure, axes = plt.subplots(figsize=(4.6, 4), layout="constrained")
bound = np.nanmax(np.abs(pairs)) or 1
shown = axes.imshow(pairs, cmap=SIGNED, vmin=-bound, vmax=bound)
axes.set_xticks(range(units), order, fontsize=7)
axes.set_yticks(range(units), order, fontsize=7)
axes.set(xlabel="neuron", ylabel="neuron, by Shapley value")
bar = figure.colorbar(shown, label=f"interaction, F1 of {DIGIT}")

# %% [markdown]
"""
Neurons 10 and 6 need each other most. Neurons 13 and 6, and 10 with 0 and with 4, stand in for each other. Most pairs
hardly interact.

## Over all networks and digits

The study's measurement: sets are chosen on one half of the images and scored on the other, beside a random basis of the
layer that is searched alike. Single ablations are also compared in untrained networks and on permuted labels.
"""

# %%
loaded = {STUDY.name: inputs.load(STUDY.name, RUN)}
results = {
    measurement.name: runner.take(measurement, loaded)
    for measurement in runner.all_measurements(STUDY)
    if measurement.name in ("networks", topic.COALITIONS)
}
over_networks = results[topic.COALITIONS].sel(bases=topic.OWN, kinds="mean")
for name, text in {
    "enough": "neurons in the smallest sufficient set",
    "needed": "neurons in the smallest necessary set",
    "disjoint": "sufficient sets without a common neuron",
}.items():
    estimate = stats.over_seeds_estimate(over_networks[name].mean("classes").to_numpy())
    print(f"{text}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")
sizes(results)

# %% [markdown]
"""
Four to ten neurons are enough for a digit, and directions of a random basis are so in about as small a number. One or
two are necessary under zero-ablation, two to eight under mean-ablation. A second set without a common neuron is rare.
"""

# %%
roles(results)

# %% [markdown]
"""
Under mean-ablation most neurons lie above the dotted line: they add more, over all coalitions, than their single
ablation costs. Under zero-ablation many lie below it.
"""

# %%
findings = judge(STUDY.name, topic.claims(results))
print(topic.answer({finding.id: finding for finding in findings}))
tables.findings_table(findings)

# %% [markdown]
"""
Neither is one neuron enough for a digit nor, under mean-ablation, necessary, and directions of a random basis do as
well as neurons or better: what a digit needs is spread over the layer. These are few networks; `jaxinterp study
bottleneck-neurons` has 32.
"""
