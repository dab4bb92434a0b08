"""What the kills of whole commands are judged by. The kills themselves take minutes: see docs/reliability.md."""

import kills
import numpy as np

from jaxinterp import store


def test_what_lies_on_the_disk_is_told_apart_to_the_bit(toy, tmp_path):
    config, splits, trained = toy
    store.save(tmp_path / "run", config, trained, splits.test)
    before = kills.contents(tmp_path)
    assert kills.contents(tmp_path) == before and not kills.leftovers(tmp_path)
    bias = np.array(trained.networks.variables["params"]["output"]["bias"])
    trained.networks.variables["params"]["output"]["bias"] = np.nextafter(bias, np.float32(1))
    store.save(tmp_path / "run", config, trained, splits.test)
    trained.networks.variables["params"]["output"]["bias"] = bias
    assert kills.contents(tmp_path) != before


def test_leftovers_are_partial_files_and_checkpoints(tmp_path):
    for name in ("run/.history.nc.1-0.partial", "run/training/5"):
        (tmp_path / name).mkdir(parents=True)
    found = {path.name for path in kills.leftovers(tmp_path)}
    assert found == {".history.nc.1-0.partial", "training"}


def test_a_command_is_killed_before_the_operation_of_its_number(tmp_path):
    process = kills.start(kills.JOBS[0], kills.JOBS[0].first(tmp_path), last=1)
    process.communicate()
    assert process.returncode == -9 and not (tmp_path / "run" / "config.json").exists()


def test_the_table_counts(tmp_path):
    text = kills.table({"train, at random": kills.Outcome(3, 0, 1, 2)}, "today")
    assert "| train, at random | 3 | 0 | 1 | 2 |" in text and "Measured today." in text
