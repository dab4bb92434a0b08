"""What does `jaxinterp explain` do? It labels units by rules, or asks a language model and says what it will send."""

import math
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from jaxinterp.cli.progress import study_progress
from jaxinterp.cli.questions import Number, Run, Text
from jaxinterp.cli.shell import Format, say, show
from jaxinterp.errors import InputError


@dataclass(frozen=True)
class Explain:
    """Label every unit of a network, by rules or by a language model, and score the labels.

    A language model also summarises the layers and the network. It can then predict activations from its labels, and
    the network's answers from its summaries, with one question for each image. Any server with OpenAI's chat
    completions will do, such as one on this machine. A key is read from the environment, JAXINTERP_API_KEY. Answers are
    stored with the run as they arrive, and no question is asked twice.

    Examples:
      jaxinterp explain checkpoints/demo
      jaxinterp explain checkpoints/demo --url http://127.0.0.1:8080/v1 --dry-run
    """

    run: Run
    """a run's folder"""
    url: Annotated[str | None, arg(metavar="URL")] = None
    """the language model's server, such as http://127.0.0.1:8080/v1; by default rules write the labels"""
    model: Text = None
    """the model's name; by default the only one that the server lists"""
    images: bool = False
    """send images, to a model that takes them; otherwise they are drawn in characters"""
    seeds: Annotated[tuple[int, ...], arg(metavar="[INT [INT ...]]")] = ()
    """the networks to explain; by default the first alone"""
    predict: Number = None
    """have the model predict each unit's activation on so many test images, from the label alone; by default on none"""
    read: Number = None
    """have the model predict the network's answers on so many test images that it gets right, and on as many that it
    gets wrong, from the summaries alone, in two or three ways; by default on none (the write-up: 100)"""
    max_requests: Number = None
    """make no more requests than these, repeated ones among them"""
    max_tokens: Number = None
    """use no more tokens than these, of prompts and answers together"""
    dry_run: bool = False
    """print the prompts and how many tokens they are, roughly, and send nothing"""
    yes: bool = False
    """send the prompts to a server that is not on this machine"""
    format: Format = "table"
    """how tables are printed: for a terminal, or as json, csv or markdown (all other text then goes to stderr)"""


def explain(command: Explain) -> None:
    """Label the units of a run's networks."""
    from jaxinterp import questions
    from jaxinterp.explanation import asking, clients
    from jaxinterp.explanation.answers import Parameters
    from jaxinterp.report import answers

    limits = (command.max_requests, command.max_tokens)
    numbers = {
        "--max-requests": limits[0],
        "--max-tokens": limits[1],
        "--predict": command.predict,
        "--read": command.read,
    }
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise InputError(f"{name} is {number}: use 1 or more")
    if command.url is not None and not command.dry_run:
        clients.check_url(command.url)
        clients.library()
    elif command.url is None and not command.dry_run and (command.model or command.images or any(numbers.values())):
        raise InputError(
            "--model, --images, --predict, --read and limits concern a server: give its address, too, by --url"
        )
    described = questions.explain.describe(questions.load(command.run), seeds=command.seeds)
    if command.url is None and not command.dry_run:
        explained = questions.explain.scored(described, questions.explain.by_rules(described))
        show(answers.labels_table(explained, title=f"labels of {command.run} by rules"), command.format)
        return
    wanted = {"sees": command.images, "predict": command.predict or 0, "read": command.read or 0}
    prompts = questions.explain.planned(described, **wanted)
    if command.dry_run:
        if command.format == "table":
            say("\n\n".join(f"{prompt.subject}\n{prompt.text}" for prompt in prompts))
        show(answers.prompts_table(prompts, title=f"prompts about {command.run}"), command.format)
        return
    assert command.url is not None
    parameters = Parameters()
    sent = questions.explain.statement(command.url, prompts, sees=command.images, parameters=parameters)
    say(sent, command.format)
    if not (clients.is_local(command.url) or command.yes):
        raise InputError(f"{command.url} is not on this machine: add --yes to send this")
    server = clients.Server(command.url, asking.model_at(command.url, command.model), parameters)
    budget = asking.Budget(*(math.inf if limit is None else limit for limit in limits))
    asker = asking.Asker(server, command.run / questions.explain.ANSWERS, budget)
    with study_progress("explain", doing="asking about") as update:
        asked = questions.explain.ask(described, asker, progress=update, **wanted)
    questions.explain.keep(described, command.run, server.model, asked)
    explained = questions.explain.scored(described, {server.model: asked.labels}, asked.predictions)
    images = 0 if asked.predictions is None else asked.predictions.values.shape[1]
    title = f"labels of {command.run} by {server.model}"
    shown = show(answers.labels_table(explained, images=images, title=title), command.format)
    if asked.tested:
        reached = [own for tested in asked.tested for own in questions.readers.reached(described.inputs, tested)]
        title = f"readers of {command.run}, {server.model} among them"
        show(answers.readers_table(reached, title=title), command.format, after=shown)
    for line in questions.explain.account(asker, asked):
        say(line, command.format)
    if asked.stopped:
        raise InputError(f"{asked.stopped}; all answers that came are stored: repeat the command to go on")
