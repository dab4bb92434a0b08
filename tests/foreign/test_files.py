import os
import pickle

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file
from support import exports

from jaxinterp import archives, foreign
from jaxinterp.errors import InputError


@pytest.mark.parametrize("name", ["weights.pt", "weights.pth", "weights.pkl", "weights.bin", "weights"])
def test_pickles_are_refused_unopened(tmp_path, name):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was loaded",))

    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match=f"{name} refused, because pickles can run code: give a .safetensors file"):
        foreign.read_tensors(tmp_path / name)


def test_a_pickle_inside_an_npz_is_refused_unopened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was loaded",))

    np.savez(tmp_path / "weights.npz", a=np.array([Trap()], dtype=object))
    with pytest.raises(InputError, match=r"weights.npz is not a readable .npz file of plain arrays"):
        foreign.read_tensors(tmp_path / "weights.npz")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"PK\x03\x04 and then nothing", b"\xff" * 100])
def test_what_only_looks_like_weights_is_refused_in_one_line(tmp_path, suffix, content):
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"is not a readable {suffix} file of plain arrays") as caught:
        foreign.read_tensors(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no file .*weights\.npz"):
        foreign.read_tensors(tmp_path / "weights.npz")


def damaged(rng, content):
    """A file's bytes with some flipped, cut out, cut off, repeated, or replaced by zeros."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start, length = int(rng.integers(len(content))), int(rng.integers(1, 40))
        kind = rng.integers(5)
        if kind == 0:
            content[start] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del content[start : start + length]
        elif kind == 2:
            del content[start:]
        elif kind == 3:
            content[start:start] = content[start : start + length]
        else:
            content[start : start + length] = bytes(len(content[start : start + length]))
        if not content:
            break
    return bytes(content)


def read_damaged(rng, file, content, times):
    """The network that is read from the file with damaged content, each time; None where it is refused."""
    for _ in range(times):
        file.write_bytes(damaged(rng, content))
        try:
            yield foreign.read_weights(file, 5)
        except InputError as error:
            assert file.name in str(error) and str(error).isprintable()
            yield None


LAYERS = exports.draw(np.random.default_rng(0), (5, 4, 4, 2), norm="batch")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_archive_is_refused_or_whole(tmp_path, save):
    rng = np.random.default_rng(0)
    file = tmp_path / "weights.npz"
    save(file, **exports.sequential(LAYERS))
    content, right = file.read_bytes(), foreign.read_weights(file, 5)
    found = list(read_damaged(rng, file, content, 400))
    for network in filter(None, found):
        jax.tree.map(np.testing.assert_array_equal, network.variables, right.variables)
    assert found.count(None) > 300


def test_a_damaged_safetensors_file_is_refused_or_read(tmp_path):
    # The format has no checksum: a number that changed cannot be told, but names and shapes must fit.
    rng = np.random.default_rng(1)
    file = tmp_path / "weights.safetensors"
    save_file({name: np.ascontiguousarray(array) for name, array in exports.sequential(LAYERS).items()}, file)
    content, shape = file.read_bytes(), (5, 4)
    found = list(read_damaged(rng, file, content, 400))
    for network in filter(None, found):
        assert network.variables["params"]["hidden0"]["kernel"].shape[1:] == shape
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(network.variables))
    assert found.count(None) > 200


def test_a_name_that_does_not_print_is_refused(tmp_path):
    save_file({"\x1b[31m.weight": np.zeros((2, 5), np.float32)}, tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match=r"has an array with the name '\\x1b\[31m.weight'"):
        foreign.read_weights(tmp_path / "weights.safetensors", 5)


def test_a_file_above_the_limit_is_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    file.touch()
    os.truncate(file, archives.SIZE_LIMIT + 1)  # it takes no space
    with pytest.raises(InputError, match=r"weights\.safetensors holds 4 GiB, more than the limit of 4 GiB"):
        foreign.read_tensors(file)


@pytest.mark.parametrize("odd", [np.array(["a", "b"]), np.zeros(2, [("x", "f4"), ("y", "f4")]), np.array([b"raw"])])
def test_text_and_structures_are_no_weights(tmp_path, odd):
    np.savez(tmp_path / "weights.npz", **exports.sequential(LAYERS), **{"9.weight": odd})
    with pytest.raises(
        InputError, match=r"9\.weight is .*, and weights are floating-point numbers: convert it, or leave"
    ):
        foreign.read_weights(tmp_path / "weights.npz", 5)
