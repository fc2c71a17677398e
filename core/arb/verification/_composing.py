"""The configuration of a process: real plugins by name, and the world in the place of exchanges and storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from arb.api import Capability, Context, ExchangeSpec, Settings, Spec, StorageSpec
from arb.kernel import Composition, Family, Part, PluginRef, compose, parse_config
from arb.model import MINUTE_NS
from arb.runtime import Ports
from arb.simulation import SIMULATED_CAPABILITIES
from arb.testing import FakeHttp, FakeWebSockets

from ._adapters import adapter_opener, adapter_spec
from ._chance import ChanceIds
from ._database import ProcessStorage
from ._exchange import WireExchange
from ._halt_store import ProcessHaltStore
from ._wire import Wire

if TYPE_CHECKING:
    from ._counter import Counter
    from ._process import Process

STRATEGY: Final = "carry"
RIVAL: Final = "rival"
"""A second strategy, where a scenario has one."""
_SOURCE: Final = "episode"
_REAL: Final = (Family.CACHE_TIERS, Family.PRICE_SOURCES, Family.STRATEGIES)


class _NoSettings(Settings):
    """The world needs none."""


@cache
def _loaded() -> Composition:
    """Load the real plugins once for all episodes of this process."""
    return compose(parse_config(_document(("left", "right"), {}), _SOURCE), _SOURCE, families=_REAL)


def _document(exchanges: tuple[str, ...], tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    use = {"plugin": "funding_arbitrage", "exchanges": list(exchanges)}
    return {
        **{name: dict(table) for name, table in tables.items() if name not in ("strategy", "exchange", RIVAL)},
        "storages": {"main": {"plugin": _SOURCE}},
        "exchanges": {name: {"plugin": _SOURCE, **tables.get("exchange", {})} for name in exchanges},
        "strategies": {name: {**use, "settings": settings} for name, settings in _strategies(tables).items()},
    }


def _strategies(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the settings of each strategy."""
    rival = {RIVAL: tables[RIVAL]} if tables.get(RIVAL) else {}
    return {STRATEGY: tables.get("strategy", {}), **rival}


def compose_episode(exchanges: tuple[str, ...], tables: Mapping[str, Mapping[str, Any]]) -> Composition:
    """Return the composition of an episode; exchanges and storage are put in for each process.

    Args:
        exchanges: Their names.
        tables: Tables of the configuration; `exchange` is that of every venue, `strategy` and `rival` are
            settings of strategies.

    Raises:
        ConfigError: a setting is wrong.
        PluginError: a plugin that episodes need is not installed.
    """
    loaded = _loaded()
    config = parse_config(_document(exchanges, tables), _SOURCE)
    strategy = loaded.parts[Family.STRATEGIES][STRATEGY]
    made = {
        name: replace(strategy, alias=name, settings=strategy.spec.settings.model_validate(settings), raw=settings)
        for name, settings in _strategies(tables).items()
    }
    own: dict[Family, Mapping[str, Part]] = {Family.STRATEGIES: made, Family.EXTENSIONS: {}}
    return Composition(config, loaded.registry, MappingProxyType({**loaded.parts, **own}))


def compose_process(process: Process) -> Composition:
    """Return the episode's composition with the venues and the database as this process reaches them."""
    exchanges = {str(counter.name): _exchange(process, counter) for counter in process.world.counters.values()}
    storage = {"main": _part(Family.STORAGES, "main", ProcessStorage(process))}
    composition = process.world.composition
    own: dict[Family, Mapping[str, Part]] = {Family.EXCHANGES: exchanges, Family.STORAGES: storage}
    return replace(composition, parts=MappingProxyType({**composition.parts, **own}))


def _exchange(process: Process, counter: Counter) -> Part:
    """Return a venue as a process reaches it: directly, or through a real plugin over its fake."""
    plugin = process.world.plan.adapters.get(counter.name)
    if plugin is None:
        return _part(Family.EXCHANGES, counter.name, WireExchange(Wire(process, counter)))
    spec = adapter_spec(plugin)
    made = ExchangeSpec(
        name=_SOURCE,
        settings=_NoSettings,
        open=adapter_opener(process, counter, spec),
        capabilities=spec.capabilities | {Capability.SIMULATED},
    )
    ref = PluginRef(Family.EXCHANGES, _SOURCE, __name__, "arb-core", "0")
    return Part(Family.EXCHANGES, counter.name, ref, made, _NoSettings(), {})


def make_ports(process: Process) -> Ports:
    """Return the ports of a process."""
    return Ports(
        clock=process.clock,
        ids=ChanceIds(process.world.seed, "ids", process.number),
        http=FakeHttp(),
        websocket=FakeWebSockets(reachable=False),
        seed=process.world.seed,
        inline=True,
        halt_store=ProcessHaltStore(process),
        holder=process.holder,
        holder_is_gone=process.world.is_gone,
        lease_ns=MINUTE_NS,
    )


def _part(family: Family, alias: str, resource: object) -> Part:
    @asynccontextmanager
    async def open_it(_settings: object, _context: Context) -> AsyncIterator[Any]:
        yield resource

    spec: Spec[Any]
    if family is Family.EXCHANGES:
        spec = ExchangeSpec(name=_SOURCE, settings=_NoSettings, open=open_it, capabilities=SIMULATED_CAPABILITIES)
    else:
        spec = StorageSpec(name=_SOURCE, settings=_NoSettings, open=open_it)
    ref = PluginRef(family, _SOURCE, __name__, "arb-core", "0")
    return Part(family, alias, ref, spec, _NoSettings(), {})
