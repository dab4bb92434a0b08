#!/usr/bin/env bash
# jax 0.10.2: what does it cost to lower a small program?
#
# Guess: tracing it, and one pass that writes its few operations down; what that needs is set up once per process.
# Seen: every program is lowered in an MLIR context of its own, into which all dialects are loaded again. For a small
# program that is two thirds of the work: where JAX's function that makes the context remembers it, 200 programs are
# lowered, to the same text, in .3 of the time (CPU, two cores). A suite of thousands of small programs took a fifth less
# time altogether.
#
# Output:
#   contexts made for 200 programs: 200
#   contexts made for 200 programs, remembered: 1
#   the same programs: True
#   lowering takes at most two thirds as long: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import functools
import time

import jax
import jax.numpy as jnp
from jax._src.interpreters import mlir

PROGRAMS = 200
x = jnp.ones((4, 3))
make, made = mlir.make_ir_context, []


def counted():
    made.append(None)
    return make()


def lowered():
    traced = [jax.jit(lambda x, n=n: jnp.tanh(x * n).sum()).trace(x) for n in range(PROGRAMS)]
    made.clear()
    start = time.process_time()
    programs = [one.lower() for one in traced]
    return time.process_time() - start, len(made), [one.as_text() for one in programs]


mlir.make_ir_context = counted
lowered()
each = [lowered() for _ in range(3)]
mlir.make_ir_context = functools.cache(counted)
shared = [lowered() for _ in range(3)]
print(f"contexts made for {PROGRAMS} programs: {each[0][1]}")
print(f"contexts made for {PROGRAMS} programs, remembered: {shared[0][1]}")
print(f"the same programs: {each[0][2] == shared[0][2]}")
ratio = min(seconds for seconds, *_ in shared) / min(seconds for seconds, *_ in each)
print(f"lowering takes at most two thirds as long: {ratio < 2 / 3}")
assert [found[1] for found in each] == [PROGRAMS] * 3 and shared[0][1] == 1
assert each[0][2] == shared[0][2] and ratio < 2 / 3
PYTHON
