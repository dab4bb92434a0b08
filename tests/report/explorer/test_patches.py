"""The patches of channels that a page holds."""

import numpy as np
from flax.traverse_util import unflatten_dict

from jaxinterp import networks
from jaxinterp.networks import Network


def test_patches_reach_what_is_said_in_the_middle_of_the_map(mapped, mapped_config):
    meta, arrays = mapped
    model = networks.build(mapped_config)
    variables = {name: values[1] for name, values in arrays.items() if name.startswith(("params/", "batch_stats/"))}
    network = Network(model, unflatten_dict(variables, sep="/"))
    for number, layer in enumerate(model.layers[:2]):
        own = networks.window(network, layer.pre)
        assert meta["layers"][number]["maps"]["patch"] == list(own.field.shape[:2])
        patches = np.float32(arrays[f"layer{number}/patch"][1]) / np.float32(255)
        row, column = own.field.position
        reached = np.diagonal(own(patches)[1][layer.pre][:, row, column])
        value, bound = (arrays[f"layer{number}/patch_{name}"] for name in ("value", "bound"))
        np.testing.assert_allclose(reached, value[1], rtol=5e-3, atol=0.05)  # bytes round
        assert (value <= bound + 1e-4).all()
    assert "layer2/patch" not in arrays
