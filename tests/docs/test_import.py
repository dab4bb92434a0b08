import re
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support import documents

from jaxinterp import archives, foreign, store
from jaxinterp.foreign import accuracy, geometry, names, ranking
from jaxinterp.train import SPLITS, kept_accuracy

DOCUMENT = documents.ROOT / "docs" / "import.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_examples_are_imported(tmp_path):
    documents.copy_package(tmp_path)
    _, imported, _, _, several, _, _, convolutional = documents.carry_out(DOCUMENT, tmp_path)
    assert "test accuracy 100.0 %, chance 50.0 %" in imported and "params/output/kernel (2, 2)" in imported
    assert "sklearn0.npz 100.0 %, sklearn1.npz 100.0 %, sklearn2.npz 100.0 %" in several
    for name, seeds in (("mine", 1), ("three", 3)):
        run = store.load(tmp_path / "checkpoints" / name)
        assert kept_accuracy(run.history)[:, SPLITS.index("test")].tolist() == [1] * seeds
    assert "params/conv1/kernel (3, 3, 4, 4)" in convolutional and "guess" not in convolutional
    cnns = store.load(tmp_path / "checkpoints" / "cnns")
    assert kept_accuracy(cnns.history)[:, SPLITS.index("test")].min() > 0.8
    assert (cnns.config.model.stride, cnns.config.model.pool_size) == ((2, 1), (1, 2))
    with pytest.raises(foreign.UndecidedError) as undecided:  # as the document shows
        foreign.read_weights(tmp_path / "cnn0.safetensors", 784, foreign.Known(image_shape=(28, 28, 1)))
    assert len(undecided.value.geometries) == 8
    flax = foreign.read_weights(tmp_path / "flax.safetensors", 2)
    assert (flax.widths, flax.outputs) == ((8,), 2)
    cnn = foreign.read_weights(tmp_path / "cnn.safetensors", 64, foreign.Known(image_shape=(8, 8, 1), pool_size=(2,)))
    assert cnn.convolutions == {
        **{"channels": (4,), "kernel_size": (3,), "stride": (1,)},
        **{"padding": (1,), "pool_size": (2,)},
    }


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_the_examples_with_other_libraries_run(tmp_path, monkeypatch, library):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    pytest.importorskip(library)
    own = [
        block for block in documents.blocks(DOCUMENT) if block.language == "py" and f"import {library}" in block.text
    ]
    assert own
    for block in own:
        subprocess.run([sys.executable, "-c", block.text], cwd=tmp_path, check=True)
    written = [file for file in tmp_path.iterdir() if file.is_file()]
    assert {foreign.read_weights(file, 2).widths for file in written} == {(8,)}
    assert len(written) == {"torch": 3, "keras": 2}[library]


def test_every_example_of_a_name_is_understood_as_its_row_says():
    rows = re.findall(r"^\| (matrix|bias|norm: \w+) \| .* \| (.*) \|$", TEXT, re.MULTILINE)
    roles = {"matrix": "weight", "norm: variance": "var"}
    assert len(rows) == 6
    for part, examples in rows:
        for name in re.findall("`(.*?)`", examples):
            role = roles.get(part, part.removeprefix("norm: "))
            found = names.ROLES[names.split(name).word]
            assert found == role or {"weight": "scale", "bias": "shift"}.get(found) == role


def test_every_word_is_told():
    table = TEXT[TEXT.index("| part | words") : TEXT.index("- Tensors without")].lower()
    for word in names.ROLES:
        assert f"`{word}`" in table


def test_the_document_tells_the_limits_that_hold():
    assert archives.SIZE_LIMIT == 4 * 2**30 and "more than 4 GiB" in TEXT
    assert (ranking._MOST, ranking._EXAMPLES, geometry._MOST_BLOCKS, geometry._SHOWN) == (64, 500, 6, 4)
    for limit in ("the 64 networks", "500 test images", "more than six blocks", "the best four"):
        assert limit in TEXT
    assert accuracy.NEAR_CHANCE == 0.25 and "a quarter of the way from chance to 100 %" in TEXT


def test_a_transposed_array_may_be_written_wrongly(tmp_path):
    # What the document warns of. Once the library writes such an array rightly, the warning can go.
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    save_file({"0.weight": kernel.T}, tmp_path / "weights.safetensors")
    assert not np.array_equal(load_file(tmp_path / "weights.safetensors")["0.weight"], kernel.T)
    np.testing.assert_array_equal(
        foreign.read_tensors(tmp_path / "weights.safetensors").arrays["0.weight"].shape, (3, 2)
    )


@pytest.mark.parametrize("option", ["--layers", "--orientation", "--force", "--model.norm-position", "--loss"])
def test_the_options_that_it_names_are_there(option):
    from jaxinterp.cli.commands import Import

    field = option.removeprefix("--").removeprefix("model.").replace("-", "_")
    model = Import.__dataclass_fields__["model"].default_factory
    assert option in TEXT and (field in Import.__dataclass_fields__ or hasattr(model(), field))
