"""What whole commands are judged by, and how a process is stopped. What came of all of them: docs/reliability.md."""

import commands
import numpy as np

from jaxinterp import store


def test_what_lies_on_the_disk_is_told_apart_to_the_bit(toy, tmp_path):
    config, splits, trained = toy
    store.save(tmp_path / "run", config, trained, splits.test)
    before = commands.contents(tmp_path)
    assert commands.contents(tmp_path) == before and not commands.leftovers(tmp_path)
    bias = np.array(trained.networks.variables["params"]["output"]["bias"])
    trained.networks.variables["params"]["output"]["bias"] = np.nextafter(bias, np.float32(1))
    store.save(tmp_path / "run", config, trained, splits.test)
    trained.networks.variables["params"]["output"]["bias"] = bias
    assert commands.contents(tmp_path) != before


def test_leftovers_are_partial_files_and_checkpoints(tmp_path):
    for name in ("run/.history.nc.1-0.partial", "run/training/5"):
        (tmp_path / name).mkdir(parents=True)
    found = {path.name for path in commands.leftovers(tmp_path)}
    assert found == {".history.nc.1-0.partial", "training"}
