"""Do two trainings find the same features? Every pair of networks is compared at once, by any of sixteen measures.

Activations are one site's, of all seeds, "seeds examples units"; below, X and Y are two networks', columns centred, of
n examples and p and q units. `all_pairs(MEASURES[name], activations, others)` is the measure of every pair. A raw value
says little, since most measures are far from their worst for unrelated networks too, the more so the fewer images there
are for a unit: `permuted` draws their null, `calibrate` compares the two, `half_samples` says how sure the value is.

- `cosine`, `pearson`: of two networks' answers to an image, unit k with unit k, averaged over images
- `sorted_cosine`, `sorted_pearson`: the same with each answer's values sorted first; high for any two samples of
  similar distributions. `per_example` has the spread over images, too
- `cka`: ‖XᵀY‖²_F/(‖XᵀX‖_F ‖YᵀY‖_F) (Kornblith et al. 2019); the mean of its null is `cka_null_mean`
- `debiased_cka`: the same with the unbiased HSIC (Song et al. 2012): 0 on average for independent layers, also below
- `cca`: mean canonical correlation over min(rank X, rank Y)
- `svcca`: the same between the principal components with 99 % of the variance (Raghu et al. 2017)
- `pwcca`: canonical correlations weighted by what they mean to X's units (Morcos et al. 2018)
- `procrustes`: angle, in radians, between X and Y rotated onto each other at equal size
- `size_and_shape`: root of the squared distance left, summed over examples, with sizes as they are
- `euclidean_rsa`: Pearson's correlation of the tables of Euclidean distances between examples
- `rank_rsa`: Spearman's, of 1 − Pearson's correlation across units (Kriegeskorte et al. 2008)
- `distance_correlation`: Székely et al. 2007, the biased one in [0, 1]
- `neighbours`: share of an example's 10 nearest others that both have; by chance 10/(n − 1)
- `predictivity`: R² of Y regressed on X, fitted on one half of the images and scored on the other

A network that is constant over the examples is NaN by every measure but these: by `size_and_shape` it is as far off as
the other is large, for `predictivity` it predicts the mean, and by `cosine` it has a direction unless it is 0.
"""

from jaxinterp.analysis.similarity.calibration import Calibration, calibrate
from jaxinterp.analysis.similarity.examples import ExampleSimilarity, agreement, chance_agreement, per_example
from jaxinterp.analysis.similarity.measure import Measure
from jaxinterp.analysis.similarity.pairs import MEASURES, all_pairs, cka_null_mean, half_samples, linear_cka, permuted

__all__ = [
    "MEASURES",
    "Calibration",
    "ExampleSimilarity",
    "Measure",
    "agreement",
    "all_pairs",
    "calibrate",
    "chance_agreement",
    "cka_null_mean",
    "half_samples",
    "linear_cka",
    "per_example",
    "permuted",
]
