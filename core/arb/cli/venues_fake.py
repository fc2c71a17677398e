"""`arb venues fake`: a venue's own protocol over a simulated account, on loopback."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click

from arb.api import ExchangeSpec, PluginError
from arb.kernel import Family, load_spec
from arb.model import is_bookable

from ._given import length
from ._options import disabled_plugins
from ._output import print_json

if TYPE_CHECKING:
    from arb.net import VenueServer
    from arb.simulation import Troubles

_TROUBLES: Final = ("lost_request", "lost_answer", "unreadable", "rate_limited", "maintenance", "slow")
_EPILOG: Final = """\b
Examples: arb venues fake hyperliquid --port 8701
          arb venues fake backpack --drop-sockets 30s --trouble lost_answer=1%
"""


def _troubles(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> Mapping[str, int]:
    """Read `lost_answer=1%` as parts of a million."""
    found: dict[str, int] = {}
    for value in values:
        name, equals, share = value.partition("=")
        if name not in _TROUBLES or not equals:
            raise click.BadParameter(f"{value!r}: write NAME=PERCENT% with a name of {', '.join(_TROUBLES)}")
        try:
            percent = Decimal(share.removesuffix("%"))
        except ArithmeticError:
            percent = Decimal(-1)
        if not share.endswith("%") or not percent.is_finite() or not 0 <= percent <= 100:
            raise click.BadParameter(f"{value!r}: {share!r} is no share from 0% to 100%")
        found[name] = int(percent * 10_000)
    return found


def _deposit(_ctx: click.Context, _param: click.Parameter, value: str) -> Decimal:
    """Read an amount of money."""
    try:
        amount = Decimal(value)
    except ArithmeticError:
        amount = Decimal(0)
    if not is_bookable(amount) or amount <= 0:
        raise click.BadParameter(f"{value!r} is no amount above zero")
    return amount


@click.command(name="fake", epilog=_EPILOG)
@click.argument("name")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where it listens; without it, a free port.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of its market.")
@click.option(
    "--assets", default="BTC,ETH,SOL", show_default=True, help="What its market lists; SOL17 is another asset like SOL."
)
@click.option(
    "--deposit", default="100000", show_default=True, callback=_deposit, metavar="AMOUNT", help="Cash of its account."
)
@click.option(
    "--drop-sockets", "drop", callback=length, metavar="DURATION", help="Cut every WebSocket so often, such as 30s."
)
@click.option(
    "--trouble",
    "troubles",
    multiple=True,
    callback=_troubles,
    metavar="NAME=PERCENT%",
    help=f"Let that share of the calls meet it: {', '.join(_TROUBLES)}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print address and settings as one JSON document.")
def command(
    name: str,
    port: int,
    seed: int,
    assets: str,
    deposit: Decimal,
    drop: int | None,
    troubles: Mapping[str, int],
    as_json: bool,
) -> None:
    """Serve the venue of the exchange plugin NAME on 127.0.0.1 until Ctrl-C.

    It speaks the venue's own REST and WebSocket protocol over a simulated market and one account, and checks
    what the venue checks: signatures, nonces, steps, minimums and limits. The keys printed are throw-away ones.
    Nothing is stored: the account ends with the command.
    """
    from arb.simulation import Troubles

    spec = loaded_spec(name)
    names = tuple(dict.fromkeys(each.strip() for each in assets.split(",") if each.strip()))
    if not names:
        raise click.BadParameter("name one asset at least, such as BTC", param_hint="'--assets'")
    serving = Serving(spec, port, seed, names, deposit, drop, Troubles(**troubles), as_json)
    try:
        asyncio.run(serving.run())
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def loaded_spec(name: str) -> ExchangeSpec:
    """Return the spec of an installed exchange plugin that brings a fake venue.

    Raises:
        PluginError: it cannot be used, or brings none.
    """
    spec = load_spec(Family.EXCHANGES, name, disabled=disabled_plugins())
    if not isinstance(spec, ExchangeSpec) or spec.fake is None:
        raise PluginError(f"the exchange plugin {name} brings no fake venue")
    return spec


class Serving:
    """One fake venue on its port."""

    def __init__(
        self,
        spec: ExchangeSpec,
        port: int,
        seed: int,
        assets: tuple[str, ...],
        deposit: Decimal,
        drop_ns: int | None,
        troubles: Troubles,
        as_json: bool,
    ) -> None:
        self._spec = spec
        self._port = port
        self._seed = seed
        self._assets = assets
        self._deposit = deposit
        self._drop_ns = drop_ns
        self._troubles = troubles
        self._as_json = as_json

    async def run(self) -> None:
        """Serve until cancelled; raises click.ClickException when the port is taken or an asset unknown."""
        from arb.net import served
        from arb.runtime import WallClock
        from arb.simulation import TroubledLine
        from arb.testing import FakeWorld

        clock = WallClock()
        chance = random.Random(self._seed)  # noqa: S311, TID251 - a seeded trouble, not a secret
        line = TroubledLine(self._troubles, clock, chance)
        world = FakeWorld(name="fake", seed=self._seed, assets=self._assets, deposit=self._deposit)
        async with AsyncExitStack() as stack:
            try:
                _truth, venue = await stack.enter_async_context(world.ground(self._spec, clock, faults=line))
                server, address = await stack.enter_async_context(served(venue, port=self._port))
            except OSError as error:
                raise click.ClickException(f"port {self._port} cannot be used: {error.strerror or error}") from error
            except ValueError as error:
                raise click.ClickException(str(error)) from error
            self._tell(address)
            await self._drop_for_ever(server, clock)

    async def _drop_for_ever(self, server: VenueServer, clock: Any) -> None:
        if self._drop_ns is None:
            await asyncio.Event().wait()
        while True:
            await clock.sleep_until(clock.now_ns() + self._drop_ns)
            server.drop_sockets()

    def _tell(self, address: str) -> None:
        assert self._spec.fake is not None
        settings = self._spec.fake.settings(address)
        plain = {key: _plain(value) for key, value in settings.items()}
        secrets = {key: f"ARB_FAKE_{self._spec.name}_{key}".upper() for key in settings if plain[key] != settings[key]}
        if self._as_json:
            print_json({"plugin": self._spec.name, "address": address, "settings": plain})
            return
        click.echo(f"# {self._spec.name}, imitated at {address}; throw-away keys:")
        for key, variable in secrets.items():
            click.echo(f"export {variable}='{plain[key]}'")
        click.echo(f'\n[exchanges.{self._spec.name}]\nplugin = "{self._spec.name}"\n')
        click.echo(f"[exchanges.{self._spec.name}.settings]")
        for key, value in plain.items():
            click.echo(f"{key} = {_toml(f'env:{secrets[key]}' if key in secrets else value)}")


def _plain(value: Any) -> Any:
    reveal = getattr(value, "get_secret_value", None)
    return value if reveal is None else reveal()


def _toml(value: Any) -> str:
    """Return a scalar or a list of them as TOML."""
    import json

    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"
    return json.dumps(value if isinstance(value, bool | int | str) else str(value))
