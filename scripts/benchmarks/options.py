"""What is measured, and how often?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

# Modules of this package.
Part = Literal["training", "ablation", "similarity", "maximization", "attribution", "memory", "page"]


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    only: tuple[Part, ...] = get_args(Part)
    """the parts to measure"""
    rounds: int = 7
    """timed turns of each contestant, after one that compiles and warms up"""
    seeds: int = 32
    """networks trained, or ablated, at once"""
    steps: int = 100
    """steps that torch.func takes in a turn"""
    product: int = 2048
    """rows and columns of the matrices whose product gives the machine's rate"""
    full: bool = False
    """time `jaxinterp run` from end to end too, with training"""
    output: Path = Path("benchmark.json")
    """where machine, raw timings and results are written"""
