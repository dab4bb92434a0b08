# %% [markdown]
"""
# Your own network, in ten cells

Networks that were trained elsewhere become an ensemble, and every analysis takes them. Here they are trained in a few
lines of flax and optax; PyTorch, Keras and scikit-learn are read likewise (`docs/import.md`). On a hosted machine
without the package, clone the repository and change into its folder `notebooks/` first; the first cell installs it.
"""

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("jaxinterp") is None:  # such as on a hosted machine
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", ".."], check=True)
    importlib.invalidate_caches()

# %%
import tempfile
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax.traverse_util import flatten_dict
from safetensors.flax import save_file

from jaxinterp import cli, controls, data, ensemble, foreign, stats, store
from jaxinterp.analysis import ablation, attribution, similarity
from jaxinterp.config import DataConfig
from jaxinterp.report import tables
from jaxinterp.report.figures.common import BLUE, GREY, ORANGE, SIGNED

RUN = Path("../checkpoints/mine")  # made by the last cell
SEEDS = 4  # networks
EPOCHS = 5

# %% [markdown]
"""
## The network

Any architecture of linear layers with one activation function, such as yours. Several trainings make error bars.
"""

# %%
splits = data.load(DataConfig("mnist"))
train, test = splits.train.take(slice(10_000)), splits.test.take(slice(2000))
module = nn.Sequential([nn.Dense(32), nn.tanh, nn.Dense(16), nn.tanh, nn.Dense(10)])
adam = optax.adam(3e-3)


def loss(variables, images, labels):
    """Mean cross-entropy, as your own training has it."""
    return optax.softmax_cross_entropy_with_integer_labels(module.apply(variables, images), labels).mean()


# %%
def step(state, rows):
    """One step of Adam on the images in these rows."""
    variables, moments = state
    gradient = jax.grad(loss)(variables, jnp.asarray(train.images)[rows], jnp.asarray(train.labels)[rows])
    updates, moments = adam.update(gradient, moments)
    return (optax.apply_updates(variables, updates), moments), None


@jax.jit
def trained(key):
    """One training: initial weights and the order of the images are drawn from the key."""
    first, order = jax.random.split(key)
    variables = module.init(first, train.images[:1])
    orders = jax.vmap(lambda key: jax.random.permutation(key, len(train.labels)))(jax.random.split(order, EPOCHS))
    (variables, _), _ = jax.lax.scan(step, (variables, adam.init(variables)), orders.reshape(-1, 100))
    return variables


mine = [trained(key) for key in jax.random.split(jax.random.key(0), SEEDS)]

# %% [markdown]
"""
## One ensemble

`from_arrays` reads what each array is from its name and its shape; what no array tells, the activation function, is
given. Check that the outputs are those of your network.
"""

# %%
networks = foreign.from_arrays(*mine, activation="tanh")
logits, activations = ensemble.take(networks, 0)(test.images)
print(f"largest difference of any logit: {np.abs(logits - module.apply(mine[0], test.images)).max():.1g}")
print("sites:", ", ".join(activations))

# %%
accuracy = ensemble.over_seeds(lambda network: (network(test.images)[0].argmax(axis=1) == test.labels).mean())(networks)
estimate = stats.over_seeds_estimate(accuracy, bounds=stats.SHARE)
print(f"accuracy {tables.spread(estimate)} {tables.interval(estimate)}, {estimate.n} networks")

# %% [markdown]
"""
## Which units does it need?

Each unit of the second layer is set to its mean in turn.
"""

# %%
without = ensemble.over_seeds(lambda network: ablation.units(network, test, site="hidden1/post", kind="mean").accuracy)(
    networks
)  # "seeds units classes"
intact = ensemble.over_seeds(lambda network: ablation.baseline(network, test).accuracy)(networks)
damage = np.asarray(intact[:, None] - without)

figure, axes = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
for values, colour, name in ((damage.max(axis=2), ORANGE, "most, of any digit"), (damage.mean(axis=2), BLUE, "mean")):
    axes.plot(np.sort(values, axis=1)[:, ::-1].T, color=colour, label=[name, *[None] * (SEEDS - 1)])
axes.set(xlabel="unit, from the most damaging on; one line per network", ylabel="accuracy lost")
legend = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
No unit is indispensable: without the most damaging one a digit loses 7 to 11 of 100 images, and all digits together
about one.

## What does the most damaging unit look for?
"""

# %%
most = damage.max(axis=2).argmax(axis=1)
maps = ensemble.over_seeds(lambda network: attribution.gradients(network, test.images, site="hidden1/pre"))(networks)

figure, panels = plt.subplots(1, SEEDS, figsize=(2 * SEEDS, 2.3), layout="constrained")
for seed, axes in enumerate(panels):
    shown = np.asarray(maps[seed, most[seed]]).reshape(test.shape[:2])
    axes.imshow(shown, cmap=SIGNED, vmin=-np.abs(shown).max(), vmax=np.abs(shown).max())
    digit = damage[seed, most[seed]].argmax()
    axes.set_title(
        f"network {seed}, unit {most[seed]}\n{digit}s lose {damage[seed, most[seed], digit]:.2f}", fontsize=9
    )
    axes.axis("off")

# %% [markdown]
"""
Ink raises the unit where the map is orange, and lowers it where it is blue. The four maps differ: the most damaging
unit is one for another digit in each network.

## Did all trainings find the same?
"""

# %%
before = controls.untrained(ensemble.keys(0, SEEDS), networks.model, test.images.shape[1])
pairs = np.triu_indices(SEEDS, 1)
figure, axes = plt.subplots(figsize=(5, 2.2), layout="constrained")
for row, site in enumerate(("hidden0/post", "hidden1/post")):
    for which, colour, name in ((networks, BLUE, "trained"), (before, GREY, "untrained")):
        layers = ensemble.over_seeds(lambda network, site=site: network(test.images)[1][site])(which)
        likeness = np.asarray(similarity.all_pairs(similarity.MEASURES["debiased_cka"], layers, layers))[pairs]
        axes.plot(likeness, np.full(likeness.shape, row), "o", color=colour, alpha=0.6, label=None if row else name)
axes.set(xlabel="debiased CKA, one dot per pair", yticks=(0, 1), yticklabels=("hidden0", "hidden1"), xlim=(-0.05, 1.05))
axes.set_ylim(1.5, -0.5)
legend = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
Trained networks are far more alike than untrained ones, above 0.8 in both layers; before training they are at 0.4 to
0.5 in the first, and at 0.2 to 0.3 in the second.

## A run, for every question and the page

`jaxinterp import` stores networks from files as a run. Then `jaxinterp units`, `ablate`, `coalitions`, `attribute` and
`compare` answer, and `jaxinterp report` writes its page. Here the same commands are called from Python.
"""

# %%
if not store.is_complete(RUN):
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"mine{seed}.safetensors" for seed in range(SEEDS)]
        for file, variables in zip(files, mine, strict=True):
            save_file(flatten_dict(variables, sep="/"), file)
        where = ["--root", str(RUN.parent), "--name", RUN.name, "--model.activation", "tanh"]
        cli.main(["import", *map(str, files), *where])
run = store.load(RUN)
tables.run_table(RUN, run)
