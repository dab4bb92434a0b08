import numpy as np
import pytest
from one_vs_seven_records import record

from jaxinterp.report.figures import one_vs_seven as figures
from jaxinterp.report.figures.one_vs_seven import neurons
from jaxinterp.studies.one_vs_seven.drops import PUBLISHED
from jaxinterp.studies.one_vs_seven.edits import BLANK, DRAWN, EDITS, FULL
from jaxinterp.studies.one_vs_seven.knockouts import KINDS, SHOWN
from jaxinterp.studies.one_vs_seven.record import ARMS, LAYERS, SMALL
from jaxinterp.studies.one_vs_seven.rows import CRUCIAL


@pytest.mark.parametrize(
    "options",
    [{}, {"seeds": 2}, {"seeds": 3, "left_out": (0,)}, {"seeds": 2, "left_out": (0, 1)}],
    ids=["usual", "two networks", "one diverged", "all diverged"],
)
def test_every_figure_can_be_drawn_and_says_what_it_shows(options):
    values = record(**options)
    shown = figures.figures(values)
    for figure in shown:
        figure.draw_without_rendering()
        assert len(figure.get_label()) > 60
    kept = options.get("seeds", 4) - len(options.get("left_out", ()))
    for text in [figure.get_suptitle() for figure in shown] + [figure.get_label() for figure in shown]:
        assert f"{kept} networks" in text or all(f"{kept} {arm}" in text for arm in (ARMS[1], SMALL))
    assert len({figure.get_suptitle() for figure in shown}) == len(shown)


def test_knock_outs_stand_beside_random_groups_and_what_was_published():
    values = record()
    shown = neurons.knock_outs(values)
    assert [axes.get_title() for axes in shown.axes] == [f"{kind}-ablation" for kind in KINDS]
    for kind, axes in enumerate(shown.axes):
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        np.testing.assert_allclose(lines["large class difference"], values.knocked[0, 0, :, kind].mean(-1))
        for group, name in enumerate(values.groups):
            np.testing.assert_allclose(lines[f"as many, {name}"], values.drawn_mean[0, group, :, kind].mean(-1))
        assert ("published" in lines) == (KINDS[kind] == "zero")
    np.testing.assert_array_equal(shown.axes[0].lines[-1].get_ydata(), PUBLISHED)


def test_the_random_band_is_that_of_the_draws():
    values = record()
    values.drawn_low[:], values.drawn_high[:] = 0.2, 0.7
    bands = neurons.knock_outs(values).axes[0].collections[1:]
    for band in bands:
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == pytest.approx((0.2, 0.7))


def test_every_chosen_group_is_a_line_beside_the_histogram_of_its_draws():
    values = record(3)
    shown = neurons.draws(values)
    for axes, draws in zip(shown.axes, values.draws, strict=True):
        found = sorted(line.get_xdata()[0] for line in axes.lines)
        assert found == pytest.approx(sorted(values.knocked[0, 0, SHOWN, KINDS.index("zero")]))
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(1)
        assert f"lowest {draws.min():.3f}" in shown.get_label()


def test_small_networks_say_that_they_lose_a_share_of_their_units():
    shown = neurons.other_networks(record())
    assert ["as large a share" in axes.get_xlabel() for axes in shown.axes] == [False] * 3 + [True] * 3


def test_every_edit_shows_its_image_its_control_and_their_logits():
    values = record()
    for name in ("1", "7", BLANK):
        place = EDITS.index(name)
        values.control_pictures[place] = np.nan
        if name != BLANK:
            values.control_logits[place] = np.nan
    shown = figures.edits(values)
    drawn = [axes for axes in shown.axes if axes.images]
    assert len(drawn) == 2 * len(EDITS) - 2
    titles = [axes.get_title() for axes in drawn]
    assert [title for title in titles if title not in ("control", "untrained")] == list(EDITS)
    assert titles[-1] == "untrained" and titles.count("control") == len(EDITS) - 3
    axes = drawn[titles.index(FULL)]
    np.testing.assert_array_equal(axes.images[0].get_array().ravel(), values.pictures[EDITS.index(FULL)])
    one = values.edit_logits[EDITS.index(FULL), 0]
    assert f"1: {one.mean():.1f} ± {one.std():.1f}" in axes.texts[0].get_text()
    control = drawn[titles.index(DRAWN) + 1]
    assert f"read as a 1: {values.control_as_one[EDITS.index(DRAWN)].mean():.2f}" in control.texts[0].get_text()


def test_rows_are_erased_in_both_directions_and_the_published_row_is_marked():
    values = record()
    shown = figures.rows(values)
    left, middle, right = shown.axes
    for line, curve in zip(left.lines, values.rows_as_seven, strict=True):
        np.testing.assert_allclose(line.get_ydata(), curve.mean(-1))
    heights = [bar.get_height() for bar in middle.patches]
    np.testing.assert_allclose(heights, values.rows_fewest[0, 1:-1].mean(-1))
    assert [line.get_xdata()[0] for line in middle.lines if line.get_linestyle() == ":"] == [CRUCIAL]
    assert len(right.patches) == 28


def test_a_class_difference_has_a_panel_for_every_arm_and_layer():
    titles = [axes.get_title() for axes in neurons.differences(record()).axes]
    assert [title.split("\n")[0] for title in titles] == [f"{arm}, {layer}" for layer in LAYERS for arm in ARMS]


def test_chance_is_drawn_beside_every_method():
    values = record()
    shown = neurons.retrieval(values)
    chance = [line.get_xdata()[0] for line in shown.axes[0].lines if line.get_label() == "random order"]
    assert chance == pytest.approx([values.carriers[0].mean()])
    for axes in shown.axes[5:8]:
        level = [line.get_xdata()[0] for line in axes.lines if line.get_label() == "random order"]
        assert level == pytest.approx([values.quarters[1]])
    assert [label.get_text() for label in shown.axes[0].get_yticklabels()] == list(values.methods)
