"""Which units tell two classes apart? Scores of every unit of a site by nine methods, from cheap to causal."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxinterp.analysis import ablation, patching, responses
from jaxinterp.analysis.patching import Images, Twins
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import Network

DIFFERENCE, PATCHING = "class difference", "activation patching"
D_PRIME, AUC, INFORMATION = "d′", "AUC", "mutual information"
ZERO, MEAN, WEIGHT, ACTIVITY = "zero-ablation", "mean-ablation", "activation × weight", "mean activation"
METHODS = (DIFFERENCE, D_PRIME, AUC, INFORMATION, ZERO, MEAN, WEIGHT, ACTIVITY, PATCHING)


def scores(
    network: Network, data: Dataset, clean: Images, corrupt: Twins, *, site: Site
) -> Float[Array, "methods units"]:
    """How much each unit matters to classes 0 and 1 by each of `METHODS`: large is much, whatever the sign.

    Ablations count the mean drop in margin; activation × weight is the largest of both classes. clean, corrupt: pairs
    of images, as for `patching.patch_units`; only activation patching uses them. Raises InputError as that does.
    """
    activations = network(data.images)[1][site]
    measured = responses.selectivity(activations, data.labels, classes=2)
    before = ablation.baseline(network, data)
    zero, average = (
        ablation.damage(before, ablation.units(network, data, site=site, kind=kind)).margin for kind in ("zero", "mean")
    )
    weighted = ablation.predictors(network, data, site=site).activation_weight
    by_method = {
        DIFFERENCE: jnp.abs(responses.class_difference(activations, data.labels, 1, 0)),
        D_PRIME: jnp.abs(measured.d_prime[1]),
        AUC: jnp.abs(measured.auc[1] - 0.5),
        INFORMATION: measured.mutual_information[1],
        ZERO: jnp.mean(zero, axis=-1),
        MEAN: jnp.mean(average, axis=-1),
        WEIGHT: jnp.max(jnp.abs(weighted), axis=-1),
        ACTIVITY: jnp.mean(activations, axis=0),
        PATCHING: jnp.abs(patching.patch_units(network, clean, corrupt, site=site, first=1, second=0).effect),
    }
    return jnp.stack([by_method[name] for name in METHODS])
