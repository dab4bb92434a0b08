#!/usr/bin/env bash
# jaxtyping 0.3.11, networkx 3.6.1: which modules does install_import_hook("mine", …) compile anew?
#
# Guess: mine and its submodules; libraries that they import are read from the bytecode that pip left, as always.
# Seen: every library that is imported for the first time while a hooked module runs is compiled from its source, too,
# and gets second bytecode files under a name of jaxtyping's, since the hook changes where all of Python looks for
# bytecode as long as a hooked module runs. Where bytecode is not written (PYTHONDONTWRITEBYTECODE), every process
# compiles them again: 1,700 modules of jax, pandas and SciPy took each of our test processes 3 CPU s. A library that is
# imported before is left alone.
#
# Output:
#   modules of networkx with second bytecode, imported by a hooked module: most
#   the same where networkx was imported before: none
#   where bytecode is not written, modules of networkx compiled by a second process: most
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jaxtyping==0.3.11 networkx==3.6.1
"$folder/venv/bin/python" -m compileall -q "$folder/venv" > "$folder/log" 2>&1 || true
echo "import networkx" > "$folder/mine.py"
cat > "$folder/run.py" <<'PYTHON'
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

compiled, to_code = [], SourceFileLoader.source_to_code
SourceFileLoader.source_to_code = lambda self, data, path, **options: (
    compiled.append(str(path)) or to_code(self, data, path, **options)
)
if "before" in sys.argv:
    import networkx
from jaxtyping import install_import_hook

install_import_hook("mine", None)
import mine

folder = Path(mine.networkx.__file__).parent
modules = [name for name in sys.modules if name.startswith("networkx")]
second = [path for path in folder.rglob("*.pyc") if "jaxtyping" in path.name]
count = len([path for path in compiled if "networkx" in path]) if "compiled" in sys.argv else len(second)
print("none" if not count else "most" if 0.9 * len(modules) < count <= len(modules) else f"{count} of {len(modules)}")
PYTHON
cd "$folder"
run() { env -u PYTHONDONTWRITEBYTECODE "$@"; }
before=$(run venv/bin/python run.py before)
unwritten=$(for _ in 1 2; do PYTHONDONTWRITEBYTECODE=1 venv/bin/python run.py compiled; done | tail -n 1)
during=$(run venv/bin/python run.py)
printf '%s\n' \
  "modules of networkx with second bytecode, imported by a hooked module: $during" \
  "the same where networkx was imported before: $before" \
  "where bytecode is not written, modules of networkx compiled by a second process: $unwritten" | tee output
diff output - <<'EXPECTED'
modules of networkx with second bytecode, imported by a hooked module: most
the same where networkx was imported before: none
where bytecode is not written, modules of networkx compiled by a second process: most
EXPECTED
