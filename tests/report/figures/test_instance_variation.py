import numpy as np
import pytest

from jaxinterp.report.figures import instance_variation as figures
from jaxinterp.studies.instance_variation import CONDITIONS, InstanceVariation

SITES = ("hidden0/post", "hidden1/post", "logits")


def record(seeds, left_out=()):
    rng = np.random.default_rng(0)
    mask = np.isin(np.arange(seeds), left_out)

    def draw(*shape):
        values = rng.uniform(0.2, 0.8, (*shape, seeds, seeds))
        values[..., mask, :] = values[..., mask] = np.nan
        return values

    examples = [draw(len(CONDITIONS), len(SITES), 2) for _ in range(4)]
    answers = draw(len(CONDITIONS)), draw()
    cka = draw(len(CONDITIONS), len(SITES))
    return InstanceVariation(CONDITIONS, SITES, ("raw", "sorted"), *examples, cka, *answers, np.ones(seeds), mask)


@pytest.mark.parametrize("measure", ["cosine", "pearson"])
def test_every_layer_order_and_control_is_shown(measure):
    shown = figures.similarity(record(5, left_out=(2,)), measure=measure)
    titles = [axes.get_title() for axes in shown.axes]
    assert titles == [f"{layer}, {order}" for order in ("raw", "sorted") for layer in ("hidden0", "hidden1", "logits")]
    assert [label.get_text() for label in shown.axes[0].get_yticklabels()] == list(CONDITIONS)
    assert "4 seeds, 6 pairs" in shown.get_suptitle() and all(axes.get_xlabel() for axes in shown.axes)
    assert "4 seeds" in shown.get_label() and all(name in shown.get_label() for name in CONDITIONS)


def test_means_are_over_pairs_of_different_networks():
    values = record(3)
    pair_mean = np.mean(
        [(values.cosine[0, 0, 0][i, j] + values.cosine[0, 0, 0][j, i]) / 2 for i, j in ((0, 1), (0, 2), (1, 2))]
    )
    assert f"hidden0, raw: trained {pair_mean:.3f}" in figures.similarity(values).get_label()


@pytest.mark.parametrize("values", [record(2), record(3, left_out=(0, 1, 2))])
def test_few_or_no_networks_can_be_drawn(values, tmp_path):
    for draw in (figures.similarity, figures.shared_features):
        draw(values).savefig(tmp_path / "figure.svg")


def test_shared_features_adds_the_chance_that_matches_accuracy():
    shown = figures.shared_features(record(4))
    assert len(shown.axes) == 4 and "accuracy-matched chance" in shown.get_label()
