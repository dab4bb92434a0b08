import numpy as np
import pytest
from looking_for_four_records import planted
from looking_for_four_records import record as made

from jaxinterp.report.figures.common import rows_of
from jaxinterp.report.figures.looking_for_four import figures, galleries, numbers
from jaxinterp.studies.looking_for_four.record import STUDY


def record(seeds=3, **fields):
    return made(seeds=seeds, **fields)


@pytest.mark.parametrize(
    "options",
    [{}, {"seeds": 2, "diverged": (0, 1)}, {"diverged": (0,), "rungs": (STUDY,)}, {"layers": ("hidden0",)}],
    ids=["usual", "all diverged", "one of three diverged, the last rung alone", "one layer"],
)
def test_every_figure_can_be_drawn_and_says_what_it_shows(options):
    values = record(**options)
    shown = figures(values)
    assert len(shown) == 12 + len(values.layers)
    for figure in shown:
        figure.draw_without_rendering()
        assert figure.get_suptitle() and len(figure.get_label()) > 30
        assert f"{int(np.sum(~values.diverged))} seeds" in figure.get_suptitle()
        assert len(rows_of(figure)) == 1 and rows_of(figure)[0] in {"5.1", "5.2", "5.3", "5.4", "5.5", "5.6"}
    assert len({figure.get_suptitle() for figure in shown}) == len(shown)


def test_pictures_of_one_network_name_it():
    values = record(diverged=(0,))
    for figure in (galleries.focused(values), galleries.growing(values), galleries.traced(values)):
        assert "seed 1" in figure.get_suptitle() and "the first network that did not diverge" in figure.get_suptitle()


def test_maps_of_a_gallery_share_one_scale():
    shown = galleries.growing(record())
    limits = {image.get_clim() for axes in shown.axes for image in axes.images}
    assert len(limits) == 1 and min(next(iter(limits))) == -max(next(iter(limits)))


def test_only_rungs_that_were_trained_are_drawn():
    assert len(numbers.ladder(record()).axes[0].get_yticks()) == 8
    assert len(numbers.ladder(record(rungs=(STUDY,))).axes[0].get_yticks()) == 1


def test_matches_stand_where_they_are():
    values = planted(record(), "best_match", 0.42)
    dots = numbers.matches(values).axes[0].lines[2]
    np.testing.assert_allclose(dots.get_xdata(), 0.42)
    assert "0.42" in numbers.matches(values).get_label()
