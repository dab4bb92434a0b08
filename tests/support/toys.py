"""The toy run that the shared fixture trains."""

from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig

TOY = RunConfig(
    DataConfig("strokes", train_size=500),
    ModelConfig((8, 6), outputs=2),
    TrainConfig(seeds=5, epochs=3, batch_size=32, learning_rate=0.01, snapshots=(0, 2)),
)
