# %% [markdown]
"""
# Is what a language model is told of a neuron what the neuron does?

A write-up had a language model put into words what each neuron of a small network does. The model was told three
things: an image that maximises the neuron, the neuron's mean and spread on each digit, and its ten largest weights. It
saw one network of six hidden neurons, four of which were dead, and one network that computes XOR.

Before any words, one can ask of many networks how much these descriptions tell, each beside what chance gives.
"""

# %%
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from jaxinterp import controls, data, ensemble, jobs, metrics, report, stats, studies
from jaxinterp.analysis import maximization, responses
from jaxinterp.analysis.maximization import images as spaces
from jaxinterp.analysis.maximization import objectives, optima
from jaxinterp.ensemble import over_seeds
from jaxinterp.report import tables
from jaxinterp.report.figures.common import BLUE, GREEN, GREY, ORANGE

RUN = Path("../checkpoints/llm-labels")  # trained there, where it is not there yet: about a minute
SEEDS = None  # how many networks to train; None: as many as the study asks
EPOCHS = None  # None: as many as the recipe has

# %%
ensemble.use_every_core()
plan = studies.runs("llm-labels", RUN, seeds=SEEDS, epochs=EPOCHS)
runs = {config.recipe: jobs.train_run(path, config, resume=True) for path, config in plan.items()}
run, twelve, xor = (runs[name] for name in ("llm-labels", "llm-labels-12", "llm-labels-xor"))
test = data.load(run.config.data).test
tables.run_table(RUN, run)


# %%
def tell(what, values):
    """Print one number a network as mean ± sd [95 % interval]."""
    estimate = stats.over_seeds_estimate(values)
    print(f"{what}: {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")


def of_live(values, fires):
    """Mean over the neurons of each network that fire; NaN where none does."""
    return np.array([row[live].mean() if live.any() else np.nan for row, live in zip(values, fires, strict=True)])


# %% [markdown]
"""
## XOR, read from the weights

Four inputs are all that there is, so a network of two inputs, four ReLU neurons and one output can be read whole: on
which inputs does each neuron fire, and what does the output come to?
"""


# %%
corners = data.load(xor.config.data).test


def response(network):
    """Answers to the four inputs, and which neurons fire on which of them."""
    logits, activations = network(corners.images)
    return logits[:, 0], activations["hidden0/post"].T > 0


outputs, gates = map(np.asarray, jax.jit(over_seeds(response))(xor.networks))
solved = ((outputs > 0.5) == corners.labels).all(axis=1)
tell("networks that solve XOR", solved.astype(float))
tell("dead neurons", (~gates.any(axis=2)).sum(axis=1).astype(float))
for seed in range(min(5, len(outputs))):
    fires = ", ".join("".join(map(str, row.astype(int))) for row in gates[seed])
    print(f"seed {seed}: answers {np.round(outputs[seed], 2)}; neurons fire on {fires}")

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
jitter = np.linspace(-0.15, 0.15, len(outputs))[:, None]
for chosen, colour, name in ((solved, BLUE, "solves XOR"), (~solved, ORANGE, "does not")):
    places = np.arange(4) + jitter[chosen]
    axes.plot(places.ravel(), outputs[chosen].ravel(), ".", color=colour, alpha=0.6, label=name)
axes.set_xticks(range(4), ["00", "01", "10", "11"])
axes.set(xlabel="input", ylabel="output")
legend = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
## How many neurons are alive?

A neuron that fires on no test image tells nothing, and takes part in nothing.
"""


# %%
def reading(network):
    """Which neurons fire on some test image, and the accuracy."""
    logits, activations = network(test.images)
    right = metrics.correct("cross_entropy", logits, test.labels)
    return ~responses.liveness(activations["hidden0/post"]).dead, jnp.mean(right)


ask = jax.jit(over_seeds(reading, chunk=20))
figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, asked, colour in (("six neurons", run, BLUE), ("twelve neurons", twelve, ORANGE)):
    fires, accuracy = map(np.asarray, ask(asked.networks))
    axes.plot(fires.sum(axis=1), accuracy, "o", color=colour, alpha=0.5, label=name)
    tell(f"{name}: alive", fires.sum(axis=1).astype(float))
    tell(f"{name}: test accuracy", accuracy)
fires = np.asarray(ask(run.networks)[0])
axes.plot(2, 0.6305, "*", color="black", markersize=13, label="published")
axes.set(xlabel="neurons that fire on some test image", ylabel="test accuracy", ylim=(0, 1))
legend = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
## Does the picture show what the neuron looks for?

The write-up starts from noise and minimises −a(z) + Σz² by 200 steps of Adam, where z is the normalised image. A neuron
of the first layer is linear before its ReLU, so that the optimum is known: z = w/2. It is reached, by dead neurons too:
the picture of a neuron that never fires is as sharp as any other, and is of the weights that it began with.
"""


# %%
def recipe(network, key):
    """The recipe's pictures from two starts, after the ReLU, with the exact optimum, "units pixels"."""
    network = network.replace(model=network.model.clone(input_mean=0.0, input_std=1.0))  # it reads z itself
    weights, bias = optima.affine(network)
    goal = objectives.units("hidden0/post", jnp.arange(len(bias)))
    settings = {"parametrization": spaces.PIXELS, "priors": [spaces.l2(1.0)], "learning_rate": 0.1}
    found = maximization.maximize(key, network, goal, objectives=len(bias), restarts=2, steps=200, **settings)
    return found.images, optima.penalty_optimum(weights, bias, 1.0)[0]


made, exact = map(np.asarray, jax.jit(over_seeds(recipe, chunk=2))(run.networks, jax.random.key(0)))
lengths = np.linalg.norm(made, axis=-1) * np.linalg.norm(exact, axis=-1)[..., None]
cosine = np.einsum("nurp,nup->nur", made, exact) / np.maximum(lengths, 1e-9)
tell("starts that end at the known optimum", np.mean(cosine >= 0.95, axis=(1, 2)))

# %%
seed = int(np.argsort(fires.sum(axis=1))[len(fires) // 2])  # of the median number of live neurons
network = ensemble.take(run.networks, seed)
best = responses.exemplars(network(test.images)[1]["hidden0/pre"], k=1).index[:, 0]
figure, panels = plt.subplots(3, len(best), figsize=(1.2 * len(best), 3.9), layout="constrained")
scale = np.abs(exact[seed]).max()
for unit, column in enumerate(panels.T):
    for axes, image in zip(column, (made[seed, unit, 0], exact[seed, unit]), strict=False):
        axes.imshow(image.reshape(28, 28), cmap="RdBu_r", vmin=-scale, vmax=scale)
    column[2].imshow(test.images[best[unit]].reshape(28, 28), cmap="gray_r")
    column[0].set_title(f"{unit}{'' if fires[seed, unit] else ' dead'}", fontsize=8)
for axes, name in zip(panels[:, 0], ("recipe", "exact", "best image"), strict=True):
    axes.set_ylabel(name, fontsize=8)
for axes in panels.flat:
    axes.set(xticks=[], yticks=[])

# %% [markdown]
"""
## Do the means on the digits tell what the neuron does?

The share of a neuron's variance that lies between digits is what its ten means can tell at most. Beside it: the same
for permuted labels, and for the networks before training.
"""


# %%
def between_digits(network, labels):
    """Share of each neuron's variance that lies between digits."""
    activations = network(test.images)[1]["hidden0/post"]
    found = responses.by_class(activations, labels, classes=10)
    weights = (found.count / len(labels))[:, None]
    within = jnp.nansum(weights * found.sd**2, axis=0)
    total = jnp.var(activations, axis=0)
    return jnp.where(total > 0, 1 - within / jnp.where(total > 0, total, 1), jnp.nan)


before = controls.untrained(ensemble.keys(run.config.train.base_seed, len(fires)), run.networks.model, 784)
permuted = np.random.default_rng(0).permutation(test.labels)
explain = jax.jit(over_seeds(between_digits, chunk=20))
shown = {
    "trained": of_live(np.asarray(explain(run.networks, test.labels)), fires),
    "labels permuted": of_live(np.asarray(explain(run.networks, permuted)), fires),
    "untrained": np.nanmean(np.asarray(explain(before, test.labels)), axis=1),
}
for name, values in shown.items():
    tell(f"variance between digits, {name}", values)

# %% [markdown]
"""
## Do the ten largest weights?

What enters a neuron, rebuilt from ten pixels alone: those of the largest weights, those whose weights contribute most
(weight × the pixel's standard deviation), and ten at random.
"""


# %%
spread = np.asarray(test.images).std(axis=0)


def rebuilt(network, key):
    """Squared correlation of each neuron's input with what ten pixels give, by each list: "lists units"."""
    kernel = network.variables["params"]["hidden0"]["kernel"].T
    size = jnp.abs(kernel)
    entering = network(test.images)[1]["hidden0/pre"]

    def of_list(ranked):
        kept = ranked >= jax.lax.top_k(ranked, 10)[0][:, -1:]
        part = test.images @ jnp.where(kept, kernel, 0).T
        part, whole = part - part.mean(axis=0), entering - entering.mean(axis=0)
        return jnp.sum(part * whole, axis=0) ** 2 / (jnp.sum(part**2, axis=0) * jnp.sum(whole**2, axis=0) + 1e-9)

    return jnp.stack([of_list(ranked) for ranked in (size, size * spread, jax.random.uniform(key, size.shape))])


found = np.asarray(jax.jit(over_seeds(rebuilt, chunk=4))(run.networks, jax.random.key(1)))
figure, axes = plt.subplots(figsize=(7, 2.4), layout="constrained")
names = ("ten largest weights", "ten largest contributions", "ten pixels at random")
for place, (name, colour) in enumerate(zip(names, (BLUE, GREEN, GREY), strict=True)):
    values = of_live(found[:, place], fires)
    axes.plot(values, place + np.linspace(-0.15, 0.15, len(values)), ".", color=colour, alpha=0.6)
    tell(name, values)
axes.set_yticks(range(3), names)
axes.set(xlabel="squared correlation with the neuron's input, a dot a network", xlim=(0, 1), ylim=(2.5, -0.5))

# %% [markdown]
"""
## What the study says

The study puts these questions and more, and judges every claim by a rule, `finding.rule`. What it measured is
kept in the run's folder; where that is not there yet, this cell asks the networks, which takes a minute or two.
"""

# %%
answer = studies.answers(RUN).get("llm-labels") or studies.run("llm-labels", RUN)
tables.findings_table(answer.findings)

# %%
print(answer.sentence)
report.FIGURES["llm-labels"](answer.record)[1]

# %% [markdown]
"""
To go on: every array of `answer.record` is there by name, and `store.load_result(RUN, "llm-labels")` opens it as an
`xarray.Dataset`. `studies.llm_labels.xor.pieces(answer.record, seed)` reads any of the XOR networks.
"""
