# %% [markdown]
"""
# Do single neurons hold single digits?

A write-up found "bottleneck neurons" in one network: without such a neuron the accuracy on a digit falls to about
0 %, and scaling it up raises the digit. The neurons were picked out of all neurons and digits, and set to zero.

Here the neurons of every network are chosen on one half of the test images and scored on the other, and they are
ablated in ways that stay closer to the data too. An analysis is a function of one network; `over_seeds` lifts it to an
ensemble, and whatever it returns then leads with a seeds axis.

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

from jaxinterp import controls, data, ensemble, jobs, metrics, report, stats, studies
from jaxinterp.analysis import ablation, ablation_search, responses
from jaxinterp.ensemble import over_seeds
from jaxinterp.report import tables
from jaxinterp.report.figures.common import AMOUNT, BLUE, GREEN, GREY, ORANGE

RUN = Path("../checkpoints/bottleneck-neurons")  # trained if it does not exist yet: about a minute
SEEDS = None  # how many networks to train; None: the study's number
EPOCHS = None  # None: the recipe's number

# %%
ensemble.use_every_core()
plan = studies.runs("bottleneck-neurons", RUN, seeds=SEEDS, epochs=EPOCHS)
run = jobs.train_run(RUN, plan[RUN], resume=True)
test = data.load(run.config.data).test
choose, score = test.take(np.s_[0::2]), test.take(np.s_[1::2])  # as the study does
tables.run_table(RUN, run)

# %%
SITE, DIGITS = "hidden1/post", np.arange(10)
CHUNK = 8  # networks at once
seeds = np.arange(run.config.train.seeds)[:, None]


def show(what, values):
    """Print one number per network as mean ± sd [95 % interval]."""
    estimate = stats.over_seeds_estimate(values)
    print(f"{what}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")


def dots(axes, values, colour, label, shift=0.0):
    """Draw "seeds digits": one dot per network, and a bar at their median."""
    jitter = np.linspace(-0.08, 0.08, len(values))[:, None] + shift
    axes.plot((DIGITS + jitter).ravel(), values.ravel(), ".", color=colour, alpha=0.4, markersize=4)
    axes.plot(DIGITS + shift, np.median(values, axis=0), "_", color=colour, markersize=9, mew=2.5, label=label)
    axes.set(xticks=DIGITS, xlabel="digit")


def finish(axes, **settings):
    """Label the axes, and add a legend."""
    axes.set(**settings)
    axes.legend(frameon=False, fontsize=8)


# %% [markdown]
"""
## Is there a selective neuron for every digit?

The write-up's index compares a neuron's mean activation on a digit with that on the others. The highest of 16 neurons
is high by selection alone, so it is chosen on one half of the images and scored on the other. Its controls are its own
index under permuted labels, and the same networks before training.
"""


# %%
def selective(network, key):
    """Index of each digit's most selective neuron, 95th percentile of the null, and how often that neuron fires."""
    first, second = (network(half.images)[1][SITE] for half in (choose, score))
    top = jnp.argmax(responses.selectivity(first, choose.labels, classes=10).index, axis=1)
    null = responses.selectivity_null(key, second, score.labels, classes=10, draws=20).index
    index = responses.selectivity(second, score.labels, classes=10).index
    return (
        index[DIGITS, top],
        jnp.quantile(null[:, DIGITS, top], 0.95, axis=0),
        responses.liveness(second).firing_rate[top],
    )


before = controls.untrained(ensemble.keys(run.config.train.base_seed, len(seeds)), run.networks.model, 784)
measure = jax.jit(over_seeds(selective, chunk=CHUNK))
index, null, firing = map(np.asarray, measure(run.networks, jax.random.key(0)))
untrained = np.asarray(measure(before, jax.random.key(0))[0])

figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for values, colour, name, shift in (
    (index, BLUE, "trained", -0.25),
    (untrained, ORANGE, "untrained", 0),
    (null, GREY, "labels permuted", 0.25),
):
    dots(axes, values, colour, name, shift)
    show(f"index, {name}", values.mean(axis=1))
finish(axes, ylabel="selectivity index")
show("share of images on which the most selective neuron fires", firing.mean(axis=1))

# %% [markdown]
"""
Most of the index is there before training: 0.37 on average, and 0.47 after it. Permuted labels give 0.05.

In one network, neuron by neuron: mean activation on every digit, relative to the neuron's best.
"""

# %%
predict = jax.jit(over_seeds(lambda network: ablation.predictors(network, choose, site=SITE), chunk=CHUNK))
predictors = jax.tree.map(np.asarray, predict(run.networks))  # each "seeds units digits"; they return below
activation = predictors.activation[0]
relative = activation / np.maximum(activation.max(axis=1, keepdims=True), 1e-9)
relative = relative[np.argsort(relative.argmax(axis=1))]
figure, axes = plt.subplots(figsize=(4.4, 4), layout="constrained")
axes.set(xlabel="digit", ylabel="neuron, by its best digit", xticks=DIGITS, yticks=[])
shown = axes.imshow(relative, AMOUNT, vmin=0, vmax=1)
bar = figure.colorbar(shown, label="mean activation, relative to the best digit's")

# %% [markdown]
"""
Most neurons of this network respond to several digits; two respond to little but 2s.

## What does a digit lose without its most damaging neuron?

Each neuron's activation is replaced in turn: by 0, by its mean, or by that on another image. A digit's most damaging
neuron is the one without which its accuracy falls most on one half of the images; it is scored on the other. The
control is a random neuron, which is the mean over all of them.
"""

# %%
KINDS = ("zero", "mean", "resample")


def ablated(network, key):
    """Accuracy "kinds units digits" without each neuron, on both halves."""

    def without(half, kind):
        return ablation.units(network, half, site=SITE, kind=kind, key=key).accuracy

    return [jnp.stack([without(half, kind) for kind in KINDS]) for half in (choose, score)]


chosen_on, without = map(np.asarray, jax.jit(over_seeds(ablated, chunk=CHUNK))(run.networks, jax.random.key(1)))
intact = np.asarray(jax.jit(over_seeds(lambda network: ablation.baseline(network, score).accuracy))(run.networks))
worst = chosen_on.argmin(axis=2)  # "seeds kinds digits"
left = np.take_along_axis(without, worst[:, :, None], axis=2)[:, :, 0]

figure, panels = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained", sharey=True)
for place, (axes, kind) in enumerate(zip(panels, KINDS, strict=True)):
    dots(axes, left[:, place], BLUE, "its most damaging neuron")
    axes.plot(DIGITS, np.median(without[:, place].mean(axis=1), axis=0), "D", color=ORANGE, label="a random neuron")
    axes.plot(DIGITS, np.median(intact, axis=0), "_", color=GREY, markersize=9, mew=2, label="nothing")
    axes.set(title=f"{kind}-ablation", ylim=(-0.03, 1.03))
panels[0].set_ylabel("accuracy on the digit, without …")
finish(panels[-1])
for place, kind in enumerate(KINDS):
    show(f"{kind}-ablation, accuracy without that neuron", left[:, place].mean(axis=1))
    show(f"{kind}-ablation, share of digits that fall below 10 %", np.mean(left[:, place] < 0.1, axis=1))

# %% [markdown]
"""
Set to zero, a digit's most damaging neuron takes most of the accuracy with it; set to its mean, or to that on another
image, it takes a quarter to a third. A random neuron costs little.

The largest loss of so many neurons and digits would be large even if no neuron depended on the digit. `searched_p`
therefore takes a neuron's loss on each digit less its mean loss, in standard deviations under permuted labels, and
compares it with the largest of all neurons and digits under permuted labels.
"""


# %%
def significant(network, key):
    """Whether each digit's largest loss under mean-ablation is significant at 5 %, corrected for the search."""

    def right(logits, labels):
        return metrics.correct("cross_entropy", logits, labels).astype(logits.dtype)

    drops = ablation.baseline(network, score, measure=right) - ablation.units(
        network, score, site=SITE, kind="mean", measure=right
    )
    return jnp.min(ablation_search.searched_p(key, drops, score.labels, classes=10, draws=100), axis=0) < 0.05


found = np.asarray(jax.jit(over_seeds(significant, chunk=CHUNK))(run.networks, jax.random.key(2)))
show("mean-ablation, share of digits with a loss beyond the search", found.mean(axis=1))

# %% [markdown]
"""
## Does scaling the neuron raise the digit?

The activation of a digit's most damaging neuron under zero-ablation is multiplied by 0 to 3. What the digit gains,
others may lose, so the accuracy over all digits is drawn too, with the same neuron scaled.
"""

# %%
STRENGTHS = np.arange(0, 3.01, 0.25)


def scaled(network):
    """Accuracy "units strengths digits" with each neuron scaled."""
    return ablation.doses(network, score, STRENGTHS, site=SITE, chunk=8).accuracy


doses = np.asarray(jax.jit(over_seeds(scaled, chunk=CHUNK))(run.networks))  # "seeds units strengths digits"
zeroed = worst[:, KINDS.index("zero")]
own = doses[seeds, zeroed, :, DIGITS].mean(axis=1)
everything = doses[seeds, zeroed].mean(axis=(1, 3))

figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for values, colour, name in ((own, BLUE, "on the digit"), (everything, GREEN, "on all digits")):
    axes.plot(STRENGTHS, values.mean(axis=0), color=colour, label=name)
    axes.fill_between(STRENGTHS, *np.quantile(values, (0.05, 0.95), axis=0), color=colour, alpha=0.2, linewidth=0)
    show(f"accuracy {name}, at 3 less at 1", values[:, -1] - values[:, np.searchsorted(STRENGTHS, 1)])
axes.axvline(1, color=GREY, linewidth=0.8)
finish(
    axes, xlabel="factor on the activation of the digit's most damaging neuron", ylabel="accuracy", ylim=(-0.03, 1.03)
)

# %% [markdown]
"""
Without its neuron the digit falls to 0.17. Scaling the neuron up gains the digit a few points at most, and costs all
digits together more and more.

## What predicts which neuron a digit needs?

Selectivity is one candidate; activation, weight and their product are others. Each is measured on one half of the
images, and correlated by rank, over neurons and digits, with what the neuron's ablation costs the digit on the other.
"""

# %%
cost = intact[:, None, None] - without

figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for place, (kind, colour) in enumerate(zip(KINDS, (BLUE, ORANGE, GREEN), strict=True)):
    for row, (name, values) in enumerate(predictors._asdict().items()):
        correlations = stats.spearman(*(np.reshape(part, (len(seeds), -1)) for part in (values, cost[:, place])))
        height = np.full(len(correlations), row + 0.22 * (place - 1))
        axes.plot(correlations, height, ".", color=colour, alpha=0.5, label=None if row else f"{kind}-ablation")
        if name == "selectivity":
            show(f"{kind}-ablation, selectivity: rank correlation with the cost", correlations)
axes.set_yticks(range(len(predictors)), [name.replace("_", " × ") for name in predictors._fields])
axes.axvline(0, color=GREY, linewidth=0.8)
axes.set(xlabel="Spearman's correlation with the cost, one dot per network", ylim=(len(predictors) - 0.5, -0.5))
legend = figure.legend(frameon=False, fontsize=8, loc="outside right center")

# %% [markdown]
"""
What predicts the cost depends on the ablation: weight and activation × weight for zero-ablation, activation about its
mean × weight for the other two, for which selectivity predicts nothing.

## What the study says

The study measures these quantities and more, and judges every claim by a rule, `finding.criterion`. What it measured is
stored in the run's folder; if it is not there yet, this cell measures it, which takes a minute. The table has the
findings that matter most; `answer.findings` has all of them, with those on the course of training, pruning,
superposition and convolutions.
"""

# %%
answer = studies.answers(RUN).get("bottleneck-neurons") or studies.run("bottleneck-neurons", RUN)
print(answer.sentence)
tables.findings_table(answer.highlights)

# %% [markdown]
"""
Every measurement is an `xarray.Dataset` with named axes. How far does each digit fall without its most damaging neuron,
on average over networks?
"""

# %%
damage = answer.results["damage"]
left = damage.worst_accuracy.isel(layers=-1).mean("seeds").to_pandas().round(3)
left.loc["no ablation"] = damage.intact.mean("seeds").to_pandas().round(3)
left.rename_axis(index="ablation", columns="digit")

# %%
report.figures_of("bottleneck-neurons")(answer.results)[0]

# %% [markdown]
"""
Under zero-ablation the most damaging of as many random directions costs less than the neuron, but far more than a
random neuron does. Under mean- and resample-ablation neuron and direction cost about the same; under
class-mean-ablation neither costs anything.

To go on: `answer.results` holds every measurement by name, and `store.load_result(RUN, "bottleneck-neurons/damage")`
opens one of them. An analysis of your own is a function of one network, lifted by `over_seeds` as above.
"""
