import numpy as np
import pytest
from support import llm_results

from jaxinterp.report.figures.llm_labels import cards
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.llm_labels.neurons import SIX


@pytest.fixture
def results():
    return llm_results.results(seeds=8)


def test_facts_show_every_network_of_live_neurons(results):
    axes = cards.facts(results).axes[0]
    explained = results["profiles"].explained.sel(recipes=SIX, conditions=TRAINED)
    np.testing.assert_allclose(axes.lines[0].get_xdata(), explained.isel(units=slice(3, 6)).mean("units"))


def test_dead_neurons_are_named_on_pictures_and_cards(results):
    results["cards"]["active"][:] = [0, 0.5, 0.25, 0.5, 0.5, 0.5]
    labels = [axes.get_ylabel() for axes in cards.pictures(results).axes if axes.get_ylabel().startswith("neuron")]
    assert labels == ["neuron 0 (dead)", *(f"neuron {unit}" for unit in range(1, 6))]
    labels = [axes.get_ylabel() for axes in cards.cards(results).axes if axes.get_ylabel()]
    assert labels[0] == "neuron 0\ndead" and labels[2] == "neuron 2\nactive on 25 %"


def test_a_card_shows_the_means_and_the_outgoing_weights_of_its_neuron(results):
    axes = cards.cards(results).axes
    profile, outgoing = axes[4 * 2 + 2], axes[4 * 2 + 3]
    own = results["cards"].isel(units=2)
    np.testing.assert_allclose([bar.get_height() for bar in profile.patches], own.class_mean)
    np.testing.assert_allclose([bar.get_height() for bar in outgoing.patches], own.outgoing)
