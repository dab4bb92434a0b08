#!/usr/bin/env bash
# Does the package install into clean environments, and answer there?
#
#     scripts/installs.sh python3.11 python3.12 python3.13
#
# It builds the sdist, and from that the wheel, with the checkout's environment. With each Python it installs the locked
# dependencies and the wheel, and asks the run that is shipped, from an empty folder. A Python that is not there is named
# and skipped.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkdir "$folder/source" "$folder/empty"
cp -r "$root"/{jaxinterp,pyproject.toml,README.md,LICENSE,CHANGELOG.md,CITATION.cff,MANIFEST.in} "$folder/source"
{
  (cd "$folder/source" && "$root/.venv/bin/python" -c "from setuptools import build_meta; build_meta.build_sdist('..')")
  "$root/.venv/bin/python" -m pip wheel --no-deps --no-build-isolation --wheel-dir "$folder" "$folder"/*.tar.gz
} > "$folder/build.log" 2>&1 || { cat "$folder/build.log"; exit 1; }

for python in "$@"; do
  if ! "$python" -c "" 2> /dev/null; then
    echo "installs: skipped, no $python"
    continue
  fi
  "$python" -m venv "$folder/$python"
  bin=$folder/$python/bin
  "$bin/python" -m pip install --quiet --no-compile --require-hashes --requirement "$root/requirements.lock"
  "$bin/python" -m pip install --quiet --no-compile --no-deps "$folder"/*.whl
  (cd "$folder/empty" && "$bin/jaxinterp" --version && "$bin/jaxinterp-sweep" --version &&
    "$bin/jaxinterp" units "$root/checkpoints/demo" --layer hidden1 --seeds 0 --top 3 --format csv) > "$folder/said"
  if [ "$(wc -l < "$folder/said")" != 6 ]; then
    cat "$folder/said"
    echo "installs: $python: not two versions and a table of three units"
    exit 1
  fi
  echo "installs: $("$bin/python" --version): $(head -n 1 "$folder/said") answers"
  rm -rf "${folder:?}/$python"
done
