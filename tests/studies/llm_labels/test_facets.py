import jax
import numpy as np
import pytest
from support import llm_results
from support.llm_results import judged, plant, when

from jaxinterp.analysis import facets as analysis
from jaxinterp.analysis.planted_facets import KINDS
from jaxinterp.networks import MLP, init
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.llm_labels import facets

PIXELS = 9
OFTEN = [2, 2, 2, 2, 1]


def outputs(own, random):
    return lambda found: (when(found, "facets", "outputs", 1, own), plant(found, "facets", "random", random))


def clusters(own, random):
    def change(found):
        when(found, "facets", "clusters_of_neurons", 1, own)
        plant(found, "facets", "clusters_of_random", random)

    return change


def layer(untrained, trained):
    return lambda found: when(found, "facets", "layer", untrained, trained)


def count_all(found):
    found["planted facets"]["found"][:] = found["planted facets"].true


CASES = {
    "2.8 method": (count_all, lambda found: plant(found, "planted facets", "found", 1)),
    "2.8 neurons": (
        lambda found: plant(found, "facets", "neurons", 1),
        lambda found: plant(found, "facets", "neurons", 2),
    ),
    "2.8 outputs": (outputs(2, 1), outputs(OFTEN * 2, OFTEN)),
    "2.8 layer": (layer(1, np.tile([2, 3], 48)), layer(np.tile([3, 4], 48), 2)),
    "2.8 images": (clusters(2, 1), clusters([2, 2, 1] * 2, OFTEN)),
}


@pytest.fixture
def results():
    found = llm_results.results()
    true = [[kind.facets] * 12 for kind in KINDS.values()]
    found["planted facets"]["true"][:] = true
    return found


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not(results):
    assert list(judged(facets, results)) == list(CASES)
    for name, (present, absent) in CASES.items():
        for change, verdict in ((present, "holds"), (absent, "does not hold")):
            found = {key: dataset.copy(deep=True) for key, dataset in results.items()}
            change(found)
            assert judged(facets, found)[name].verdict == verdict, name


@pytest.mark.parametrize(
    "name, change, control, score",
    [
        ("2.8 outputs", outputs(OFTEN * 2, 1), facets.OF_LAYER, 0.8),
        ("2.8 images", lambda found: when(found, "facets", "clusters_of_neurons", 2, 1), "untrained", np.nan),
        ("2.8 images", clusters(1, OFTEN), facets.OF_PIXELS, -4),
    ],
)
def test_a_score_is_what_the_hardest_control_leaves_open(results, name, change, control, score):
    change(results)
    finding = judged(facets, results)[name]
    assert finding.control_name == control and finding.score.mean == pytest.approx(score, nan_ok=True)


def test_every_planted_unit_counts_as_one_sample(results):
    count_all(results)
    results["planted facets"]["found"].loc[{"kinds": "2, shallow valleys"}] = 1
    finding = judged(facets, results)["2.8 method"]
    assert finding.measured.n == 120 and finding.measured.mean == pytest.approx(9 / 10)
    assert finding.control.mean == pytest.approx(2 / 10) and finding.control_name == "one for all"
    shown = {other.name: other.estimate for other in finding.others}
    assert shown["counted correctly: 2, shallow valleys"].mean == 0 and shown["counted correctly: 1"].n == 12


def test_facets_per_neuron_are_over_the_width_of_six(results):
    layer(3, 6)(results)
    finding = judged(facets, results)["2.8 layer"]
    assert finding.measured.mean == 1 and finding.control.mean == 0.5 and finding.score.mean == 0.5
    assert results["facets"].layer.sel(conditions=TRAINED).mean() == 6


def test_units_that_share_a_search_with_random_directions_are_those_of_a_search_of_their_own(key):
    network = init(jax.random.key(1), MLP((4,), 3, input_mean=0.5, input_std=0.5, initializer="torch"), PIXELS)
    images = np.random.default_rng(0).uniform(size=(60, PIXELS)).astype(np.float32)
    found = jax.tree.map(np.asarray, jax.jit(facets.counts)(network, key, images, images[:50]))
    _, _, layer_key, clusters_key, *_ = jax.random.split(key, 7)

    @jax.jit
    def alone(network):
        return (
            facets.of_outputs(network, key, images[:50]),
            analysis.by_exemplars(clusters_key, network, images, site="hidden0/pre", top=facets.BEST).number,
            analysis.of_layer(
                layer_key, network, images, site="hidden0/post", k=4, restarts=facets.RESTARTS, steps=facets.STEPS
            ),
        )

    made, real, whole = alone(network)
    np.testing.assert_array_equal(found.outputs, made.number)
    np.testing.assert_array_equal(found.clusters_of_neurons, real)
    assert (found.layer, found.participation) == (whole.number, whole.participation)
    assert (found.neurons == 1).all()  # linear in the pixels: one facet each, of any weights
    assert found.random.shape == found.clusters_of_random.shape == (facets.DIRECTIONS,)
    assert (found.random >= 1).all() and found.clusters_of_outputs.shape == (3,)
