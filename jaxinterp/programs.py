"""Where are compiled programs kept, for later processes to read?

JAX writes a cache entry under its final name. A process that reads it meanwhile finds it cut short: it warns, and
compiles the program itself. An entry that a killed process or a full disk cut short stays so, and every later process
warns, since JAX never replaces an entry. Here an entry gets its name when it is complete, and replaces an earlier one.
"""

import os
import threading
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
    temporary = self.path / f".{key}.{os.getpid()}.{threading.get_ident()}.partial"
    try:
        temporary.write_bytes(value)
        temporary.replace(self.path / f"{key}{lru_cache._CACHE_SUFFIX}")
    finally:
        temporary.unlink(missing_ok=True)


_PUT = lru_cache.LRUCache.put
