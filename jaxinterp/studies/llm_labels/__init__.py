"""Do the facts given to a language model describe what a neuron does? Pictures, class means and ten largest weights.

The write-up trained networks on XOR and on digits, described every neuron by an image that maximises it, by its mean
activation on each digit and by its ten largest weights, and had a language model put these facts into words.
"""

from collections.abc import Mapping

from jaxinterp.studies.judge import Finding
from jaxinterp.studies.llm_labels import (
    cards,
    facets,
    labels,
    models,
    neurons,
    pictures,
    profiles,
    readers,
    weights,
    widths,
    xor,
)
from jaxinterp.studies.llm_labels.neurons import NAME, RECIPES
from jaxinterp.studies.needs import Needs
from jaxinterp.studies.study import Study
from jaxinterp.text import format_number, format_percent

_TELLING = {"holds": "suffice", "does not hold": "do not suffice", "undecided": "are undecided"}


def answer(findings: Mapping[str, Finding]) -> str:
    """Which of the facts say what a neuron does."""
    means, listed, pictured = (findings[name] for name in ("2.4 digits tell", "2.5 incoming", "2.3 looks"))
    facts = (
        (means, f"class means ({format_percent(means.measured.mean)} of its variance)"),
        (listed, f"ten largest weights ({format_percent(listed.measured.mean)} of its input)"),
        (pictured, f"pictures (correlation {format_number(pictured.measured.mean)})"),
    )
    parts = [
        f"{' and '.join(named)} {words}"
        for verdict, words in _TELLING.items()
        if (named := [text for finding, text in facts if finding.verdict == verdict])
    ]
    return f"To say what a neuron does, {'; '.join(parts)}."


STUDY = Study(
    name=NAME,
    question="Do the facts given to a language model describe what a neuron does?",
    source="BlueDot project, XOR and MNIST pages and its Testing page",
    recipes=RECIPES,
    measurements=(
        *xor.MEASUREMENTS,
        *neurons.MEASUREMENTS,
        *pictures.MEASUREMENTS,
        *profiles.MEASUREMENTS,
        *weights.MEASUREMENTS,
        *labels.MEASUREMENTS,
        *readers.MEASUREMENTS,
        *models.MEASUREMENTS,
        *facets.MEASUREMENTS,
        *cards.MEASUREMENTS,
    ),
    claims=(
        xor.claims,
        widths.claims,
        pictures.claims,
        profiles.claims,
        weights.claims,
        labels.claims,
        readers.claims,
        models.claims,
        facets.claims,
    ),
    answer=answer,
    highlights=("2.4 digits tell", "2.5 incoming", "2.3 looks", "2.2 live", "2.6 baselines", "2.7 zero"),
    needs=Needs(exact=True, outputs=2),
    least_seeds=2,  # an interval over networks needs two
    total=37,
)
