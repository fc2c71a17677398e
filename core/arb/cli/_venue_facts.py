"""What is known of venues without their plugins: averaging and usual costs, from `venues.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arb.api import ConfigError
from arb.funding import VenueCosts
from arb.kernel import Config
from arb.model import Averaging, ExchangeName

FACTS: Final = "venues.toml"
Model = TypeVar("Model", bound=BaseModel)
_Cost = Annotated[Decimal, Field(gt=-100, lt=1000, allow_inf_nan=False)]
_Notional = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class _Costs(BaseModel):
    model_config = ConfigDict(extra="forbid")

    taker_bps: _Cost
    half_spread_bps: Annotated[_Cost, Field(ge=0)]
    impact_bps: Annotated[dict[_Notional, Annotated[_Cost, Field(ge=0)]], Field(min_length=1)]

    def value(self) -> VenueCosts:
        return VenueCosts(
            taker_bps=self.taker_bps,
            half_spread_bps=self.half_spread_bps,
            impact_bps=sorted(self.impact_bps.items()),
        )


class _OwnCosts(BaseModel):
    model_config = ConfigDict(extra="forbid")

    costs: dict[str, _Costs]


class _Facts(_OwnCosts):
    averaging: dict[str, Averaging]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFacts:
    """Facts by the name of an exchange in the configuration, else by that of its plugin."""

    averagings: Mapping[str, Averaging]
    all_costs: Mapping[str, VenueCosts]
    plugins: Mapping[str, str]

    def averaging(self, exchange: ExchangeName) -> Averaging | None:
        """Return how an exchange averages; None is unknown."""
        return self.averagings.get(exchange) or self.averagings.get(self.plugins.get(exchange, ""))

    def costs(self, exchange: ExchangeName) -> VenueCosts | None:
        """Return what a fill usually costs; None is unknown."""
        return self.all_costs.get(exchange) or self.all_costs.get(self.plugins.get(exchange, ""))


def venue_facts(config: Config, own_costs: Path | None = None) -> VenueFacts:
    """Return the facts that come with arb, and the costs of `own_costs` in place of theirs.

    Raises:
        ConfigError: the file cannot be read, or is not what it should be; each problem has its line.
    """
    text = resources.files(__package__).joinpath(FACTS).read_text(encoding="utf-8")
    facts = _checked(_Facts, text, FACTS)
    costs = dict(facts.costs)
    if own_costs is not None:
        costs.update(_checked(_OwnCosts, _text(own_costs), str(own_costs)).costs)
    return VenueFacts(
        averagings=facts.averaging,
        all_costs={name: one.value() for name, one in costs.items()},
        plugins={name: use.plugin for name, use in config.exchanges.items()},
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None


def _checked(model: type[Model], text: str, source: str) -> Model:
    try:
        return model.model_validate(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: is not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"{source}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ConfigError("\n".join(lines)) from None
