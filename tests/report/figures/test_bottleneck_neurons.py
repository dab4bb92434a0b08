import numpy as np
import pytest
from bottleneck_neurons_records import KINDS
from bottleneck_neurons_records import record as made

from jaxinterp.report.figures import bottleneck_neurons as figures


def record(seeds=4, units=6, **fields):
    return made(seeds=seeds, units=units, **fields)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"seeds": 2, "diverged": (0, 1)},
        {"seeds": 3, "diverged": (0,)},
        {"classes": ("1", "7"), "layers": ("hidden0",), "pixels": 10, "units": 60},
    ],
    ids=["usual", "all diverged", "one of three diverged", "two classes, one wide layer"],
)
def test_every_figure_can_be_drawn_and_says_what_it_shows(options):
    values = record(**options)
    shown = figures.figures(values)
    assert len(shown) == (12 if values.probe.shape[1] == 16 else 10)  # no maps of images that are not square
    for figure in shown:
        figure.draw_without_rendering()
        assert figure.get_suptitle() and len(figure.get_label()) > 30
    kept = int(np.sum(~values.diverged))
    assert all(f"{kept} seeds" in figure.get_suptitle() for figure in shown if "Pixels" not in figure.get_suptitle())
    assert len({figure.get_suptitle() for figure in shown}) == len(shown)


def test_losses_name_every_kind_and_its_mean():
    values = record()
    shown = figures.losses(values)
    assert [axes.get_title() for axes in shown.axes] == [f"{kind.replace(' ', '-')}-ablation" for kind in KINDS]
    for place, kind in enumerate(KINDS):
        assert f"{kind} {values.worst_accuracy[:, place, -1].mean():.3f}" in shown.get_label()


def test_damage_shows_each_class_and_its_own_worst_neuron():
    worst = np.random.default_rng(0).integers(0, 6, (4, 4, 10)).astype(float)
    values = record(worst=worst)
    shown = figures.damage(values)
    cost = values.baseline[:, None, None] - values.ablated
    matrix = shown.axes[4].images[0].get_array()  # below the first kind
    for owner in range(10):
        for label in range(10):
            expected = np.mean([cost[seed, 0, int(worst[seed, 0, owner]), label] for seed in range(4)])
            assert matrix[owner, label] == pytest.approx(expected)
    activation = values.ranking[0, 0]
    order = [int(label.get_text()) for label in shown.axes[0].get_yticklabels()]
    preferred = activation.argmax(axis=0)[order]
    assert sorted(order) == list(range(6)) and (np.diff(preferred) >= 0).all()


def test_published_accuracies_stand_only_beside_digits():
    assert "published" in figures.accuracy(record()).get_suptitle()
    assert "published" not in figures.accuracy(record(classes=("1", "7"))).get_suptitle()


def test_doses_have_a_panel_a_class_and_the_chosen_neurons_curve():
    values = record(worst=np.full((4, 4, 10), 2.0))
    shown = figures.doses(values)
    assert [axes.get_title() for axes in shown.axes] == [f"class {label}" for label in range(10)]
    line = shown.axes[7].lines[0]
    np.testing.assert_allclose(line.get_ydata(), np.median(values.dose_accuracy[:, 2, :, 7], axis=0))


def test_only_real_failures_are_shown():
    label = np.array([3, 8, -1, -1])
    shown = figures.failures(record(failure_label=label, failure_answer=np.array([5, 1, -1, -1])))
    titles = [axes.get_title() for axes in shown.axes if axes.images]
    assert [title.split("\n")[0] for title in titles] == ["3 as 5", "8 as 1"]
