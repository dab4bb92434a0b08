import json

from jaxinterp import store


def test_a_run_says_with_what_it_was_made_if_it_was_stored_with_it(toy, tmp_path):
    config, splits, trained = toy
    store.save(tmp_path, config, trained, splits.test)
    made = store.read_made(tmp_path)
    assert set(made) == {"version", "date", "machine"} and made["version"].startswith("jaxinterp ")
    file = tmp_path / "weights" / "made_by.json"
    file.write_text(json.dumps({name: value for name, value in json.loads(file.read_text()).items() if name != "made"}))
    assert store.read_made(tmp_path) == {}
    file.unlink()
    assert store.read_made(tmp_path) == {}
