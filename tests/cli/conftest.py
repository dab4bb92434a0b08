import pytest

from jaxinterp import store


@pytest.fixture(scope="module")
def root(tmp_path_factory, toy):
    """A root with one complete run and one that is not."""
    config, splits, trained = toy
    root = tmp_path_factory.mktemp("root")
    store.save(root / "done", config, trained, splits.test)
    store.begin(root / "begun", config)
    return root
