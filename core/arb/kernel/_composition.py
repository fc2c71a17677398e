"""From a checked configuration to the plugins it names, each with validated settings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from arb.api import ConfigError, PluginError, PluginLoadError, Spec

from ._catalog import Family, PluginRef, Status, installed_plugins
from ._config import Config, PluginUse
from ._guard import LOAD_TIMEOUT_S, describe
from ._loader import PluginFailure, load_plugin
from ._numbers import OUT_OF_RANGE, extremes
from ._problems import did_you_mean, line, problems
from ._registry import Registry


@dataclass(frozen=True, slots=True)
class Part:
    """One named use of a plugin, ready to be opened.

    Attributes:
        alias: Its name in the configuration.
        settings: An instance of `spec.settings`.
        raw: The settings as written, with secrets still references.
    """

    family: Family
    alias: str
    ref: PluginRef
    spec: Spec[Any]
    settings: BaseModel
    raw: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Return table and plugin, for messages."""
        return f"[{self.family}.{self.alias}] ({self.ref.label})"


@dataclass(frozen=True, slots=True)
class Composition:
    """Everything a configuration names, loaded and checked, nothing opened."""

    config: Config
    registry: Registry
    parts: Mapping[Family, Mapping[str, Part]]


def load_into(registry: Registry, ref: PluginRef, *, timeout_s: float = LOAD_TIMEOUT_S) -> PluginFailure | None:
    """Load a plugin and add it to `registry`; return why it cannot be used, or None."""
    loaded = load_plugin(ref, timeout_s=timeout_s)
    if isinstance(loaded, PluginFailure):
        return loaded
    try:
        registry.register(loaded, timeout_s=timeout_s)
    except PluginError as error:
        return PluginFailure(ref, error)
    return None


def compose(
    config: Config,
    source: str,
    *,
    disabled: frozenset[str] = frozenset(),
    catalog: Iterable[PluginRef] | None = None,
    timeout_s: float = LOAD_TIMEOUT_S,
    families: Collection[Family] = tuple(Family),
) -> Composition:
    """Load the plugins that `config` names, and only those, and validate their settings.

    Args:
        config: The checked file.
        source: Its name, for messages.
        disabled: From :func:`arb.kernel.disabled_names`.
        catalog: What is installed; read from the environment when None.
        timeout_s: For importing one plugin, and again for its declaration.
        families: Only these are loaded and checked, in the order in which they are opened.

    Raises:
        PluginLoadError: a named plugin cannot be used.
        ConfigError: a name or a setting is wrong, and every plugin could be used.
            The text of either has one line for each problem of both kinds.
    """
    refs = installed_plugins(disabled=disabled) if catalog is None else tuple(catalog)
    draft = _Draft(source, refs, timeout_s)
    parts: dict[Family, Mapping[str, Part]] = {}
    for family in families:
        made = [draft.part(family, alias, use) for alias, use in config.uses(family).items()]
        parts[family] = MappingProxyType({part.alias: part for part in made if part is not None})
    draft.raise_problems()
    return Composition(config, draft.registry, MappingProxyType(parts))


def load_spec(family: Family, name: str, *, disabled: frozenset[str] = frozenset()) -> Spec[Any]:
    """Load one installed plugin by name and return what it declares.

    Raises:
        PluginError: there is none of that name, or it cannot be used.
    """
    refs = installed_plugins(disabled=disabled)
    ref = _find(refs, family, name)
    if ref is None:
        names = [each.name for each in refs if each.family is family]
        hint = did_you_mean(name, names) or "; none is installed"
        raise PluginLoadError(f"no {family.noun} plugin named {name!r}{hint}")
    registry = Registry()
    failure = load_into(registry, ref)
    if failure is not None:
        raise failure.error
    return registry.specs(family)[name]


class _Draft:
    """A composition in the making: it collects problems instead of stopping at the first."""

    def __init__(self, source: str, refs: Iterable[PluginRef], timeout_s: float) -> None:
        self.registry = Registry()
        self._source = source
        self._refs = tuple(refs)
        self._timeout_s = timeout_s
        self._mistakes: list[str] = []
        self._failures: dict[PluginRef, str] = {}

    def part(self, family: Family, alias: str, use: PluginUse) -> Part | None:
        """Load and check one named use; None when there is a problem."""
        ref = _find(self._refs, family, use.plugin)
        if ref is None:
            names = [each.name for each in self._refs if each.family is family]
            hint = did_you_mean(use.plugin, names) or "; none is installed"
            message = f"no {family.noun} plugin named {use.plugin!r}{hint}"
            self._mistakes.append(line(self._source, (family, alias, "plugin"), message))
            return None
        if ref not in self._failures and use.plugin not in self.registry.specs(family):
            failure = load_into(self.registry, ref, timeout_s=self._timeout_s)
            if failure is not None:
                self._failures[ref] = line(self._source, (family, alias, "plugin"), str(failure.error))
        if ref in self._failures:
            return None
        spec = self.registry.specs(family)[use.plugin]
        try:
            settings = _validated(spec, use.settings, self._source, (family, alias, "settings"))
        except ConfigError as error:
            self._mistakes.append(str(error))
            return None
        except PluginError as error:
            self._failures[ref] = line(self._source, (family, alias, "settings"), f"{ref.label}: {error}")
            return None
        return Part(family, alias, ref, spec, settings, use.settings)

    def raise_problems(self) -> None:
        """Raise what was found, all of it in one text; return when there is nothing."""
        text = "\n".join([*self._failures.values(), *self._mistakes])
        if self._failures:
            raise PluginLoadError(text)
        if self._mistakes:
            raise ConfigError(text)


def _find(refs: Iterable[PluginRef], family: Family, name: str) -> PluginRef | None:
    candidates = [ref for ref in refs if ref.family is family and ref.name == name]
    return min(candidates, key=lambda ref: ref.status is not Status.OK, default=None)


def _validated(spec: Spec[Any], settings: Mapping[str, Any], source: str, location: tuple[str, ...]) -> BaseModel:
    try:
        made: BaseModel = spec.settings.model_validate(settings)
    except ValidationError as error:
        found = list(problems(error, spec.settings))
    except Exception as error:
        # Its arithmetic may have failed on such a number; else the model itself is wrong.
        found = [(where, OUT_OF_RANGE) for where in extremes(settings, texts=True)]
        if not (found and isinstance(error, ArithmeticError)):
            # Only the type: the text may hold what was being validated.
            raise PluginLoadError(f"its settings model failed: {describe(type(error)())}") from None
    else:
        found = [(where, OUT_OF_RANGE) for where in extremes(made)]
        if not found:
            return made
    raise ConfigError("\n".join(line(source, (*location, *where), what) for where, what in found)) from None
