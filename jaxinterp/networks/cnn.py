"""What is a convolutional network? Blocks of channels that look through a small window, before an MLP."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from jaxinterp.networks.convolution import convolve, convolved_shape, pool
from jaxinterp.networks.mlp import MLP
from jaxinterp.networks.steps import Convolution, Flattening, Layer, Pooling, Step, Unflattening


class CNN(MLP):
    """A convolutional network that returns its logits and the activations at every site, as `MLP` does.

    Each block is convolution → [norm] → activation function → [norm] → [pooling] → dropout; the last one is flattened
    and read by the first hidden layer, or by the outputs. A unit is a channel. Its sites are "convN/pre", "convN/post",
    "convN/norm" with norm_position="after", and "convN/pool" with pooling; activations there are "*batch rows columns
    channels". Pixels are those of images "rows columns channels", flattened.

    Each parameter has one number per block: channels, kernel_size (of a square window), stride, padding (zeros on every
    side) and pool_size (1 for none). pool: the maximum or the mean.
    """

    channels: tuple[int, ...] = (8,)
    kernel_size: tuple[int, ...] = (3,)
    stride: tuple[int, ...] = (1,)
    padding: tuple[int, ...] = (0,)
    pool: str = "max"
    pool_size: tuple[int, ...] = (2,)
    image_shape: tuple[int, int, int] = (28, 28, 1)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The blocks and the hidden layers, in order."""
        return (*self._blocks, *super().layers)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What leads from each site to the next."""
        steps: list[Step] = []
        for number, block in enumerate(self._blocks):
            before = () if number else (*self._scaling(), Unflattening(self.image_shape))
            steps += self._activation_steps(block, (*before, self._convolution(number)))
            if self.pool_size[number] > 1:
                steps.append(Step(block.last, (Pooling(self.pool, self.pool_size[number]),)))
        return (*steps, *self._dense_steps((Flattening(math.prod(self.maps[-1])),)))

    @property
    def maps(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of what each block gives, after pooling; none or negative where the image is too small."""
        shape, shapes = self.image_shape[:2], []
        for number in range(len(self.channels)):
            rows, columns = self._convolved(number, shape)
            shape = rows // self.pool_size[number], columns // self.pool_size[number]
            shapes.append(shape)
        return tuple(shapes)

    def pixels(self, params: Any) -> int:
        """The number of pixels that the network reads."""
        return math.prod(self.image_shape)

    def _features(self, x, site: Callable, train: bool, dropout_rates):
        x = x.reshape(*x.shape[:-1], *self.image_shape)
        for number, block in enumerate(self._blocks):
            how = self._convolution(number)
            size = how.size, how.size, x.shape[-1], block.units
            product = partial(convolve, stride=how.stride, padding=how.padding)
            x = self._activated(self._linear(size, how.name, product)(x), block, site, train)
            if self.pool_size[number] > 1:
                x = site(block.last, pool(x, self.pool, self.pool_size[number]))
            x = self._dropped(x, block, dropout_rates)
        return x.reshape(*x.shape[:-3], -1)

    @property
    def _blocks(self) -> tuple[Layer, ...]:
        blocks, shape = [], self.image_shape[:2]
        for number, (channels, after) in enumerate(zip(self.channels, self.maps, strict=True)):
            name = f"conv{number}"
            pooled = (f"{name}/pool",) if self.pool_size[number] > 1 else ()
            sites = (*self._sites_of(name), *pooled)
            norm = self._norm_of(f"conv_norm{number}")
            blocks.append(Layer(name, channels, sites, self._convolved(number, shape), norm))
            shape = after
        return tuple(blocks)

    def _convolved(self, number: int, shape: tuple[int, int]) -> tuple[int, int]:
        size, stride, padding = self.kernel_size[number], self.stride[number], self.padding[number]
        return convolved_shape(shape, size=size, stride=stride, padding=padding)

    def _convolution(self, number: int) -> Convolution:
        return Convolution(f"conv{number}", self.kernel_size[number], self.stride[number], self.padding[number])
