import os
import re
from pathlib import Path

from jaxinterp import store, studies

ROOT = Path(__file__).parents[1]


def test_the_example_runs(capsys, monkeypatch):
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(compile(example, "README.md", "exec"), {})
    assert re.match(r"Estimate\(mean=.*n=8\)", capsys.readouterr().out)


def test_the_stored_result_is_as_the_readme_says():
    cka = store.load_result(ROOT / "checkpoints/demo", "instance-variation/similarity")["cka"].sel(conditions="trained")
    assert cka.dims == ("layers", "seeds", "seeds_other")


def test_the_demo_run_is_small_and_answers_its_study():
    folder = ROOT / "checkpoints" / "demo"
    files = [Path(top) / name for top, _, names in os.walk(folder) for name in names]
    assert sum(file.stat().st_size for file in files) < 2e6
    assert len(studies.answers(folder)["instance-variation"].findings) == 51
