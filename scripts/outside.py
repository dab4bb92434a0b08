"""Do networks that PyTorch trained answer here as they do there? A perceptron and a convolutional network, imported.

    python scripts/outside.py --epochs 3

trains both over three seeds on MNIST in PyTorch (extra bench), saves their state_dicts, imports those of each by one
command, compares the number of right answers with PyTorch's, and asks each run what can be asked of any run. It ends
with exit code 1 where an accuracy differs by more than one image, or where a command fails.
"""

import contextlib
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro

from jaxinterp import cli
from jaxinterp.errors import InputError

MOST = 1  # images that rounding may decide otherwise
QUESTIONS = {
    "units": ("--top", "3"),
    "ablate": ("--units", "{layer}:0,1"),
    "attribute": ("--image", "0"),
    "compare": (),
    "report": (),
}


class Checked(NamedTuple):
    """One command on the networks of one kind: how long it took, what it was to show, and whether it did."""

    network: str
    command: str
    seconds: float
    says: str
    fine: bool


def modules(torch, shape: tuple[int, int, int], classes: int) -> dict[str, Any]:
    """Functions that build the two networks for images of this shape."""
    nn, (rows, columns, channels) = torch.nn, shape
    positions = (rows // 2 // 2) * (columns // 2 // 2)

    def mlp():
        return nn.Sequential(
            *(nn.Flatten(), nn.Linear(rows * columns * channels, 32), nn.ReLU()),
            *(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, classes)),
        )

    def cnn():
        return nn.Sequential(
            *(nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(8 * positions, 16), nn.ReLU(), nn.Linear(16, classes)),
        )

    return {"mlp": mlp, "cnn": cnn}


# What a state_dict does not tell, and the layer of which units are ablated.
OPTIONS = {
    "mlp": ("--model.activation", "relu"),
    "cnn": (
        *("--model.activation", "relu", "--model.stride", "1", "--model.padding", "1"),
        *("--model.pool-size", "2", "--model.pool", "max"),
    ),
}
LAYERS = {"mlp": "hidden0", "cnn": "conv1"}


def train(torch, module, split, *, seed: int, epochs: int, batch: int = 64) -> None:
    """Train a module with Adam on images "examples channels rows columns" and labels."""
    images, labels = split
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels), generator=order).split(batch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(images[chosen]), labels[chosen]).backward()
            optimizer.step()


def count_right(torch, module, split) -> int:
    """How many images a module in evaluation classifies rightly."""
    images, labels = split
    with torch.no_grad():
        return int(
            sum(
                (module.eval()(x).argmax(-1) == y).sum()
                for x, y in zip(images.split(500), labels.split(500), strict=True)
            )
        )


def tensors(torch, dataset) -> tuple[Any, Any]:
    """Images and labels as PyTorch's."""
    images = torch.tensor(dataset.images).reshape(-1, *dataset.shape).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor(dataset.labels).long()


def run_command(network: str, *arguments: str) -> Checked:
    """Run a command of jaxinterp; what it prints is shown only where it fails."""
    printed, start = io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = cli.main(list(arguments))
    lines = printed.getvalue().splitlines()
    says = f"{len(lines)} lines" if code == 0 else f"exit code {code}: {' '.join(lines[-1:])}"
    return Checked(network, arguments[0], time.perf_counter() - start, says, code == 0)


def check(folder: Path, *, source: str, seeds: int, epochs: int, examples: int | None) -> Iterator[Checked]:
    """Train, import and question both networks; see the module."""
    try:
        import torch  # pyright: ignore[reportMissingImports]
        from safetensors.torch import save_file
    except ImportError as error:
        raise InputError("PyTorch is not installed: pip install 'jaxinterp[bench]'") from error
    from jaxinterp import data, store
    from jaxinterp.config import DataConfig
    from jaxinterp.train import SPLITS, kept_accuracy

    splits = data.load(DataConfig(source, train_size=examples))
    training, test = tensors(torch, splits.train), tensors(torch, splits.test)
    classes = int(training[1].max()) + 1
    folder.mkdir(parents=True, exist_ok=True)
    for network, build in modules(torch, splits.train.shape, classes).items():
        start, right, files = time.perf_counter(), [], []
        for seed in range(seeds):
            torch.manual_seed(seed)
            module = build()
            train(torch, module, training, seed=seed, epochs=epochs)
            right.append(count_right(torch, module, test))
            files.append(folder / f"{network}{seed}.safetensors")
            save_file(module.state_dict(), files[-1])
        says = f"{', '.join(map(str, right))} of {len(test[1])} test images right"
        yield Checked(network, "PyTorch", time.perf_counter() - start, says, True)
        where = ("--name", network, "--root", str(folder), "--data.source", source)
        imported = run_command(network, "import", *map(str, files), *where, *OPTIONS[network])
        run = str(folder / network)
        if not imported.fine:
            yield imported
            continue
        accuracy = kept_accuracy(store.load(run).history)[:, SPLITS.index("test")]
        ours = [round(float(share) * len(test[1])) for share in accuracy]
        fine = all(abs(one - other) <= MOST for one, other in zip(ours, right, strict=True))
        yield imported._replace(says=f"{', '.join(map(str, ours))} right here", fine=fine)
        for command, options in QUESTIONS.items():
            filled = (option.format(layer=LAYERS[network]) for option in options)
            yield run_command(network, command, run, *filled)


def line(row: Checked) -> str:
    """A row of a Markdown table."""
    return f"| {row.network} | {row.command} | {row.seconds:.1f} | {row.says} | {'yes' if row.fine else '**no**'} |"


def main(
    source: str = "mnist",
    seeds: int = 3,
    epochs: int = 3,
    examples: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None,
    folder: Path = Path("checkpoints/outside"),
) -> None:
    """Train two kinds of networks in PyTorch, import them, and check that they answer as they do there.

    Args:
        source: the data, as in --data.source: a name, a folder of IDX files, a .npz file or tfds:NAME
        seeds: networks of each kind
        epochs: passes through the training images
        examples: number of training images; by default all
        folder: a new folder for weights and runs
    """
    print("| network | command | seconds | says | fine |\n|---|---|---|---|---|")
    fine = True
    for row in check(folder, source=source, seeds=seeds, epochs=epochs, examples=examples):
        print(line(row), flush=True)
        fine = fine and row.fine
    if not fine:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(cli.guarded(lambda arguments: tyro.cli(main, args=arguments), sys.argv[1:]))
