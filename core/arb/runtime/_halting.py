"""Where the halts of a configuration are kept: `arb run` and the commands that halt it must agree."""

from __future__ import annotations

from pathlib import Path

from arb.api import ConfigError
from arb.kernel import Config


def halt_path(config: Config, source: Path) -> Path:
    """Return the file of the halts.

    Args:
        config: What `source` says.
        source: The configuration file.

    Raises:
        ConfigError: `[run] halt_file` begins with `~` and nobody knows whose home that is.
    """
    if config.run.halt_file is None:
        return source.with_suffix(".halts")
    try:
        return source.parent / Path(config.run.halt_file).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{source}: [run] halt_file: {error}; write the whole path") from None
