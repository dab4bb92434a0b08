import os
import subprocess

import numpy as np
import pytest
from support import documents

from jaxinterp import store
from jaxinterp.train import SPLITS, kept_accuracy

DOCUMENT = documents.ROOT / "docs" / "add-a-dataset.md"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package in which the document was followed, and what its commands printed."""
    folder = tmp_path_factory.mktemp("copy")
    documents.copy_package(folder)
    return folder, documents.carry_out(DOCUMENT, folder)


def test_the_new_data_set_passes_the_tables_tests(copy):
    tested, *_ = copy[1]
    assert " passed" in tested and "failed" not in tested


def test_the_new_data_set_is_trained_on(copy):
    folder, (_, trained, read) = copy
    assert "blobs" in trained and read.startswith("(512, 64)\n")
    run = store.load(folder / "checkpoints" / "blobs")
    assert run.config.data.source == "blobs"
    assert np.mean(kept_accuracy(run.history)[:, SPLITS.index("test")]) > 0.9


def test_the_new_data_set_is_in_the_help(copy):
    folder, _ = copy
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [folder / "bin" / "jaxinterp", "train", "--help"]
    shown = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert "blobs (one blob, in the upper or the lower half)" in " ".join(shown.split())
