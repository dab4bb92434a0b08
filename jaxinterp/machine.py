"""What machine is this? Its memory, and what stands beside a result that was made on it."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata


def memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def version(package: str) -> str | None:
    """The installed version of a package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def made_here() -> dict[str, str]:
    """With which version, on which day (UTC) and on what kind of machine something is made now."""
    from jax import devices  # whoever made something has loaded it

    versions = ", ".join(f"{name} {version(name)}" for name in ("jaxinterp", "jax"))
    return {
        "version": f"{versions}, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {devices()[0].device_kind}",
    }
