#!/usr/bin/env bash
# jax 0.10.2: which programs does the persistent compilation cache keep, with no least compile time and no least size?
#
# Guess: every program that is compiled, one with a jax.pure_callback too; a second process compiles nothing.
# Seen: a program with a callback is never kept, and nothing says so: it counts neither as a hit nor as a miss, and
# jax_raise_persistent_cache_errors raises nothing. All of the program is compiled again in every process, however small
# the part with the callback. In one of our studies 36 programs that match units by SciPy took a quarter of the time
# of every later run.
#
# Output:
#   first process: plain program compiled, a miss; program with a callback compiled, neither hit nor miss
#   second process: plain program read, a hit; program with a callback compiled, neither hit nor miss
#   entries in the cache: 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/run.py" <<'PYTHON'
import sys

import jax
import numpy as np

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_raise_persistent_cache_errors", True)
events = []
jax.monitoring.register_event_listener(lambda name, **_: events.append(name.rsplit("/", 1)[-1]))


def plain(x):
    return (x @ x.T).sum()


def sorted_on_host(x):
    size = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return plain(jax.pure_callback(lambda values: np.sort(values), size, x))


said = []
for name, function in (("plain program", plain), ("program with a callback", sorted_on_host)):
    events.clear()
    jax.jit(function).lower(np.ones((30, 20), np.float32)).compile()
    hits, misses = events.count("cache_hits"), events.count("cache_misses")
    outcome = {(1, 0): "read, a hit", (0, 1): "compiled, a miss", (0, 0): "compiled, neither hit nor miss"}
    said.append(f"{name} {outcome[hits, misses]}")
print("; ".join(said))
PYTHON
run() { JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/run.py" "$folder/cache" 2> "$folder/log"; }
first=$(run)
second=$(run)
printf '%s\n' "first process: $first" "second process: $second" \
  "entries in the cache: $(find "$folder/cache" -name '*-cache' | wc -l | tr -d ' ')" | tee "$folder/output"
diff "$folder/output" - <<'EXPECTED'
first process: plain program compiled, a miss; program with a callback compiled, neither hit nor miss
second process: plain program read, a hit; program with a callback compiled, neither hit nor miss
entries in the cache: 1
EXPECTED
