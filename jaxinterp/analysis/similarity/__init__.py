"""Do two trainings find the same features? Every pair of networks is compared at once, by any of sixteen measures.

Activations are those of one site, of all seeds, "seeds examples units". Below, X and Y are those of two networks, with
centred columns, n examples, and p and q units. `all_pairs(MEASURES[name], activations, others)` is the measure for
every pair. A raw value says little: most measures are far from their worst value for unrelated networks too, the more
so the fewer images per unit. `permuted` draws their null, `calibrate` compares the two, and `half_samples` shows how
certain the value is.

- `cosine`, `pearson`: of two networks' activation vectors on an image, unit k with unit k, averaged over images
- `sorted_cosine`, `sorted_pearson`: the same with each vector's values sorted first; high for any two samples of
  similar distributions. `per_example` also has the standard deviation over images
- `cka`: ‖XᵀY‖²_F/(‖XᵀX‖_F ‖YᵀY‖_F) (Kornblith et al. 2019); `cka_null_mean` is the mean of its null
- `debiased_cka`: the same with the unbiased HSIC (Song et al. 2012): 0 on average for independent layers, may be < 0
- `cca`: mean canonical correlation over min(rank X, rank Y)
- `svcca`: the same between the principal components with 99 % of the variance (Raghu et al. 2017)
- `pwcca`: canonical correlations weighted by their importance for X's units (Morcos et al. 2018)
- `procrustes`: angle, in radians, between X and Y rotated onto each other at equal size
- `size_and_shape`: root of the remaining squared distance, summed over examples, without rescaling
- `euclidean_rsa`: Pearson correlation of the matrices of Euclidean distances between examples
- `rank_rsa`: Spearman correlation of the matrices of 1 − Pearson correlation across units (Kriegeskorte et al. 2008)
- `distance_correlation`: Székely et al. 2007, the biased estimate in [0, 1]
- `neighbours`: share of an example's 10 nearest neighbours that both have; by chance 10/(n − 1)
- `predictivity`: R² of Y regressed on X, fitted on one half of the images and scored on the other

A network that is constant over the examples gives NaN for every measure except three: its `size_and_shape` is the size
of the other network, in `predictivity` it predicts the mean, and in `cosine` it has a direction unless it is 0.
`debiased_cka` and `rank_rsa` are NaN also where one image alone activates the layer: no two images covary.

Measures of single-precision activations are computed in double precision: where a layer is nearly dead, or one image is
1,000 times as large as the others, they are small differences of large terms. Values differ from the definition by at
most 2e-7, absolute or relative. Three need more words. `rank_rsa`: 2e-5, since distances are ranked in steps of 1e-6,
so that ties stay ties. `neighbours`: of those that are equally near in 7 digits, the first ones count. `debiased_cka`:
up to 1e-3 where the unbiased HSIC of X with itself, times n (n − 3), is below 1e-9 ‖X‖⁴ (one image some 100,000 times
as large as the others), NaN below 1e-12 ‖X‖⁴.
On CPUs double precision costs up to twice the time of single precision; on accelerators it may cost more.
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
