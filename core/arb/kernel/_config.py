"""The shape of the configuration: tables, keys, limits. Settings of plugins are validated later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from arb.api import Duration, Settings
from arb.model import DAY_NS, HOUR_NS, MILLISECOND_NS, MINUTE_NS, SECOND_NS, parse_utc

from ._catalog import NAME_PATTERN, Family

# Storages keep times as signed 64-bit integers.
_END_OF_TIME_NS: Final = 1 << 63
_LONGEST_NS: Final = 3_650 * DAY_NS


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise ValueError(f"{text!r} is not a name: use lower-case letters, digits, '-' and '_', no dots")
    return text


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{NAME_PATTERN}$"})]
Positive = Annotated[Decimal, Field(gt=0)]


def _as_text(value: Any) -> Any:
    # TOML and YAML have dates of their own.
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _utc(text: str) -> str:
    try:
        ts_ns = parse_utc(text)
    except ValueError:
        raise ValueError("write a UTC time such as '2026-01-24T00:00:00Z'") from None
    if not 0 <= ts_ns < _END_OF_TIME_NS:
        raise ValueError("must be a time from 1970 to 2262")
    return text


def _bounded(duration_ns: int) -> int:
    if duration_ns > _LONGEST_NS:
        raise ValueError(f"must be {_LONGEST_NS // DAY_NS}d at most")
    return duration_ns


PositiveDuration = Annotated[Duration, Field(gt=0), AfterValidator(_bounded)]


def _rates(rates: Mapping[str, Decimal]) -> dict[str, Decimal]:
    if rates.get("USD", Decimal(1)) != 1:
        raise ValueError("a US dollar is worth 1 US dollar: leave USD out")
    return {"USD": Decimal(1), **rates}


class RunConfig(Settings):
    """How the run works."""

    seed: int = Field(default=0, ge=0, description="Seed of everything random in a simulation.")
    start: Annotated[str, BeforeValidator(_as_text), AfterValidator(_utc)] | None = Field(
        default=None, description="Start of simulated time, ISO 8601 in UTC."
    )
    until: Annotated[str, BeforeValidator(_as_text), AfterValidator(_utc)] | None = Field(
        default=None, description="End of simulated time, ISO 8601 in UTC; `--until` replaces it."
    )
    collect_every: PositiveDuration = Field(
        default=MINUTE_NS, description="Time between two collections of funding rates."
    )
    sample_every: PositiveDuration = Field(default=HOUR_NS, description="Time between two samples of equity.")
    max_price_age: PositiveDuration = Field(default=5 * SECOND_NS, description="Oldest price that may open risk.")
    order_timeout: PositiveDuration = Field(
        default=10 * SECOND_NS, ge=100 * MILLISECOND_NS, description="After this an order without answer is doubted."
    )
    close_timeout: PositiveDuration = Field(default=10 * SECOND_NS, description="Longest wait for one plugin to close.")
    fx: Annotated[dict[str, Positive], AfterValidator(_rates)] = Field(
        default={"USD": Decimal(1)}, description="Assumed US dollars per unit of a currency that no exchange prices."
    )

    @property
    def start_ns(self) -> int | None:
        """Return `start` in nanoseconds since the Unix epoch."""
        return None if self.start is None else parse_utc(self.start)

    @property
    def until_ns(self) -> int | None:
        """Return `until` in nanoseconds since the Unix epoch."""
        return None if self.until is None else parse_utc(self.until)


class RiskConfig(Settings):
    """Limits that no strategy can exceed."""

    max_hedge_notional_usd: Positive = Field(default=Decimal(10_000), description="Largest leg of one hedge.")
    max_exchange_notional_usd: Positive = Field(
        default=Decimal(50_000), description="Largest sum of positions on one exchange."
    )
    max_total_notional_usd: Positive = Field(default=Decimal(100_000), description="Largest sum of all positions.")
    max_hedges: int = Field(default=10, ge=1, description="Most hedges open at once.")
    max_leverage: Positive = Field(default=Decimal(3), description="Largest notional over equity of one account.")
    min_liquidation_distance: Decimal = Field(
        default=Decimal("0.10"), gt=0, lt=1, description="Smallest fraction the price may be from liquidation."
    )
    max_mark_divergence_bps: Positive = Field(
        default=Decimal(200), description="Largest gap between two venues' mark prices."
    )


class PluginUse(Settings):
    """One named use of a plugin."""

    plugin: Name = Field(description="Name of the plugin, as `arb plugins list` shows it.")
    settings: dict[str, Any] = Field(default={}, description="The plugin's own settings: `arb plugins info NAME`.")


class ExchangeUse(PluginUse):
    """One account on one exchange."""

    armed: bool = Field(default=False, strict=True, description="Real orders may be sent; `--live` is needed as well.")
    leverage: Positive | None = Field(default=None, description="Leverage to set; the venue's own when absent.")
    paper_deposit: Positive = Field(
        default=Decimal(10_000), description="Cash of a new paper account, in the venue's main quote currency."
    )


class StrategyUse(PluginUse):
    """One strategy and the exchanges it may use."""

    exchanges: tuple[Name, ...] = Field(min_length=1, description="Names of tables below [exchanges].")


class OrderedUse(Settings):
    """A member of an ordered family; its plugin has the table's name unless told otherwise."""

    plugin: Name | None = Field(default=None, description="Name of the plugin; the table's name when absent.")
    settings: dict[str, Any] = Field(default={}, description="The plugin's own settings: `arb plugins info NAME`.")


class CacheTiers(Settings):
    """The cache tiers, asked in this order."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OrderedUse] = Field(init=False)
    order: tuple[Name, ...] = Field(default=("memory",), description="Names, the nearest first.")


class PriceSources(Settings):
    """The price sources, tried in this order."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OrderedUse] = Field(init=False)
    order: tuple[Name, ...] = Field(default=("rest",), min_length=1, description="Names, the preferred first.")


class Config(Settings):
    """Everything that one file says."""

    run: RunConfig = RunConfig()
    risk: RiskConfig = RiskConfig()
    storages: dict[Name, PluginUse] = Field(description="Databases; the journal is the one named `main`.")
    cache_tiers: CacheTiers = CacheTiers()
    price_sources: PriceSources = PriceSources()
    exchanges: dict[Name, ExchangeUse] = Field(min_length=1, description="Accounts by a name of your choice.")
    strategies: dict[Name, StrategyUse] = Field(default={}, description="Strategies by a name of your choice.")
    extensions: dict[Name, PluginUse] = Field(default={}, description="Extensions by a name of your choice.")

    def uses(self, family: Family) -> dict[str, PluginUse]:
        """Return what one family names, in the order in which it is opened."""
        if family is Family.CACHE_TIERS:
            return dict(_in_order(self.cache_tiers))
        if family is Family.PRICE_SOURCES:
            return dict(_in_order(self.price_sources))
        tables: Mapping[str, PluginUse] = getattr(self, family.value)
        return dict(tables)


def _in_order(ordered: CacheTiers | PriceSources) -> Iterator[tuple[str, PluginUse]]:
    for name in ordered.order:
        use = ordered.__pydantic_extra__.get(name, OrderedUse())
        yield name, PluginUse(plugin=use.plugin or name, settings=use.settings)


def contradictions(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is well formed but cannot be meant: table and key, message."""
    if "main" not in config.storages:
        yield ("storages", "main"), 'is missing: the journal needs a storage, such as plugin = "sqlite"'
    for family, ordered in (("cache_tiers", config.cache_tiers), ("price_sources", config.price_sources)):
        for name in sorted({name for name in ordered.order if ordered.order.count(name) > 1}):
            yield (family, "order"), f"names {name!r} more than once"
        for name in ordered.__pydantic_extra__:
            if name not in ordered.order:
                yield (family, name), f"is not in the order of [{family}]: add it there or remove the table"
    yield from _limits(config.risk)
    for name, use in config.exchanges.items():
        if use.leverage is not None and use.leverage > config.risk.max_leverage:
            yield (
                ("exchanges", name, "leverage"),
                f"{use.leverage} is more than [risk] max_leverage {config.risk.max_leverage}",
            )
    for name, strategy in config.strategies.items():
        for exchange in sorted({each for each in strategy.exchanges if strategy.exchanges.count(each) > 1}):
            yield ("strategies", name, "exchanges"), f"names {exchange!r} more than once"


def _limits(risk: RiskConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    ascending = ("max_hedge_notional_usd", "max_exchange_notional_usd", "max_total_notional_usd")
    for smaller, larger in ((0, 1), (1, 2), (0, 2)):
        low, high = getattr(risk, ascending[smaller]), getattr(risk, ascending[larger])
        if low > high:
            yield ("risk", ascending[smaller]), f"{low} is more than {ascending[larger]} {high}"
