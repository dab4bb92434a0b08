from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax._src import compilation_cache, lru_cache

from jaxinterp import programs

FOLDER, SECONDS = "compilation_cache_dir", "persistent_cache_min_compile_time_secs"


@pytest.fixture
def folder(tmp_path):
    """An empty cache of compiled programs, instead of that of all tests."""
    folder, seconds = (jax.config.values[f"jax_{name}"] for name in (FOLDER, SECONDS))
    compilation_cache.reset_cache()
    programs.keep(tmp_path, compiled_for=0.0)
    yield tmp_path
    compilation_cache.reset_cache()
    programs.keep(Path(folder), seconds)


def compiled():
    jax.clear_caches()
    return jax.jit(lambda x: 3 * x + 1)(jnp.arange(4.0)).tolist()


def test_an_entry_that_was_cut_short_is_written_again(folder):
    answer = compiled()
    (entry,) = folder.glob("jit__lambda*-cache")
    content = entry.read_bytes()
    entry.write_bytes(content[: len(content) // 2])
    with pytest.warns(UserWarning, match="Error reading persistent compilation cache entry"):
        assert compiled() == answer
    assert compiled() == answer  # no warning, which would be an error
    assert len(entry.read_bytes()) > len(content) // 2
    assert not list(folder.glob(".*"))


def test_what_could_not_be_written_leaves_no_entry(folder, monkeypatch):
    cache = lru_cache.LRUCache(str(folder), max_size=-1)

    def full(path, content):
        with open(path, "wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(cache.path), "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        cache.put("name", b"content")
    assert not list(folder.iterdir()) and cache.get("name") is None


def test_a_cache_that_the_user_has_limited_is_left_to_jax(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(programs, "_PUT", lambda *arguments: asked.append(arguments))
    limited = lru_cache.LRUCache(str(folder), max_size=-1)
    limited.eviction_enabled = True
    limited.put("name", b"content")
    assert asked == [(limited, "name", b"content")]


def test_threads_that_compile_the_same_at_once_leave_each_others_files_alone(folder):
    cache = lru_cache.LRUCache(str(folder), max_size=-1)
    content = bytes(1_000_000)  # long enough to write that the others begin meanwhile
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            list(pool.map(lambda _, name=f"name{number}": cache.put(name, content), range(8)))
    assert {cache.get(f"name{number}") for number in range(20)} == {content}
    assert not list(folder.glob(".*"))
