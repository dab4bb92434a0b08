"""A toy study by the real path: what is lifted, masked, joined, stored, skipped and measured again."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from jaxtyping import Array, Float
from support import toy_inputs

from jaxinterp import stats, store
from jaxinterp.errors import InputError, InputWarning
from jaxinterp.studies import runner
from jaxinterp.studies.inputs import PARTS, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Study

OWN, OTHER = "bottleneck-neurons", "bottleneck-neurons-normalized"
CALLS: list[str] = []


class Means(NamedTuple):
    mean: Float[Array, "layers units"]


class Drawn(NamedTuple):
    number: Float[Array, ""]


class Pairs(NamedTuple):
    product: Float[np.ndarray, "seeds seeds"]


def means(network, images) -> Means:
    activations = network(images)[1]
    return Means(jnp.mean(activations["hidden0/post"], axis=0)[None])


def drawn(network, key, scale, offset) -> Drawn:
    return Drawn(scale * jax.random.normal(key) + offset)


def pairs(inputs) -> Pairs:
    CALLS.append("pairs")
    accuracy = next(iter(inputs.values())).test_accuracy
    return Pairs(np.outer(accuracy, accuracy))


def images(inputs):
    CALLS.append(f"means of {inputs.recipe}")
    return (inputs.scoring.images,)


STUDY = Study(
    name=OWN,
    question="?",
    source="—",
    recipes={OWN: 3, OTHER: 3},
    measurements=(
        Measurement(
            "means",
            means,
            images,
            lambda _: {"layers": ["hidden0"]},
            ("untrained", "snapshots", "trained"),
            (OWN, OTHER),
        ),
        Measurement(
            "drawn",
            drawn,
            lambda inputs: (2.0,),
            conditions=("untrained", "trained"),
            common=lambda inputs: (inputs[OWN].seeds,),
            key=5,
        ),
        EnsembleMeasurement("pairs", pairs),
    ),
    claims=(),
    answer=lambda findings: "",
    highlights=(),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return {
        OWN: toy_inputs.train(OWN, root / OWN, source="strokes", outputs=2, widths=(6, 4)),
        OTHER: toy_inputs.train(OTHER, root / OTHER, source="strokes", outputs=2, widths=(4, 4), seeds=2),
    }


@pytest.fixture
def results(inputs, tmp_path):
    return runner.measure(STUDY, tmp_path, inputs)


def test_lifting_gives_each_network_what_it_gives_alone(inputs, results):
    for recipe in (OWN, OTHER):
        own, network = inputs[recipe], jax.tree.map(lambda leaf: leaf[1], inputs[recipe].networks)
        alone = means(network, own.scoring.images).mean
        lifted = results["means"]["mean"].sel(recipes=recipe, conditions="trained").isel(seeds=1)
        np.testing.assert_allclose(lifted.to_numpy()[:, : alone.shape[1]], alone, rtol=1e-5)


def test_what_is_of_optional_recipes_alone_is_left_out_without_them(inputs, tmp_path):
    study = dataclasses.replace(
        STUDY,
        recipes={OWN: 3},
        optional={OTHER: 3},
        measurements=(EnsembleMeasurement("pairs", pairs), EnsembleMeasurement("others", pairs, recipes=(OTHER,))),
    )
    assert runner.stored(study, tmp_path) is None
    without = runner.measure(study, tmp_path, {OWN: inputs[OWN]})
    assert list(without) == ["networks", "pairs"] == list(runner.stored(study, tmp_path) or ())
    with_others = runner.measure(study, tmp_path, inputs)
    assert list(with_others) == ["networks", "pairs", "others"] == list(runner.stored(study, tmp_path) or ())
    np.testing.assert_array_equal(with_others["others"].product, pairs({OTHER: inputs[OTHER]}).product)
    # Killed before what is of the optional recipe was measured: not all is there.
    (tmp_path / "results" / study.name / "others.nc").unlink()
    assert runner.stored(study, tmp_path) is None


def test_a_quick_answer_does_without_what_is_slow(inputs, tmp_path):
    slow = EnsembleMeasurement("slow", pairs, slow=True)
    study = dataclasses.replace(STUDY, measurements=(*STUDY.measurements, slow))
    assert study.slow == ("slow",)
    quick = runner.measure(study, tmp_path, inputs, slow=False)
    assert quick.keys() == runner.stored(study, tmp_path).keys() == {"networks", "means", "drawn", "pairs"}
    assert runner.measure(study, tmp_path, inputs).keys() - quick.keys() == {"slow"}
    assert "slow" in runner.stored(study, tmp_path)


def test_what_reads_files_that_a_run_need_not_have_is_left_out_without_them(inputs, tmp_path):
    own = dataclasses.replace(inputs[OWN], path=tmp_path / "run")
    reads = EnsembleMeasurement("reads", pairs, folder="said")
    study = dataclasses.replace(STUDY, recipes={OWN: 3}, measurements=(EnsembleMeasurement("pairs", pairs), reads))

    def measured():
        CALLS.clear()
        return list(runner.measure(study, tmp_path, {OWN: own})), len(CALLS)

    assert measured() == (["networks", "pairs"], 1) and list(runner.stored(study, tmp_path)) == ["networks", "pairs"]
    file = tmp_path / "run" / "said" / "parrot.json"
    file.parent.mkdir(parents=True)
    for content, calls in (("one", 1), ("one", 0), ("two", 1)):
        file.write_text(content)
        assert measured() == (["networks", "pairs", "reads"], calls)
    assert list(runner.stored(study, tmp_path)) == ["networks", "pairs", "reads"]


def test_an_example_is_the_first_network_that_did_not_diverge(inputs, results):
    example = Measurement("example", means, images, conditions=("untrained", "trained"), example=True)
    every = results["means"]["mean"].sel(recipes=OWN, conditions=["untrained", "trained"])
    for seed, own in enumerate((inputs[OWN], with_divergence(inputs[OWN], 0))):
        found = runner.take(example, {OWN: own})["mean"]
        assert found.dims == ("conditions", "layers", "units")
        np.testing.assert_allclose(found, every.isel(seeds=seed), rtol=1e-5)


def test_an_example_draws_what_it_draws_among_all(inputs):
    options = {"shared": lambda inputs: (2.0, 1.0), "key": 5}
    for seed, own in enumerate((inputs[OWN], with_divergence(inputs[OWN], 0))):
        every, example = (
            runner.take(Measurement("drawn", drawn, **options, example=alone), {OWN: own}) for alone in (False, True)
        )
        for name, values in every.items():
            np.testing.assert_allclose(example[name], values.isel(seeds=seed), rtol=1e-6)


def test_conditions_and_recipes_are_dimensions_and_shorter_axes_are_padded(results):
    mean = results["means"]["mean"]
    assert mean.dims == ("recipes", "conditions", "seeds", "layers", "units")
    assert list(mean.conditions.to_numpy()) == ["untrained", "epoch 1", "trained"]
    assert mean.sizes["units"] == 6 and mean.sizes["seeds"] == 3
    other = mean.sel(recipes=OTHER)
    assert other.isel(units=slice(4, None)).isnull().all() and other.isel(seeds=2).isnull().all()
    assert mean.sel(recipes=OWN).notnull().all()


def test_each_network_has_its_own_key_the_same_in_every_condition_and_what_is_common(results, inputs):
    number = results["drawn"].number
    assert len(np.unique(number.sel(conditions="trained"))) == 3
    np.testing.assert_array_equal(number.sel(conditions="trained"), number.sel(conditions="untrained"))
    key = inputs[OWN].network_keys(5)[1]
    assert number.isel(conditions=0, seeds=1) == pytest.approx(2 * float(jax.random.normal(key)) + 3, rel=1e-6)


def with_divergence(inputs: Inputs, seed: int) -> Inputs:
    diverged = np.asarray(inputs.run.history.diverged).copy()
    diverged[seed] = 1
    return Inputs(
        inputs.recipe,
        inputs.path,
        inputs.run._replace(history=inputs.run.history._replace(diverged=diverged)),
        inputs.splits,
    )


def test_networks_that_diverged_are_nan_and_counted(inputs, tmp_path):
    lost = {OWN: with_divergence(inputs[OWN], 2), OTHER: inputs[OTHER]}
    results = runner.measure(STUDY, tmp_path, lost)
    mean = results["means"]["mean"].sel(recipes=OWN)
    assert mean.isel(seeds=2).isnull().all() and mean.isel(seeds=[0, 1]).notnull().all()
    product = results["pairs"]["product"].to_numpy()
    assert np.isnan(product[2]).all() and np.isnan(product[:, 2]).all() and np.isfinite(product[:2, :2]).all()
    claim = Claim("1", "a", "", results["drawn"].number.sel(conditions="trained"), above(0.0), "number", note="A note.")
    (found,) = runner.findings(STUDY, [claim], results)
    assert found.measured.n == 2 and found.note == "A note. 1 of 3 networks diverged and are left out."


def test_what_is_current_is_not_measured_again(inputs, tmp_path):
    runner.measure(STUDY, tmp_path, inputs)
    CALLS.clear()
    second = runner.measure(STUDY, tmp_path, inputs)
    assert not CALLS and set(second) == {"networks", "means", "drawn", "pairs"}
    runner.measure(STUDY, tmp_path, inputs, again=True)
    assert CALLS == [f"means of {OWN}", f"means of {OTHER}", "pairs"]


def test_work_that_was_cut_short_goes_on_where_it_was(inputs, tmp_path):
    whole = runner.measure(STUDY, tmp_path, inputs)
    (tmp_path / "results" / OWN / "pairs.nc").unlink()
    assert runner.stored(STUDY, tmp_path) is None
    CALLS.clear()
    again = runner.measure(STUDY, tmp_path, inputs)
    assert CALLS == ["pairs"]
    for name, dataset in whole.items():
        assert dataset.equals(again[name])
    stored = runner.stored(STUDY, tmp_path)
    assert stored is not None and all(stored[name].equals(whole[name]) for name in whole)


def test_a_damaged_result_is_told_and_measured_again(inputs, tmp_path):
    whole = runner.measure(STUDY, tmp_path, inputs)
    file = tmp_path / "results" / OWN / "pairs.nc"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=r"pairs.nc is missing or damaged"):
        runner.stored(STUDY, tmp_path)
    CALLS.clear()
    with pytest.warns(InputWarning, match=r"pairs.nc is missing or damaged: .* makes it again"):
        again = runner.measure(STUDY, tmp_path, inputs)
    assert CALLS == ["pairs"] and again["pairs"].equals(whole["pairs"])


def test_other_weights_data_or_configs_are_measured_again(inputs, tmp_path):
    runner.measure(STUDY, tmp_path, inputs)
    own = inputs[OWN]
    other = own.run._replace(networks=jax.tree.map(lambda leaf: leaf * 1.01, own.run.networks))
    data = own.splits._replace(test=own.splits.test.replace(images=own.splits.test.images * 0.5))
    for run, splits in ((other, own.splits), (own.run, data)):
        CALLS.clear()
        runner.measure(STUDY, tmp_path, inputs | {OWN: Inputs(own.recipe, own.path, run, splits)})
        assert "pairs" in CALLS


def test_progress_names_every_measurement_once(inputs, tmp_path):
    said = []
    runner.measure(STUDY, tmp_path, inputs, progress=lambda *state: said.append(state))
    assert said == [("networks", 0, 4), ("means", 1, 4), ("drawn", 2, 4), ("pairs", 3, 4), ("", 4, 4)]


def test_labels_must_fit_their_axis(inputs):
    measurement = Measurement("means", means, images, lambda _: {"layers": ["a", "b"]})
    with pytest.raises(InputError, match="means: layers has 1 entries but 2 labels"):
        runner.take(measurement, {OWN: inputs[OWN]})


def test_results_take_half_the_bits_where_nothing_is_lost(inputs, tmp_path):
    results = runner.measure(STUDY, tmp_path, inputs)
    raw = store.load_result(tmp_path, f"{OWN}/means")
    assert raw["mean"].dtype == np.float32 and raw.astype(np.float64).equals(results["means"])
    assert all(values.dtype == np.float64 for dataset in results.values() for values in dataset.values())
    exact = xr.Dataset({"half": ("seeds", [0.5, np.nan]), "third": ("seeds", [1 / 3, 0.5])})
    assert [values.dtype for values in runner._narrowed(exact).values()] == [np.float32, np.float64]


def test_results_are_stored_by_study_and_measurement(inputs, tmp_path):
    runner.measure(STUDY, tmp_path, inputs)
    assert store.results(tmp_path) == [f"{OWN}/{name}" for name in ("drawn", "means", "networks", "pairs")]


# Parts of the test images.


def on_means(results):
    """A claim that asks for one measurement that reads test images, and for one that reads none."""
    measured = results["means"]["mean"].sel(recipes=OWN, conditions="trained").mean(("layers", "units"))
    control = results["drawn"].number.sel(conditions="trained")
    return [Claim("1", "a", "", measured, above(0.0), "activation", controls={"drawn": control})]


JUDGED = dataclasses.replace(STUDY, claims=(on_means,))


@pytest.fixture
def parts(inputs, results, tmp_path):
    return runner.measure_parts(JUDGED, tmp_path, inputs, results)


def test_each_part_is_what_its_images_alone_give(inputs, results, parts):
    assert len(parts) == PARTS
    network = jax.tree.map(lambda leaf: leaf[1], inputs[OWN].networks)
    for part, found in zip(inputs[OWN].parts, parts, strict=True):
        alone = means(network, part.scoring.images).mean
        lifted = found["means"]["mean"].sel(recipes=OWN, conditions="trained").isel(seeds=1)
        np.testing.assert_allclose(lifted, alone, rtol=1e-5)
        assert found["means"].sizes == results["means"].sizes


def test_only_what_is_judged_and_reads_test_images_is_measured_on_parts(results, parts, tmp_path):
    stored = set(store.results(tmp_path))  # types that are checked at run time ask for the first result, too
    assert f"{OWN}/parts/means" in stored and not {f"{OWN}/parts/drawn", f"{OWN}/parts/pairs"} & stored
    assert all(part[name] is results[name] for part in parts for name in ("drawn", "pairs"))


def test_parts_are_stored_and_not_measured_again(inputs, results, parts, tmp_path):
    CALLS.clear()
    for again in (
        runner.measure_parts(JUDGED, tmp_path, inputs, results),
        runner.stored_parts(JUDGED, tmp_path, results),
    ):
        assert len(again) == PARTS
        assert all(one["means"].equals(other["means"]) for one, other in zip(parts, again, strict=True))
    assert not CALLS
    (tmp_path / "results" / OWN / "parts" / "means.nc").unlink()
    assert runner.stored_parts(JUDGED, tmp_path, results) == []
    runner.measure_parts(JUDGED, tmp_path, inputs, results)
    assert CALLS == [f"means of {recipe}" for _ in range(PARTS) for recipe in (OWN, OTHER)]


def test_too_few_test_images_have_no_parts(inputs, tmp_path):
    few = {}
    for recipe, own in inputs.items():
        splits = own.splits._replace(test=own.splits.test.take(slice(100)))
        few[recipe] = Inputs(recipe, own.path, own.run, splits)
    results = runner.measure(JUDGED, tmp_path, few)
    assert runner.measure_parts(JUDGED, tmp_path, few, results) == []
    assert runner.stored_parts(JUDGED, tmp_path, results) == []


def test_a_claim_is_as_unsure_as_its_images_make_it(results, parts):
    claims = runner.claims(JUDGED, results)
    by_part = [runner.claims(JUDGED, part) for part in parts]
    (alone,), (both,) = runner.findings(STUDY, claims, results), runner.findings(STUDY, claims, results, by_part)
    expected = [float(own[0].measured.mean()) for own in by_part]
    np.testing.assert_allclose(both.measured, stats.with_images(alone.measured, np.array(expected)))
    assert both.control == alone.control and both.over_images
