"""Import plugins by name through stevedore, one at a time, each guarded."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import NoReturn

from stevedore.driver import DriverManager
from stevedore.extension import ExtensionManager

from arb.api import PLUGIN_API, PluginConflict, PluginError, PluginLoadError

from ._catalog import PluginRef, Status
from ._guard import LOAD_TIMEOUT_S, WorkFailed, within


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin whose module is imported and speaks our plugin API."""

    ref: PluginRef
    module: ModuleType


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """Why one plugin cannot be used; the others are unaffected."""

    ref: PluginRef
    error: PluginError


def load_plugin(ref: PluginRef, *, timeout_s: float = LOAD_TIMEOUT_S) -> LoadedPlugin | PluginFailure:
    """Import one plugin; whatever it does wrong is returned, never raised."""
    if ref.status is Status.CONFLICT:
        return PluginFailure(ref, PluginConflict(f"{ref.label}: {ref.reason}"))
    if ref.status is not Status.OK:
        return PluginFailure(ref, PluginLoadError(f"{ref.label}: {ref.reason}"))
    try:
        module = within(timeout_s, lambda: _import(ref), ref.name)
    except TimeoutError as error:
        return PluginFailure(ref, PluginLoadError(f"{ref.label}: importing {ref.target} hangs: {error}"))
    except WorkFailed as failed:
        failure = PluginLoadError(f"{ref.label}: importing {ref.target} failed: {failed}")
        failure.__cause__ = failed.error
        return PluginFailure(ref, failure)
    problem = _check(ref, module)
    if problem:
        return PluginFailure(ref, PluginLoadError(f"{ref.label}: {problem}"))
    assert isinstance(module, ModuleType)
    return LoadedPlugin(ref, module)


class _OneDriver(DriverManager[object]):
    """Loads exactly the entry point that the catalog judged.

    stevedore's own list comes from a cache that it writes below the home directory.
    """

    def __init__(self, ref: PluginRef) -> None:
        self._entry = EntryPoint(ref.name, ref.target, ref.family.group)
        super().__init__(ref.family.group, ref.name, on_load_failure_callback=_reraise)

    def list_entry_points(self) -> list[EntryPoint]:
        """Return the one entry point."""
        return [self._entry]


def _import(ref: PluginRef) -> object:
    return _OneDriver(ref).extensions[0].plugin


def _reraise(_manager: ExtensionManager[object], _entry: EntryPoint, error: BaseException) -> NoReturn:
    raise error


def _check(ref: PluginRef, module: object) -> str:
    if not isinstance(module, ModuleType):
        return f"{ref.target} is a {type(module).__name__}, not a module"
    declared = vars(module).get("PLUGIN_API")
    if type(declared) is not int:
        return f"{ref.target} does not set PLUGIN_API; it must be {PLUGIN_API}"
    if declared != PLUGIN_API:
        return f"{ref.target} is written for PLUGIN_API {declared}; this kernel speaks {PLUGIN_API}"
    return ""
