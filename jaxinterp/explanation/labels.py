"""What does a language model call each unit, each layer and the network? Three rounds of questions, failures counted.

The prompt of a layer has the labels of its units, and that of the network the summaries of its layers. So a round
begins when the one before is over: where a question waits for its answer, later rounds are left for the next time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from jaxinterp.explanation import prompting
from jaxinterp.explanation.answers import STATUSES, Answer, Store
from jaxinterp.explanation.asking import Asks, Failure, Outcome, Plan, Progress
from jaxinterp.explanation.facts import Connections, Facts
from jaxinterp.explanation.prompting import Background, Prompt
from jaxinterp.explanation.rules import Explainer
from jaxinterp.interventions import Site

DEAD_LABEL = "Dead neuron"
DEAD, RULE, FAILED, WAITING = "dead", "by rule", "failed", "waiting"


class Subject(NamedTuple):
    """One network to be explained. layers: facts of all its units; outputs: by name, what each output reads."""

    seed: int
    background: Background
    layers: tuple[tuple[Facts, ...], ...]
    outputs: Mapping[str, Connections]

    @property
    def units(self) -> tuple[Facts, ...]:
        """The facts of every unit, layer by layer."""
        return tuple(facts for layer in self.layers for facts in layer)


class Label(NamedTuple):
    """What was said of a unit (unit: its number), a layer (unit: None) or a network (site: None).

    status: of the answer (`answers.STATUSES`), or "dead" (labelled without asking), "by rule" (of one that is alive),
    "failed" (the question cannot be answered) or "waiting" (it can be asked again). text: "" without a label. reason:
    why there is none, where the server said so.
    """

    seed: int
    site: Site | None
    unit: int | None
    text: str
    status: str
    reason: str = ""


class Labels(NamedTuple):
    """What was said of all units, of the layers and of the networks.

    stopped: why some questions wait, "" if none does. models: which models answered, as the server says.
    """

    units: tuple[Label, ...]
    layers: tuple[Label, ...]
    networks: tuple[Label, ...]
    stopped: str
    models: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many labels and summaries have each status, of those that occur."""
        found = Counter(label.status for label in (*self.units, *self.layers, *self.networks))
        return {status: found[status] for status in (DEAD, RULE, *STATUSES, FAILED, WAITING) if found[status]}


def explain(subjects: Sequence[Subject], asker: Asks, *, sees: bool, progress: Progress | None = None) -> Labels:
    """Label all units, then summarise the layers, then the networks. sees: whether the model takes images.

    What is stored is not asked again. Raises InputError as `Asker.ask` does.
    """
    told: dict[tuple[int, Site | None], list[str]] = defaultdict(list)  # by seed, and by site for units
    rounds, is_final, stopped, models = [], True, "", set()
    for questions_about in (partial(_about_units, sees=sees), _about_layers, _about_networks):
        questions = [question for subject in subjects for question in questions_about(subject, told)]
        prompts = [question.prompt for question in questions if question.prompt is not None]
        left = (Failure("it waits for other labels", final=False),) * len(prompts)
        outcome = asker.ask(prompts, progress=progress) if is_final else Outcome(left, stopped)
        results = iter(outcome.results)
        labels = [_label(question, None if question.prompt is None else next(results)) for question in questions]
        for label in labels:
            told[label.seed, label.site if label.unit is not None else None].append(said(label))
        models |= {own.reply.model for own in outcome.results if isinstance(own, Answer) and own.reply.model}
        is_final, stopped = outcome.is_final, stopped or outcome.waiting
        rounds.append(tuple(labels))
    units, layers, networks = rounds
    return Labels(units, layers, networks, stopped, tuple(sorted(models)))


def by_rule(subjects: Sequence[Subject], rule: Explainer) -> Labels:
    """Label all units by a rule, see `rules`."""
    units = (
        Label(subject.seed, facts.site, facts.unit, rule(facts), DEAD if facts.dead else RULE)
        for subject in subjects
        for facts in subject.units
    )
    return Labels(tuple(units), (), (), "", ())


def planned(subjects: Sequence[Subject], *, sees: bool, store: Store | None = None) -> list[Prompt]:
    """All prompts in their order, without asking: a label that is not stored is a placeholder in later ones."""
    plan = Plan(store)
    explain(subjects, plan, sees=sees)
    return plan.prompts


def said(label: Label) -> str:
    """What later prompts have for a label or a summary."""
    return label.text or f"(no label: {label.status})"


class _Question(NamedTuple):
    """What a label will be of, and the prompt; None for a dead unit, of which nothing is asked."""

    seed: int
    site: Site | None
    unit: int | None
    prompt: Prompt | None


def _about_units(subject: Subject, told: object, *, sees: bool) -> Iterator[_Question]:
    for facts in subject.units:
        alive = prompting.of_unit(subject.background, facts, sees=sees, where=_where(subject))
        yield _Question(subject.seed, facts.site, facts.unit, None if facts.dead else alive)


def _about_layers(subject: Subject, told: Mapping[tuple[int, Site | None], list[str]]) -> Iterator[_Question]:
    for layer in subject.layers:
        site = layer[0].site
        prompt = prompting.of_layer(subject.background, layer, told[subject.seed, site], where=_where(subject))
        yield _Question(subject.seed, site, None, prompt)


def _about_networks(subject: Subject, told: Mapping[tuple[int, Site | None], list[str]]) -> Iterator[_Question]:
    summaries = told[subject.seed, None]
    prompt = prompting.of_network(subject.background, summaries, subject.outputs, where=_where(subject))
    yield _Question(subject.seed, None, None, prompt)


def _where(subject: Subject) -> str:
    return f" of seed {subject.seed}"


def _label(question: _Question, result: Answer | Failure | None) -> Label:
    name = question.seed, question.site, question.unit
    if result is None:
        return Label(*name, DEAD_LABEL, DEAD)
    if isinstance(result, Answer):
        return Label(*name, result.value, result.status)
    return Label(*name, "", FAILED if result.final else WAITING, result.reason)
