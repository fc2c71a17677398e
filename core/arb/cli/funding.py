"""`arb funding`: what is known of funding rates, and what it is worth."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from ._given import (
    Until,
    amount,
    chosen_config,
    config_option,
    csv_option,
    export_option,
    json_option,
    length,
    picture,
    record_option,
    until,
    window_options,
)

_exchange_option = click.option("--exchange", metavar="NAME", multiple=True, help="Only this exchange; repeatable.")
_symbol_option = click.option("--symbol", metavar="BASE", multiple=True, help="Only this asset (BTC); repeatable.")


@click.group(name="funding")
def command() -> None:
    """Collect, import, compare and judge funding rates.

    Positive funding means that longs pay shorts. Rates are shown per hour and as simple annual rates, whatever
    the venue publishes; predicted, settled and paid are three series and never mixed.
    """


@command.command(
    epilog="""\b
Examples: arb funding collect -c arb.toml
          arb funding collect -c arb.toml --until 12h --every 1m
"""
)
@config_option
@click.option(
    "--until",
    "end",
    metavar="TIME",
    callback=until,
    help="Go on until this UTC time, or for this long (12h); simulated time on simulated exchanges. Once without it.",
)
@click.option("--every", metavar="LENGTH", callback=length, help="Between two collections; [run] collect_every else.")
@record_option
@json_option
def collect(file: Path | None, end: Until | None, every: int | None, record: Path | None, as_json: bool) -> None:
    """Read instruments, rates, statistics and history from every configured exchange, and store them.

    No strategy runs and nothing is traded. An exchange that fails is named and delays no other; exit code 5 when
    the last collection brought nothing from one. `arb run` collects by itself.
    """
    from ._funding_collect import collect as work

    click.get_current_context().exit(work(chosen_config(file), end, every, record, as_json=as_json))


@command.command(name="import", epilog="Example: arb funding import ../recordings/funding -c arb.toml")
@click.argument("path", type=click.Path(path_type=Path))
@config_option
@json_option
def import_(path: Path, file: Path | None, as_json: bool) -> None:
    """Store a recording of funding made by somebody else, as if its venues had been collected.

    PATH is a Parquet file, or a folder of them, of a known kind; it is recognised by its columns. What cannot be
    used is left out and counted, with the reason, and so is what is mended. A second import changes nothing.
    """
    from ._funding_import import import_recordings

    import_recordings(chosen_config(file), path, as_json=as_json)


@command.command(epilog="Example: arb funding rates -c arb.toml --symbol BTC --sort apr")
@config_option
@_exchange_option
@_symbol_option
@click.option("--settled", is_flag=True, help="The last settled rates instead of the predicted ones.")
@click.option("--sort", type=click.Choice(["name", "apr"]), default="name", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Show at most so many rows.")
@json_option
@csv_option
def rates(
    file: Path | None,
    exchange: tuple[str, ...],
    symbol: tuple[str, ...],
    settled: bool,
    sort: str,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show the newest stored rate of every instrument, with what the market does there."""
    from ._funding_rates import RatesWanted, show_rates

    wanted = RatesWanted(
        exchanges=exchange, symbols=symbol, settled=settled, sort=sort, limit=limit, as_json=as_json, as_csv=as_csv
    )
    show_rates(chosen_config(file), wanted)


@command.command(epilog="Example: arb funding compare sim-a sim-b -c arb.toml")
@click.argument("first")
@click.argument("second")
@config_option
@_symbol_option
@click.option("--limit", type=click.IntRange(min=1), help="Show at most so many assets.")
@json_option
@csv_option
def compare(
    first: str,
    second: str,
    file: Path | None,
    symbol: tuple[str, ...],
    limit: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Put the predicted rates of two exchanges side by side, the widest spread first.

    The spread is what a hedge earns an hour before costs: short where funding is high, long where it is low.
    """
    from ._funding_compare import CompareWanted, show_comparison

    wanted = CompareWanted(first=first, second=second, symbols=symbol, limit=limit, as_json=as_json, as_csv=as_csv)
    show_comparison(chosen_config(file), wanted)


@command.command(epilog="Example: arb funding history BTC -c arb.toml --period 30d --plot btc.svg")
@click.argument("symbol")
@config_option
@_exchange_option
@click.option("--period", metavar="LENGTH", callback=length, default="7d", show_default=True, help="How far back.")
@click.option("--predicted", is_flag=True, help="What was predicted instead of what was settled.")
@click.option("--plot", callback=picture, metavar="FILE", help="Draw the rates an hour over time: PNG or SVG.")
@json_option
@csv_option
def history(
    symbol: str,
    file: Path | None,
    exchange: tuple[str, ...],
    period: int,
    predicted: bool,
    plot: Path | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show what an asset's funding was on each exchange: mean, range, share of time positive, a sparkline.

    SYMBOL is an asset such as BTC, or an instrument such as BTC-PERP.lighter. The period ends with the newest rate.
    """
    from ._funding_history import HistoryWanted, show_history

    wanted = HistoryWanted(
        symbol=symbol,
        exchanges=exchange,
        period_ns=period,
        predicted=predicted,
        plot=plot,
        as_json=as_json,
        as_csv=as_csv,
    )
    show_history(chosen_config(file), wanted)


@command.command(
    epilog="""\b
Examples: arb funding opportunities -c arb.toml --size 5000 --horizon 7d
          arb funding opportunities -c arb.toml --min-profit 0.001 --skipped
"""
)
@config_option
@_exchange_option
@_symbol_option
@click.option("--size", metavar="USD", callback=amount, default="1000", show_default=True, help="Notional of one leg.")
@click.option(
    "--horizon", metavar="LENGTH", callback=length, default="3d", show_default=True, help="How long it is held."
)
@click.option("--min-profit", metavar="FRACTION", callback=amount, default="0", help="Least net of notional.")
@click.option("--min-volume", metavar="USD", callback=amount, default="0", help="Least 24 h volume of the thinner leg.")
@click.option("--hurdle", metavar="APR", callback=amount, default="0", help="Least yearly return on capital (0.05).")
@click.option("--min-survival", metavar="SHARE", callback=amount, help="Least share of past spreads that lasted.")
@click.option("--max-oi", metavar="USD", callback=amount, help="Most open interest of either leg.")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True)
@click.option("--skipped", is_flag=True, help="Also every pair that was passed over, with its reason and number.")
@json_option
@csv_option
def opportunities(file: Path | None, **options: Any) -> None:
    """Read rates and books from every exchange now, and rank the pairs worth opening.

    Costs are four taker fills at the asked size, by the depth of both books; the capture is the sum over the coming
    settlements of both legs. Nothing is stored or traded; rates that the storage holds are used.
    """
    from ._funding_opportunities import OpportunitiesWanted, show_opportunities

    show_opportunities(chosen_config(file), OpportunitiesWanted(**options))


@command.command(epilog="Example: arb funding payments -c carry.toml --unmatched")
@config_option
@_exchange_option
@_symbol_option
@click.option("--unmatched", is_flag=True, help="Only settlements that are not both expected and paid.")
@window_options
@json_option
@csv_option
@export_option
def payments(file: Path | None, **options: Any) -> None:
    """Show what settlements owed by the venues' own rules beside what the venues booked.

    Expected is -quantity x price x rate, from our fills, the settled rate, and the price read nearest to it. Exit
    code 7: something is not booked two intervals after it was due, or was booked as something else.
    """
    from ._funding_payments import PaymentsWanted, show_payments

    click.get_current_context().exit(show_payments(chosen_config(file), PaymentsWanted(**options)))


@command.command(epilog="Example: arb funding proofs -c carry.toml --details")
@config_option
@click.option("--details", is_flag=True, help="A row for each instrument instead of each exchange.")
@json_option
@csv_option
def proofs(file: Path | None, details: bool, as_json: bool, as_csv: bool) -> None:
    """Prove the units of rates from what was paid: rate = -payment / (quantity x price).

    The ratio of paid to published is 1 where unit, period and sign are understood; beyond 1 % the exchange is in
    quarantine, and nothing is opened on its rates. Usual rates of BTC and ETH that are far from those of the peers are
    told as well. Exit code 7: a ratio does not fit, or an exchange is in quarantine.
    """
    from ._funding_proofs import show_proofs

    click.get_current_context().exit(show_proofs(chosen_config(file), details=details, as_json=as_json, as_csv=as_csv))


@command.command(epilog="Example: arb funding forecasts -c arb.toml")
@config_option
@json_option
def forecasts(file: Path | None, as_json: bool) -> None:
    """Measure how far forecasts of the coming settlement were from what came, over everything stored.

    Four ways side by side, at a quarter, half and three quarters of the period: by the venue's own averaging, as
    arb trades; the rate as published; the last settled rate; a blend of these two by elapsed time.
    """
    from ._funding_forecasts import show_forecasts

    show_forecasts(chosen_config(file), as_json=as_json)


@command.command(
    epilog="""\b
Examples: arb funding pairs -c arb.toml --best 5
          arb funding pairs -c arb.toml --notional 100000 --costs own.toml --csv
"""
)
@config_option
@click.option("--best", type=click.IntRange(min=1), default=10, show_default=True, help="So many best and worst.")
@click.option(
    "--notional", metavar="USD", callback=amount, default="10000", show_default=True, help="Notional of one leg."
)
@click.option(
    "--costs",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Costs of a fill in place of the usual ones: TOML, a table [costs.NAME] with taker_bps, half_spread_bps, "
    "impact_bps.",
)
@json_option
@csv_option
def pairs(file: Path | None, best: int, notional: Decimal, costs: Path | None, as_json: bool, as_csv: bool) -> None:
    """Show what every pair collected over all stored settlements, less one round trip; the best and the worst.

    Long one instrument and short another of the same asset on another exchange, both ways round, over the time both
    were recorded. JSON and CSV hold every pair.
    """
    from ._funding_pairs import PairsWanted, read_pairs
    from ._funding_pairs_view import print_pairs, print_pairs_csv, print_pairs_json

    found = read_pairs(chosen_config(file), PairsWanted(notional=notional, costs=costs))
    if as_json:
        print_pairs_json(found, notional)
    elif as_csv:
        print_pairs_csv(found)
    else:
        print_pairs(found, best, notional)


@command.command(epilog="Example: arb funding intervals -c arb.toml --exchange bybit")
@config_option
@_exchange_option
@click.option("--period", metavar="LENGTH", callback=length, default="400d", show_default=True, help="How far back.")
@json_option
@csv_option
def intervals(file: Path | None, exchange: tuple[str, ...], period: int, as_json: bool, as_csv: bool) -> None:
    """Show how often each stored instrument settles, and when that changed.

    Inferred from the settlements: at least eight, of which three quarters and the last one agree. Walking forward
    through all of them, the interval inferred at each is compared with the recorded one; exit code 7 when one is
    wrong. Without settlements it is what the venue published with its predictions.
    """
    from ._funding_intervals import show_intervals

    shown = show_intervals(chosen_config(file), exchange, period, as_json=as_json, as_csv=as_csv)
    click.get_current_context().exit(shown)


@command.command(
    epilog="""\b
Examples: arb funding assets -c arb.toml
          arb funding assets -c arb.toml --all --period 7d
"""
)
@config_option
@click.option("--period", metavar="LENGTH", callback=length, default="30d", show_default=True, help="How far back.")
@click.option("--all", "show_all", is_flag=True, help="Also the tickers of which there is nothing to say.")
@json_option
def assets(file: Path | None, period: int, show_all: bool, as_json: bool) -> None:
    """Show tickers that mean different assets on different venues, and denominations, by the stored prices.

    Two instruments are one asset when the ratio of their prices, in dollars per unit of the asset, is within 2 % of
    one as the median over a day. A contract of a thousand units needs a name that claims it and prices that prove it.
    """
    from ._funding_assets import show_assets

    show_assets(chosen_config(file), period, show_all=show_all, as_json=as_json)
