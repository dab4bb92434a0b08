"""The whole study by the real path at toy size, and its verdicts on records whose answer was planted."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from one_vs_seven_records import record, without

from jaxinterp import data, networks, recipes, records, studies, train
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.store import Run
from jaxinterp.studies import one_vs_seven as study
from jaxinterp.studies.one_vs_seven import drops, edits, strokes
from jaxinterp.studies.subjects import Subject

SEEDS = {study.STUDY: 3, study.PLAIN: 2, study.SMALL: 3, study.STROKES: 2}
EVERY = np.s_[...]


@pytest.fixture(scope="module")
def subjects():
    """Every recipe at toy size: few epochs, images and units, and 1s and 7s in equal parts to be asked about."""
    made = {}
    for recipe, seeds in SEEDS.items():
        config = recipes.config(recipe, seeds=seeds, epochs=2)
        widths = (8, 6) if recipe in (study.SMALL, study.STROKES) else (12, 8)
        config = dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, train_size=400),
            model=dataclasses.replace(config.model, widths=widths),
            train=dataclasses.replace(config.train, learning_rate=0.1),
        )
        splits = data.load(config.data)
        if recipe != study.STROKES:
            splits = splits._replace(test=Dataset(*(part[:160] for part in splits.test)))
        trained = train.fit_ensemble(networks.build(config.model), splits, config.train)
        made[recipe] = Subject(Path(recipe), Run(config, trained.networks, trained.history), splits)
    return made


@pytest.fixture(scope="module")
def measured(subjects):
    return study.measure(subjects)


def by_id(values):
    return {finding.claim.id: finding for finding in study.findings(values)}


def verdict(values, id_):
    return by_id(values)[id_].verdict


def test_the_study_takes_every_recipe_that_is_named_after_it():
    assert studies.get("one-vs-seven") is study
    assert set(study.RECIPES) == {name for name in recipes.RECIPES if name.startswith("one-vs-seven")}
    assert next(iter(study.RECIPES)) == study.STUDY


def test_toy_networks_are_asked_everything(measured):
    """The longest ensembles have three networks, the others two and a blank."""
    for name, values in zip(measured._fields, measured, strict=True):
        axes = type(measured).__annotations__[name]
        if isinstance(values, tuple) or "seeds" not in axes.dim_str or name.startswith("control"):
            continue
        known = np.isfinite(values)
        if axes.dim_str.split()[-2:] == ["seeds", "seeds"]:
            known = known | np.eye(3, dtype=bool)
        assert known[..., :2].any(), name
    assert np.isnan(measured.knocked[1, ..., 2]).all() and np.isfinite(measured.knocked[[0, 2]]).all()
    assert np.isnan(measured.precision[..., 2]).all() and np.isfinite(measured.edit_logits).all()
    found = study.findings(measured)
    ids = [finding.claim.id for finding in found]
    assert len(set(ids)) == len(ids)
    rows = [int(id_.split()[0].removeprefix("1.")) for id_ in ids]
    assert rows == sorted(rows) and set(rows) == set(range(1, 13))
    for finding in found:
        assert finding.claim.study == study.STUDY and not abs(finding.score.mean) > 1, finding.claim.id


def test_the_record_survives_storing(measured):
    back = records.from_xarray(study.Record, records.to_xarray(measured))
    for name, values in zip(measured._fields, measured, strict=True):
        np.testing.assert_array_equal(getattr(back, name), values, err_msg=name)
    assert study.answer(back) == study.answer(measured)


def test_a_network_that_diverged_changes_nothing_for_the_others(subjects, measured):
    subject = subjects[study.STUDY]
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf).at[1].set(jnp.nan), subject.run.networks.variables)
    history = subject.run.history._replace(diverged=np.array([0, 1, 0]))
    run = subject.run._replace(networks=subject.run.networks.replace(variables=variables), history=history)
    broken = study.measure(subjects | {study.STUDY: subject._replace(run=run)})
    assert broken.diverged.tolist() == [1, 0, 0, 0]
    for name in ("edit_logits", "rows_fewest", "patch_restored", "draws", "blend_as_seven", "window_covers"):
        axis = type(broken).__annotations__[name].dim_str.split().index("seeds")
        old, new = (np.moveaxis(getattr(values, name), axis, 0) for values in (measured, broken))
        np.testing.assert_allclose(new[[0, 2]], old[[0, 2]], atol=1e-5, err_msg=name)
        assert np.isnan(new[1]).all(), name
    for name in ("knocked", "noise_share", "drawn_mean", "difference_bins"):
        place = (slice(None), 0) if name == "difference_bins" else (0,)
        old, new = (getattr(values, name)[place] for values in (measured, broken))
        np.testing.assert_allclose(new[..., [0, 2]], old[..., [0, 2]], atol=1e-5, err_msg=name)
        assert np.isnan(new[..., 1]).all(), name
    np.testing.assert_allclose(broken.analogy[:, 0, :, 0, 2], measured.analogy[:, 0, :, 0, 2], atol=1e-5)
    assert np.isnan(broken.analogy[:, 0, :, 1]).all() and np.isnan(broken.analogy[:, 0, :, :, 1]).all()
    finding = by_id(broken)["1.1 full bar"]
    assert finding.measured.n == 2 and "1 of 3 networks diverged" in finding.note


@pytest.mark.parametrize("seed", range(3))
def test_scores_lie_on_their_axis_whatever_was_measured(seed):
    for finding in study.findings(record(6, seed=seed)):
        mean, _, low, high, _ = finding.score
        assert max(abs(mean), abs(low), abs(high)) <= 1, finding.claim.id


def test_networks_left_out_count_nowhere():
    whole, fewer = record(6), record(6, left_out=(1, 4))
    kept = [0, 2, 3, 5]
    finding = by_id(fewer)["1.7 hidden1"]
    assert finding.measured.n == 4 and finding.measured.mean == pytest.approx(
        whole.difference_small[0, 0, 1, kept].mean()
    )
    for finding in study.findings(record(2, left_out=(0, 1))):
        assert finding.verdict == "undecided"
    assert "—" in study.answer(record(2, left_out=(0, 1)))


def knocked(selected, random, matched=None, intact=0.99, seeds=5, apart=None):
    """A record in which the chosen units' knock-out leaves `selected`, and random and matched ones leave others.

    apart: what the drawn units that were not chosen leave, by themselves; the same where it is not said.
    """
    values = record(seeds)
    rng = np.random.default_rng(0)
    made = {
        "intact": np.full_like(values.intact, intact),
        "knocked": np.full_like(values.knocked, selected),
        "drawn_mean": np.full_like(values.drawn_mean, random),
    }
    if matched is not None:
        made["drawn_mean"][:, 1] = matched
    made["drawn_apart"] = made["drawn_mean"].copy() if apart is None else np.full_like(values.drawn_apart, apart)
    return values._replace(**{name: array + rng.normal(0, 1e-3, array.shape) for name, array in made.items()})


@pytest.mark.parametrize(
    ("selected", "random", "matched", "by_random", "by_matched", "word"),
    [
        (0.5, 0.98, 0.98, "holds", "holds", "To which:"),
        (0.5, 0.98, 0.52, "holds", "does not hold", "To which:"),
        (0.5, 0.51, 0.51, "does not hold", "does not hold", "To how many:"),
        (0.9, 0.5, 0.5, "does not hold", "does not hold", "To how many:"),
        (0.97, 0.98, 0.98, "undecided", "undecided", "There is no drop to explain:"),
    ],
    ids=["identity", "identity by activation", "number", "others cost more", "no drop"],
)
def test_number_or_identity(selected, random, matched, by_random, by_matched, word):
    values = knocked(selected, random, matched)
    for row in ("1.9 zero", "1.9 mean", "1.9 resample", "1.11 plain", "1.11 small"):
        assert verdict(values, f"{row}, random") == by_random
        assert verdict(values, f"{row}, matched") == by_matched
    assert word in study.answer(values) and f"accuracy is {selected:.2f}" in study.answer(values)


def test_the_answer_says_when_ablations_disagree():
    values = knocked(0.5, 0.98)
    for drawn in (values.drawn_mean, values.drawn_apart):
        drawn[:, 0, :, values.kinds.index("mean")] = 0.5
    assert "To which by 2 of 3 ablations, to how many by 1" in study.answer(values)


def test_only_thresholds_that_cost_something_count():
    """Number alone explains a drop of three points at most thresholds, identity one of forty at the first."""
    values = knocked(0.96, 0.96)
    values.knocked[:, :, 0] = 0.59
    values.drawn_mean[:, :, 0] = values.drawn_apart[:, :, 0] = 0.99
    finding = by_id(values)["1.9 zero, random"]
    assert finding.verdict == "holds" and finding.score.mean == pytest.approx(1, abs=0.01)
    assert finding.measured.mean == pytest.approx(0.59, abs=1e-6) and "Thresholds counted: 1.0 of 9" in finding.note


def test_a_drop_of_the_random_groups_alone_counts_against_identity():
    values = knocked(0.96, 0.96)
    values.drawn_mean[:, :, 0] = values.drawn_apart[:, :, 0] = 0.59
    finding = by_id(values)["1.9 zero, random"]
    assert finding.verdict == "does not hold" and finding.score.mean < -0.9


def test_chosen_units_among_the_drawn_leave_it_undecided():
    """Drawn groups cost as much as the chosen units, but only by those of them that are chosen."""
    finding = by_id(knocked(0.5, 0.5, apart=0.98))["1.9 zero, matched"]
    assert finding.verdict == "undecided" and finding.score.low < 0.1 and finding.score.high > 0.9
    assert by_id(knocked(0.5, 0.98, apart=0.98))["1.9 zero, matched"].verdict == "holds"


def edit(values, name, **changes):
    for field, value in changes.items():
        array = getattr(values, field)
        array[values.edits.index(name)] = value + np.linspace(-0.01, 0.01, array.shape[-1])
    return values


@pytest.mark.parametrize("name", [edits.FULL, edits.TRIMMED, edits.THREE, edits.REAL])
def test_a_one_stays_a_one_or_not(name):
    assert verdict(edit(record(), name, edit_as_one=0.9), f"1.1 {name}") == "holds"
    assert verdict(edit(record(), name, edit_as_one=0.1), f"1.1 {name}") == "does not hold"


def test_what_is_read_as_a_one():
    for number, name in (("1.2", edits.DRAWN), ("1.2", edits.HIGH), ("1.4", edits.BLANK)):
        assert verdict(edit(record(), name, edit_probability=0.6), f"{number} {name}") == "holds"
        assert verdict(edit(record(), name, edit_probability=0.4), f"{number} {name}") == "does not hold"
    assert verdict(edit(record(), edits.DRAWN, control_probability=0.9), "1.4 default") == "holds"
    assert verdict(edit(record(), edits.DRAWN, control_probability=0.1), "1.4 default") == "does not hold"
    assert verdict(edit(record(), edits.BAR, edit_as_one=0.1), "1.3 top bar removed") == "holds"
    assert verdict(edit(record(), edits.BAR, edit_as_one=0.9), "1.3 top bar removed") == "does not hold"


def planted(field, value, place=EVERY, seeds=5):
    values = record(seeds)
    array = getattr(values, field)
    array[place] = value + np.zeros_like(array[place]) + np.linspace(-1e-3, 1e-3, array.shape[-1])
    return values


@pytest.mark.parametrize(
    ("id_", "field", "place", "yes", "no"),
    [
        ("1.5 rows 0–14", "edit_ambiguous", EVERY, 0.9, 0.1),
        ("1.5 row 13", "rows_fewest", np.s_[0, 14], 0.8, 1 / 28),
        ("1.5 search", "bisection_wrong", EVERY, 0.01, 0.2),
        ("1.6 answers", "noise_differing", EVERY, 0.2, 0.01),
        ("1.6 logits", "noise_share", EVERY, 0.2, 0.01),
        ("1.7 hidden0", "difference_small", EVERY, 0.6, 0.8),
        ("1.11 small hidden1", "difference_small", EVERY, 0.65, 0.45),
        ("1.8 0.1", "knocked", EVERY, 0.05, 0.5),
        ("1.8 0.5", "knocked", EVERY, 0.9, 0.5),
        ("1.10 hidden0 few", "carriers", EVERY, 0.2, 0.8),
        ("1.10 hidden0 moved", "found_moved", np.s_[0], 0.9, 0.55),
        ("1.10 hidden1 patched", "found_patched", np.s_[0], 0.9, 0.55),
        ("1.10 MNIST hidden1", "patch_top", EVERY, 1 - 2e-3, 0.0),
    ],
)
def test_every_other_claim_can_hold_and_fail(id_, field, place, yes, no):
    fixed = {"quarters": 0.25, "patch_random": 0.1}

    def values(value):
        made = planted(field, value, place)
        for found in (made.found_moved, made.found_patched):
            found[strokes.METHODS.index(strokes.ACTIVITY)] = 0.5
        return made._replace(**{name: np.full_like(getattr(made, name), level) for name, level in fixed.items()})

    assert verdict(values(yes), id_) == "holds"
    assert verdict(values(no), id_) == "does not hold"


def test_the_published_curve_may_be_that_of_sevens():
    published = drops.PUBLISHED[:, None] + np.linspace(-1e-3, 1e-3, 5)
    values, curve = record(5), np.full((9, 5), 0.95)
    for sevens, every, expected in ((published, curve, "holds"), (curve, published, "does not hold")):
        values.knocked[0, 0, :, 0], values.knocked_classes[0, 0, :, 0, 1] = every, sevens
        assert verdict(values, "1.8 on 7s") == expected


@pytest.mark.parametrize(("active", "control"), [(0.7, "mean activation"), (0.1, "random quarter")])
def test_the_class_difference_must_beat_what_needs_no_labels(active, control):
    values = planted("found_patched", 0.8)
    values = values._replace(quarters=np.full(2, 0.25))
    values.found_patched[strokes.METHODS.index(strokes.ACTIVITY)] = active
    finding = by_id(values)["1.10 hidden0 patched"]
    assert finding.control_name == control
    level = max(active, 0.25)
    assert finding.score.mean == pytest.approx((0.8 - level) / (1 - level), abs=1e-6)
    assert finding.verdict == ("does not hold" if active == 0.7 else "holds")


def test_analogous_units_must_beat_the_highest_control():
    values = record(6)
    values.analogy[:] = np.array([0.9, 0.5, 0.6, 0.4])[:, None, None, None, None]
    values.analogy[:] += np.random.default_rng(0).normal(0, 0.01, (6, 6))
    finding = by_id(values)["1.12 hidden0"]
    assert (finding.verdict, finding.control_name) == ("holds", "random units")
    values.analogy[3] = values.analogy[0] - 0.02
    finding = by_id(values)["1.12 small hidden1"]
    assert (finding.verdict, finding.control_name) == ("does not hold", "untrained")


def test_published_figures_are_quoted():
    found = by_id(record())
    assert found["1.1 full bar"].claim.published == "logits of 1 and 7: 9.06 / 1.31"
    assert found["1.8 0.3"].claim.published == "0.58" and found["1.1 a real 7's bar"].claim.published == "—"


def test_strokes_that_were_changed_have_no_twins(subjects):
    subject = subjects[study.STROKES]
    cut = subject._replace(splits=subject.splits._replace(test=Dataset(*(part[:10] for part in subject.splits.test))))
    with pytest.raises(InputError, match="needs the strokes data as it was drawn"):
        strokes.twins_of(cut)
    with pytest.raises(InputError, match="got mnist"):
        strokes.twins_of(subjects[study.STUDY])


def test_without_blanks_only_the_networks_it_is_told_to():
    assert np.isfinite(without(record(3), ()).edit_logits).all()
