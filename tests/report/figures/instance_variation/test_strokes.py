import pytest
from support.random_results import random_results

from jaxinterp.report.figures.instance_variation import strokes
from jaxinterp.studies.instance_variation import STUDY


@pytest.fixture
def results():
    return random_results(STUDY, seeds=4)


def test_figures_of_strokes_give_their_numbers(results):
    effects = results["fragments"].sel(conditions="trained")
    own = effects.own.sel(kinds="alone")
    assert f"{float(own.mean()):.3f} ± {float(own.std()):.3f}" in strokes.moves(results).get_label()
    raised = ", ".join(map(str, effects.by_part.mean("seeds").isel(digits=1).argmax("outputs").to_numpy()))
    assert f"digit 1: its strokes raise {raised} most" in strokes.examples(results).get_label()
    share = results["encoding"].share.sel(conditions="trained", sources="drawn strokes", layers="hidden1")
    common = float(share.sel(causes="same_place").mean())
    expected = f"drawn strokes, hidden1 trained, different ones in the same place {common:.2f}"
    assert expected in strokes.in_common(results).get_label()
    pixels = float(results["stroke-tables"].share.sel(sources="parts of digits", causes="place"))
    assert f"parts of digits, place: {pixels:.2f}" in strokes.explained(results).get_label()
