"""Where the halts of a configuration are kept: `arb run` and the commands that halt it must agree."""

from __future__ import annotations

from pathlib import Path

from arb.api import ConfigError
from arb.kernel import Config
from arb.risk import HaltFile


def halt_path(config: Config, source: Path) -> Path:
    """Return the file of the halts: the same one by every name of the configuration.

    A link is followed first. Else `arb halt` by the name of a link and `arb run` by that of the file, or
    the other way round, would mean two files, and the halt would not reach the run.

    Args:
        config: What `source` says.
        source: The configuration file.

    Raises:
        ConfigError: `[run] halt_file` begins with `~` and nobody knows whose home that is.
    """
    file = source.resolve() if source.is_symlink() else source
    if config.run.halt_file is None:
        return file.with_suffix(".halts")
    try:
        return file.parent / Path(config.run.halt_file).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{source}: [run] halt_file: {error}; write the whole path") from None


def run_halts(config: Config, source: Path) -> HaltFile:
    """Return the halts of a configuration for its run, which trades and cannot wait for a lock.

    A halt that it cannot store at once stands for it all the same, and is stored a little later.

    Raises:
        ConfigError: as :func:`halt_path` does.
    """
    return HaltFile(halt_path(config, source), lock_within_s=0.1)
