from support.random_results import random_results

from jaxinterp.report.figures.instance_variation.locality import locality
from jaxinterp.studies.instance_variation import STUDY
from jaxinterp.studies.instance_variation.locality import by_arm


def test_all_recipes_that_were_trained_are_shown():
    results = random_results(STUDY, seeds=4)
    shown = locality(results)
    assert all(name in shown.get_label() for name in by_arm(results)) and "L1" in shown.get_label()
    assert shown.get_label().count(", real digits ") == len(shown.axes) // 3  # one measure of three
    names = [text.get_text() for text in shown.axes[0].get_yticklabels()]
    assert names == [f"{name} (4)" for name in by_arm(results)]
    label = locality(random_results(STUDY, seeds=4, optional=False)).get_label()
    assert "L1" not in label and "pixels shuffled" in label
