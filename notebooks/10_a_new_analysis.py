# %% [markdown]
"""
# A new analysis, in ten cells

Which rows of an image does a network need? A question becomes a function of one network; then it is lifted to all of
them, compared with chance, and judged. On a hosted machine without the package, clone the repository and change into
its folder `notebooks/` first; the first cell installs it.
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
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import data, ensemble, jobs, recipes, stats, store
from jaxinterp.report import tables
from jaxinterp.report.figures.common import AMOUNT, BLUE, GREY, ORANGE
from jaxinterp.studies import Claim, Measurement, inputs, runner
from jaxinterp.studies.judge import above, judge
from jaxinterp.studies.scores import Difference

RUN = Path("../checkpoints/demo")  # eight networks that ship
SEEDS = 8
EPOCHS = None  # None: the recipe's number

# %%
ensemble.use_every_core()
if not store.is_complete(RUN):
    jobs.train_run(RUN, recipes.config("instance-variation", seeds=SEEDS, epochs=EPOCHS), resume=True)
run = store.load(RUN)
test = data.load(run.config.data).test.take(slice(1000))
ROWS, COLUMNS, _ = test.shape

# %% [markdown]
"""
## One network

The function takes a network and gives a number, or an array. `vmap` runs it for every row at once.
"""


# %%
def accuracy(network, images, labels):
    """Share of the images that the network labels rightly."""
    return (network(images)[0].argmax(axis=1) == labels).mean()


def without_rows(network, images, labels):
    """Accuracy "rows" without the ink of each row."""
    masks = jnp.repeat(jnp.eye(ROWS, dtype=bool), COLUMNS, axis=1)  # "rows pixels"
    return jax.vmap(lambda mask: accuracy(network, jnp.where(mask, 0, images), labels))(masks)


network = ensemble.take(run.networks, 0)
print("network 0, without row 14:", f"{float(without_rows(network, test.images, test.labels)[14]):.3f}")

# %% [markdown]
"""
## All networks

`over_seeds` applies the function to each; what it returns then leads with an axis `seeds`.
"""

# %%
intact = np.asarray(ensemble.over_seeds(accuracy)(run.networks, test.images, test.labels))
rows = np.asarray(ensemble.over_seeds(without_rows)(run.networks, test.images, test.labels))
lost = intact[:, None] - rows  # "seeds rows"

figure, axes = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
axes.axhline(0, color=GREY, linewidth=0.8)
axes.set(xlabel="row that is blanked, from the top; one line per network", ylabel="accuracy lost")
lines = axes.plot(lost.T, color=BLUE, alpha=0.4)

# %% [markdown]
"""
Blanking a row costs at most 6 of 100 images. Rows 7, 13 and 17 cost most, in most networks; the first and last rows
have no ink, and cost nothing.

## What would chance give?

A row in the middle has more ink than others. The control blanks as much ink of each image in random places.
"""


# %%
def without_ink(network, key, images, labels):
    """Accuracy "rows" where each image loses, in random places, as many pixels with ink as it has in the row."""

    def blanked(key, image, count):
        order = jnp.argsort(jnp.where(image > 0, jax.random.uniform(key, image.shape), 2))
        return image.at[order].multiply(jnp.arange(len(image)) >= count)

    counts = (jnp.asarray(images) > 0).reshape(-1, ROWS, COLUMNS).sum(axis=2).T  # "rows examples"
    keys = jax.random.split(key, len(images))
    return jax.lax.map(lambda count: accuracy(network, jax.vmap(blanked)(keys, images, count), labels), counts)


shared = jax.random.key(0), test.images, test.labels  # the same for all networks
chance = intact[:, None] - np.asarray(jax.jit(ensemble.over_seeds(without_ink))(run.networks, *shared))

figure, axes = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
for values, colour, name in ((lost, BLUE, "a row"), (chance, ORANGE, "as much ink, anywhere")):
    axes.plot(values.mean(axis=0), color=colour, label=name)
    axes.fill_between(range(ROWS), values.min(axis=0), values.max(axis=0), color=colour, alpha=0.2, linewidth=0)
axes.set(xlabel="row; line: mean, band: range of networks", ylabel="accuracy lost")
legend = axes.legend(frameon=False, fontsize=8)

# %% [markdown]
"""
As much ink elsewhere costs less than one of 100 images. Rows 7 and 13 cost four to five times as much, row 9 no more.

## How sure is it?

Networks are the sample. Each is its own control, so that differences are paired.
"""

# %%
extra = lost[:, 5:24].mean(axis=1) - chance[:, 5:24].mean(axis=1)
found = stats.over_seeds_estimate(extra)
print(f"rows 5 to 23: {tables.spread(found)} {tables.interval(found)} more than as much ink, {found.n} networks")

# %% [markdown]
"""
Is it the same rows in every network?
"""

# %%
alike = np.corrcoef(lost)
figure, axes = plt.subplots(figsize=(3.6, 3), layout="constrained")
axes.set(xlabel="network", ylabel="network")
bar = figure.colorbar(axes.imshow(alike, AMOUNT, vmin=0, vmax=1), label="correlation of the losses")

# %% [markdown]
"""
Losses correlate between all networks, by 0.4 to 0.9: they need mostly the same rows.

## A measurement

As a record with named axes, the function becomes a `Measurement`, which `jaxinterp analyze` runs, stores and shows on
the page of any run (`docs/add-an-analysis.md`).
"""


# %%
class Rows(NamedTuple):
    """Accuracy that one network loses with each row, and with as much ink elsewhere."""

    row: Float[Array, " rows"]
    ink: Float[Array, " rows"]


def measure(network, key, images, labels) -> Rows:
    """Both losses of one network, on the same images."""
    whole = accuracy(network, images, labels)
    return Rows(whole - without_rows(network, images, labels), whole - without_ink(network, key, images, labels))


measurement = Measurement(
    "rows", measure, shared=lambda own: (test.images, test.labels), key=1, coords=lambda own: {"rows": range(ROWS)}
)
result = runner.take(measurement, {"": inputs.load("", RUN)})
print(result)

# %% [markdown]
"""
## A claim, judged

A claim names what is measured, its control, a score and a bar. The verdict follows from the interval of the score.
"""

# %%
middle = result.sel(rows=range(5, 24)).mean("rows")
claim = Claim(
    row="1",
    name="rows",
    text="A row matters more than as much ink elsewhere",
    measured=middle.row,
    controls={"as much ink": middle.ink},
    score=Difference(),
    rule=above(0.0),
    quantity="accuracy lost",
)
tables.findings_table(judge("rows", [claim]))
