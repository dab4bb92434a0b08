import ast
import dataclasses
import json
import os
import re
import subprocess
import sys
import typing
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxinterp
from jaxinterp import choices, data, epoch, networks, sizes, train
from jaxinterp.choices import ACTIVATIONS, DATASETS, NORMS, OPTIMIZERS
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig, from_json, to_json
from jaxinterp.data import Splits, as_dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Network

PACKAGE = Path(jaxinterp.__file__).parent
X = np.linspace(-6, 6, 2401, dtype=np.float32)  # 0 in the middle


def values(activation, x=X):
    return np.asarray(networks.activation_function(MLP(activation=activation))(jnp.asarray(x)))


def piecewise_slopes(x, y):
    """Slopes below and above 0 of a function that is linear there and 0 at 0; None for any other."""
    ratios = [y[side] / x[side] for side in (x < 0, x > 0)]
    linear = y[x == 0] == 0 and all(np.ptp(ratio) < 1e-5 for ratio in ratios)
    return tuple(float(np.mean(ratio)) for ratio in ratios) if linear else None


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_function_is_what_its_entry_says(name):
    entry, y = ACTIVATIONS[name], values(name)
    assert np.allclose(y, -y[::-1], atol=1e-6) == entry.odd
    slopes = piecewise_slopes(X, y)
    assert (entry.slopes is None) == (slopes is None)
    assert slopes is None or slopes == pytest.approx(entry.slopes)
    middles, steps = (X[1:] + X[:-1]) / 2, np.diff(y)
    if entry.least is None:
        assert np.all(steps >= -1e-6)
    else:
        away = np.abs(middles - entry.least) > 0.01
        assert np.all((steps >= -1e-6)[away & (middles > entry.least)])
        assert np.all((steps <= 1e-6)[away & (middles < entry.least)]) and np.any(steps < -1e-4)
        assert values(name, np.float32([entry.least])) <= y.min()


def random_normed(name, units=6, examples=50):
    """A network of one hidden layer with the norm, its variables far from where they start, and images for it."""
    model = MLP((units,), 2, norm=name)
    shapes = jax.eval_shape(lambda: networks.init(jax.random.key(0), model, units).variables)
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(0.5, 1.5, leaf.shape), jnp.float32), shapes)
    # What enters the norm is the image itself.
    variables["params"]["hidden0"] = {"kernel": jnp.eye(units), "bias": jnp.zeros(units)}
    return Network(model, variables), rng.normal(size=(examples, units)).astype(np.float32)


def normed(network, images):
    return np.asarray(network(images)[1]["hidden0/pre"])


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_is_what_its_entry_says(name):
    network, images = random_normed(name)
    variables, over_units = network.variables, NORMS[name].over_units
    assert {part: leaf.shape for part, leaf in variables["params"]["norm0"].items()} == {"scale": (6,), "bias": (6,)}
    kept = variables.get("batch_stats", {}).get("norm0", {})
    assert set(kept) == (set() if over_units else {"mean", "var"})
    y, params = normed(network, images), variables["params"]["norm0"]
    standard = (y - params["bias"]) / params["scale"]
    if over_units is None:
        expected = (images - kept["mean"]) / np.sqrt(kept["var"] + network.model.norm_epsilon)
        np.testing.assert_allclose(standard, expected, rtol=1e-4, atol=1e-5)
    else:
        # No image reaches further than one unit far from all others does.
        far = (normed(network, 1e4 * np.eye(6, dtype=np.float32)) - params["bias"]) / params["scale"]
        assert np.max(far) == pytest.approx(over_units.reach(6), rel=1e-4)
        assert np.max(np.abs(standard)) <= over_units.reach(6)


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_treats_all_units_alike(name):
    network, images = random_normed(name)
    order = np.random.default_rng(1).permutation(6)

    def permute(path, leaf):
        return leaf[order] if path[1].key == "norm0" else leaf

    turned = network.replace(variables=jax.tree_util.tree_map_with_path(permute, network.variables))
    np.testing.assert_allclose(normed(turned, images[:, order]), normed(network, images)[:, order], atol=1e-5)


def rule(name, **options):
    config = TrainConfig(seeds=1, optimizer=name, learning_rate=0.05, **options)
    return epoch.optimizer(config, jax.tree.map(lambda leaf: leaf[0], epoch.hyperparameters_of([(config, ())])))


def follow(rule, gradient, steps):
    """Where an optimiser takes one weight from 1."""

    def step(carry, _):
        weight, state = carry
        updates, state = rule.update({"kernel": gradient(weight["kernel"])}, state, weight)
        return (optax.apply_updates(weight, updates), state), None

    weight = {"kernel": jnp.ones(())}
    return float(jax.lax.scan(step, (weight, rule.init(weight)), length=steps)[0][0]["kernel"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_descends_and_decays_weights(name):
    assert set(choices.used_by(name)) <= set(vars(TrainConfig()))
    assert abs(follow(rule(name), lambda weight: 2 * (weight - 0.3), 200) - 0.3) < 0.05
    assert follow(rule(name), jnp.zeros_like, 5) == 1
    assert 0 < follow(rule(name, weight_decay=0.5), jnp.zeros_like, 5) < 0.99


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("norm", [None, *NORMS])
def test_the_memory_estimate_counts_the_arrays_of_training(name, norm):
    model, config = MLP((90, 60), 10, norm=norm or "none"), TrainConfig(seeds=1, optimizer=name)
    numbers = jax.tree.map(lambda leaf: leaf[0], epoch.hyperparameters_of([(config, ())]))
    member = jax.eval_shape(lambda key: epoch.start(model, config, numbers, key, 784), jax.random.key(0))
    arrays = jax.tree.leaves((member.variables, member.variables["params"], member.opt_state))
    held = sum(array.size * array.dtype.itemsize for array in arrays)
    assert sizes.default_chunk(model, config, 784) == max(1, min(4, int(4e6 // held)))  # 4 batches fit in 1e6 bytes
    shared = dataclasses.replace(config, data_order="shared")
    assert sizes.default_chunk(model, shared, 784) == max(1, min(8, int(4e6 // held)))


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_is_well_formed(name):
    entry, splits = DATASETS[name], data.load(DataConfig(name))
    assert entry.about and isinstance(splits, Splits) and len(splits.train.labels) and len(splits.test.labels)
    for split in splits:
        assert split.images.dtype == np.float32 and split.labels.dtype == np.int32
        assert split.images.shape == (len(split.labels), splits.train.images.shape[1])
        as_dataset(split.images, split.labels)  # in [0, 1], integer labels
    assert set(splits.test.labels) <= set(splits.train.labels)
    other = data.load(DataConfig(name, data_seed=1))
    assert np.array_equal(splits.train.images, other.train.images) != entry.seeded
    again = data.load(DataConfig(name)) if entry.seeded else other
    np.testing.assert_array_equal(splits.train.images, again.train.images)


def check(kind, name, value):
    """What a run does first with its config; the value is put in as it is without the tests' type checks."""
    config = kind()
    object.__setattr__(config, name, value)
    if kind is ModelConfig:
        networks.build(config)
    else:
        train.check(config, MLP(), data.xor())


@pytest.mark.parametrize("field", ["model.activation", "model.norm", "train.optimizer"])
def test_the_config_takes_what_is_in_the_table_and_names_it(field):
    part, _, name = field.partition(".")
    kind = {"model": ModelConfig, "train": TrainConfig}[part]
    table = {"activation": ACTIVATIONS, "norm": ["none", *NORMS], "optimizer": OPTIMIZERS}[name]
    for value in table:
        check(kind, name, value)
    assert list(typing.get_args(typing.get_type_hints(kind)[name])) == list(table)
    message = re.escape(f"{kind.__name__}.{name} must be one of {', '.join(table)}, got 'swish'")
    stored = json.loads(to_json(RunConfig()))
    stored[part][name] = "swish"
    with pytest.raises(InputError, match=message):
        from_json(json.dumps(stored))
    with pytest.raises(InputError, match=message):
        check(kind, name, "swish")


# Where an entry may be named: the tables, the config's defaults, and recipes; studies of one data set name that too.
NAMING = ("choices.py", "config.py", "recipes.py", "data/", "studies/")
# Where "layer" is a column of a table, or what a prompt is about, and not the norm.
LAYERS = ("questions/", "report/answers.py", "explanation/prompting.py")
# "momentum" is a field as well.
NAMES = {*ACTIVATIONS, *NORMS, *OPTIMIZERS, *DATASETS} - set(vars(TrainConfig()))


def literals(tree):
    """The strings of a module's code, without the words of an f-string and the names of `__all__`."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    public = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "__all__"
    ]
    parts |= {id(part) for names in public for part in ast.walk(names)}
    return [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in parts]


def test_no_other_module_lists_what_is_in_the_tables():
    named = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}: {node.value}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if not file.relative_to(PACKAGE).as_posix().startswith(NAMING)
        for node in literals(ast.parse(file.read_text()))
        if node.value in NAMES
        if not (node.value == "layer" and file.relative_to(PACKAGE).as_posix().startswith(LAYERS))
    ]
    assert named == []


def test_the_pages_scripts_compare_with_no_entry():
    compared = re.compile(rf"""[=!]==?\s*["']({"|".join(sorted(NAMES))})["']""")
    found = {file.name: compared.findall(file.read_text()) for file in (PACKAGE / "report" / "page").glob("*.js")}
    assert found and not any(found.values())


NEW = """
import json
import sys
from jaxinterp import choices
from jaxinterp.choices import Activation, Norm, OverUnits, Source

choices.ACTIVATIONS["leaky"] = Activation(
    lambda jax, x: jax.nn.leaky_relu(x, 0.1), "x > 0 ? x : 0.1 * x", slopes=(0.1, 1.0)
)
choices.NORMS["centred"] = Norm(
    lambda nn, train, momentum, **options: nn.LayerNorm(use_fast_variance=False, **options),
    OverUnits("(values, epsilon) => values", reach=lambda units: units),
)
choices.OPTIMIZERS["lion"] = lambda optax, rate, weight_decay: optax.lion(rate, weight_decay=weight_decay)
choices.DATASETS["corners"] = Source("jaxinterp.data.toy:xor", "the corners again")

from jaxinterp import cli
from jaxinterp.report import build

script = build.script_text()
assert '"leaky": (x) => x > 0 ? x : 0.1 * x,' in script and '"centred": (values, epsilon) => values,' in script
for arguments in json.loads(sys.argv[1]):
    try:
        print(cli.main(arguments))
    except SystemExit as help_was_shown:
        print(help_was_shown.code)
"""


def test_an_entry_is_all_that_a_new_choice_takes(tmp_path):
    chosen = "--data.source corners --model.activation leaky --model.norm centred --train.optimizer lion"
    sizes = "--model.widths 4 --model.outputs 2 --train.seeds 2 --train.epochs 2 --train.weight-decay 0.1"
    where = ["--root", str(tmp_path), "--name"]
    commands = [
        ["train", *chosen.split(), *sizes.split(), *where, "new"],
        ["train", "--help"],
        ["train", "--data.source", "nowhere", *where, "bad"],
    ]
    environment = os.environ | {"COLUMNS": "200", "XDG_CACHE_HOME": str(PACKAGE.parent / ".pytest_cache")}
    done = subprocess.run(
        [sys.executable, "-c", NEW, json.dumps(commands)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert "corners 4-2 leaky, centred norm, lion 0.001" in shown
    for listed in ("gelu_exact,identity,leaky}", "layer,centred}", "adamw,lion}", "corners (the corners again)"):
        assert listed in shown
    assert "decoupled for adamw and lion" in shown
    assert "mnist, xor, strokes, corners, tfds:NAME" in done.stderr
    stored = json.loads((tmp_path / "new" / "config.json").read_text())
    assert stored["model"]["activation"] == "leaky" and stored["train"]["optimizer"] == "lion"
