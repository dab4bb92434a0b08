import numpy as np
import pytest
from support.judging import plant, verdicts
from support.random_results import random_results

from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four import STUDY, growth


def test_stages_are_compared_layer_by_layer_as_numpy_does(known):
    """The half-way network's weights, against its own and another neuron's kept ones."""
    trained, rng = known.network, np.random.default_rng(0)
    params = trained.variables["params"]

    def with_kernel(kernel):
        first = {**params["hidden0"], "kernel": kernel.astype(np.float32)}
        return trained.replace(variables={**trained.variables, "params": {**params, "hidden0": first}})

    final = np.asarray(params["hidden0"]["kernel"])
    begun, here = (final + rng.normal(size=final.shape) for _ in range(2))
    found = growth.compare(with_kernel(begun), with_kernel(here), trained, known.inked)
    own = [known.alike(here[:, unit], final[:, unit]) for unit in range(8)]
    other = [known.alike(here[:, unit], final[:, (unit - 1) % 8]) for unit in range(8)]
    np.testing.assert_allclose([found[0][0], found[1][0]], [np.mean(own), np.mean(other)], atol=1e-5)
    way, gone = ((kernel - begun)[known.inked] for kernel in (final, here))
    assert found[2][0] == pytest.approx(np.mean((way * gone).sum(axis=0) / (way**2).sum(axis=0)), abs=1e-4)
    first, later = ((b - a)[known.inked] for a, b in ((begun, here), (here, final)))
    assert found[3][0] == pytest.approx(np.mean(np.sign(first) == np.sign(later)))
    assert found[4][0] == pytest.approx(np.mean(np.sign(np.roll(first, 1, axis=1)) == np.sign(later)))


@pytest.mark.parametrize(("settled", "onward", "verdict"), [(0.9, 0.95, "holds"), (0.45, 0.5, "does not hold")])
def test_weights_are_settled_after_the_first_stage_or_not(settled, onward, verdict):
    results = random_results(STUDY)
    plant(results["growth"]["settled"], 0.4, conditions=UNTRAINED)
    plant(results["growth"]["settled"], settled, conditions="epoch 1")
    plant(results["growth"]["onward"], onward, conditions="epoch 1")
    assert verdicts(STUDY, results, "5.3 settled") == verdicts(STUDY, results, "5.3 direction") == {verdict}


def test_nothing_is_claimed_where_no_weights_were_kept_on_the_way():
    results = random_results(STUDY)
    assert growth.claims(results)
    results["growth"] = results["growth"].sel(conditions=[UNTRAINED, TRAINED])
    assert not growth.claims(results)
