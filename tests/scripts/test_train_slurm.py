import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "train.slurm"


def test_the_script_starts_train_in_every_task_with_its_options(tmp_path):
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_CPUS_PER_TASK": "8"}
    options = ["--recipe", "bottleneck-neurons", "--name", "a b"]
    done = subprocess.run(
        ["bash", SCRIPT, *options], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    own, command = (part.splitlines() for part in done.stdout.split("jaxinterp\n"))
    assert "--cpus-per-task=8" in own
    assert command == ["train", "--distributed", *options]
