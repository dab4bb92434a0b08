import numpy as np
import pytest
from instance_variation_records import LAYERS, record

from jaxinterp.report.figures import instance_variation
from jaxinterp.report.figures.instance_variation import attention, features, strokes
from jaxinterp.studies.instance_variation import maps
from jaxinterp.studies.instance_variation.features import CONDITIONS
from jaxinterp.studies.instance_variation.maps import ARMS


@pytest.mark.parametrize("measure", ["cosine", "pearson"])
def test_every_layer_order_and_control_is_shown(measure):
    shown = features.similarity(record(5, left_out=(2,)), measure=measure)
    titles = [axes.get_title() for axes in shown.axes]
    assert titles == [f"{layer}, {order}" for order in ("raw", "sorted") for layer in LAYERS]
    assert [label.get_text() for label in shown.axes[0].get_yticklabels()] == list(CONDITIONS)
    assert "4 seeds, 6 pairs" in shown.get_suptitle() and all(axes.get_xlabel() for axes in shown.axes)
    assert "4 seeds" in shown.get_label() and all(name in shown.get_label() for name in CONDITIONS)


def test_means_are_over_pairs_of_different_networks():
    values = record(3)
    pair_mean = np.mean(
        [(values.cosine[0, 0, 0][i, j] + values.cosine[0, 0, 0][j, i]) / 2 for i, j in ((0, 1), (0, 2), (1, 2))]
    )
    assert f"hidden0, raw: trained {pair_mean:.3f}" in features.similarity(values).get_label()


@pytest.mark.parametrize(
    "values",
    [record(4), record(2), record(4, left_out=(0, 3)), record(3, left_out=(0, 1, 2)), record(3, pixels=15)],
    ids=["usual", "two seeds", "two left", "all diverged", "images that are not square"],
)
def test_every_figure_can_be_drawn_and_says_what_it_shows(values, tmp_path):
    shown = instance_variation.figures(values)
    for figure in shown:
        figure.savefig(tmp_path / "figure.svg")
        assert "seeds" in figure.get_label() and len(figure.get_label()) > 60
    titles = {figure.get_suptitle().split("\n")[0] for figure in shown}
    assert len(shown) == len(titles) == 12


def test_shared_features_adds_the_chance_that_matches_accuracy():
    shown = features.shared(record(4))
    assert len(shown.axes) == 8 and "accuracy-matched chance" in shown.get_label()
    for name in ("debiased linear CKA, hidden0", "correlation of matched units, hidden1"):
        assert name in shown.get_label()


def test_networks_that_are_alike_stand_together():
    group = np.array([0, 1, 0, 1, 2, 0, 1])
    alike = np.where(group[:, None] == group, 0.9, 0.1) + 0.01 * np.random.default_rng(0).random((7, 7))
    order = features.clustered((alike + alike.T) / 2)
    assert sorted(order) == list(range(7)) and np.count_nonzero(np.diff(group[order])) == 2
    np.testing.assert_array_equal(features.clustered(alike[:2, :2]), [0, 1])


def test_locality_shows_the_arms_that_there_are():
    values = record(4)
    assert all(name in attention.locality(values).get_label() for name in ARMS)
    absent = [ARMS.index(arm) for arm in maps.TRAINED_ARMS]
    values.locality_quantiles[absent] = np.nan
    label = attention.locality(values).get_label()
    assert "L1" not in label and "pixels shuffled" in label
    first = attention.locality(record(4)).axes[0].get_yticklabels()
    assert [text.get_text() for text in first] == [f"{arm} (4)" for arm in ARMS]


def test_a_gallery_has_one_colour_scale_a_layer_and_names_its_seeds():
    values = record(4, left_out=(1,))
    for view in values.views:
        shown = attention.gallery(values, view=view)
        limits = {}
        for part, layer in zip(shown.subfigs, LAYERS, strict=True):
            images = [axes.images[0] for axes in part.axes if axes.images]
            limits[layer] = {image.get_clim() for image in images}
            assert len(images) == values.gallery.shape[2] * values.gallery.shape[3] and len(limits[layer]) == 1
            low, high = next(iter(limits[layer]))
            assert low == -high
            titles = [axes.get_title() for axes in part.axes if axes.get_title()]
            assert titles == ["seed 0", "seed 2", "seed 3"]
        assert "3 of 4 seeds" in shown.get_suptitle()


def test_figures_of_strokes_name_their_numbers():
    values = record(4)
    own = values.own_logit[0]
    assert f"{own.mean():.3f} ± {own.std():.3f}" in strokes.moves(values).get_label()
    raised = ", ".join(map(str, values.example_moves[1].argmax(axis=1)))
    assert f"digit 1: its strokes raise {raised} most" in strokes.examples(values).get_label()
    shared = values.encoding[0, 0, 1, values.causes.index("same_place")].mean()
    expected = f"drawn strokes, hidden1 trained, different ones in the same place {shared:.2f}"
    assert expected in strokes.lit(values).get_label()
    parts = values.pixel_encoding[1, values.causes.index("place")]
    assert f"parts of digits, place: {parts:.2f}" in strokes.explained(values).get_label()
