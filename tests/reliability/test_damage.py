"""Damage to what is stored is refused, and its file is named; so are other data under the same name."""

from typing import NamedTuple

import jax
import numpy as np
import pytest
from jaxtyping import Array, Float
from specimens import forget_origin

from jaxinterp import data, jobs, store, sweeps
from jaxinterp.errors import InputError, InputWarning


class Effects(NamedTuple):
    effects: Float[Array | np.ndarray, " units"]


@pytest.fixture
def run(toy, tmp_path):
    config, splits, trained = toy
    store.save(tmp_path / "toy", config, trained, splits.test)
    store.save_result(tmp_path / "toy", "effects", Effects(np.ones(3, np.float32)))
    return tmp_path / "toy"


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def files_of(run):
    """Those with a checksum. A config is for people to edit: it has none, but is compared with its copy."""
    return sorted(
        file for file in run.rglob("*") if file.is_file() and file.stat().st_size and file.name != "config.json"
    )


@pytest.mark.parametrize("part", ["history", "probe", "weights", "snapshots", "results"])
def test_one_flipped_bit_is_refused_and_its_file_named(run, part):
    rng = np.random.default_rng(0)
    chosen = [file for file in files_of(run) if file.relative_to(run).as_posix().startswith(part)]
    assert chosen
    for file in [*chosen, *rng.choice(np.array(chosen, object), 20)]:
        content = file.read_bytes()
        flipped = bytearray(content)
        flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
        file.write_bytes(flipped)
        with pytest.raises(InputError) as caught:
            store.load(run, epoch=int(file.relative_to(run).parts[1]) if part == "snapshots" else None)
            store.load_result(run, "effects")
        assert str(caught.value).startswith(str(run)) and "\n" not in str(caught.value)
        file.write_bytes(content)
    store.load(run)


def test_a_run_without_checksums_is_loaded(run, toy):
    forget_origin(run)
    with pytest.warns(InputWarning, match=f"{run} was stored without checksums"):
        found = store.load(run)
    assert bits((found.networks, found.history)) == bits((toy[2].networks, toy[2].history))


def test_other_data_under_the_same_name_are_refused(toy, tmp_path):
    config, splits, trained = toy
    path = tmp_path / "run"
    store.save(path, config, trained, splits.test, fingerprint=data.fingerprint(splits))
    store.check_data(path / "weights", config, splits)
    for split in splits._fields:
        part = getattr(splits, split)
        moved = part.replace(images=np.roll(part.images, 1)) if len(part.labels) else part
        relabelled = part.replace(labels=np.roll(part.labels, 1)) if len(part.labels) else part
        for other in (moved, relabelled):
            if other is not part:
                with pytest.raises(InputError, match=f"is not what {path} was trained on"):
                    store.check_data(path / "weights", config, splits._replace(**{split: other}))


@pytest.mark.parametrize("text", [b"[", b"null", b"[1]", b"[]", b"\xff"])
def test_a_damaged_list_of_arms_is_told(run, toy, text):
    (run / "training").mkdir()
    (run / "training" / "arms.json").write_bytes(text)
    with pytest.raises(InputError, match=r"training/arms.json is missing or damaged"):
        jobs.train_run(run, toy[0], resume=True)


@pytest.mark.parametrize("text", [b"", b"null", b"3", b"[1]", b'{"a":1}', b"[", b"\xff"])
def test_a_damaged_list_of_a_sweep_is_told(tmp_path, text):
    (tmp_path / "arms.json").write_bytes(text)
    with pytest.raises(InputError, match=r"arms.json is missing or damaged"):
        sweeps.load(tmp_path)
