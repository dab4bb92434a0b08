"""Which commands are there, and what options do they take?"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg, subcommand

from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.cli import actions, explain, questions
from jaxinterp.cli.shell import Format, config_to_start_from, parse, run_program
from jaxinterp.config import (
    Activation,
    DataConfig,
    Loss,
    ModelConfig,
    Norm,
    NormPosition,
    Orientation,
    PoolKind,
    TrainConfig,
)
from jaxinterp.errors import InputError
from jaxinterp.text import suggestion

Name = Annotated[str | None, arg(metavar="NAME")]
Seeds = Annotated[int | None, arg(metavar="INT")]
Folder = Annotated[Path, arg(metavar="FOLDER")]


@dataclass(frozen=True)
class Run:
    """Train a study's networks, judge its claims, and write the web page. Continues where it was interrupted.

    Examples:
      jaxinterp run
      jaxinterp run --study one-vs-seven --seeds 8 --name quick
    """

    study: Annotated[str | None, arg(metavar="STUDY")] = None
    """the study to run (jaxinterp studies lists them); by default the two quick ones, instance-variation (its main
    networks alone) and bottleneck-neurons"""
    seeds: Seeds = None
    """how many networks to train of each recipe; the study's own numbers by default"""
    name: Name = None
    """name of the run's folder in --root, only with --study; the study's name by default"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    epochs: Annotated[int | None, arg(metavar="INT")] = None
    """train for fewer or more epochs than the recipe does"""
    all: bool = False
    """print every finding instead of those that matter most"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Train:
    """Train many seeds of one network in one compiled program.

    Start from a study's recipe with --recipe, and change any field by its option.

    Examples:
      jaxinterp train --recipe bottleneck-neurons --train.seeds 100 --name more
      jaxinterp train --resume checkpoints/more --live
    """

    recipe: str = ""
    """name of the recipe to start from; jaxinterp recipes lists them"""
    name: Name = None
    """name of the run's folder in --root; the recipe's name by default"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    resume: Annotated[Path | None, arg(metavar="RUN")] = None
    """continue this unfinished run with its own config; only --live, --format and those for processes go with it"""
    live: bool = False
    """also write a page that shows training as it goes on, the file RUN/report/live.html, every few seconds"""
    distributed: bool = False
    """train together with other processes, which are started in the same way (see docs/distributed.md)"""
    coordinator: Annotated[str | None, arg(metavar="HOST:PORT")] = None
    """with --distributed: where process 0 waits for the others; JAX_COORDINATOR_ADDRESS, or as the scheduler says"""
    processes: Annotated[int | None, arg(metavar="INT")] = None
    """with --distributed: how many processes there are; JAX_NUM_PROCESSES, or as the scheduler says"""
    process_id: Annotated[int | None, arg(metavar="INT")] = None
    """with --distributed: which of them this is, from 0; JAX_PROCESS_ID, or as the scheduler says"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class Study:
    """Judge a study's claims. Trains the networks that it needs and measures what is not stored yet.

    Examples:
      jaxinterp study one-vs-seven
      jaxinterp study instance-variation --run checkpoints/demo --all
    """

    study: Positional[Annotated[str, arg(metavar="STUDY")]]
    """the study's name, such as instance-variation (jaxinterp studies lists them), or all"""
    run: Annotated[Path | None, arg(metavar="RUN")] = None
    """a complete run whose networks are judged, with at least two of them; the run in checkpoints/STUDY by default"""
    seeds: Seeds = None
    """how many networks to train of each recipe, where there is no run yet; the study's own numbers by default"""
    again: bool = False
    """measure again what is stored already"""
    all: bool = False
    """print every finding instead of those that matter most"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Analyze:
    """Run one analysis on a run, without a study and its claims. Stores the result with the run and prints it.

    jaxinterp report then shows it on the run's page, too.

    Examples:
      jaxinterp analyze checkpoints/demo activity
      jaxinterp analyze checkpoints/demo similarity --format csv
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """a run's folder"""
    analysis: Positional[Annotated[str, arg(metavar="ANALYSIS")]]
    """activity, damage or similarity (firing rates and dead units; accuracy lost without single units; CKA between
    networks), or a Python file that defines a MEASUREMENT (see docs/add-an-analysis.md)"""
    again: bool = False
    """measure again what is stored already"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Report:
    """Write a run's page, the file RUN/report/index.html, from its networks and stored results.

    With a second run it writes a page of both, RUN/report/with-OTHER.html: their findings and networks side by side.

    Examples:
      jaxinterp report checkpoints/demo --open
      jaxinterp report checkpoints/demo checkpoints/more
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """a run's folder"""
    other: Positional[Annotated[Path | None, arg(metavar="[OTHER]")]] = None
    """the folder of a run to compare it with"""
    open: bool = False
    """also open the page in the browser"""


@dataclass(frozen=True)
class Export:
    """Write a run's learning curves as files for TensorBoard, or for W&B. Nothing is sent to anybody.

    Loss and accuracy of each split, by epoch: the mean over networks, and the 5 % and 95 % quantiles (p05, p95).

    Examples:
      jaxinterp export checkpoints/demo --tensorboard events --seeds 0 1
      jaxinterp export checkpoints/demo --wandb curves
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    """a run's folder"""
    tensorboard: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """write event files into FOLDER/RUN; look at them with: tensorboard --logdir FOLDER"""
    wandb: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """write offline runs into FOLDER/wandb; they stay there until you send them with: wandb sync"""
    seeds: Annotated[tuple[int, ...], arg(metavar="[INT [INT ...]]")] = ()
    """networks that get curves of their own, too"""


@dataclass(frozen=True)
class Runs:
    """List the runs, or show every seed of one of them.

    Examples:
      jaxinterp runs
      jaxinterp runs checkpoints/demo --format json
    """

    run: Positional[Annotated[Path | None, arg(metavar="[RUN]")]] = None
    """a run's folder, to show its seeds: accuracy, dead units, divergence"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Recipes:
    """List the training recipes: those of the five write-ups, and those of controls and comparisons.

    Examples:
      jaxinterp recipes
      jaxinterp recipes --format markdown
    """

    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Studies:
    """List the studies: the question of each, the recipes that it trains, and how many claims it tests.

    Examples:
      jaxinterp studies
      jaxinterp studies --format json
    """

    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Doctor:
    """Check the installation: versions, devices, whether an accelerator computes what the CPU does, what is missing.

    Examples:
      jaxinterp doctor
      jaxinterp doctor --format json
    """

    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class ImportedModel(ModelConfig):
    """The architecture of one network. What can be read from the weights is optional."""

    widths: Annotated[tuple[int, ...] | None, arg(metavar="[INT [INT ...]]")] = None  # pyright: ignore
    """number of units in each hidden layer; read from the file, and checked if given"""
    outputs: Annotated[int | None, arg(metavar="INT")] = None  # pyright: ignore
    """number of logits; read from the file, and checked if given"""
    norm: Annotated[Norm | None, arg(metavar=f"{{{','.join(('none', *NORMS))}}}")] = None  # pyright: ignore
    """read from the file, and checked if given"""
    activation: Annotated[Activation | None, arg(metavar=f"{{{','.join(ACTIVATIONS)}}}")] = None  # pyright: ignore
    """read from a .keras file; for all others give it, unless test images show clearly that it is relu"""
    norm_position: Annotated[NormPosition | None, arg(metavar="{before,after}")] = None  # pyright: ignore
    """whether the norm comes before or after the activation function; read from a .keras file; before for all others,
    unless test images contradict it"""
    norm_epsilon: Annotated[float | None, arg(metavar="FLOAT")] = None  # pyright: ignore
    """constant added to the variance; read from a .keras file; PyTorch's 1e-5 for all others, where Keras uses 0.001"""
    input_mean: Annotated[float | None, arg(metavar="FLOAT")] = None  # pyright: ignore
    """the network subtracts this from the pixels; 0, unless test images contradict it"""
    input_std: Annotated[float | None, arg(metavar="FLOAT")] = None  # pyright: ignore
    """the network then divides the pixels by this; 1, unless test images contradict it"""
    channels: Annotated[tuple[int, ...] | None, arg(metavar="[INT [INT ...]]")] = None  # pyright: ignore
    """number of channels of each convolution; read from the file, and checked if given"""
    kernel_size: Annotated[tuple[int, ...] | None, arg(metavar="[INT [INT ...]]")] = None  # pyright: ignore
    """side of each convolution's window; read from the file, and checked if given"""
    stride: Annotated[tuple[int, ...] | None, arg(metavar="[INT [INT ...]]")] = None  # pyright: ignore
    """distance between windows; read from a .keras file; for all others give it: it is guessed only if one common value
    fits"""
    padding: Annotated[tuple[int, ...] | None, arg(metavar="[INT [INT ...]]")] = None  # pyright: ignore
    """width of the zeros around the image or map; like stride"""
    pool: Annotated[PoolKind | None, arg(metavar="{max,mean}")] = None  # pyright: ignore
    """whether pooling takes the largest or the mean value; read from a .keras file; for all others give it, unless test
    images show clearly that it is max"""
    pool_size: Annotated[tuple[int, ...] | None, arg(metavar="[INT [INT ...]]")] = None  # pyright: ignore
    """side of the squares that are pooled after each convolution, 1 for none; like stride"""


@dataclass(frozen=True)
class Import:
    """Turn weights that were trained elsewhere into a run. Print which tensor became which parameter, and the accuracy.

    Files of networks of one architecture become one run: seed i is the i-th file. A file is a PyTorch state_dict saved
    as .safetensors, an .npz of plain arrays, or Keras's .keras or .weights.h5; pickles are refused.

    Examples:
      jaxinterp import seed0.safetensors seed1.safetensors --name mine --model.activation relu
      jaxinterp import net.keras --name theirs
    """

    files: Positional[Annotated[tuple[Path, ...], arg(metavar="FILE [FILE ...]")]]
    """the weights, one file for each network"""
    name: Annotated[str, arg(metavar="NAME")]
    """name of the run's folder in --root"""
    root: Folder = Path("checkpoints")
    """where runs are kept"""
    loss: Loss = "cross_entropy"
    """what the outputs mean: logits of classes (cross_entropy), one logit (binary_cross_entropy) or values
    (squared_error)"""
    layers: Annotated[tuple[str, ...], arg(metavar="[NAME [NAME ...]]")] = ()
    """the file's layers in the order of computation; needed only if shapes, names and the file's order leave it open"""
    orientation: Annotated[Orientation | None, arg(metavar="{inputs-first,outputs-first}")] = None
    """which axis of the file's matrices comes first; needed only if shapes and names leave it open"""
    force: bool = False
    """store the network even if it does little better than chance"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""
    data: DataConfig = field(default_factory=DataConfig)
    model: ImportedModel = field(default_factory=ImportedModel)


@dataclass(frozen=True)
class Completion:
    """Print a script that has a shell complete commands and options; docs/commands.md says where to put it.

    Examples:
      jaxinterp completion bash
    """

    shell: Positional[Annotated[Literal["bash", "zsh", "fish"], arg(metavar="{bash,zsh,fish}")]]
    """the shell that runs it"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command, by default that of the command line, and return the exit code."""
    return run_program("jaxinterp", command, arguments)


def command(arguments: list[str]) -> None:
    """Parse the arguments and run their command."""
    chosen = parsed(arguments)
    dict(COMMANDS.values())[type(chosen)](chosen)


def parsed(arguments: list[str]) -> Any:
    """The command that the arguments name, with its options. Raises InputError where they are wrong."""
    name = next(iter(arguments), "--help")
    if name not in COMMANDS and not name.startswith("-"):
        raise InputError(f"no command {name!r}{suggestion(name, COMMANDS)}; there are {', '.join(COMMANDS)}")
    start = config_to_start_from(arguments)
    train = Train(start.recipe, data=start.data, model=start.model, train=start.train)
    kinds = []
    for own, (kind, _) in COMMANDS.items():
        about = inspect.getdoc(kind) or ""
        # The list of commands has the first paragraph of each; help of one has all of it.
        options: dict[str, Any] = {"description": about if own == name else about.partition("\n\n")[0]}
        options |= {"default": train} if kind is Train else {}
        kinds.append(Annotated[kind, subcommand(own, **options)])
    return parse(reduce(or_, kinds), arguments, prog="jaxinterp", description=_DESCRIPTION)


_DESCRIPTION = """Answers interpretability questions about hundreds of small networks at once. Start with:
jaxinterp run. With --debug, an error shows its traceback; --version prints the version.

Examples:
  jaxinterp studies
  jaxinterp run --study bottleneck-neurons --seeds 8
  jaxinterp units checkpoints/demo --sort damage_mean --top 10"""

COMMANDS: dict[str, tuple[type, Callable[[Any], None]]] = {
    "run": (Run, actions.run),
    "train": (Train, actions.train),
    "study": (Study, actions.study),
    "analyze": (Analyze, actions.analyze),
    "units": (questions.Units, questions.units),
    "ablate": (questions.Ablate, questions.ablate),
    "coalitions": (questions.Coalitions, questions.coalitions),
    "attribute": (questions.Attribute, questions.attribute),
    "compare": (questions.Compare, questions.compare),
    "explain": (explain.Explain, explain.explain),
    "report": (Report, actions.report),
    "export": (Export, actions.export),
    "runs": (Runs, actions.runs),
    "recipes": (Recipes, actions.recipes),
    "studies": (Studies, actions.studies),
    "import": (Import, actions.import_),
    "doctor": (Doctor, actions.doctor),
    "completion": (Completion, actions.completion),
}
