import numpy as np
from support.one_vs_seven import results

from jaxinterp.report.figures.one_vs_seven import edits
from jaxinterp.studies.one_vs_seven.edits import BLANK, CONTROL, DRAWN, EDITS, FULL


def test_every_edit_shows_its_image_its_control_and_their_logits():
    values = results()
    readings, images = values["edits"], values["pictures"].image
    for name in ("1", "7", BLANK):
        images.loc[{"edits": name, "versions": CONTROL}] = np.nan
    drawn = [axes for axes in edits.edits(values).axes if axes.images]
    assert len(drawn) == 2 * len(EDITS) - 2
    titles = [axes.get_title() for axes in drawn]
    assert [title for title in titles if title not in ("control", "untrained")] == list(EDITS)
    assert titles[-1] == "untrained" and titles.count("control") == len(EDITS) - 3
    full = readings.sel(edits=FULL, versions="edited")
    axes = drawn[titles.index(FULL)]
    np.testing.assert_array_equal(axes.images[0].get_array().ravel(), images.sel(edits=FULL, versions="edited"))
    one = full.logits.sel(classes="1")
    assert f"1: {float(one.mean()):.1f} ± {float(one.std()):.1f}" in axes.texts[0].get_text()
    control = readings.as_one.sel(edits=DRAWN, versions=CONTROL)
    assert f"read as a 1: {float(control.mean()):.2f}" in drawn[titles.index(DRAWN) + 1].texts[0].get_text()
    untrained = values["blank"].as_one.sel(conditions="untrained")
    assert f"read as a 1: {float(untrained.mean()):.2f}" in drawn[-1].texts[0].get_text()
