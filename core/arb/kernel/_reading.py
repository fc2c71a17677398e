"""Read a configuration file: TOML or YAML, numbers kept exactly as written, every problem told at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from arb.api import ConfigError

from ._config import Config, PluginUse, contradictions
from ._numbers import OUT_OF_RANGE, exact_number, extremes
from ._problems import Location, did_you_mean, line, problems

_YAML_SUFFIXES: Final = (".yaml", ".yml")
_LARGEST: Final = 1 << 20
_STAND_INS: Final[Mapping[str, Any]] = MappingProxyType(
    {"storages": {"main": {"plugin": "x"}}, "exchanges": {"x": {"plugin": "x"}}}
)
"""The least that every file must have, for where something else in it is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundConfig:
    """What of a file can be used, for commands that must work whatever the rest of it says.

    Attributes:
        config: `[run]` and those tables of storages and exchanges that are sound by themselves. All else
            is as if it were not in the file; there may be no storage and no exchange.
        broken: Why the other exchanges of the file cannot be used, by their names.
        storage_problem: Why `[storages.main]` cannot be used; empty where it can.
    """

    config: Config
    broken: Mapping[str, str]
    storage_problem: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return every exchange that the file names, those that cannot be used last."""
        return (*self.config.exchanges, *self.broken)


def read_config(path: Path) -> Config:
    """Read and check a file, TOML or YAML by its suffix.

    Raises:
        ConfigError: its text has one line for each problem, with file, table and key.
    """
    return parse_config(_document(path), str(path))


def read_sound(path: Path) -> SoundConfig:
    """Read what of a file can be used; each table of a storage or an exchange is checked alone.

    Raises:
        ConfigError: it is neither TOML nor YAML, or its table `[run]` is wrong.
    """
    document, source = _document(path), str(path)
    run = _parsed({**_STAND_INS, "run": document.get("run", {})}, source, _compare_nothing)
    storages, bad_storages = _each_alone(document, "storages", source)
    exchanges, broken = _each_alone(document, "exchanges", source)
    problem = bad_storages.get("main") or line(source, ("storages", "main"), "is missing")
    return SoundConfig(
        config=run.model_copy(update={"storages": storages, "exchanges": exchanges}),
        broken=MappingProxyType(broken),
        storage_problem="" if "main" in storages else problem,
    )


def _each_alone(document: Mapping[str, Any], key: str, source: str) -> tuple[dict[str, PluginUse], dict[str, str]]:
    """Return the sound tables below `key`, and what is wrong with the others, by their names."""
    tables = document.get(key)
    sound: dict[str, PluginUse] = {}
    broken: dict[str, str] = {}
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        try:
            alone = _parsed({**_STAND_INS, key: {name: table}}, source, _compare_nothing)
        except ConfigError as error:
            broken[name] = "; ".join(str(error).splitlines())
        else:
            sound[name] = getattr(alone, key)[name]
    return sound, broken


def _compare_nothing(_config: Config) -> Iterable[tuple[Location, str]]:
    return ()


def _document(path: Path) -> Mapping[str, Any]:
    text = _read_text(path)
    if not text.strip():
        raise ConfigError(f"{path}: is empty; `arb config init` writes a file to start from")
    if path.suffix.lower() in _YAML_SUFFIXES:
        # Imported here: a TOML file needs no YAML.
        from ._yaml import parse_yaml

        return parse_yaml(text, str(path))
    return _parse_toml(text, str(path))


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
    sound = {key: value for key, value in document.items() if key not in bad}
    return list(contradictions(Config.model_validate({**_STAND_INS, **sound})))


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
