"""What is measured, and how often?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

# Modules of this package.
Part = Literal[
    "training",
    "ablation",
    "similarity",
    "maximization",
    "attribution",
    "convolutions",
    "imports",
    "dynamics",
    "pruning",
    "superposition",
    "coalitions",
    "explanation",
    "memory",
    "many",
    "page",
    "phases",
]


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    only: tuple[Part, ...] = get_args(Part)
    """the parts to measure"""
    rounds: int = 7
    """number of timed turns of each contestant, after one that compiles and warms up"""
    seeds: int = 32
    """number of networks that are trained, or ablated, at once"""
    steps: int = 100
    """number of training steps of torch.func per turn"""
    product: int = 2048
    """rows and columns of the matrices whose product measures the machine's speed"""
    against: str | None = None
    """instead of all parts, race the commands that users wait for against this older commit (part versions)"""
    full: bool = False
    """also time `jaxinterp run` from end to end, with training"""
    output: Path = Path("benchmark.json")
    """file for the machine, raw timings and results"""
