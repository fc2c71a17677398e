"""Typed front of the pluggy manager: the only module that touches its hooks."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, cast

import pluggy
from pydantic import BaseModel

from arb.api import (
    HOOK_PROJECT,
    CacheTierSpec,
    ExchangeSpec,
    ExtensionSpec,
    OrderIntent,
    PluginLoadError,
    PriceSourceSpec,
    Spec,
    StorageSpec,
    StrategySpec,
    Veto,
    hookspecs,
)
from arb.model import Event

from ._catalog import Family, PluginRef
from ._guard import LOAD_TIMEOUT_S, WorkFailed, describe, within
from ._loader import LoadedPlugin
from ._problems import did_you_mean

_SPEC_TYPES: Final[Mapping[Family, type[Spec[Any]]]] = MappingProxyType(
    {
        Family.STORAGES: StorageSpec,
        Family.CACHE_TIERS: CacheTierSpec,
        Family.PRICE_SOURCES: PriceSourceSpec,
        Family.EXCHANGES: ExchangeSpec,
        Family.STRATEGIES: StrategySpec,
        Family.EXTENSIONS: ExtensionSpec,
    }
)
_MOST_SPECS: Final = 1_000


class Registry:
    """The plugins of one run: what they provide, veto and observe."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(HOOK_PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._specs: dict[Family, dict[str, Spec[Any]]] = {family: {} for family in Family}

    def register(self, plugin: LoadedPlugin, *, timeout_s: float = LOAD_TIMEOUT_S) -> None:
        """Add a plugin: check its hooks, ask what it provides.

        Raises:
            PluginLoadError: it breaks the contract; the registry is as it was.
        """
        name = f"{plugin.ref.family}:{plugin.ref.name}"
        # One module may serve several entry points; pluggy takes it once.
        added = not self._manager.is_registered(plugin.module)
        try:
            spec = within(timeout_s, lambda: self._admit(plugin, name if added else None), plugin.ref.name)
        except Exception as error:
            if added:
                self.detach(name)
            raise PluginLoadError(f"{plugin.ref.label}: {_said(error, plugin.ref)}") from error
        self._specs[plugin.ref.family][plugin.ref.name] = spec

    def attach(self, name: str, resource: object) -> None:
        """Add the hooks that an opened resource has as methods; one without hooks changes nothing.

        Raises:
            PluginLoadError: a hook of it is unknown or wrongly declared.
        """
        if not _has_hooks(type(resource)) or self._manager.is_registered(resource):
            return
        if self._manager.has_plugin(name):
            raise PluginLoadError(f"{name}: something else is attached under this name")
        try:
            self._add(resource, name)
        except Exception as error:
            self.detach(name)
            raise PluginLoadError(f"{name}: {_first(error)}") from error

    def detach(self, name: str) -> None:
        """Remove what was added under `name`; nothing happens when it is unknown."""
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def specs(self, family: Family) -> Mapping[str, Spec[Any]]:
        """Return what the registered plugins of one family provide, by name."""
        return MappingProxyType(self._specs[family])

    def storages(self) -> Mapping[str, StorageSpec]:
        """Return the registered storages by name."""
        return cast("Mapping[str, StorageSpec]", self.specs(Family.STORAGES))

    def cache_tiers(self) -> Mapping[str, CacheTierSpec]:
        """Return the registered cache tiers by name."""
        return cast("Mapping[str, CacheTierSpec]", self.specs(Family.CACHE_TIERS))

    def price_sources(self) -> Mapping[str, PriceSourceSpec]:
        """Return the registered price sources by name."""
        return cast("Mapping[str, PriceSourceSpec]", self.specs(Family.PRICE_SOURCES))

    def exchanges(self) -> Mapping[str, ExchangeSpec]:
        """Return the registered exchanges by name."""
        return cast("Mapping[str, ExchangeSpec]", self.specs(Family.EXCHANGES))

    def strategies(self) -> Mapping[str, StrategySpec]:
        """Return the registered strategies by name."""
        return cast("Mapping[str, StrategySpec]", self.specs(Family.STRATEGIES))

    def extensions(self) -> Mapping[str, ExtensionSpec]:
        """Return the registered extensions by name."""
        return cast("Mapping[str, ExtensionSpec]", self.specs(Family.EXTENSIONS))

    def hooks(self, ref: PluginRef) -> tuple[str, ...]:
        """Return the names of the hooks that a registered plugin's module implements, sorted."""
        return tuple(
            sorted(
                hook
                for hook, caller in vars(self._manager.hook).items()
                for impl in getattr(caller, "get_hookimpls", list)()
                if getattr(impl.plugin, "__name__", None) == ref.target
            )
        )

    def veto_order(self, intent: OrderIntent) -> Veto | None:
        """Ask every plugin alone; the first veto wins. A plugin that fails to answer vetoes."""
        for impl in self._impls("arb_veto_order"):
            try:
                answer = impl.function(**_accepted(impl, intent=intent))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                return Veto(f"{impl.plugin_name} failed: {describe(error)}")
            if isinstance(answer, Veto):
                return Veto(f"{impl.plugin_name}: {answer.reason}")
            if answer is not None:
                return Veto(f"{impl.plugin_name} answered a {type(answer).__name__}, neither a Veto nor None")
        return None

    def notify(self, event: Event) -> list[tuple[str, BaseException]]:
        """Tell every observer alone; return who failed and how."""
        failures: list[tuple[str, BaseException]] = []
        for impl in self._impls("arb_event"):
            try:
                impl.function(**_accepted(impl, event=event))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                failures.append((impl.plugin_name, error))
        return failures

    def _impls(self, hook: str) -> Sequence[pluggy.HookImpl]:
        # pluggy keeps tryfirst at the end and calls from there.
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return caller.get_hookimpls()[::-1]

    def _add(self, plugin: object, name: str) -> None:
        self._manager.register(plugin, name=name)
        for caller in self._manager.get_hookcallers(plugin) or ():
            own = [impl for impl in caller.get_hookimpls() if impl.plugin is plugin]
            if not caller.has_spec() and not all(impl.optionalhook for impl in own):
                known = [hook for hook in vars(hookspecs) if hook.startswith(f"{HOOK_PROJECT}_")]
                raise PluginLoadError(f"unknown hook {caller.name!r}{did_you_mean(caller.name, known)}")
            if any(impl.hookwrapper or impl.wrapper for impl in own):
                raise PluginLoadError(f"{caller.name} is a hook wrapper; each hook is called alone, so none may wrap")

    def _admit(self, plugin: LoadedPlugin, name: str | None) -> Spec[Any]:
        if name is not None:
            self._add(plugin.module, name)
        return self._provided(plugin)

    def _provided(self, plugin: LoadedPlugin) -> Spec[Any]:
        ref = plugin.ref
        hook = f"arb_{ref.family}"
        impls = [impl for impl in self._impls(hook) if impl.plugin is plugin.module]
        if not impls:
            raise PluginLoadError(f"{ref.target} has no hook {hook}")
        try:
            provided = impls[0].function()
            specs = list(islice(provided, _MOST_SPECS)) if isinstance(provided, Iterable) else None
        except BaseException as error:
            raise PluginLoadError(f"{hook} failed: {describe(error)}") from error
        if specs is None:
            raise PluginLoadError(f"{hook} returned a {type(provided).__name__}, not a list of specs")
        return _choose(specs, ref, hook)


def _said(error: Exception, ref: PluginRef) -> str:
    if isinstance(error, TimeoutError):
        return f"arb_{ref.family} hangs: {error}"
    if isinstance(error, WorkFailed) and isinstance(error.error, PluginLoadError):
        return str(error.error)
    return _first(error)


def _first(error: Exception) -> str:
    return str(error) if isinstance(error, (PluginLoadError, WorkFailed)) else describe(error)


def _has_hooks(owner: type) -> bool:
    # Looked up without running properties, which may fail on a resource that is not connected yet.
    marker = f"{HOOK_PROJECT}_impl"
    return any(hasattr(inspect.getattr_static(owner, name, None), marker) for name in dir(owner))


def _choose(specs: Sequence[object], ref: PluginRef, hook: str) -> Spec[Any]:
    expected = _SPEC_TYPES[ref.family]
    for item in specs:
        if not isinstance(item, expected):
            raise PluginLoadError(f"{hook} returned a {type(item).__name__}, not a {expected.__name__}")
    named = [spec for spec in specs if isinstance(spec, expected) and spec.name == ref.name]
    if len(named) != 1:
        names = ", ".join(repr(getattr(spec, "name", None)) for spec in specs) or "nothing"
        how = "twice" if named else "not at all"
        raise PluginLoadError(
            f"{hook} provides {ref.name!r} {how}: the entry point is {ref.name!r}, it returned {names}"
        )
    (spec,) = named
    settings: object = spec.settings
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        raise PluginLoadError(f"the settings of {spec.name!r} are not a pydantic model")
    if not callable(spec.open):
        raise PluginLoadError(f"the open of {spec.name!r} cannot be called")
    return spec


def _accepted(impl: pluggy.HookImpl, **arguments: object) -> dict[str, object]:
    # A hook may take fewer arguments than the specification offers.
    return {name: arguments[name] for name in impl.argnames}
