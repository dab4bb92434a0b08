"""In which order are a file's layers computed, and which axis of its matrices is the inputs?

Shapes come first: a layer takes as many inputs as the one before it has outputs. What they leave open is decided by
--layers, then by names, then by the file's own order. If nothing decides, an error names the option to give.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from jaxinterp.config import Orientation
from jaxinterp.errors import InputError
from jaxinterp.foreign import names
from jaxinterp.foreign.layers import Group, Layers, listed, shapes

ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)
MOST_LAYERS = 100
_MOST_STEPS = 20_000  # of one search; only files made to mislead need more

Before = Callable[[int, int], bool]


class Known(NamedTuple):
    """What is known of a file's network beforehand. None, and layers that are not listed: the file decides.

    The first fields are those of ModelConfig. layers: names of layers or tensors in the order of computation.
    orientation: which axis of the matrices comes first.
    """

    widths: tuple[int, ...] | None = None
    outputs: int | None = None
    norm: str | None = None
    activation: str | None = None
    norm_position: str | None = None
    norm_epsilon: float | None = None
    channels: tuple[int, ...] | None = None
    kernel_size: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    padding: tuple[int, ...] | None = None
    pool: str | None = None
    pool_size: tuple[int, ...] | None = None
    image_shape: tuple[int, ...] | None = None
    layers: tuple[str, ...] = ()
    orientation: Orientation | None = None


class Chain(NamedTuple):
    """Layers in the order of computation, the axis that their matrices have first, and the units of each.

    windows: the sides of the windows of convolutions, which are the first of the layers. inputs: what the first dense
    layer reads.
    """

    linear: list[Group]
    orientation: Orientation
    sizes: tuple[int, ...]
    windows: tuple[int, ...]
    inputs: int

    @property
    def channels(self) -> tuple[int, ...]:
        """The units of each convolution."""
        return self.sizes[: len(self.windows)]

    @property
    def widths(self) -> tuple[int, ...]:
        """The units of each hidden layer that is dense."""
        return self.sizes[len(self.windows) : -1]


def chain(path: Path, layers: Layers, pixels: int | None, known: Known, *, ordered: bool) -> Chain:
    """The order and orientation in which layers make one network of this many pixels, of any if that is None.

    ordered: whether the file keeps the order in which it was written. Raises InputError where there is none, and where
    several fit and nothing decides between them; it then names the option to give.
    """
    groups = layers.linear
    if len(groups) > MOST_LAYERS:
        raise InputError(f"{path} has {len(groups)} matrices: at most {MOST_LAYERS} layers are imported")
    _check_listed(path, layers, known.layers)
    stored = [layers.values[group.tensors["weight"]].shape for group in groups]
    convolutions = sum(len(shape) > 2 for shape in stored)
    wanted = _wanted(known, len(groups), convolutions)
    channels = known.image_shape[-1] if known.image_shape else None
    fitting: dict[Orientation, list[list[int]]] = {}
    for before in _evidence(groups, known.layers, ordered):
        candidates: dict[Orientation, list[list[int]]] = {}
        for orientation in ORIENTATIONS if known.orientation is None else (known.orientation,):
            joins = _joins(stored, orientation, pixels, channels, wanted)
            if orders := _arrangements(path, len(groups), joins, before):
                candidates[orientation] = orders
        fitting = candidates or fitting
        if not candidates or sum(map(len, fitting.values())) == 1:
            break
    if not fitting:
        _refuse(path, layers, pixels, known, ordered)
    convention = _convention(groups)
    if convention in fitting:
        fitting = {convention: fitting[convention]}
    for orders in fitting.values():
        if len(orders) > 1:
            _ask_for_order(path, groups, orders)
    if len(fitting) > 1:
        raise InputError(
            f"{path} fits with its matrices as inputs × outputs and transposed: give --orientation "
            f"{' or '.join(ORIENTATIONS)}"
        )
    [(orientation, [order])] = fitting.items()
    ends = [_ends(stored[layer], orientation) for layer in order]
    windows = tuple(end.window[0] for end in ends if end.window)
    sizes = tuple(end.outputs for end in ends)
    return Chain([groups[layer] for layer in order], orientation, sizes, windows, ends[len(windows)].inputs)


def norms(path: Path, layers: Layers, chained: Chain, known: Known, *, ordered: bool) -> list[Group]:
    """The norms in the order of the layers that they follow: all but the last, or convolutions alone; or none.

    Raises InputError where they do not fit the layers, and where several orders fit and nothing decides.
    """
    groups, hidden = layers.norms, chained.linear[:-1]
    if len(groups) == len(chained.windows):
        hidden = hidden[: len(groups)]
    if layers.inside:
        by_layer = {group.layer: group for group in groups}
        if by_layer.keys() != {group.layer for group in hidden}:
            raise InputError(
                f"{path}: a network has a norm after each hidden layer, after each convolution, or none; this has "
                f"norms for {_titles(groups)}"
            )
        return [by_layer[group.layer] for group in hidden]
    if not groups:
        return []
    if len(groups) != len(hidden):
        raise InputError(
            f"{path} has {len(groups)} norms or other vectors ({_titles(groups)}) for "
            f"{len(hidden)} hidden layers: a network has one norm after each hidden layer, after each convolution, or "
            "none"
        )
    units = [layers.values[group.title].size for group in groups]
    widths = chained.sizes[: len(hidden)]
    shared = [_shared(hidden, index) for index in range(len(hidden))]

    def fits(order, norm):
        return units[norm] == widths[len(order)]

    def namesakes(order, norm):
        return fits(order, norm) and bool(shared[len(order)] & set(groups[norm].layer))

    named, *stored = _evidence(groups, known.layers, ordered)
    orders: list[list[int]] = []
    for rule, before in ((fits, named), (namesakes, named), *((fits, before) for before in stored)):
        orders = _arrangements(path, len(groups), rule, before) or orders
        if len(orders) == 1:
            return [groups[norm] for norm in orders[0]]
    if not orders:
        raise InputError(f"{path}: norms of {units} units do not follow hidden layers of {list(widths)} units")
    return _ask_for_order(path, groups, orders)


def _evidence(groups: Sequence[Group], order: tuple[str, ...], ordered: bool) -> list[Before]:
    """What says which layer comes first, from the strongest on: --layers and names, and with them the file's order."""
    listed_at = [next((index for index, name in enumerate(order) if _is_called(group, name)), None) for group in groups]

    def named(one, other):
        if listed_at[one] is not None and listed_at[other] is not None:
            return listed_at[one] < listed_at[other]
        return names.comes_before(groups[one].layer, groups[other].layer)

    def stored(one, other):
        return named(one, other) or (one < other and not named(other, one))

    tensors = [name for group in groups for name in group.tensors.values()]
    # A file in the order of the alphabet was sorted, as JAX sorts a network's parts, and says nothing.
    return [named, stored] if ordered and tensors != sorted(tensors) else [named]


def _arrangements(path: Path, count: int, fits: Callable[[list[int], int], bool], before: Before) -> list[list[int]]:
    """Orders of all items in which each fits those before it; no more than two, since two leave the order open."""
    earlier = [{other for other in range(count) if before(other, item)} for item in range(count)]
    orders: list[list[int]] = []
    steps = 0

    def extend(order: list[int]) -> None:
        nonlocal steps
        steps += 1
        if steps > _MOST_STEPS:
            raise InputError(f"{path} leaves too many orders of its layers open: list them in order with --layers")
        if len(order) == count:
            orders.append(order)
            return
        left = set(range(count)) - set(order)
        for item in sorted(left):
            if len(orders) < 2 and not earlier[item] & left and fits(order, item):
                extend([*order, item])

    extend([])
    return orders


class _Ends(NamedTuple):
    """What a kernel reads and gives, and of a convolution the sides of its window."""

    inputs: int
    outputs: int
    window: tuple[int, ...] = ()


def _ends(shape: tuple[int, ...], orientation: Orientation) -> _Ends:
    """PyTorch's convolutions are outputs × inputs × rows × columns, others rows × columns × inputs × outputs."""
    if orientation == "inputs-first":
        *window, inputs, outputs = shape
    else:
        outputs, inputs, *window = shape
    return _Ends(inputs, outputs, tuple(window))


def _joins(stored, orientation: Orientation, pixels: int | None, channels: int | None, wanted: Sequence[int | None]):
    """Whether a kernel can follow others: it takes what the last one gives, and gives what is wanted.

    Convolutions come first, and have square windows. The first dense layer after them reads all their positions.
    """
    ends = [_ends(shape, orientation) for shape in stored]
    convolutions = sum(bool(end.window) for end in ends)

    def fits(order, layer):
        end = ends[layer]
        if wanted[len(order)] not in (None, end.outputs) or bool(end.window) != (len(order) < convolutions):
            return False
        if end.window:
            given = ends[order[-1]].outputs if order else channels
            return len(set(end.window)) == 1 and given in (None, end.inputs) and len(ends) > convolutions
        if order and len(order) == convolutions:
            return end.inputs % ends[order[-1]].outputs == 0
        return (ends[order[-1]].outputs if order else pixels) in (None, end.inputs)

    return fits


def _wanted(known: Known, count: int, convolutions: int) -> list[int | None]:
    """Units of each layer, as far as they are known; a number of layers that does not fit is refused later."""
    dense = count - convolutions - 1
    channels = known.channels if known.channels and len(known.channels) == convolutions else [None] * convolutions
    widths = known.widths if known.widths is not None and len(known.widths) == dense else [None] * max(dense, 0)
    return [*channels, *widths, known.outputs]


def _convention(groups: Sequence[Group]) -> Orientation | None:
    """How matrices of these names lie by the convention of the libraries that use them."""
    words = {names.split(group.tensors["weight"]).word for group in groups}
    return "inputs-first" if words <= names.INPUTS_FIRST else "outputs-first" if words <= names.OUTPUTS_FIRST else None


def _is_called(group: Group, name: str) -> bool:
    return name in group.tensors.values() or group.layer in (names.words(name), names.split(name).layer)


def _check_listed(path: Path, layers: Layers, order: tuple[str, ...]) -> None:
    groups = [*layers.linear, *layers.norms]
    for index, name in enumerate(order):
        if not any(_is_called(group, name) for group in groups):
            raise InputError(f"{path} has no layer {name!r}, as --layers says; it has {_titles(groups)}")
        if any(_is_called(group, name) and _is_called(group, other) for group in groups for other in order[:index]):
            raise InputError(f"--layers names {name} twice: name each layer once")


def _shared(hidden: Sequence[Group], index: int) -> set[str]:
    """The words of a hidden layer's name that no other hidden layer has."""
    others = {word for number, group in enumerate(hidden) if number != index for word in group.layer}
    return set(hidden[index].layer) - others


def _ask_for_order(path: Path, groups: Sequence[Group], orders: list[list[int]]):
    open_ = sorted({layer for pair in zip(*orders, strict=True) if len(set(pair)) > 1 for layer in pair})
    titles = _titles([groups[layer] for layer in open_])
    raise InputError(f"{path} does not say which comes first of {titles}: give their order with --layers NAME NAME …")


def _refuse(path: Path, layers: Layers, pixels: int | None, known: Known, ordered: bool):
    """Say why there is no chain: another shape than what is known, another number of pixels, or no network at all."""
    matrices = shapes({name: layers.values[name] for name in (group.tensors["weight"] for group in layers.linear)})
    loose = known._replace(channels=None, widths=None, outputs=None, orientation=None)
    if loose != known:
        fitting = chain(path, layers, pixels, loose, ordered=ordered)
        widths = " ".join(map(str, fitting.widths)) or "none"
        channels = f"channels {' '.join(map(str, fitting.channels))}, " if fitting.channels else ""
        options = "--model.channels, " if channels else ""
        raise InputError(
            f"{path} holds {matrices}: {channels}widths {widths}, outputs {fitting.sizes[-1]}, {fitting.orientation}; "
            f"leave out {options}--model.widths, --model.outputs and --orientation, or give these"
        )
    count = len(layers.linear)
    named, *_ = _evidence(layers.linear, known.layers, ordered)
    stored = [layers.values[group.tensors["weight"]].shape for group in layers.linear]
    for orientation in ORIENTATIONS:
        orders = _arrangements(path, count, _joins(stored, orientation, None, None, [None] * (count + 1)), named)
        if orders:
            first = _ends(stored[orders[0][0]], orientation)
            if first.window and known.image_shape:  # else the image's channels would fit
                raise InputError(
                    f"{path} takes images of {first.inputs} channels ({matrices}), and these have "
                    f"{known.image_shape[-1]}: choose --data.source to fit"
                )
            inputs = first.inputs
            if pixels not in (None, inputs):
                raise InputError(
                    f"{path} takes {inputs} pixels ({matrices}), and the images have {pixels}: choose "
                    "--data.source, --data.crop or --data.resize to fit"
                )
    if any(len(shape) > 2 for shape in stored):
        raise InputError(
            f"{path} holds {matrices}: in no order that its names allow do they make convolutions with square windows, "
            "each of all channels before it (groups are not imported), and then dense layers"
        )
    of_pixels = "" if pixels is None else f" of {pixels} pixels"
    raise InputError(
        f"{path} holds {matrices}: in no order that its names allow do they make a network{of_pixels}, all as inputs × "
        "outputs or all transposed; correct the file, or give --layers"
    )


def _titles(groups: Sequence[Group]) -> str:
    return listed([group.title for group in groups])
