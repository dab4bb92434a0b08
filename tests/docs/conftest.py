"""A run as small as the tests' own, for documents that show what to do with any run."""

import pytest

from jaxinterp import store


@pytest.fixture(scope="session")
def small_run(toy, tmp_path_factory):
    """The toy run, stored: five networks that read two classes."""
    config, splits, trained = toy
    path = tmp_path_factory.mktemp("small") / "demo"
    store.save(path, config, trained, splits.test)
    return path
