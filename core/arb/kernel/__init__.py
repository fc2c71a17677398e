"""Discovery, loading, composition and life cycle of plugins. Private to arb.

Names are imported when they are first used: the catalog alone must not cost pydantic and pluggy.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._catalog import Family, PluginRef, Status, disabled_names, installed_plugins
    from ._composition import Composition, Part, compose, load_into, load_spec
    from ._config import Config, ExecutionConfig
    from ._describe import effective, format_duration, settings_rows, settings_schema
    from ._isolation import ProbeResult, probe_plugins
    from ._lifecycle import MakeContext, OnFailure, open_family, opened
    from ._loader import LoadedPlugin, PluginFailure, load_plugin
    from ._reading import SoundConfig, parse_config, read_config, read_sound
    from ._registry import Registry
    from ._yaml import write_yaml

__all__ = [
    "Composition",
    "Config",
    "ExecutionConfig",
    "Family",
    "LoadedPlugin",
    "MakeContext",
    "OnFailure",
    "Part",
    "PluginFailure",
    "PluginRef",
    "ProbeResult",
    "Registry",
    "SoundConfig",
    "Status",
    "compose",
    "disabled_names",
    "effective",
    "format_duration",
    "installed_plugins",
    "load_into",
    "load_plugin",
    "load_spec",
    "open_family",
    "opened",
    "parse_config",
    "probe_plugins",
    "read_config",
    "read_sound",
    "settings_rows",
    "settings_schema",
    "write_yaml",
]

_HOMES: Final = MappingProxyType(
    {
        "Composition": "_composition",
        "Config": "_config",
        "ExecutionConfig": "_config",
        "Family": "_catalog",
        "LoadedPlugin": "_loader",
        "MakeContext": "_lifecycle",
        "OnFailure": "_lifecycle",
        "Part": "_composition",
        "PluginFailure": "_loader",
        "PluginRef": "_catalog",
        "ProbeResult": "_isolation",
        "Registry": "_registry",
        "SoundConfig": "_reading",
        "Status": "_catalog",
        "compose": "_composition",
        "disabled_names": "_catalog",
        "effective": "_describe",
        "format_duration": "_describe",
        "installed_plugins": "_catalog",
        "load_into": "_composition",
        "load_plugin": "_loader",
        "load_spec": "_composition",
        "open_family": "_lifecycle",
        "opened": "_lifecycle",
        "parse_config": "_reading",
        "probe_plugins": "_isolation",
        "read_config": "_reading",
        "read_sound": "_reading",
        "settings_rows": "_describe",
        "settings_schema": "_describe",
        "write_yaml": "_yaml",
    }
)


def __getattr__(name: str) -> object:
    """Import a public name from the module that holds it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
