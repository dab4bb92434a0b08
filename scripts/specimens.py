"""Which files are damaged, and how are they read? Every kind of file that a command reads, at the smallest size."""

import io
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxinterp import cli
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig

XOR = RunConfig(
    DataConfig("xor"),
    ModelConfig((3, 2), outputs=1),
    TrainConfig(seeds=2, epochs=2, batch_size=4, loss="squared_error", snapshots=(0, 1)),
)
CLASSES, SIDE = 3, 4  # of small data sets


class Specimen(NamedTuple):
    """Files that are read together.

    make: writes them into an empty folder. read: reads those in a folder as a command does, and returns the exit code.
    patterns: of the files that are damaged. summed: whether they have checksums. weight: how often they are
    chosen, less where reading takes long.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], int]
    patterns: tuple[str, ...]
    summed: bool = False
    weight: float = 1.0


def forget_origin(path: Path) -> None:
    """Make a run as it was stored before there were checksums, and before weights told what made them."""
    from jaxinterp import files

    for folder in (path / "weights", *(path / "snapshots").glob("*")):
        shutil.copytree(folder / "arrays", folder, dirs_exist_ok=True)
        shutil.rmtree(folder / "arrays")
        for name in ("made_by.json", files.SUMS):
            (folder / name).unlink()
    for file in (path / "history.nc", path / "probe.npz", *(path / "results").rglob("*.nc")):
        file.write_bytes(files.read_summed(file))


def prepare_tfds(
    root: Path,
    images,
    labels,
    *,
    name: str = "tiny",
    version: str = "1.0.0",
    file_format: str = "array_record",
    splits: tuple[str, ...] = ("train", "test"),
    features: dict[str, Any] | None = None,
) -> None:
    """Write a set of TensorFlow Datasets, with what tensorflow_datasets and array_record offer without TensorFlow.

    name: NAME or NAME/CONFIG.
    """
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordWriter
    from google.protobuf import json_format
    from PIL import Image
    from tensorflow_datasets.core.proto import dataset_info_pb2 as info_pb2
    from tensorflow_datasets.proto import tf_example_pb2

    folder, (dataset, _, part) = root / name / version, name.partition("/")
    folder.mkdir(parents=True)
    channels = images[0].shape[-1] if images[0].ndim == 3 else 1
    features = features or {
        "image": tfds.features.Image(shape=(None, None, channels)),
        "label": tfds.features.ClassLabel(num_classes=10),
    }
    tfds.features.FeaturesDict(features).save_config(str(folder))
    # The messages' classes are made as the modules are imported, where no type checker sees them.
    described, example_of = vars(info_pb2)["DatasetInfo"], vars(tf_example_pb2)["Example"]
    info = described(name=dataset, config_name=part, version=version, file_format=file_format)
    for split in splits:
        info.splits.add(
            name=split,
            shard_lengths=[len(images)],
            num_bytes=1,
            filepath_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        )
        writer = ArrayRecordWriter(str(folder / f"{dataset}-{split}.array_record-00000-of-00001"), "group_size:1")
        for image, label in zip(images, labels, strict=True):
            png = io.BytesIO()
            Image.fromarray(image).save(png, "PNG")
            example = example_of()
            for key in features:
                if key == "label":
                    example.features.feature[key].int64_list.value.append(label)
                else:
                    example.features.feature[key].bytes_list.value.append(png.getvalue())
            writer.write(example.SerializeToString())
        writer.close()
    (folder / "dataset_info.json").write_text(json_format.MessageToJson(info))


def _small() -> tuple[np.ndarray, np.ndarray]:
    """Twelve images of bytes, and their labels."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, SIDE, SIDE), np.uint8), np.arange(12, dtype=np.uint8) % CLASSES


def _run(folder: Path) -> None:
    from jaxinterp import jobs
    from jaxinterp.studies import analyses

    jobs.train_run(folder / "run", XOR)
    for name in ("activity", "damage"):
        analyses.run(folder / "run", name)


def _old_run(folder: Path) -> None:
    _run(folder)
    forget_origin(folder / "run")


def _checkpoint(folder: Path) -> None:
    """An unfinished run, with the checkpoint of its first epoch."""
    from jaxinterp import data, files, networks, store, train

    store.begin(folder / "run", XOR)
    files.write_folder(folder / "run" / "training", lambda new: files.write(new / "arms.json", b'["."]'))
    splits = data.load(XOR.data)

    def after_epoch(checkpoint: train.Checkpoint) -> None:
        if checkpoint.epoch == 1:
            store.save_checkpoint(folder / "run" / "training", checkpoint, XOR, data.fingerprint(splits))

    train.fit_ensemble(networks.build(XOR.model), splits, XOR.train, progress=after_epoch)


def _begun(folder: Path) -> None:
    from jaxinterp import store

    store.begin(folder / "run", XOR)


def _sweep(folder: Path) -> None:
    from jaxinterp import sweeps

    name, values = sweeps.parse_axis("train.learning_rate=0.01,0.02")
    sweeps.train(folder / "sweep", sweeps.grid(XOR, {name: values}))


def _idx(suffix: str, folder: Path) -> None:
    from jaxinterp.data import idx

    images, labels = _small()
    for part in ("train", "t10k"):
        idx.write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", images)
        idx.write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", labels)


def _npz(folder: Path) -> None:
    images, labels = _small()
    np.savez(folder / "data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)


def _tfds(folder: Path) -> None:
    prepare_tfds(folder, *_small())


def _tensors() -> dict[str, np.ndarray]:
    """Weights as PyTorch names them, with batch norm."""
    rng = np.random.default_rng(0)
    norm = {f"bn.{name}": rng.uniform(0.5, 1.5, 5) for name in ("weight", "bias", "running_mean", "running_var")}
    linear = {"fc1.weight": rng.normal(size=(5, SIDE**2)), "fc1.bias": rng.normal(size=5)}
    output = {"fc2.weight": rng.normal(size=(CLASSES, 5)), "fc2.bias": rng.normal(size=CLASSES)}
    tensors = {name: array.astype(np.float32) for name, array in (linear | norm | output).items()}
    return tensors | {"bn.num_batches_tracked": np.array(3)}


def _safetensors(folder: Path) -> None:
    from safetensors.numpy import save_file

    _npz(folder)
    save_file(_tensors(), folder / "weights.safetensors")


def _weights_npz(folder: Path) -> None:
    _npz(folder)
    np.savez(folder / "weights.npz", **_tensors())  # pyright: ignore[reportArgumentType]


def _load(folder: Path) -> int:
    from jaxinterp import store

    return cli.guarded(lambda _: store.load(folder / "run", epoch=1) and None, [])


def _show(folder: Path) -> int:
    from jaxinterp import store
    from jaxinterp.report import tables

    path = folder / "run"
    return cli.guarded(lambda _: cli.show(tables.run_table(path, store.load(path, epoch=1)), "csv") and None, [])


def _check(config: RunConfig | None, folder: Path) -> int:
    """What training does before it writes anything, of a config or of that of the folder's run."""
    from jaxinterp import jobs, store

    path = folder / "run"
    return cli.guarded(lambda _: jobs.check_arms({path: config or store.read_config(path)}, resume=True) and None, [])


def _check_data(source: str, folder: Path) -> int:
    config = RunConfig(DataConfig(source.replace("FOLDER", str(folder))), ModelConfig((3,), outputs=CLASSES))
    os.environ["TFDS_DATA_DIR"] = str(folder)
    try:
        return _check(config, folder)
    finally:
        del os.environ["TFDS_DATA_DIR"]


def _load_sweep(folder: Path) -> int:
    from jaxinterp import sweeps

    def action(_) -> None:
        sweeps.load(folder / "sweep")

    return cli.guarded(action, [])


def _command(arguments: str, folder: Path) -> int:
    return cli.main([argument.replace("FOLDER", str(folder)) for argument in arguments.split()])


_IMPORT = "--name run --root FOLDER --data.source FOLDER/data.npz --force"
_STORED = ("run/history.nc", "run/probe.npz", "run/weights/**/*", "run/snapshots/1/**/*")

_RESULTS = ("run/results/analyses/activity.nc",)
_ANALYZE = partial(_command, "analyze FOLDER/run activity --format csv")
_REPORT = partial(_command, "report FOLDER/run")

SPECIMENS = (
    Specimen("a run", _run, _load, _STORED, summed=True),
    Specimen("a run's config", _run, _load, ("run/config.json",)),
    Specimen("a run without checksums", _old_run, _show, _STORED),
    Specimen("a run, in the list", _old_run, partial(_command, "runs --root FOLDER --format csv"), ("run/*.*",)),
    Specimen("a result", _run, _ANALYZE, _RESULTS, summed=True, weight=0.2),
    Specimen("a result without checksums", _old_run, _ANALYZE, _RESULTS),
    Specimen("a result, on the page", _run, _REPORT, _RESULTS, summed=True, weight=0.01),
    Specimen("a result without checksums, on the page", _old_run, _REPORT, (*_RESULTS, "run/history.nc"), weight=0.01),
    Specimen(
        "a checkpoint",
        _checkpoint,
        partial(_command, "train --resume FOLDER/run"),
        ("run/training/1/**/*",),
        summed=True,
        weight=0.2,
    ),
    Specimen(
        "lists of arms",
        _checkpoint,
        partial(_command, "train --resume FOLDER/run"),
        ("run/training/arms.json",),
    ),
    Specimen("the config of a run that has begun", _begun, partial(_check, None), ("run/config.json",)),
    Specimen("a sweep", _sweep, _load_sweep, ("sweep/arms.json", "sweep/*/config.json")),
    Specimen("images as IDX", partial(_idx, ""), partial(_check_data, "FOLDER"), ("*-ubyte",)),
    Specimen("images as IDX, gzipped", partial(_idx, ".gz"), partial(_check_data, "FOLDER"), ("*.gz",)),
    Specimen("images as .npz", _npz, partial(_check_data, "FOLDER/data.npz"), ("data.npz",)),
    Specimen("images of TFDS", _tfds, partial(_check_data, "tfds:tiny"), ("tiny/1.0.0/*",)),
    Specimen(
        "weights as .safetensors",
        _safetensors,
        partial(_command, f"import FOLDER/weights.safetensors {_IMPORT}"),
        ("weights.safetensors",),
    ),
    Specimen(
        "weights as .npz",
        _weights_npz,
        partial(_command, f"import FOLDER/weights.npz {_IMPORT}"),
        ("weights.npz",),
        weight=0.2,
    ),
)
