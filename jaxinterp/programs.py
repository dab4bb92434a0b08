"""Where are compiled programs kept, for later processes to read?

JAX writes an entry of its cache under its final name. A process that reads meanwhile gets the beginning of a program,
warns, and compiles it anew; what a killed process or a full disk cut short is warned about for ever, for an entry that
exists is never written again. Here an entry is renamed when all of it is there.
"""

import os
from pathlib import Path

import jax
from jax._src import lru_cache


def keep(folder: Path, compiled_for: float) -> None:
    """Keep the compiled programs of this process in a folder; compiled_for: the fewest seconds that are worth it."""
    lru_cache.LRUCache.put = _put
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", compiled_for)


def _put(self: lru_cache.LRUCache, key: str, value: bytes) -> None:
    if self.eviction_enabled:  # the user has limited the cache: JAX locks it then
        return _PUT(self, key, value)
    temporary = self.path / f".{key}.{os.getpid()}.partial"
    try:
        temporary.write_bytes(value)
        temporary.replace(self.path / f"{key}{lru_cache._CACHE_SUFFIX}")
    finally:
        temporary.unlink(missing_ok=True)


_PUT = lru_cache.LRUCache.put
