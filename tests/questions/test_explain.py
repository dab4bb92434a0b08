import dataclasses

import numpy as np
import pytest
from support import planted, planted_cnn, planted_runs

from jaxinterp.config import DataConfig
from jaxinterp.errors import InputError
from jaxinterp.explanation import asking, clients, labels
from jaxinterp.explanation.answers import Parameters
from jaxinterp.questions import explain
from jaxinterp.report import answers


def run(source="planted", **options):
    own = planted_runs.run(planted.network(), planted_runs.permuted(planted.network()), **options)
    config = dataclasses.replace(own.run.config, data=DataConfig(source))
    images = planted.data()
    return dataclasses.replace(
        own, run=own.run._replace(config=config), splits=own.splits._replace(train=images, validation=images)
    )


@pytest.fixture(scope="module")
def subjects():
    return explain.describe(run(), seeds=(1,)).subjects


def test_a_network_is_described_unit_by_unit(subjects):
    [own] = subjects
    assert own.seed == 1 and [len(layer) for layer in own.layers] == [planted.UNITS] * 2
    dead = [facts.unit for facts in own.layers[0] if facts.dead]
    assert dead == [list(planted_runs.ORDER).index(planted.DEAD)]
    assert list(own.outputs) == ["0", "1", "2", "3"]
    carrier = list(planted_runs.ORDER).index(planted.ALONE)
    assert own.outputs[str(planted.ALONE_CLASS)].units.tolist() == [carrier]
    np.testing.assert_allclose(own.outputs[str(planted.ALONE_CLASS)].weights, 2, rtol=1e-5)


def test_the_prompts_say_what_the_network_is(subjects):
    prompts = labels.planned(subjects, sees=False)
    live = sum(not facts.dead for facts in subjects[0].units)
    assert len(prompts) == live + 2 + 1
    for said in (
        "multilayer perceptron",
        "layer 0 of 6 units",
        "relu",
        "planted",
        "0, 1, 2, 3",
        "test images: accuracy",
    ):
        assert said in prompts[0].text
    assert "Dead neuron" in prompts[live].text


def test_channels_are_units_too():
    own = planted_cnn.run(planted_cnn.network())
    whole = dataclasses.replace(own, splits=own.splits._replace(train=own.splits.test))
    [subject] = explain.describe(whole).subjects
    prompts = labels.planned([subject], sees=False)
    assert [len(layer) for layer in subject.layers] == [layer.units for layer in own.model.layers]
    assert "a unit of a convolution is a channel" in prompts[0].text and "classes: red, green, blue" in prompts[0].text


def test_folders_of_this_machine_are_not_named():
    for source, said in (("/home/me/secret/mine.npz", "mine.npz"), ("tfds:emnist/letters", "tfds:emnist/letters")):
        assert explain.background(run(source), 0).data == said


def test_by_default_the_first_network_that_did_not_diverge_is_explained():
    own = run(diverged=(0,))
    with pytest.raises(InputError, match="its network diverged"):
        explain.describe(own, seeds=(0,))
    assert explain.describe(own).seeds == [1]


def test_what_is_sent_is_said_before(subjects):
    prompts = labels.planned(subjects, sees=True)
    tokens = f"{sum(prompt.tokens for prompt in prompts):,}"
    text = explain.statement("https://a.example/v1", prompts, sees=True, parameters=Parameters(tokens=50))
    assert f"{len(prompts)} questions of about {tokens} tokens" in text and f"{50 * len(prompts):,} more" in text
    assert text.startswith("What leaves this machine, to https://a.example/v1: ") and "as PNGs" in text
    assert "unencrypted" in explain.statement("http://a.example", prompts, sees=False, parameters=Parameters())


def test_faults_are_in_the_account(tmp_path):
    asker = asking.Asker(clients.Server("http://x", "a"), tmp_path, requests=3, tokens=1234, faults={"late": 2})
    asked = explain.Asked(
        labels.Labels((), (), (), "", ("a", "b")), None, (), {"predictions": {"answered": 1200, "refused": 1}}, ""
    )
    assert explain.account(asker, asked) == [
        f"3 requests, 1,234 tokens; answers: {tmp_path}",
        "predictions: answered 1,200, refused 1",
        "2 × late",
        "answered as b, not as a",
    ]


def test_scores_have_means_over_the_live_units_of_each_network():
    score, dead = explain.Score, explain.Score(np.nan, np.nan, None)
    scores = (score(0.5, 0.9, "class means"), score(np.nan, 0.7, "linear in pixels"), dead, score(0.1, 0.8, "x"))
    waits, other = score(np.nan, 0.1, "x"), score(0.3, 0.4, "x")
    status = ["answered", "refused", "dead", "answered", "waiting", "answered"]
    units = tuple(labels.Label(int(place == 5), "hidden0/post", place, "", own) for place, own in enumerate(status))
    explained = explain.Explained("owl", labels.Labels(units, (), (), "", ()), (*scores, waits, other))
    first, second = explain.over_units(explained)
    assert (first.seed, first.score.n, second.seed, second.score.n) == (0, 3, 1, 1)
    assert first.score.mean == pytest.approx(0.2) and first.baseline.mean == pytest.approx(0.8)  # refused: no score
    assert -1 < first.score.low < 0.2 < first.score.high < 1 and np.isnan(second.score.low)
    caption = answers.labels_table([explained]).caption.splitlines()
    assert caption[-2].startswith("owl, seed 0, mean over 3 live units [interval over units]: score 0.200 ± ")
    assert caption[-1].endswith(": score 0.300 ± — [no interval], baseline 0.400 ± — [no interval]")
    assert first.predicted.n == second.predicted.n == 0 and np.isnan(first.predicted.mean)
    predicted = explained._replace(predicted=(score(0.8, 0.9, "x"), *explained.scores[1:]))
    assert explain.over_units(predicted)[0].predicted.mean == pytest.approx(0.3)
    assert ", predicted 0.300 ± " in answers.labels_table([predicted], images=2).caption.splitlines()[-2]
