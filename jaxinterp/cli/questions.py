"""Which questions can be asked of any run, and what do their commands do?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from jaxinterp.cli.progress import study_progress
from jaxinterp.cli.shell import Format, say, show
from jaxinterp.errors import InputError

SHOWN = 20  # rows in a terminal

Run = Positional[Annotated[Path, arg(metavar="RUN")]]
Text = Annotated[str | None, arg(metavar="NAME")]
Number = Annotated[int | None, arg(metavar="INT")]
Class = Annotated[str | None, arg(name="class", metavar="CLASS")]


@dataclass(frozen=True)
class Units:
    """List every unit of every network: activity, selectivity, damage, locality and universality, with their nulls.

    Examples:
      jaxinterp units checkpoints/demo --sort damage_mean --top 10
      jaxinterp units checkpoints/demo --class 4 --layer hidden1 --format csv
    """

    run: Run
    """a run's folder"""
    sort: Annotated[str | None, arg(metavar="COLUMN")] = None
    """put the most remarkable rows first by this column, as json names it: highest first, and lowest first for
    participation and for seed, layer, unit and class"""
    top: Number = None
    """how many rows; by default all, and 20 in a terminal"""
    class_: Class = None
    """selectivity for this class, a number or a name, and damage to it; by default for the class where each is
    largest"""
    layer: Text = None
    """this hidden layer alone, such as hidden1"""
    seeds: Annotated[tuple[int, ...], arg(metavar="[INT [INT ...]]")] = ()
    """these networks alone; universality is still a share of all the others"""
    facets: bool = False
    """also count how many different images activate each unit that is no channel, which takes minutes"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Ablate:
    """Show accuracy, by class, without a group of units, and without control groups of as many.

    Examples:
      jaxinterp ablate checkpoints/demo --units hidden1:3,7
    """

    run: Run
    """a run's folder"""
    units: Annotated[str, arg(metavar="LAYER:UNITS")]
    """which units, such as hidden1:3,7"""
    kind: Annotated[str, arg(metavar="{zero,mean,class-mean,resample}")] = "mean"
    """what replaces their activations: 0, their mean, their mean on images of the same class, or that on another
    image"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Coalitions:
    """Show each unit's part in all subsets of a layer's units and, of the last hidden layer, how few each class needs.

    Examples:
      jaxinterp coalitions checkpoints/demo --kind zero
      jaxinterp coalitions checkpoints/demo --layer hidden0
    """

    run: Run
    """a run's folder"""
    kind: Annotated[str, arg(metavar="{zero,mean,class-mean,resample}")] = "mean"
    """what replaces the activations of units that are left out: 0, their mean, their mean on images of the same class,
    or that on another image"""
    layer: Text = None
    """the hidden layer whose units are left out, such as hidden0; by default the last, and of any other the Shapley
    values alone are estimated"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Attribute:
    """Attribute the networks' output for one test image to its pixels and to units, and test that attribution.

    Examples:
      jaxinterp attribute checkpoints/demo --image 12 --out why.png
      jaxinterp attribute checkpoints/demo --image 12 --unit hidden1:3
    """

    run: Run
    """a run's folder"""
    image: Annotated[int, arg(metavar="INT")]
    """number of the test image, from 0"""
    class_: Class = None
    """explain the logit of this class, a number or a name; by default that of the class which most networks predict"""
    unit: Annotated[str | None, arg(metavar="LAYER:UNIT")] = None
    """explain this unit instead, such as hidden1:3, of the shown network alone"""
    method: Text = None
    """gradient, gradient-x-input, integrated-gradients, exact-integrated-gradients or effective-weights-x-input; by
    default integrated gradients, exact where they can be"""
    seed: Number = None
    """the network whose units are shown; by default the first"""
    out: Annotated[Path | None, arg(metavar="FILE.png")] = None
    """also write a picture of the image, its maps and the curves"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


@dataclass(frozen=True)
class Compare:
    """Compare every layer of all networks, within one run and between several, beside untrained and shuffled ones.

    Examples:
      jaxinterp compare checkpoints/demo
      jaxinterp compare checkpoints/demo checkpoints/more
    """

    runs: Positional[Annotated[tuple[Path, ...], arg(metavar="RUN [RUN ...]")]]
    """folders of runs on the same data"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


def units(command: Units) -> None:
    """List the units of a run."""
    from jaxinterp import questions
    from jaxinterp.report import answers

    inputs = questions.load(command.run)
    label = None if command.class_ is None else questions.label_of(command.class_, inputs)
    with study_progress("units") as update:
        found = questions.units.answer(
            inputs,
            label=label,
            count_facets=command.facets,
            sort=command.sort,
            top=SHOWN if command.top is None and command.format == "table" else command.top,
            layer=command.layer,
            seeds=command.seeds,
            progress=update,
        )
    show(answers.units_table(found, title=f"units of {command.run}"), command.format)


def ablate(command: Ablate) -> None:
    """Show what a group of units does."""
    from jaxinterp import questions
    from jaxinterp.report import answers

    found = questions.ablate.answer(questions.load(command.run), command.units, kind=command.kind)
    title = f"{command.run} without {found.group}, under {found.kind}-ablation"
    first = show(answers.ablation_table(found, title=title), command.format)
    show(answers.ablated_networks_table(found), command.format, after=first)


def coalitions(command: Coalitions) -> None:
    """Show which units each class needs."""
    from jaxinterp import questions
    from jaxinterp.report import answers

    found = questions.coalitions.answer(questions.load(command.run), kind=command.kind, layer=command.layer)
    which = "random" if found.is_sampled else "all"
    title = f"{command.run}: {which} subsets of {found.layer}, under {found.kind}-ablation of the others"
    shown = show(answers.coalitions_table(found, title=title), command.format)
    shown = show(answers.coalition_sets_table(found), command.format, after=shown)
    show(answers.coalition_units_table(found), command.format, after=shown)


def attribute(command: Attribute) -> None:
    """Show what an answer is due to."""
    from jaxinterp import questions
    from jaxinterp.report import answers

    if command.out is not None and command.out.suffix != ".png":
        raise InputError(f"--out {command.out}: the picture is a PNG; give a name that ends in .png")
    inputs = questions.load(command.run)
    found = questions.attribute.answer(
        inputs,
        command.image,
        label=None if command.class_ is None else questions.label_of(command.class_, inputs),
        unit=command.unit,
        method=command.method,
        seed=command.seed,
    )
    title = f"{command.run}: test image {found.number}, of class {found.named(found.label)}"
    shown = None
    tables = [answers.attribution_table(found, title=title), answers.pixels_table(found)]
    if found.passing:
        tables.append(answers.passing_table(found))
    for table in tables:
        shown = show(table, command.format, after=shown)
    if command.out is not None:
        answers.write_picture(command.out, found)
        say(f"open {command.out}", command.format)


def compare(command: Compare) -> None:
    """Compare runs."""
    from jaxinterp import questions
    from jaxinterp.report import answers

    if not command.runs:
        raise InputError("compare needs a RUN, or several")
    runs = [questions.load(path) for path in command.runs]
    with study_progress("compare") as update:
        found = questions.compare.answer(runs, progress=update)
    first = show(answers.likeness_table(found, title="similarity of layers"), command.format)
    show(answers.accuracies_table(found), command.format, after=first)
