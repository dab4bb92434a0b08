#!/usr/bin/env bash
# jax 0.10.2: does the persistent compilation cache recover from a disk that was full once?
#
# Guess: a half-written entry is removed or is replaced by the next process, which has compiled the program anyway.
# Seen: it stays. The write fails with a warning, but the cut file keeps the entry's name; later processes
# warn that it cannot be read, compile again and do not replace it, however much space there is by then. Only deleting
# the file helps. The full disk is simulated by a limit of 4096 bytes for each file that the first process writes.
#
# Output:
#   process 1, limited: write warned True, read warned False, bytes of the entry 4096
#   process 2: write warned False, read warned True, bytes of the entry 4096
#   process 3: write warned False, read warned True, bytes of the entry 4096
#   process 4, entry deleted before: write warned False, read warned False, bytes of the entry all
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import resource, signal, sys
import jax
import jax.numpy as jnp

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
if sys.argv[2] == "limited":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@jax.jit
def program(x):
    for i in range(20):
        x = jnp.sin(x @ x) + i
    return x.sum()


program(jnp.ones((8, 8)))
"""
cache = Path(sys.argv[1]) / "cache"


def entry():
    (path,) = cache.glob("jit_program-*-cache")
    return path


def run(kind):
    result = subprocess.run([sys.executable, "-c", PROGRAM, cache, kind], capture_output=True, text=True, check=True)
    warned = [f"Error {verb} persistent compilation cache entry" in result.stderr for verb in ("writing", "reading")]
    return (*warned, entry().stat().st_size)


seen = {"process 1, limited": run("limited"), "process 2": run("free"), "process 3": run("free")}
entry().unlink()
seen["process 4, entry deleted before"] = run("free")
for name, (write, read, size) in seen.items():
    print(f"{name}: write warned {write}, read warned {read}, bytes of the entry {size if size == 4096 else 'all'}")
cut, second, third, whole = seen.values()
assert cut == (True, False, 4096) and second == third == (False, True, 4096)
assert not whole[0] and not whole[1] and whole[2] > 4096
PYTHON
