"""A page's payload with known numbers: real networks, and a made-up value for all that is known of their units."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from jaxinterp import networks
from jaxinterp.networks import CNN, MLP, Network, convolves
from jaxinterp.report.explorer import Payload, described
from jaxinterp.train import History

ALL_SEEDS, SEEDS = 4, [0, 1, 3]  # seed 2 diverged
SIDE, PIXELS, CLASSES, POOL, EXEMPLARS, EPOCHS = 28, 784, 10, 20, 3, 2
MEASURES = ("selectivity", "participation")
EMBEDDED = ("silhouette", "share")
USED = ("gradient_images", "selectivity_images", "counterpart_images", "label_draws", "pair_draws", "restarts", "steps")
ROLES = 2  # networks whose units have them
DEAD = (0, 1)  # layer and unit, in every seed


def model(widths=(6, 5), **options) -> MLP:
    return (CNN if "channels" in options else MLP)(widths=widths, outputs=CLASSES, **options)


def trained(module: MLP, pixels: int = PIXELS) -> Network:
    """Networks in which every variable, batch norm's statistics among them, is away from where it starts."""
    pixels = math.prod(module.image_shape) if isinstance(module, CNN) else pixels
    started = jax.eval_shape(lambda key: networks.init(key, module, pixels), jax.random.key(0))
    rng = np.random.default_rng(1)

    def drawn(leaf):
        shape = (len(SEEDS), *leaf.shape)
        fan_in = math.prod(leaf.shape[:-1])
        values = rng.normal(size=shape) / np.sqrt(fan_in / 4) if leaf.ndim > 1 else rng.uniform(0.5, 1.5, shape)
        return jnp.float32(values)

    return jax.tree.map(drawn, started)


def images(shape=(SIDE, SIDE, 1)) -> np.ndarray:
    """Twenty bright shapes of other brightness in each channel, as bytes."""
    rows, columns, channels = shape
    down, right = np.mgrid[:rows, :columns]
    discs = np.stack([np.hypot(down - 8 - n % 10, right - columns / 2) < 3 + n // 4 for n in range(POOL)])
    bright = (155 + 5 * np.arange(POOL)[:, None, None, None]) // np.arange(1, channels + 1)
    return np.uint8(discs[..., None] * bright).reshape(POOL, -1)


def history() -> History:
    """What training of all four looked like."""
    accuracy = np.random.default_rng(2).uniform(0.8, 1, (ALL_SEEDS, EPOCHS, 3)).astype(np.float32)
    by_class = np.repeat(accuracy[..., None], CLASSES, axis=-1)
    return History(1 - accuracy, accuracy, by_class, np.array([0, 0, 1, 0]), np.zeros(4, int), np.array([2, 2, 0, 1]))


def payload(ensemble_: Network, *, names=tuple("0123456789"), text="plain", **more) -> Payload:
    """A page of three networks; text stands wherever a text from outside may stand. more: entries of meta."""
    rng, seeds, layers = np.random.default_rng(0), len(SEEDS), ensemble_.model.layers
    shape = getattr(ensemble_.model, "image_shape", (SIDE, SIDE, 1))
    pool, pixels, mapped = images(shape), math.prod(shape), convolves(ensemble_.model)
    arrays = {name: np.asarray(leaf) for name, leaf in flatten_dict(ensemble_.variables, sep="/").items()}
    arrays |= {"pool/images": pool, "pool/labels": np.int32(np.arange(POOL) % CLASSES)}
    arrays["pool/index"] = np.arange(POOL, dtype=np.int32)
    arrays["embedded/images"] = np.arange(0, POOL, 2, dtype=np.int32)
    for number, width in enumerate(own.units for own in layers):

        def draw(*shape):
            return np.float32(rng.normal(size=shape))

        layer = {
            "maximiser": rng.integers(0, 255, (seeds, width, pixels), np.uint8),
            "exemplars": rng.integers(0, POOL, (seeds, width, EXEMPLARS)).astype(np.int32),
            "exemplar_values": draw(seeds, width, EXEMPLARS),
            **_of_maps(rng, ensemble_.model, layers[number], (seeds, width), pixels, mapped),
            "class_mean": draw(seeds, width, CLASSES),
            "class_sd": np.abs(draw(seeds, width, CLASSES)),
            "damage": draw(seeds, 3, width, CLASSES) / 10,
            "measures": draw(len(MEASURES), seeds, width),
            "nulls": np.stack([np.zeros((seeds, width), np.float32), np.full((seeds, width), np.nan, np.float32)]),
            # Seed b's counterpart of seed a's unit u is u + b − a, so that the way back is the way forth.
            "counterpart": np.int32([[(np.arange(width) + b - a) % width for b in range(seeds)] for a in range(seeds)]),
            "counterpart_r": np.clip(draw(seeds, seeds, width) / 2, -1, 1),
            "points": rng.integers(-32767, 32768, (seeds, POOL // 2, 2)).astype(np.int16),
            "embedded": draw(seeds, len(EMBEDDED), 3),
            "cka": np.float32(0.5 + 0.5 * np.eye(seeds)),
            # A rule labels every unit, a model those of the first seed.
            "label": np.int32([np.arange(seeds * width).reshape(seeds, width) % 2, [[2] * width] + [[-1] * width] * 2]),
            "label_score": draw(2, seeds, width) / 4,
            "baseline": np.zeros((seeds, width), np.int32),
            "baseline_score": np.full((seeds, width), 0.5, np.float32),
        }
        layer |= {f"maximiser_{name}": draw(seeds, width) for name in ("value", "bound", "fraction")}
        layer |= {name: np.abs(draw(seeds, width)) for name in ("sd", "mean", "firing")}
        if number == DEAD[0]:
            layer["sd"][:, DEAD[1]] = 0
        arrays |= {f"layer{number}/{name}": values for name, values in layer.items()}
    arrays |= {f"roles/{name}": values for name, values in _roles(rng, layers[-1].units).items()}
    arrays["history/dead"] = np.full((ALL_SEEDS, len(layers)), 1 / 3, np.float32)
    arrays["history/diverged"] = np.int32([0, 0, 1, 0])
    arrays["history/test_accuracy"] = np.float32([0.9, 0.8, np.nan, 0.95])
    arrays["history/best"] = np.int32([2, 2, 0, 1])
    meta = {
        "steps": described.steps_of(ensemble_.model),
        "outputs": ensemble_.model.outputs,
        **dict(zip(("rows", "columns", "channels"), shape, strict=True)),
        "classes": list(names),
        "seeds": SEEDS,
        "all_seeds": ALL_SEEDS,
        "diverged": [2],
        "left_out": text,
        "loss": "cross_entropy",
        "matching": "signed",
        "test_images": 100,
        "kinds": ["zero", "mean", "resample"],
        "layers": described.layers_of(ensemble_.model),
        "used": dict.fromkeys(USED, 2),
        "labels": {
            "explainers": [{"name": "class means", "model": False}, {"name": f"model {text}", "model": True}],
            "texts": ["Active for 3.", "Ink in the upper left.", f"A bar {text}"],
            "baselines": ["best class"],
            "measured": 100,
            "scored": 50,
        },
        "roles": {"networks": ROLES, "images": 100, "left_out": ""},
        "embedded": [{"name": f"{name} {text}", "explanation": text} for name in EMBEDDED],
        "measures": [
            {
                "name": name,
                "label": f"{name} {text}",
                "explanation": text,
                "null": text,
                "statistic": text,
                "high": True,
            }
            for name in MEASURES
        ],
    }
    return Payload(meta | more, arrays)


def _roles(rng, units):
    """Of every class c: units c and c + 1 are enough, and unit c + 2 is needed, counted round the layer."""
    size = ROLES, CLASSES
    nth = (np.arange(CLASSES)[:, None] - np.arange(units)) % units  # 0 for unit c, units − 1 for unit c + 1, …
    sets = {"enough": np.isin(nth, (0, units - 1)), "needed": nth == units - 2}
    pair = np.stack([np.arange(CLASSES) % units, (np.arange(CLASSES) + 1) % units], axis=-1)
    return {
        **{name: np.float32(rng.uniform(size=(*size, units))) for name in ("shapley", "alone")},
        **{name: np.float32(rng.uniform(size=size)) for name in ("intact", "kept", "left")},
        **{name: np.uint8(np.broadcast_to(members, (*size, units))) for name, members in sets.items()},
        "disjoint": np.full(size, 2, np.float32),
        "pair": np.int32(np.broadcast_to(pair[:, None], (*size, 1, 2))),
        "interaction": np.float32(rng.normal(size=(*size, 1))),
    }


def _of_maps(rng, model, layer, size, pixels, mapped):
    """What only pages of convolutions hold of a layer: gradients, where a channel's map is highest, and patches."""
    found = {}
    if mapped:
        found |= {"map": rng.integers(-127, 128, (*size, pixels), np.int8), "map_largest": np.ones(size, np.float32)}
    if layer.feature_map is not None:
        found["exemplar_positions"] = rng.integers(0, math.prod(layer.feature_map), (*size, EXEMPLARS), np.int32)
        patch = math.prod(networks.field_at(model, layer.pre).shape)
        found["patch"] = rng.integers(0, 256, (*size, patch), np.uint8)
        found |= {name: np.float32(rng.normal(size=size)) for name in ("patch_value", "patch_bound")}
    return found
