"""Read a configuration file: TOML or YAML, numbers kept exactly as written, every problem told at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from arb.api import ConfigError

from ._config import Config, contradictions
from ._numbers import OUT_OF_RANGE, exact_number, extremes
from ._problems import Location, did_you_mean, line, problems

_YAML_SUFFIXES: Final = (".yaml", ".yml")
_LARGEST: Final = 1 << 20


def read_config(path: Path, *, only: Collection[str] | None = None) -> Config:
    """Read and check a file.

    Args:
        path: The file, TOML or YAML by its suffix.
        only: The tables that are looked at, each by itself, for commands that must work whatever the
            others say; None for all.

    Raises:
        ConfigError: its text has one line for each problem, with file, table and key.
    """
    text = _read_text(path)
    if not text.strip():
        raise ConfigError(f"{path}: is empty; `arb config init` writes a file to start from")
    if path.suffix.lower() in _YAML_SUFFIXES:
        # Imported here: a TOML file needs no YAML.
        from ._yaml import parse_yaml

        document = parse_yaml(text, str(path))
    else:
        document = _parse_toml(text, str(path))
    if only is None:
        return parse_config(document, str(path))
    part = {name: table for name, table in document.items() if name in only}
    return _parsed(part, str(path), lambda _config: ())


def parse_config(document: Mapping[str, Any], source: str) -> Config:
    """Check the shape of a document; `source` names it in messages.

    Raises:
        ConfigError: its text has one line for each problem.
    """
    return _parsed(document, source, contradictions)


def _parsed(
    document: Mapping[str, Any], source: str, compared: Callable[[Config], Iterable[tuple[Location, str]]]
) -> Config:
    config: Config | None = None
    found: list[tuple[Location, str]] = []
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        found += problems(error, Config)
        found += _contradictions_elsewhere(document, {location[0] for location, _ in found if location})
    else:
        found += [(where, OUT_OF_RANGE) for where in extremes(config)]
        found += compared(config)
    found += _unknown_exchanges(document)
    if found or config is None:
        raise ConfigError("\n".join(line(source, location, message) for location, message in found))
    return config


def _contradictions_elsewhere(document: Mapping[str, Any], bad: set[str | int]) -> list[tuple[Location, str]]:
    """Return the contradictions in the tables that are well formed, so that one run tells everything."""
    stand_ins = {"storages": {"main": {"plugin": "x"}}, "exchanges": {"x": {"plugin": "x"}}}
    sound = {key: value for key, value in document.items() if key not in bad}
    return list(contradictions(Config.model_validate({**stand_ins, **sound})))


def _unknown_exchanges(document: Mapping[str, Any]) -> list[tuple[Location, str]]:
    exchanges, strategies = document.get("exchanges"), document.get("strategies")
    if not isinstance(exchanges, Mapping) or not isinstance(strategies, Mapping):
        return []
    return [
        (
            ("strategies", str(name), "exchanges"),
            f"no exchange named {wanted!r}{did_you_mean(wanted, map(str, exchanges))}",
        )
        for name, strategy in strategies.items()
        if isinstance(strategy, Mapping) and isinstance(strategy.get("exchanges"), list)
        for wanted in strategy["exchanges"]
        if isinstance(wanted, str) and wanted not in exchanges
    ]


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)  # a device may have no end
        if len(content) > _LARGEST:
            raise ConfigError(f"{path}: is larger than 1 MiB: is it a configuration?")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `arb config init` writes one to start from") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a folder, not a file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _parse_toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=exact_number)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply") from None
    except ValueError as error:  # a number or a date that only looks like one
        raise ConfigError(f"{source}: not TOML: {error}") from None
