import numpy as np
import pytest

from jaxinterp.report.figures import training
from jaxinterp.train import History


def history(seeds, diverged=0):
    accuracy = np.random.default_rng(0).uniform(0.5, 1, (seeds, 4, 3))
    accuracy[..., 1] = np.nan
    when = np.where(np.arange(seeds) < diverged, 2, 0)
    return History(1 - accuracy, accuracy, accuracy[..., None], when, np.zeros(seeds, int), np.full(seeds, 4))


@pytest.mark.parametrize(("seeds", "diverged"), [(1, 0), (5, 2), (3, 3)])
def test_learning_curves_leave_out_what_diverged(seeds, diverged, tmp_path):
    shown = training.learning_curves(history(seeds, diverged))
    shown.savefig(tmp_path / "curves.svg")
    assert f"{seeds - diverged} seeds" in shown.get_suptitle()
    assert ("diverged" in shown.get_suptitle()) == (diverged > 0)
    assert [axes.get_ylabel().split(",")[0] for axes in shown.axes] == ["loss", "accuracy"]
    if diverged < seeds:
        assert {line.get_label() for line in shown.axes[0].lines} == {"train", "test"}
