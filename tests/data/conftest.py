import pytest

from jaxinterp.config import DataConfig
from jaxinterp.data import load


@pytest.fixture(scope="session")
def mnist():
    return load(DataConfig())
