"""The whole study by the real path at toy size, and its answer; its parts are tested in looking_for_four/."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from looking_for_four_records import planted, record

from jaxinterp import data, ensemble, networks, recipes, records, studies, train
from jaxinterp.data import Dataset, Splits
from jaxinterp.errors import InputError
from jaxinterp.store import Run
from jaxinterp.studies import looking_for_four as study
from jaxinterp.studies.looking_for_four import asked, backwards, likeness
from jaxinterp.studies.looking_for_four.record import KINDS, STUDY, TARGET, TRAINED
from jaxinterp.studies.subjects import Subject

RUNG = "looking-for-four-25-15"
OF_ONE_NETWORK = ("example_seed", "widths", "diverged", "rung_networks", "curves", "logit_map")
SEEDS = 4
# Whole numbers of what the study asks at once, since each rest would be compiled as a program of its own.
WIDTHS = (16, 16)


@pytest.fixture(scope="module", autouse=True)
def quickly():
    """What takes long says no more at toy size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likeness, "STEPS", 2)
        patch.setattr(likeness, "RESTARTS", 1)
        patch.setattr(backwards, "IMAGES", 10)
        yield


@pytest.fixture(scope="module")
def subjects():
    """The last rung and an early one, at toy size: networks of random weights that nobody trained, and digits."""
    config = recipes.config(STUDY, seeds=SEEDS, epochs=2)
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, train_size=400),
        model=dataclasses.replace(config.model, widths=WIDTHS),
        train=dataclasses.replace(config.train, snapshots=()),
    )
    splits = data.load(config.data)
    splits = Splits(*(Dataset(part.images[:400], part.labels[:400]) for part in splits))
    model, rng = networks.build(config.model), np.random.default_rng(0)
    drawn = jax.vmap(lambda key: networks.init(key, model, 400))(jax.random.split(jax.random.key(9), SEEDS))

    def history(seeds):
        values = rng.uniform(0.1, 0.9, (2, seeds, 2, len(train.SPLITS)))
        by_class = rng.uniform(0.1, 0.9, (seeds, 2, len(train.SPLITS), 10))
        never = np.zeros(seeds, int)
        return train.History(*values, by_class, diverged=never, stopped=never, best=never + 2)

    return {
        recipe: Subject(Path(recipe), Run(config, ensemble.take(drawn, np.s_[:seeds]), history(seeds)), splits)
        for recipe, seeds in ((STUDY, SEEDS), (RUNG, 2))
    }


@pytest.fixture(scope="module")
def measured(subjects):
    return study.measure(subjects)


def test_every_rung_has_a_recipe_and_keeps_validation_apart():
    asked = {*study.RECIPES, *study.OPTIONAL}
    assert asked == {name for name in recipes.RECIPES if name.startswith(STUDY)}
    assert studies.get(STUDY) is study and next(iter(study.RECIPES)) == STUDY
    for name in asked:
        config = recipes.config(name)
        assert config.data.validation_share == 0.2 and config.data.crop == 20 and config.train.patience == 5, name


def test_toy_networks_are_asked_everything(measured):
    # ReLUs of so few units die, and what is scored by them is not known.
    for name, values in zip(measured._fields, measured, strict=True):
        if not isinstance(values, tuple) and values.dtype.kind == "f" and not name.startswith("kept_on"):
            assert np.isfinite(values).any(), name
    found = study.findings(measured)
    ids = [finding.claim.id for finding in found]
    assert len(set(ids)) == len(ids)
    rows = [float(name.split()[0]) for name in ids]
    assert rows == sorted(rows) and set(rows) == {5.1, 5.2, 5.4, 5.5, 5.6}  # 5.3 needs snapshots
    for finding in found:
        assert finding.claim.study == STUDY and not abs(finding.score.mean) > 1, finding.claim.id
    assert measured.rung_networks.tolist() == [0, 0, 2, 0, 0, 0, 0, SEEDS]


def test_what_is_chosen_by_is_not_what_is_scored(subjects):
    """Mean gradients say which neuron looks like a 4, so they are of the images to choose by."""
    found = asked.ask(subjects[STUDY])
    test = subjects[STUDY].splits.test
    assert len(found.choosing.labels) + len(found.scoring.labels) == len(test.labels) < asked.SAMPLE
    together = np.concatenate([found.choosing.images, found.scoring.images])
    np.testing.assert_array_equal(np.sort(together.sum(axis=1)), np.sort(test.images.sum(axis=1)))
    for place, half in enumerate((found.choosing, found.scoring)):
        used = asked.see(ensemble.take(subjects[STUDY].run.networks, 1), half.images).used[0]
        assert np.allclose(used, found.seen[TRAINED].used[0][1], atol=1e-6) == (place == 0)


def test_the_record_survives_storing(measured):
    back = records.from_xarray(study.Record, records.to_xarray(measured))
    for name, values in zip(measured._fields, measured, strict=True):
        np.testing.assert_array_equal(getattr(back, name), values, err_msg=name)
    assert study.answer(back) == study.answer(measured)


def test_a_network_that_diverged_changes_nothing_for_the_others(subjects, measured):
    subject = subjects[STUDY]
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf).at[1].set(jnp.nan), subject.run.networks.variables)
    history = subject.run.history._replace(diverged=np.array([0, 1, 0, 0]))
    run = subject.run._replace(networks=subject.run.networks.replace(variables=variables), history=history)
    broken = study.measure(subjects | {STUDY: subject._replace(run=run)})
    assert broken.diverged.tolist() == [False, True, False, False]
    for name, values in zip(broken._fields, broken, strict=True):
        if isinstance(values, tuple) or name in OF_ONE_NETWORK or name.startswith("rung"):
            continue
        own = getattr(measured, name)
        if type(broken).__annotations__[name].dim_str.startswith("seeds"):
            assert np.isnan(values[1]).all(), name
            values, own = values[[0, 2, 3]], own[[0, 2, 3]]
        np.testing.assert_allclose(values, own, atol=2e-4, err_msg=name)
    for finding in study.findings(broken):
        assert finding.measured.n <= 3 or finding.claim.id.startswith("5.1"), finding.claim.id
        assert "1 of 4 networks diverged" in finding.note, finding.claim.id


def test_networks_without_a_class_4_are_refused(subjects):
    subject = subjects[STUDY]
    model = subject.run.networks.model.clone(outputs=4)
    run = subject.run._replace(networks=subject.run.networks.replace(model=model))
    with pytest.raises(InputError, match="needs a hidden layer and 5 outputs or more"):
        study.measure({STUDY: subject._replace(run=run)})


def test_images_without_a_4_are_refused(subjects):
    subject = subjects[STUDY]
    test = subject.splits.test
    none = subject.splits._replace(test=test.take(test.labels != TARGET))
    with pytest.raises(InputError, match="needs test images of class 4"):
        study.measure({STUDY: subject._replace(splits=none)})


def test_the_answer_follows_the_numbers():
    made, kind = record(8), KINDS.index("difference")
    for value, word in ((0.9, "yes"), (0.05, "no")):
        made = planted(made, "best_match", 0.0, slice(None))
        made = planted(made, "best_match", value, 0, slice(None), slice(None), kind, 0, TARGET)
        made = planted(made, "match_auc", 0.5 + value / 2 + 0.01, 0)
        made = planted(made, "baseline", 1.0)
        made = planted(made, "match_loss", value)
        said = study.answer(made)
        assert said.count(f"looks like a 4, {word} ({value:.2f} beside 0.00)") == 2
        assert said.count(f"fires for 4s, {word}") == 2 and said.count(f"is needed for them, {word}") == 2


def test_when_all_diverged_nothing_is_decided():
    made = record(3, diverged=(0, 1, 2))
    decided = [f for f in study.findings(made) if f.verdict != "undecided" and not f.claim.id.startswith("5.1")]
    assert not decided and "—" in study.answer(made)
