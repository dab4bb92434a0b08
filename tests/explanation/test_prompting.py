import numpy as np
import pytest
from support import unit_facts
from support.unit_facts import BACKGROUND, facts

from jaxinterp.explanation import prompting

LAYERS = unit_facts.layers()
LABELS = ["a bar", "Dead neuron", "{{ 7 * 7 }} {% raw %} \x1b"]
OUTPUTS = {"zero": unit_facts.connections(2), "one": unit_facts.connections(0)}


def unit(number=0, layer=1, sees=False):
    return prompting.of_unit(BACKGROUND, facts(number, layer), sees=sees)


def all_prompts():
    return [
        unit(),
        prompting.of_layer(BACKGROUND, LAYERS[1], LABELS),
        prompting.of_network(BACKGROUND, ["edges", "digits"], OUTPUTS),
    ]


def test_every_prompt_has_the_background():
    for prompt in all_prompts():
        system, user = prompt.messages
        assert (system["role"], user["role"]) == ("system", "user")
        for said in (
            "multilayer perceptron",
            "2 hidden layers",
            "relu",
            "toys",
            "97.0 %, loss 0.1",
            "95.0 %, loss 0.2",
        ):
            assert said in system["content"]
        assert "may be capable or not" in system["content"]
        assert f'{{"{prompt.field}":' in user["content"]


def test_what_is_not_known_is_not_said():
    unknown = BACKGROUND._replace(splits=(prompting.Split("test", 0.5, float("nan")),))
    text = prompting.of_network(unknown, [], {}).text
    assert "accuracy 50.0 %" in text and "loss" not in text and "nan" not in text


def test_a_units_prompt_has_its_facts():
    text = unit(2, 1).text
    for said in ("number 2 of layer 1", "zero: 1.5 ± 0.25", "two: 12 ± 1", "unit 0: 0.5", "unit 2: -1.5"):
        assert said in text, said
    assert "before with the weight" not in unit(2, 0).text  # pixels are no units
    assert text.count("of class two:") == 2 and text.count("of class zero:") == 1  # the first exemplars


def test_images_are_pngs_or_characters():
    seen, drawn = unit(sees=True), unit(sees=False)
    assert (seen.images, drawn.images) == (1 + prompting.EXEMPLARS, 0)
    kinds = [part["type"] for part in seen.messages[1]["content"]]
    assert kinds == ["text", "image_url"] * 4  # each below the text that names it
    assert "drawn in characters" in drawn.text and "drawn in characters" not in seen.text
    assert "base64" not in drawn.text + seen.text
    assert prompting.pictures.text(facts(0, 1).maximiser, unit_facts.SHAPE) in drawn.text


def test_what_varies_comes_last():
    texts = [unit(number).text for number in range(3)]
    starts = {text.partition("The unit: number ")[0] for text in texts}
    assert len(starts) == 1 and len(starts.pop()) > 900


def test_a_layers_prompt_has_all_labels_by_number():
    text = all_prompts()[1].text
    for number, label in enumerate(LABELS):
        assert f"unit {number}: {label}" in text  # what a model said is no template
    assert "[reads unit 0 × 0.5, unit 1 × -0.5, unit 2 × -1.5 of layer 0]" in text
    assert "reads" not in prompting.of_layer(BACKGROUND, LAYERS[0], LABELS).text


def test_the_networks_prompt_has_summaries_and_output_weights():
    text = all_prompts()[2].text
    for said in ("Layer 0: edges", "Layer 1: digits", "zero: unit 0 × 0.5, unit 1 × -0.5", "one: none"):
        assert said in text
    assert "XOR" in text


@pytest.mark.parametrize("sees", [False, True])
def test_longer_prompts_are_more_tokens(sees):
    assert 200 < unit(sees=sees).tokens < 3000
    words = " ".join(["stroke"] * 500)
    longer = prompting.of_network(BACKGROUND, [words], OUTPUTS).tokens
    assert longer - prompting.of_network(BACKGROUND, [""], OUTPUTS).tokens == 500


def test_a_class_without_images_is_said_to_have_none():
    own = facts()._replace(class_mean=np.array([np.nan, 0, 1]), class_sd=np.array([np.nan, 0, 1]))
    assert "zero: no images" in prompting.of_unit(BACKGROUND, own, sees=False).text


def test_the_version_is_of_the_templates(monkeypatch):
    own = prompting.version()
    assert len(own) == 8 and prompting.version.__wrapped__() == own
    monkeypatch.setattr(prompting, "_TEMPLATES", prompting._TEMPLATES[1:])  # as if the text of one were another
    assert prompting.version.__wrapped__() != own
