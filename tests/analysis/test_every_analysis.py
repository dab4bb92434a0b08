"""Every public analysis of a network is tried on every kind of network, by test_every_kind.py, or has a reason."""

import ast
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from typing import get_args

import jaxinterp.analysis
from jaxinterp.analysis.attribution import METHODS
from jaxinterp.networks import Network

TABLE = Path(__file__).with_name("test_every_kind.py")
# Public functions of a network that have no row there, by their module below jaxinterp.analysis; why, group by group.
UNTRIED = {
    **dict.fromkeys(
        (
            "ablation.baseline",
            "ablation.unit_mover",
            "attribution.evaluation.randomized",
            "attribution.folding.linear_pieces",
            "attribution.integrals.exact_is_cheap",
            "attribution.maps.by_state",
            "attribution.maps.entry",
            "attribution.maps.explained",
            "attribution.maps.to_pixels",
            "attribution.maps.value",
            "attribution.marching.break_count",
            "attribution.marching.conductances",
            "attribution.marching.mean_gradients",
            "coalitions.tables.parts",
            "directions.mover",
            "maximization.best_of_each",
            "maximization.optima.map_bounds",
        ),
        "a step of analyses that have a row",
    ),
    **dict.fromkeys(
        (
            "ablation.replaced_units",
            "attribution.evaluation.deletion_of_ink",
            "attribution.evaluation.insertion",
            "class_profiles.selective",
            "maximization.every_layer.maximisers",
            "maximization.every_layer.patch_maximisers",
            "maximization.exemplars.best_images",
            "maximization.maximize",
            "maximization.optima.share_of_optimum",
            "maximization.optimal_images",
            "patching.patch_groups",
        ),
        "reads the network by an analysis that has a row, or just as it does",
    ),
    **dict.fromkeys(
        ("attribution.rebuilding.listed", "gates.solution", "planted_facets.count", "two_classes.scores"),
        "about networks of one study",
    ),
}


def written_there():
    """The functions that the table names as module.function."""
    tree = ast.parse(TABLE.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = {alias.name: f"{node.module}.{alias.name}" for node in imports for alias in node.names}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    return [getattr(sys.modules.get(modules.get(node.value.id, "")), node.attr, None) for node in names]


def of_a_network():
    """Every public function below jaxinterp.analysis that takes a Network, by its name there."""
    found = {}
    for module in pkgutil.walk_packages(jaxinterp.analysis.__path__, f"{jaxinterp.analysis.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.startswith("_") or not inspect.isfunction(value) or value.__module__ != module.name:
                continue
            kinds = [parameter.annotation for parameter in inspect.signature(value).parameters.values()]
            if any(Network in (kind, *get_args(kind)) for kind in kinds):
                found[f"{module.name.removeprefix(jaxinterp.analysis.__name__)[1:]}.{name}"] = value
    return found


def test_every_analysis_of_a_network_has_a_row_or_a_reason_for_none():
    functions = of_a_network()
    tried = {id(function) for function in (*written_there(), *METHODS.values())}
    untried = {name for name, function in functions.items() if id(function) not in tried}
    assert untried == set(UNTRIED)
