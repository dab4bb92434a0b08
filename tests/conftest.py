"""One trained ensemble, made once by the real path at toy size, serves every test that needs a network."""

import gc
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path

# Before the hook: it has libraries that are first imported after it compiled from their source, in every process.
import beartype  # noqa: F401
import flax.linen  # noqa: F401
import jax
import matplotlib.figure  # noqa: F401
import optax  # noqa: F401
import pandas as pd  # noqa: F401
import scipy.optimize
import scipy.spatial
import scipy.stats  # noqa: F401
import xarray as xr  # noqa: F401
from jaxtyping import install_import_hook
from support import connections
from support.compiling import QUICK

connections.refuse()
# Shapes in signatures are checked, in tests alone; not of what every forward pass calls, where that takes a tenth of
# their time.
_PACKAGE = Path(__file__).parents[1] / "jaxinterp"
_UNCHECKED = ("mlp", "cnn", "convolution", "steps", "__init__")
install_import_hook(
    [
        *(f"jaxinterp.{part.stem}" for part in _PACKAGE.iterdir() if part.stem != "networks"),
        *(
            f"jaxinterp.networks.{part.stem}"
            for part in (_PACKAGE / "networks").iterdir()
            if part.stem not in _UNCHECKED
        ),
    ],
    "beartype.beartype",
)

from jaxinterp import ensemble, programs  # noqa: E402
from jaxinterp.cli import shell  # noqa: E402
from jaxinterp.data import toy as toy_data  # noqa: E402

ensemble.use_every_core()
# A command or a script that runs in a test would from then on keep its process's programs in the user's folder.
shell.prepare_jax = lambda: None
# Drawing this data set takes half a second, and many tests read it.
toy_data.strokes_splits = lru_cache(maxsize=4)(toy_data.strokes_splits)

import hypothesis  # noqa: E402
import pytest  # noqa: E402
from jax._src import compiler  # noqa: E402
from jax._src.interpreters import mlir  # noqa: E402

# Compiling is most of the time of these tests, and many of them compile the same program.
programs.keep(Path(__file__).parents[1] / ".pytest_cache" / "jax", compiled_for=0.0)
jax.config.update("jax_disable_most_optimizations", True)
_options = compiler.get_compile_options


def _quick_options(*arguments, env_options_overrides=None, **named):
    quick = QUICK if jax.config.read("jax_disable_most_optimizations") else {}
    return _options(*arguments, env_options_overrides={**quick, **(env_options_overrides or {})}, **named)


compiler.get_compile_options = _quick_options
# JAX makes a new context for every program that it lowers, which takes as long as lowering most of these programs does.
mlir.make_ir_context = cache(mlir.make_ir_context)
jax.config.update("jax_traceback_in_locations_limit", 0)

# The same examples in every run, however busy the machine is.
hypothesis.settings.register_profile("always", deadline=None, derandomize=True)
hypothesis.settings.load_profile("always")

from support.toys import TOY  # noqa: E402

from jaxinterp import data, networks, store, train  # noqa: E402


def _set_fast_compilation(value):
    jax.clear_caches()
    jax.config.update("jax_disable_most_optimizations", value)


@contextmanager
def as_users_compile():
    """Programs compiled anew, with every optimisation: where the very bits matter."""
    before = jax.config.read("jax_disable_most_optimizations")
    _set_fast_compilation(False)
    yield
    _set_fast_compilation(before)


@pytest.fixture(scope="module")
def optimized():
    with as_users_compile():
        yield


@pytest.fixture(scope="session")
def toy():
    """The toy config, its data, and the ensemble trained on it."""
    splits = data.load(TOY.data)
    with as_users_compile():
        return TOY, splits, train.fit_ensemble(networks.build(TOY.model), splits, TOY.train)


@pytest.fixture(scope="session")
def trained(toy):
    return toy[2]


@pytest.fixture(scope="session")
def saved(toy, tmp_path_factory):
    """The toy ensemble as a run on disk; tests that change it take a copy."""
    config, splits, trained = toy
    path = tmp_path_factory.mktemp("store") / "toy"
    store.save(path, config, trained, splits.test)
    return path


@pytest.fixture
def key():
    return jax.random.key(7)


# The files that take longest begin first, so that at the end no process works on one of them alone.
_LONGEST = (
    "test_notebooks test_every_kind test_commands test_recipes test_study test_figures test_train_bits test_benchmark "
    "test_jobs test_train test_instance_variation test_one_vs_seven test_mutations test_determinism test_facets "
    "test_add_a_study test_add_an_analysis test_receptive_field"
).split()


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_collection_finish():
    gc.freeze()  # what is imported stays: the collector need not walk over it again and again
    gc.set_threshold(20_000, 20, 20)  # nor often: tracing makes many objects that go by themselves
