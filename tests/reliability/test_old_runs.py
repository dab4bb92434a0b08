"""Are runs that an earlier version stored still read, and do they give the results that they gave then?"""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxinterp import cli, ensemble, store
from jaxinterp.analysis import ablation, responses
from jaxinterp.data import Dataset
from jaxinterp.errors import InputWarning

OLD = Path(__file__).parent / "old_runs"
RUNS = ("batch-norm", "layer-norm")


def load(path, **choice):
    """A run without checksums, which is said whenever it is read."""
    with pytest.warns(InputWarning, match="stored without checksums"):
        return store.load(path, **choice)


@pytest.fixture(scope="module", params=RUNS)
def found_then(request):
    """A run's networks, and by name what was computed from them when they were stored."""
    folder = OLD / request.param
    with np.load(folder / "found.npz") as arrays:
        return load(folder).networks, dict(arrays)


def test_every_bit_of_the_weights_is_read(found_then):
    networks, then = found_then
    weights = {
        "/".join(["variables", *(part.key for part in path)]): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(networks.variables)[0]
    }
    names = {name for name in then if name.startswith("variables/")}
    assert names == set(weights)
    assert all(then[name].tobytes() == weights[name].tobytes() for name in names)


def test_results_are_those_of_then(found_then):
    """Bit for bit where they are computed on the same processor; another one rounds differently."""
    networks, then = found_then
    data = Dataset(then["images"], then["labels"])

    @jax.jit
    @ensemble.over_seeds
    def computed(network):
        logits, activations = network(data.images)
        found = {"logits": logits}
        for name in then:
            what, _, rest = name.partition("/")
            if what == "means":
                found[name] = responses.by_class(activations[rest], data.labels, classes=2).mean
            elif what == "ablated":
                site, kind, score = rest.rsplit("/", 2)
                found[name] = getattr(ablation.units(network, data, site=site, kind=kind), score)
        return found

    now = computed(networks)
    assert set(now) == {name for name in then if not name.startswith("variables/")} - {"images", "labels"}
    for name, values in now.items():
        if name.endswith("/accuracy"):
            np.testing.assert_array_equal(values, then[name], err_msg=name)
        else:
            np.testing.assert_allclose(values, then[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_snapshot_is_read():
    initial = load(OLD / "batch-norm", epoch=0).networks
    trained = load(OLD / "batch-norm").networks
    kernels = [jax.tree.leaves(networks.variables["params"]["hidden0"])[1] for networks in (initial, trained)]
    assert kernels[0].shape == kernels[1].shape and not np.array_equal(*kernels)


@pytest.mark.parametrize("run", RUNS)
def test_history_is_read(run):
    history = store.read_history(OLD / run)
    assert history.accuracy.shape == history.loss.shape and np.all(history.accuracy[:, -1, -1] > 0.5)
    assert not np.any(history.diverged) and np.all(history.best == 2)


def test_a_question_is_answered_in_the_shell(capsys, tmp_path):
    run = shutil.copytree(OLD / "layer-norm", tmp_path / "old")
    assert cli.main(["units", str(run), "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 3 * 5
