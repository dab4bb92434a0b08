"""Files as Keras writes them, and what the networks in them answer, for tests of the import."""

import json
import zipfile

from jaxinterp import ensemble, networks
from jaxinterp.config import ModelConfig
from jaxinterp.networks import Network


def other(kind, name, **options):
    return {"class_name": kind, "config": {"name": name, **options}}


def write_keras(folder, entries, content=b"", class_name="Sequential"):
    file = folder / "model.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps({"class_name": class_name, "config": {"layers": entries}}))
        archive.writestr("model.weights.h5", content)
    return file


def logits(weights, images, **fields):
    model = networks.build(ModelConfig(**{**fields, **weights.fields}))
    return ensemble.take(Network(model, weights.variables), 0)(images)[0]
