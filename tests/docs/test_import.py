import re

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support import documents

from jaxinterp import archives, foreign, store
from jaxinterp.foreign import accuracy, names
from jaxinterp.train import SPLITS, kept_accuracy

DOCUMENT = documents.ROOT / "docs" / "import.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_example_is_imported(tmp_path):
    documents.copy_package(tmp_path)
    _, imported = documents.carry_out(DOCUMENT, tmp_path)
    assert "test accuracy 100.0 %, chance 50.0 %" in imported and "params/output/kernel (2, 2)" in imported
    run = store.load(tmp_path / "checkpoints" / "mine")
    assert kept_accuracy(run.history)[0, SPLITS.index("test")] == 1


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
