import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.findings import judged
from support.judging import plant
from support.random_results import random_results

from jaxinterp.data import Dataset
from jaxinterp.networks import from_layers
from jaxinterp.studies.bottleneck_neurons import STUDY, superposition
from jaxinterp.studies.bottleneck_neurons.superposition import AS_IS, DICTIONARY, KINDS, SHUFFLED

FEATURES, UNITS = 12, 6


@pytest.fixture(scope="module")
def planted():
    """A network whose hidden layer carries 12 features, its pixels, in 6 units, seldom present."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(FEATURES, UNITS))
    kernel /= np.linalg.norm(kernel, axis=1, keepdims=True)
    output = np.zeros((UNITS, 3))
    layers = [(kernel, np.full(UNITS, 5.0)), (output, np.zeros(3))]  # never below 0: the ReLU changes nothing
    present = rng.uniform(size=(3000, FEATURES)) < 0.06
    images = np.float32(present * rng.uniform(0.5, 1, present.shape))
    data = Dataset(images, (present[:, 0] + present[:, 1]).astype(np.int32))
    network = from_layers([tuple(map(jnp.float32, layer)) for layer in layers])
    measure = jax.jit(superposition.measure)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(superposition, "K", 1)
        return measure(network, jax.random.key(0), data.take(slice(2000)), data.take(slice(2000, None)))


def test_planted_superposition_is_found(planted):
    found = dict(zip(superposition.ARRANGEMENTS, planted.found, strict=True))
    assert found[AS_IS] > max(1.2, found[SHUFFLED])
    explained = dict(zip(KINDS, planted.explained[:, 0], strict=True))
    assert explained.pop(DICTIONARY) > max(explained.values()) + 0.1
    assert planted.active <= 1


def test_more_features_than_units_must_be_found_twice_and_more_than_without_training():
    results = random_results(STUDY)
    found = results[superposition.DICTIONARIES]
    plant(found["found"], 0.3)
    plant(found["found"], 1.5, conditions="trained", arrangements=AS_IS, recipes=STUDY.name)
    plant(found["explained"], 0.8, kinds=DICTIONARY)
    plant(found["explained"], 0.6, kinds=[kind for kind in KINDS if kind != DICTIONARY])
    findings = judged(STUDY, results, superposition.claims)
    assert findings["4.12 features"].verdict == "holds"
    assert findings["4.12 features six"].verdict == "does not hold"
    assert findings["4.12 sparse"].verdict == "holds"
    plant(found["explained"], 0.9, kinds="principal components")
    again = judged(STUDY, results, superposition.claims)["4.12 sparse"]
    assert again.verdict == "does not hold" and again.control_name == "principal components"


def test_toy_models_are_judged_by_what_they_keep():
    results = random_results(STUDY, {"samples": 32})
    toy = results[superposition.TOY]
    toy["kept"][:] = 2
    plant(toy["kept"], 5, sparsities=superposition.SPARSE)
    assert judged(STUDY, results, superposition.claims)["4.12 toy"].verdict == "holds"
    plant(toy["kept"], 5, sparsities=superposition.DENSE, seed=1)
    assert judged(STUDY, results, superposition.claims)["4.12 toy"].verdict != "holds"


def test_features_are_scored_on_images_that_no_dictionary_was_fitted_to(toy_inputs):
    fitted, scored = superposition._images(toy_inputs)
    assert len(scored.labels) == len(fitted.labels) == 250
    rows = {image.tobytes() for image in np.asarray(fitted.images)}
    assert not rows & {image.tobytes() for image in np.asarray(scored.images)}
