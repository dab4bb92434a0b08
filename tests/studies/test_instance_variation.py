"""The whole study by the real path at toy size; its parts are tested in instance_variation/."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from instance_variation_records import record

from jaxinterp import controls, data, ensemble, networks, recipes, records, studies, train
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.store import Run
from jaxinterp.studies import instance_variation as study
from jaxinterp.studies.subjects import Subject

SEEDS = {
    study.STUDY: 4,
    "instance-variation-permuted": 2,
    "instance-variation-l1": 3,
    "instance-variation-one-digit": 2,
}
UNSCORED = ("3.2",)  # on a scale that has no lower end


@pytest.fixture(scope="module")
def subjects():
    """Every recipe at toy size, on images of one of two classes. The arms are asked as they are before training."""
    made = {}
    for recipe, seeds in SEEDS.items():
        config = recipes.config(recipe, seeds=seeds, epochs=2)
        options = {"source": "strokes", "train_size": 200}
        if config.data.positive is not None:
            options["positive"] = 1
        config = dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, **options),
            model=dataclasses.replace(config.model, widths=(6,), outputs=min(config.model.outputs, 2)),
            train=dataclasses.replace(config.train, learning_rate=0.01),
        )
        splits = data.load(config.data)
        splits = splits._replace(test=Dataset(*(part[:60] for part in splits.test)))
        model = networks.build(config.model)
        if recipe == study.STUDY:
            trained = train.fit_ensemble(model, splits, config.train)
            run = Run(config, trained.networks, trained.history)
        else:
            before = controls.untrained(ensemble.keys(0, seeds), model, splits.test.images.shape[-1])
            run = Run(config, before, made[study.STUDY].run.history._replace(diverged=np.zeros(seeds, int)))
            run = run._replace(history=jax.tree.map(lambda leaf, seeds=seeds: leaf[:seeds], run.history))
        made[recipe] = Subject(Path(recipe), run, splits)
    return made


@pytest.fixture(scope="module")
def measured(subjects):
    return study.measure(subjects)


def test_recipes_and_arms_are_those_named_after_the_study():
    assert studies.get("instance-variation") is study and list(study.RECIPES) == [study.STUDY]
    assert {*study.RECIPES, *study.OPTIONAL} == {
        name for name in recipes.RECIPES if name.startswith("instance-variation")
    }
    with pytest.raises(InputError, match="there are one-vs-seven, llm-labels"):
        studies.get("instance")


def test_toy_networks_are_asked_everything(measured):
    for name, values in zip(measured._fields, measured, strict=True):
        if isinstance(values, tuple) or values.dtype.kind != "f":
            continue
        known = np.isfinite(values)
        axes = type(measured).__annotations__[name].dim_str.split()
        assert known.any(axis=-1).all() if axes[-1] == "networks" and axes[0] != "arms" else known.any(), name
    found = study.findings(measured)
    ids = [finding.claim.id for finding in found]
    assert len(set(ids)) == len(ids)
    rows = [float(id_.split()[0]) for id_ in ids if id_[0] == "3"]
    assert rows == sorted(rows) and set(rows) == {3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8}
    for finding in found:
        assert finding.claim.study == study.STUDY
        assert finding.claim.id.startswith(UNSCORED) or not abs(finding.score.mean) > 1, finding.claim.id
    assert measured.arm_networks.tolist() == [4, 4, 4, 2, 3, 2, 2]
    assert np.isfinite(measured.arm_accuracy[0]).all() and np.isnan(measured.arm_accuracy[1]).all()
    assert (measured.arm_accuracy[5, :2] > 0.4).all() and np.isnan(measured.arm_accuracy[5, 2:]).all()


def test_the_record_survives_storing(measured):
    back = records.from_xarray(study.Record, records.to_xarray(measured))
    for name, values in zip(measured._fields, measured, strict=True):
        np.testing.assert_array_equal(getattr(back, name), values, err_msg=name)
    assert study.answer(back) == study.answer(measured)


def test_without_the_arms_the_other_rows_are_answered_alike(subjects, measured):
    alone = study.measure({study.STUDY: subjects[study.STUDY]})
    found = {finding.claim.id: finding for finding in study.findings(alone)}
    whole = {finding.claim.id: finding for finding in study.findings(measured)}
    assert set(whole) - set(found) == {f"3.4 one digit {layer}" for layer in measured.layers}
    for name, finding in found.items():
        np.testing.assert_allclose(finding.score, whole[name].score, atol=1e-4, err_msg=name)
        assert finding.verdict == whole[name].verdict
    assert study.answer(alone) == study.answer(measured)


def test_a_network_that_diverged_changes_nothing_for_the_others(subjects, measured):
    subject = subjects[study.STUDY]
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf).at[1].set(jnp.nan), subject.run.networks.variables)
    history = subject.run.history._replace(diverged=np.array([0, 1, 0, 0]))
    run = subject.run._replace(networks=subject.run.networks.replace(variables=variables), history=history)
    broken = study.measure(subjects | {study.STUDY: subject._replace(run=run)})
    kept = [0, 2, 3]
    assert broken.left_out.nonzero()[0].tolist() == [1]
    for name, values in zip(broken._fields, broken, strict=True):
        if isinstance(values, tuple) or name in ("left_out", "arm_accuracy"):
            continue
        axes = type(broken).__annotations__[name].dim_str.split()
        own = getattr(measured, name)
        for axis in [place for place, word in enumerate(axes) if word in ("seeds", "networks")]:
            assert np.isnan(np.moveaxis(values[:3] if axes[0] == "arms" else values, axis, 0)[1]).all(), name
            values, own = np.take(values, kept, axis), np.take(own, kept, axis)
        if "seeds" in axes or name == "locality":
            np.testing.assert_allclose(values, own, atol=2e-4, err_msg=name)
    assert broken.gallery_seeds.tolist() == [0, 2, 3]
    for finding in study.findings(broken):
        about_arm = "one digit" in finding.claim.id
        assert about_arm or (finding.measured.n == 3 and "1 of 4 networks diverged" in finding.note), finding.claim.id


def test_the_answer_follows_the_numbers():
    made = record(8)
    assert study.answer(made).startswith("Do two trainings find the same features? Sorted similarity cannot say")
    alike, unlike = made.cka.copy(), made.cka.copy()
    alike[:], unlike[:] = 0.1, 0.1
    alike[0] = 0.9
    assert "by CKA: yes, yes (0.90 beside 0.10" in study.answer(made._replace(cka=alike))
    assert "by CKA: no, no (0.10 beside 0.10" in study.answer(made._replace(cka=unlike))


def test_when_all_diverged_nothing_is_decided():
    made = record(3, left_out=(0, 1, 2))
    assert {finding.verdict for finding in study.findings(made)} == {"undecided"}
    assert "—" in study.answer(made) or "nan" in study.answer(made)
