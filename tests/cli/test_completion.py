import shlex
import shutil
import subprocess

import pytest

from jaxinterp import cli


@pytest.mark.skipif(shutil.which("bash") is None or shutil.which("python3") is None, reason="needs bash and python3")
def test_bash_completes_commands_options_values_and_paths(capsys, tmp_path):
    assert cli.main(["completion", "bash"]) == 0
    asked = {
        "stu": "studies study",
        "train --model.act": "--model.activation",
        "train --model.activation re": "relu",
        # bash completes files where it is told nothing.
        "train --resume che": "",
        "units che": "",
    }
    lines = [capsys.readouterr().out, "complete -p jaxinterp"]
    for line in asked:
        words = ["jaxinterp", *line.split()]
        lines += [f"COMP_WORDS=({shlex.join(words)})", f"COMP_CWORD={len(words) - 1}"]
        lines += ["_tyro_jaxinterp", 'echo "${#COMPREPLY[@]} ${COMPREPLY[@]}"']
    done = subprocess.run(["bash"], input="\n".join(lines), cwd=tmp_path, capture_output=True, text=True, check=True)
    registered, *found = done.stdout.splitlines()
    assert registered == "complete -o default -F _tyro_jaxinterp jaxinterp"
    assert found == [f"{len(expected.split())} {expected}" for expected in asked.values()]
    assert done.stderr == ""


@pytest.mark.parametrize(("shell", "registered"), [("zsh", "#compdef jaxinterp\n"), ("fish", "\ncomplete --command")])
def test_every_shell_has_its_script(capsys, shell, registered):
    assert cli.main(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert registered in out and "--train.seeds" in out and err == ""
    assert out.count("or ['__TYRO_COMPLETE_FILES__']") == 1  # paths of runs
    assert shell != "zsh" or out.startswith(registered)
