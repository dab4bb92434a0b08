"""Runs on disk, and what an earlier version would have stored."""

import shutil

from jaxinterp import files


def forget_origin(path):
    """Make a run's weights as they were stored before they told what made them."""
    weights = path / "weights"
    shutil.copytree(weights / "arrays", weights, dirs_exist_ok=True)
    shutil.rmtree(weights / "arrays")
    for name in ("made_by.json", "checksums.json"):
        (weights / name).unlink()
    for name in ("history.nc", "probe.npz"):
        (path / name).write_bytes(files.read_summed(path / name))
