"""The shape of the configuration: tables, keys, limits. Settings of plugins are validated later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Context, Decimal, localcontext
from typing import Annotated, Any, Final, Literal

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
    keep_fine: PositiveDuration = Field(
        default=90 * DAY_NS,
        ge=DAY_NS,
        description="Age from which predicted rates and market statistics are reduced to the last of each hour.",
    )
    max_price_age: PositiveDuration = Field(default=5 * SECOND_NS, description="Oldest price that may open risk.")
    stream_books: bool = Field(
        default=True,
        description="Keep the books in use by the exchanges' streams rather than asking again; not in simulated time.",
    )
    watch_every: PositiveDuration = Field(
        default=10 * SECOND_NS, description="Time between two looks at the positions while a hedge is open."
    )
    order_timeout: PositiveDuration = Field(
        default=3 * SECOND_NS, ge=100 * MILLISECOND_NS, description="After this an order without answer is doubted."
    )
    close_timeout: PositiveDuration = Field(default=10 * SECOND_NS, description="Longest wait for one plugin to close.")
    halt_file: str | None = Field(
        default=None,
        min_length=1,
        description="File of the halts; FILE.halts beside the configuration when absent. A relative path starts at the "
        "configuration's folder.",
    )
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
    """Limits that no strategy can exceed, and circuit breakers."""

    max_hedge_notional_usd: Positive = Field(default=Decimal(10_000), description="Largest leg of one hedge.")
    max_instrument_notional_usd: Positive | None = Field(
        default=None, description="Largest position in one instrument; `max_exchange_notional_usd` when absent."
    )
    max_exchange_notional_usd: Positive = Field(
        default=Decimal(50_000), description="Largest sum of positions on one exchange."
    )
    max_pair_notional_usd: Positive | None = Field(
        default=None,
        description="Largest sum of both legs of all hedges between the same exchanges; "
        "`max_total_notional_usd` when absent.",
    )
    max_total_notional_usd: Positive = Field(default=Decimal(100_000), description="Largest sum of all positions.")
    max_hedges: int = Field(default=10, ge=1, description="Most hedges open at once.")
    max_leverage: Positive = Field(default=Decimal(3), description="Largest notional over equity of one account.")
    min_liquidation_distance: Decimal = Field(
        default=Decimal("0.10"), gt=0, lt=1, description="Smallest fraction the price may be from liquidation."
    )
    min_available_margin: Decimal = Field(
        default=Decimal("0.10"),
        ge=0,
        lt=1,
        description="Smallest share of an account's equity that is still available for orders after an entry.",
    )
    max_maintenance_ratio: Decimal = Field(
        default=Decimal("0.50"), gt=0, lt=1, description="Largest maintenance margin over equity after an entry."
    )
    max_mark_divergence_bps: Positive = Field(
        default=Decimal(200), description="Largest gap between two venues' mid prices, and their mark prices."
    )
    max_depeg_bps: Positive = Field(
        default=Decimal(100), description="Largest gap between a quote currency and one US dollar."
    )
    max_account_age: PositiveDuration = Field(
        default=10 * SECOND_NS, description="Oldest reading of an account that may open risk."
    )
    loss_window: PositiveDuration = Field(
        default=DAY_NS, description="Time within which a fall of the total equity is a loss that halts everything."
    )
    max_loss_usd: Positive | None = Field(
        default=None, description="Largest such fall in dollars; no bound in dollars when absent."
    )
    max_loss_fraction: Decimal = Field(
        default=Decimal("0.10"), gt=0, lt=1, description="Largest such fall as a fraction of the highest equity."
    )
    order_window: PositiveDuration = Field(
        default=10 * MINUTE_NS, description="Time within which the orders of one exchange are counted."
    )
    halt_after_rejects: int = Field(
        default=5, ge=1, description="Refused orders within `order_window` that halt their exchange."
    )
    halt_after_doubts: int = Field(
        default=3, ge=1, description="Orders in doubt within `order_window` that halt their exchange."
    )
    halt_after_slow_orders: int = Field(
        default=5, ge=1, description="Slow orders within `order_window` that halt their exchange."
    )
    max_order_latency: PositiveDuration | None = Field(
        default=None, description="Round trip beyond which an order is slow; half of `[run] order_timeout` when absent."
    )

    @property
    def instrument_notional_usd(self) -> Decimal:
        """Return the cap of one instrument."""
        own = self.max_instrument_notional_usd
        return self.max_exchange_notional_usd if own is None else own

    @property
    def pair_notional_usd(self) -> Decimal:
        """Return the cap of one pair of exchanges."""
        own = self.max_pair_notional_usd
        return self.max_total_notional_usd if own is None else own


class ExecutionConfig(Settings):
    """How hedges are traded, and what that may cost before trading is halted."""

    entry_mode: Literal["market", "post_only", "limit_then_market", "aggressive"] = Field(
        default="market", description="How entries are filled: every mode has a worst price."
    )
    leg_order: Literal["together", "pilot_first"] = Field(
        default="together",
        description="Whether the legs leave together, or the one less likely to fill first and the others after it.",
    )
    rest: PositiveDuration = Field(default=30 * SECOND_NS, description="How long an order of an entry rests.")
    max_naked_seconds: Positive = Field(
        default=Decimal(15), description="A whole leg may stand alone this long, half of one twice as long; then: halt."
    )
    max_attempts: int = Field(default=6, ge=1, description="Orders of one leg and purpose before a person is asked.")
    max_band_bps: Positive = Field(default=Decimal(300), description="Widest band around the mid price of any order.")
    retry_delay: PositiveDuration = Field(default=SECOND_NS, description="Time between two attempts.")
    max_churn: int = Field(
        default=3, ge=1, description="Entries of one pair taken back within `churn_window` before it is refused."
    )
    churn_window: PositiveDuration = Field(default=HOUR_NS, description="Over which such entries are counted.")
    max_dust_usd: Positive = Field(
        default=Decimal(50), description="Largest rest that is declared as dust; more of it is shown to a person."
    )
    stress_depth: Decimal = Field(
        default=Decimal("0.5"), gt=0, le=1, description="Part of today's depth that the exit counts on."
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
    execution: ExecutionConfig = ExecutionConfig()
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
    if config.execution.entry_mode != "market" and config.execution.leg_order == "together":
        yield ("execution", "leg_order"), f'entries that rest ({config.execution.entry_mode}) need "pilot_first"'
    yield from _breakers(config)
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
    hedge, instrument, exchange, pair, total = (
        f"max_{what}_notional_usd" for what in ("hedge", "instrument", "exchange", "pair", "total")
    )
    nested = (
        (hedge, instrument),
        (hedge, exchange),
        (instrument, exchange),
        (hedge, pair),
        (hedge, total),
        (exchange, total),
        (pair, total),
    )
    for smaller, larger in nested:
        low, high = getattr(risk, smaller), getattr(risk, larger)
        if low is not None and high is not None and low > high:
            yield ("risk", smaller), f"{low} is more than {larger} {high}"
    with localcontext(Context(traps=[])):  # what is out of range is told by another check
        is_unreachable = risk.min_liquidation_distance * risk.max_leverage >= 1
    if is_unreachable:
        yield (
            ("risk", "min_liquidation_distance"),
            f"{risk.min_liquidation_distance} cannot be kept at max_leverage {risk.max_leverage}: an account that is "
            "levered so far is liquidated by a smaller move",
        )


def _breakers(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    slow_ns = config.risk.max_order_latency
    if slow_ns is not None and slow_ns > config.run.order_timeout:
        yield (
            ("risk", "max_order_latency"),
            "is more than [run] order_timeout: an order without an answer by then is in doubt, never slow",
        )
