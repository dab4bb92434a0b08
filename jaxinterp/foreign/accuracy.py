"""Do imported networks still work? Their test accuracy, that of chance, and options that would raise it clearly."""

import dataclasses
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, get_args

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from jaxinterp import ensemble, metrics, networks
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.config import ModelConfig, NormPosition, PoolKind
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.text import format_percent

# How training code commonly prepares pixels in [0, 1]: what it subtracts, and then divides by.
NORMALISATIONS: dict[str, tuple[float, float]] = {
    "pixels in [0, 1]": (0.0, 1.0),
    "MNIST's mean and standard deviation": (0.1307, 0.3081),
    "pixels in [−1, 1]": (0.5, 0.5),
    "pixels in [−½, ½]": (0.5, 1.0),
    "bytes from 0 to 255": (0.0, 1 / 255),
    "Fashion-MNIST's mean and standard deviation": (0.2860, 0.3530),
    "KMNIST's mean and standard deviation": (0.1918, 0.3483),
    "EMNIST's mean and standard deviation": (0.1736, 0.3317),
}
NEAR_CHANCE = 0.25  # a network that gets no more than this part of the way from chance to 1 has learnt nothing
_SURE = 3.0  # standard errors by which other options must do better to be worth a hint
_EXAMPLES, _NETWORKS = 10_000, 3  # test images and networks at most on which other options are tried
_ROUGHLY = 1_000  # images on which options are compared first; those that are worse by more than
_FAR = 0.1  # are not tried on the others: over four standard errors of the difference
_FEW, _PAIRS = 200, 4  # images on which all pairs of options are compared, and how many of them on more
_POSITIONS, _POOLS = get_args(NormPosition), get_args(PoolKind)
_ACTIVATION, _POOLING = "activation function", "kind of pooling"  # questions
# The questions of which one answer must do clearly better than all others, with the field of ModelConfig that answers.
MUST_DECIDE = {_ACTIVATION: "activation", _POOLING: "pool"}
_ANSWERS = 4  # likely answers that are listed
_BATCH = 500  # images at once, of all networks, and fewer where activations would be more numbers than
_NUMBERS = 2**28


class Likely(NamedTuple):
    """The answer that was taken to a question that nobody answered, and the accuracy under each likely one."""

    taken: str
    accuracy: Mapping[str, float]

    @property
    def text(self) -> str:
        """The accuracies under the answer that was taken and under the best others."""
        others = sorted(self.accuracy.items(), key=lambda pair: -pair[1])
        best = [(answer, accuracy) for answer, accuracy in others if answer != self.taken]
        shown = [(self.taken, self.accuracy[self.taken]), *best[: _ANSWERS - 1]]
        more = [f"no other more than {format_percent(best[_ANSWERS - 1][1], 1)}"] if len(best) >= _ANSWERS else []
        return ", ".join([*(f"{answer} {format_percent(accuracy, 1)}" for answer, accuracy in shown), *more])


class Check(NamedTuple):
    """Test accuracy of imported networks and of the most frequent label; NaN without test images.

    hint: options under which the networks would do clearly better, in a sentence; "" where there are none. unasked: the
    fields among them that nobody gave a value. likely: the questions that nobody answered, by what they are about.
    undecided: those of them in MUST_DECIDE to which another answer does about as well as the one that was taken.
    """

    accuracy: Float[np.ndarray, " seeds"]
    chance: float
    hint: str
    unasked: frozenset[str] = frozenset()
    likely: Mapping[str, Likely] = {}
    undecided: tuple[str, ...] = ()

    @property
    def near_chance(self) -> Bool[np.ndarray, " seeds"]:
        """Which networks do little better than chance, so that their weights are hardly what they should be."""
        return ~(np.asarray(self.accuracy) > self.chance + NEAR_CHANCE * (1 - self.chance))

    @property
    def sentence(self) -> str:
        """Accuracy, of several networks their mean and range, and that of chance."""
        least, mean, most = (format_percent(float(of(self.accuracy)), 1) for of in (np.min, np.mean, np.max))
        spread = f" on average, from {least} to {most}" if np.size(self.accuracy) > 1 else ""
        return f"test accuracy {mean}{spread}, chance {format_percent(self.chance, 1)}"


class _Option(NamedTuple):
    """Fields of ModelConfig with values: how the command line is given them, and what they are in words."""

    fields: Mapping[str, Any]
    given: str
    words: str


def check(
    network: Network,
    config: ModelConfig,
    test: Dataset,
    loss: str,
    accuracy: Float[np.ndarray, " seeds"] | None = None,
    asked: Collection[str] = (),
) -> Check:
    """Test an ensemble of this config, as it is and under the other options that a file does not hold.

    These are the usual normalisations, the activation functions, the kind of pooling and the norm's position, one
    changed at a time, and the first two together; on few images where they are far worse. accuracy: of each network as
    it is, where it is known. asked: the fields of the config to which nobody gave a value.
    """
    if not len(test.labels):
        return Check(np.full(ensemble.size(network), math.nan), math.nan, "")
    accuracy = accuracies(network, config, test, loss) if accuracy is None else accuracy
    labels = np.asarray(test.labels)
    chance = float(np.bincount(labels).max() / len(labels))
    some = ensemble.take(network, slice(_NETWORKS))

    def reached(option: _Option, examples: int = _EXAMPLES) -> float:
        changed = dataclasses.replace(config, **option.fields)
        return float(np.mean(accuracies(some, changed, test.take(slice(examples)), loss)))

    here = reached(_Option({}, "", ""))
    questions = _questions(config)
    rough = {option.given: (option, reached(option, _ROUGHLY)) for options in questions.values() for option in options}
    bar = max(share for _, share in rough.values()) - _FAR
    found = {given: (option, reached(option) if share >= bar else share) for given, (option, share) in rough.items()}
    best, most = max(found.values(), key=lambda pair: pair[1])
    both = [_both(*pair) for pair in itertools.product(questions["normalisation"], questions[_ACTIVATION])]
    if both:
        likely_pairs = sorted(both, key=lambda option: -reached(option, _FEW))[:_PAIRS]
        likeliest = max(likely_pairs, key=lambda option: reached(option, _ROUGHLY))
        together = reached(likeliest)
        if _is_clear(together, max(most, here), len(labels)):
            best, most = likeliest, together
    hint, unasked = "", frozenset()
    if _is_clear(most, here, len(labels)):
        hint = f"it would reach {format_percent(most, 1)} with {best.given}"
        unasked = frozenset(best.fields) & frozenset(asked)
    likely = {
        what: Likely(_taken(config, options), {option.words: found[option.given][1] for option in options})
        for what, options in questions.items()
        if options and set(options[0].fields) <= set(asked) and _taken(config, options)
    }
    undecided = tuple(
        what
        for what, (taken, reached_by) in likely.items()
        if what in MUST_DECIDE
        and not all(_is_clear(here, share, len(labels)) for answer, share in reached_by.items() if answer != taken)
    )
    return Check(accuracy, chance, hint, unasked, likely, undecided)


def accuracies(network: Network, config: ModelConfig, test: Dataset, loss: str) -> Float[np.ndarray, " seeds"]:
    """Accuracy of each network of an ensemble. Normalisations share one program: here the images are normalised."""
    plain = dataclasses.replace(config, input_mean=0.0, input_std=1.0)
    model = networks.build(plain)
    right = np.zeros(ensemble.size(network))
    size = _images_at_once(plain, test.images.shape[-1], len(right))
    for start in range(0, len(test.labels), size):
        batch = test.take(slice(start, start + size))
        images = (batch.images - np.float32(config.input_mean)) / np.float32(config.input_std)
        right += np.asarray(_right(Network(model, network.variables), images, batch.labels, loss))
    return right / len(test.labels)


@lru_cache  # tracing a network to count its activations takes longer than some images do
def _images_at_once(config: ModelConfig, pixels: int, seeds: int) -> int:
    _, activations = networks.count(networks.build(config), pixels)
    return min(_BATCH, max(1, _NUMBERS // (activations * seeds)))


def _questions(config: ModelConfig) -> dict[str, list[_Option]]:
    """Common values of each setting that a file does not hold, by the name of the setting."""
    return {
        "normalisation": [_normalisation(*each) for each in NORMALISATIONS.items()],
        _ACTIVATION: [_chosen("activation", name) for name in ACTIVATIONS if config.widths or config.channels],
        _POOLING: [_chosen("pool", name) for name in _POOLS if config.channels and max(config.pool_size) > 1],
        "position of the norm": [_chosen("norm_position", name) for name in _POSITIONS if config.norm != "none"],
    }


def _normalisation(about: str, mean_std: tuple[float, float]) -> _Option:
    mean, std = mean_std
    given = f"--model.input-mean {mean:.6g} --model.input-std {std:.6g} ({about})"
    return _Option({"input_mean": mean, "input_std": std}, given, about)


def _chosen(field: str, name: str) -> _Option:
    return _Option({field: name}, f"--model.{field.replace('_', '-')} {name}", name)


def _both(one: _Option, other: _Option) -> _Option:
    return _Option({**one.fields, **other.fields}, f"{other.given} {one.given}", f"{other.words}, {one.words}")


def _taken(config: ModelConfig, options: Sequence[_Option]) -> str:
    """The option that the config has, in words; "" where it has none of them."""
    return next((option.words for option in options if dataclasses.replace(config, **option.fields) == config), "")


def _is_clear(better: float, than: float, examples: int) -> bool:
    return better - than > _SURE * math.sqrt(max(than * (1 - than), 1e-9) / min(examples, _EXAMPLES))


@partial(jax.jit, static_argnames="loss")
def _right(
    network: Network,
    images: Float[jax.Array | np.ndarray, "examples pixels"],
    labels: Int[jax.Array | np.ndarray, " examples"],
    loss: str,
) -> Int[jax.Array, " seeds"]:
    """How many images each network of an ensemble predicts rightly."""

    def of_network(one: Network):
        return metrics.correct(loss, one(images)[0], labels).sum()

    return ensemble.over_seeds(of_network)(network)
