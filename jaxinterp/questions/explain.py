"""What does a language model make of each unit? The networks that it is asked about, and what each prompt says of them.

Facts are measured on training images: labels can then be scored on test images.
"""

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np

from jaxinterp.explanation import facts
from jaxinterp.explanation.answers import Parameters
from jaxinterp.explanation.asking import Asker
from jaxinterp.explanation.clients import is_local
from jaxinterp.explanation.labels import Labels, Subject
from jaxinterp.explanation.prompting import Background, Prompt, Split
from jaxinterp.networks import convolves
from jaxinterp.questions import subject
from jaxinterp.studies.inputs import Inputs
from jaxinterp.train import SPLITS, kept_accuracy

IMAGES = 1000  # training images that facts are measured on
ANSWERS = "explanation/answers"  # in a run's folder
_SHOWN = ("train", "test")
_CONVOLVES = "a convolutional network (a unit of a convolution is a channel; its activation: the mean over its map)"
_KEY = 13  # number of this question's random draws, of a run


def subjects(inputs: Inputs, *, seeds: Sequence[int] = ()) -> list[Subject]:
    """The networks of these seeds with all that prompts say of them; by default the first that did not diverge.

    Raises InputError for a seed that does not exist or diverged, and for networks without hidden layers.
    """
    subject.check_seeds(inputs, seeds)
    chosen = list(dict.fromkeys(seeds)) or subject.known_seeds(inputs.run)[:1]
    images = inputs.splits.train.spaced(IMAGES)
    found = facts.read(inputs.networks, images, inputs.key(_KEY), loss=inputs.config.train.loss, seeds=chosen)
    classes = subject.classes_of(inputs)
    outputs = classes if inputs.model.outputs > 1 else classes[-1:]
    return [
        Subject(
            seed,
            background(inputs, seed),
            tuple(
                tuple(found.of_unit(place, number, unit) for unit in range(layer.dead.shape[1]))
                for number, layer in enumerate(found.layers)
            ),
            {name: found.of_output(place, output) for output, name in enumerate(outputs)},
        )
        for place, seed in enumerate(chosen)
    ]


def background(inputs: Inputs, seed: int) -> Background:
    """What all prompts say of one network. Of data in a file, its name alone is said, without the folder."""
    model, history, source = inputs.model, inputs.run.history, inputs.config.data.source
    # The loss at the epoch whose weights were kept is found as the accuracy is.
    kept = (kept_accuracy(history), kept_accuracy(history._replace(accuracy=history.loss)))
    accuracy, loss = (values[seed].tolist() for values in kept)
    known = [Split(name, *values) for name, *values in zip(SPLITS, accuracy, loss, strict=True) if name in _SHOWN]
    return Background(
        kind=_CONVOLVES if convolves(model) else "a multilayer perceptron",
        layers=tuple(layer.units for layer in model.layers),
        outputs=model.outputs,
        activation=model.activation,
        data=source if source.startswith("tfds:") else PurePath(source).name,
        class_names=subject.classes_of(inputs),
        image_shape=inputs.test.shape,
        splits=tuple(split for split in known if np.isfinite(split.accuracy)),
    )


def statement(url: str, prompts: Sequence[Prompt], *, sees: bool, parameters: Parameters) -> str:
    """What will be sent, and where, in words: how much, and what it holds."""
    tokens, most = sum(prompt.tokens for prompt in prompts), len(prompts) * parameters.tokens
    images = f"as PNGs ({sum(prompt.images for prompt in prompts)} of them)" if sees else "drawn in characters"
    how = "stays on this machine" if is_local(url) else "leaves this machine"
    open_ = "" if is_local(url) or url.startswith("https:") else ", unencrypted"
    return (
        f"What {how}{open_}, to {url}: {len(prompts)} questions of about {tokens:,} tokens, without those that are "
        f"answered already; their answers take {most:,} more at most. They hold the networks' architecture, accuracy "
        "and loss, the data set's and the classes' names, the units' activations by class and strongest weights, and "
        f"images, some of them from the training data, {images}."
    )


def account(asker: Asker, found: Labels) -> list[str]:
    """What asking took, and what went wrong on the way, in lines."""
    lines = [f"{asker.requests:,} requests, {asker.tokens:,} tokens; answers: {asker.folder}"]
    lines += [f"{number} × {reason}" for reason, number in asker.faults.items()]
    if others := [model for model in found.models if model != asker.server.model]:
        lines.append(f"answered as {', '.join(others)}, not as {asker.server.model}")
    return lines
