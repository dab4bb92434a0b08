import numpy as np
import pytest
from support.one_vs_seven import results

from jaxinterp.report.figures.one_vs_seven import knockouts
from jaxinterp.studies.one_vs_seven.common import NAME
from jaxinterp.studies.one_vs_seven.knockouts import ALL, GROUPS, KINDS, PUBLISHED, SHOWN


def test_knock_outs_are_compared_with_random_groups_and_what_was_published():
    values = results()
    shown = knockouts.thresholds(values)
    assert [axes.get_title() for axes in shown.axes] == [f"{kind}-ablation" for kind in KINDS]
    for kind, axes in zip(KINDS, shown.axes, strict=True):
        found = values["knockouts"].sel(recipes=NAME, kinds=kind)
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        np.testing.assert_allclose(
            lines["large class difference"], found.chosen.sel(signs=ALL).mean(("seeds", "classes"))
        )
        np.testing.assert_allclose(lines["on 7s alone"], found.chosen.sel(signs=ALL, classes="7").mean("seeds"))
        for group in GROUPS:
            np.testing.assert_allclose(
                lines[f"as many, {group}"], found.drawn.sel(groups=group).mean(("seeds", "classes"))
            )
        assert ("published" in lines) == (kind == "zero")
    np.testing.assert_array_equal(shown.axes[0].lines[-1].get_ydata(), PUBLISHED)


def test_the_random_band_is_that_of_the_draws():
    values = results()
    values["knockouts"]["low"][:], values["knockouts"]["high"][:] = 0.2, 0.7
    for band in knockouts.thresholds(values).axes[0].collections[1:]:
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == pytest.approx((0.2, 0.7))


def test_every_chosen_group_is_a_line_in_the_histogram_of_its_draws():
    values = results(3)
    found = values["knockouts"].sel(recipes=NAME, kinds="zero")
    shown = knockouts.draws(values)
    for axes, group in zip(shown.axes, GROUPS, strict=True):
        lines = sorted(path.vertices[0, 0] for path in axes.collections[0].get_paths())
        assert lines == pytest.approx(sorted(found.chosen.sel(signs=ALL, thresholds=SHOWN).mean("classes").to_numpy()))
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(1)
        assert f"lowest {float(found.by_draw.sel(groups=group).min()):.3f}" in shown.get_label()


def test_small_networks_say_that_they_lose_a_share_of_their_units():
    shown = knockouts.other_networks(results())
    assert ["as large a share" in axes.get_xlabel() for axes in shown.axes] == [False] * 3 + [True] * 3
