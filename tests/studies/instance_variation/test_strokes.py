import pytest
from support.judging import judged, plant, verdicts
from support.random_results import random_results

from jaxinterp.studies.instance_variation import STUDY
from jaxinterp.studies.instance_variation.strokes import (
    ANOTHER,
    DRAWN,
    ELSEWHERE,
    ENCODING,
    FRAGMENTS,
    IN_DIGIT,
    IN_OTHER,
    MOVED,
    SCATTERED,
)


@pytest.mark.parametrize(
    ("alone", "moved", "expected"),
    [(0.9, 0.1, "holds"), (0.3, 0.1, "does not hold"), (0.9, 0.85, "does not hold"), (0.1, 0.4, "does not hold")],
)
def test_strokes_must_raise_their_digit_more_than_elsewhere(alone, moved, expected):
    results = random_results(STUDY)
    for seed, (kind, mean) in enumerate({"alone": alone, MOVED: moved, SCATTERED: 0.1}.items()):
        plant(results[FRAGMENTS].own, mean, seed=seed, conditions="trained", kinds=kind)
    finding = judged(STUDY, results, "3.7 own")["3.7 own"]
    assert finding.verdict == expected and finding.control_name == MOVED


@pytest.mark.parametrize(("name", "link", "chance"), [("shape", ELSEWHERE, ANOTHER), ("context", IN_DIGIT, IN_OTHER)])
@pytest.mark.parametrize(
    ("own", "control", "expected"), [(0.9, 0.2, "holds"), (0.9, 0.88, "does not hold"), (0.3, 0.0, "does not hold")]
)
def test_links_are_compared_with_their_chance(name, link, chance, own, control, expected):
    results = random_results(STUDY)
    plant(results[FRAGMENTS].linked, own, conditions="trained", links=link)
    plant(results[FRAGMENTS].linked, control, seed=1, conditions="trained", links=chance)
    assert verdicts(STUDY, results, f"3.7 {name}") == {expected}


@pytest.mark.parametrize(
    ("shape", "place", "expected"), [(0.8, 0.3, "holds"), (0.3, 0.8, "does not hold"), (0.5, 0.5, "undecided")]
)
def test_concept_or_location(shape, place, expected):
    results = random_results(STUDY)
    for seed, (cause, mean) in enumerate({"same_shape": shape, "same_place": place}.items()):
        plant(results[ENCODING].share, mean, seed=seed, conditions="trained", causes=cause)
    found = judged(STUDY, results, "3.8")
    assert {x.verdict for name, x in found.items() if "learned" not in name} >= {expected} and len(found) == 6
    if expected != "undecided":
        assert {x.verdict for name, x in found.items() if "learned" not in name} == {expected}


@pytest.mark.parametrize(("after", "expected"), [(0.4, "holds"), (0.05, "does not hold")])
def test_learned_is_more_than_before_training(after, expected):
    results = random_results(STUDY)
    for seed, (condition, mean) in enumerate({"trained": after, "untrained": 0.1}.items()):
        plant(results[ENCODING].share, mean, seed=seed, conditions=condition, sources=DRAWN, causes="shape")
    assert verdicts(STUDY, results, "3.8 hidden1 learned") == {expected}
