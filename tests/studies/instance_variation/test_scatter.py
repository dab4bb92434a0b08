import jax
import numpy as np
import pytest
from instance_variation_records import LAYERS, near, record

from jaxinterp import ensemble, networks
from jaxinterp.analysis.locality import Locality
from jaxinterp.networks import MLP
from jaxinterp.studies.instance_variation import maps, scatter
from jaxinterp.studies.instance_variation.maps import ARMS, ONE_DIGIT_ARM, ONE_DIGIT_UNTRAINED, SHUFFLED, USED, VIEWS

SEEDS = 6


def planted(statistic, **means):
    """A record in which the mean of one statistic is given for some arms, at every layer and for every view."""
    made = record(SEEDS)
    for place, (arm, mean) in enumerate(means.items()):
        values = near(SEEDS, mean, noise=0.01 * abs(mean), seed=place)
        made.locality[ARMS.index(arm), :, :, Locality._fields.index(statistic)] = values
    return made


def verdicts(made, start):
    return {finding.verdict for finding in scatter.findings(made) if finding.claim.id.startswith(start)}


@pytest.mark.parametrize(
    ("pixels", "verdict"), [(300, "holds"), (190, "holds"), (60, "does not hold"), (100, "undecided")]
)
def test_scattered_is_more_than_half_of_what_random_weights_have(pixels, verdict):
    made = planted(
        "participation", trained=pixels, untrained=200.0, **{ONE_DIGIT_ARM: pixels, ONE_DIGIT_UNTRAINED: 200}
    )
    assert verdicts(made, "3.4") == {verdict}
    for finding in scatter.findings(made):
        if finding.claim.id.startswith("3.4"):
            assert finding.score.mean == pytest.approx(min(pixels / 200, 1), abs=0.02)
            assert finding.control_name == "untrained" and finding.claim.published == "“scattered”"


@pytest.mark.parametrize("row", [("largest", "3.6 cluster"), ("moran", "3.6 smooth")], ids=["cluster", "smooth"])
@pytest.mark.parametrize(
    ("own", "before", "shuffled", "verdict", "control"),
    [
        (0.9, 0.2, 0.1, "holds", "untrained"),
        (0.4, 0.2, 0.1, "does not hold", "untrained"),
        (0.9, 0.1, 0.85, "does not hold", SHUFFLED),
        (0.2, 0.5, 0.1, "does not hold", "untrained"),
    ],
    ids=["local", "scattered", "no more than shuffled", "less than before"],
)
def test_local_is_judged_beside_the_higher_control(row, own, before, shuffled, verdict, control):
    statistic, start = row
    made = planted(statistic, trained=own, untrained=before, **{SHUFFLED: shuffled})
    assert verdicts(made, start) == {verdict}
    for finding in scatter.findings(made):
        if finding.claim.id.startswith(start):
            assert finding.control_name == control and abs(finding.score.mean) <= 1


def test_arms_that_were_not_trained_are_left_out():
    made = record(SEEDS)
    absent = [ARMS.index(arm) for arm in (*maps.TRAINED_ARMS, ONE_DIGIT_UNTRAINED)]
    made.locality[absent] = np.nan
    found = scatter.findings(made)
    assert not any("one digit" in finding.claim.id for finding in found)
    assert {other.name for finding in found for other in finding.others} <= {"untrained", SHUFFLED}
    whole = scatter.findings(record(SEEDS))
    assert len(whole) == len(found) + len(LAYERS)
    assert {"L1", "permuted pixels", "one digit"} <= {other.name for other in whole[0].others}


def asked(model, left_out=(), seeds=4):
    keys = ensemble.keys(0, seeds)
    made = jax.vmap(lambda key: networks.init(key, model, 36))(keys)
    mask = np.isin(np.arange(seeds), left_out)
    images = np.random.default_rng(0).uniform(size=(50, 36)).astype(np.float32)
    return {"trained": maps.Arm(made, images, mask, np.where(mask, np.nan, 0.9))}


def test_measured_by_its_definition_and_shuffling_moves_pixels_alone(key):
    made = asked(MLP((5, 4), outputs=3), left_out=(2,))
    layers = {layer: maps.read(made, layer, key) for layer in LAYERS}
    fields = scatter.measure(made, layers)
    kernels = np.asarray(made["trained"].networks.variables["params"]["hidden0"]["kernel"])
    mass = kernels**2 / np.sum(kernels**2, axis=1, keepdims=True)
    expected = np.mean(1 / np.sum(mass**2, axis=1), axis=1)
    found = fields["locality"][0, 0, 0, 0]
    np.testing.assert_allclose(found[[0, 1, 3]], expected[[0, 1, 3]], rtol=1e-4)
    assert np.isnan(fields["locality"][:2, ..., 2]).all()
    shuffled = ARMS.index(SHUFFLED)
    for name in ("participation", "gini"):
        place = Locality._fields.index(name)
        own, other = fields["locality"][[0, shuffled], :, :, place]
        np.testing.assert_allclose(own, other, rtol=1e-4)
    assert not np.allclose(*fields["locality"][[0, shuffled], :, :, Locality._fields.index("moran"), 0])
    assert fields["arm_networks"].tolist() == [4, 0, 4, 0, 0, 0, 0] and fields["arm_diverged"][0] == 1
    quantiles = fields["locality_quantiles"]
    assert np.all(np.diff(quantiles[0], axis=-1) >= 0) and np.isnan(quantiles[1]).all()


def test_what_is_used_counts_a_pixel_for_what_it_varies(key):
    made = asked(MLP((5,), outputs=3))
    made["trained"].images[:, :10] = 0.5
    used = np.asarray(maps.read(made, "hidden0", key)["trained"].maps)[:, VIEWS.index(USED)]
    assert not used[:, :, :10].any() and used[:, :, 10:].all()
