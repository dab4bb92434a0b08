"""Which quantity predicts what a neuron's ablation costs a digit?"""

import numpy as np
import xarray as xr

from jaxinterp import stats
from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_number

PREDICTED = ("zero", "mean")
LABELS = {
    "selectivity": "selectivity",
    "activation": "activation",
    "weight": "weight",
    "activation_weight": "activation × weight",
    "centred_activation_weight": "centred activation × weight",
}


def predictors(network: Network, choosing: Dataset) -> ablation.Predictors:
    """The candidates for every neuron and class, from other images than those on which damage is measured."""
    return ablation.predictors(network, choosing, site=neurons.site(network.model))


def correlation(results: Results, predictor: str, kind: str, *, shifted: bool = False) -> xr.DataArray:
    """Spearman's correlation over (unit, class) of a predictor with the accuracy that an ablation costs.

    shifted: with the predictor for another class than the damaged one, mean over all others.
    """
    values, damage = results["predictors"][predictor], results["damage"]
    cost = damage.intact - damage.ablated.sel(kinds=kind, drop=True)
    if shifted:
        values = xr.concat([values.roll(classes=shift) for shift in range(1, values.sizes["classes"])], "shifts")
    found = stats.spearman_over(("units", "classes"), values, cost)
    return found.mean("shifts") if shifted else found


def claims(results: Results) -> list[Claim]:
    """Selectivity predicts the damage of ablations."""
    return [_selectivity(results, kind) for kind in PREDICTED]


def _selectivity(results: Results, kind: str) -> Claim:
    worst = results["damage"].worst.sel(kinds=kind)
    selectivity = results["predictors"].selectivity
    same = selectivity.fillna(-np.inf).argmax("units") == worst
    share = float(same.where(worst.notnull()).mean())
    return Claim(
        row="4.6",
        name=f"selectivity {kind}",
        text=f"Selectivity predicts the damage of {kind}-ablation: rank correlation with the drop in accuracy",
        quantity="Spearman's correlation over neurons × digits",
        measured=correlation(results, "selectivity", kind),
        controls={"selectivity for other digits": correlation(results, "selectivity", kind, shifted=True)},
        rule=above(ALIKE),
        shown={LABELS[name]: correlation(results, name, kind) for name in LABELS if name != "selectivity"},
        note=(
            "Predictors from one half of the test images, damage on the other. Share of digits whose most selective "
            f"neuron is also their most damaging: {format_number(share)}, by chance "
            f"{1 / selectivity.sizes['units']:.2f}."
        ),
    )


MEASUREMENTS = (Measurement("predictors", predictors, lambda inputs: (inputs.choosing,), neurons.coords),)
