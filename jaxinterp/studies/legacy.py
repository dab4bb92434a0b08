"""Which studies are still modules with one large record each? Until they are converted, they pass for a `Study`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxinterp import records, store
from jaxinterp.studies import bottleneck_neurons, instance_variation, llm_labels, looking_for_four
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.study import Study
from jaxinterp.studies.subjects import Subject


@dataclass(frozen=True)
class Legacy(Study):
    """A module that measures one record."""

    module: Any = None

    def measure(self, path: Path, inputs: Mapping[str, Inputs]) -> Any:
        """The record, kept in the results at path."""
        subjects = {recipe: Subject(own.path, own.run, own.splits) for recipe, own in inputs.items()}
        record = self.module.measure(subjects)
        store.save_result(path, self.name, record, study=self.name, seeds=inputs[self.name].seeds)
        return record

    def stored(self, path: Path | str) -> Any:
        """The record that is stored, or None."""
        if self.name not in store.results(path):
            return None
        return records.from_xarray(self.module.Record, store.load_result(path, self.name))


def _legacy(module: ModuleType) -> Legacy:
    optional, question = getattr(module, "OPTIONAL", {}), (module.__doc__ or "").split("\n")[0]
    return Legacy(
        module.STUDY,
        question,
        "",
        module.RECIPES,
        (),
        (),
        lambda _: "",
        (),
        optional,
        module.LEAST_SEEDS,
        module=module,
    )


LLM_LABELS, INSTANCE_VARIATION, BOTTLENECK_NEURONS, LOOKING_FOR_FOUR = map(
    _legacy, (llm_labels, instance_variation, bottleneck_neurons, looking_for_four)
)
