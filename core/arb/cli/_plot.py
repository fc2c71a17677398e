"""A picture of a run, drawn by matplotlib (the extra `arb-core[plot]`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from arb.api import ConfigError
from arb.model import DAY_NS

from ._curves import Curve, Curves, curves_of
from ._money import duration, signed, usd
from ._report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INSTALL_HINT: Final = "no plot: matplotlib is not installed; install it with: pip install 'arb-core[plot]'"
_EQUITY, _FUNDING, _COSTS, _HELD = "#1f4e79", "#2e7d32", "#b3261e", "#1f4e79"


class PlotUnavailable(Exception):
    """There is nothing to draw with, or nothing to draw; the text says which."""


def draw(report: Report, path: Path) -> None:
    """Write the picture; its kind follows the suffix, and the same report gives the same bytes of SVG.

    Raises:
        PlotUnavailable: matplotlib is missing, or the run has no equity sample yet.
        ConfigError: the file cannot be written.
    """
    curves = curves_of(report.account, report.equity)
    if curves is None:
        raise PlotUnavailable("no plot: there is no equity sample yet")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotUnavailable(INSTALL_HINT) from None
    with mpl.rc_context({"svg.hashsalt": "arb", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(10, 6.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        figure.suptitle(_title(report), x=0.01, ha="left", fontsize=12, fontweight="bold")
        _draw_equity(upper, curves)
        _draw_parts(lower, curves)
        is_svg = path.suffix.lower() == ".svg"
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if is_svg else {})
        except OSError as error:
            raise ConfigError(f"{path}: the plot cannot be written: {error.strerror or error}") from None


def _title(report: Report) -> str:
    account = report.account
    length = duration((account.end_ns or 0) - (account.start_ns or 0))
    seed = f", seed {report.seed}" if report.mode == "SIMULATED" else ""
    return (
        f"{report.mode}{seed}: {signed(account.equity_change)} USD on {usd(account.equity_start_usd, 0)} "
        f"in {length}, {account.hedges_opened} hedges"
    )


def _draw_equity(axes: Axes, curves: Curves) -> None:
    for start_ns, end_ns in curves.held_ns:
        axes.axvspan(_time(start_ns), _time(end_ns), color=_HELD, alpha=0.07, linewidth=0)
    times, amounts = _points(curves.equity, curves)
    axes.plot(times, amounts, color=_EQUITY, linewidth=1.4, label="equity")
    _label_end(axes, times, amounts, _EQUITY)
    axes.set_title("Change of equity, USD (shaded: hedges held)", loc="left", fontsize=10)
    date_axis(axes)


def _draw_parts(axes: Axes, curves: Curves) -> None:
    rows = (("funding received", curves.funding, _FUNDING), ("fees and slippage", curves.costs, _COSTS))
    for name, curve, color in rows:
        times, amounts = _points(curve, curves)
        axes.step(times, amounts, where="post", color=color, linewidth=1.4, label=name)
        axes.fill_between(times, amounts, step="post", color=color, alpha=0.10, linewidth=0)
        _label_end(axes, times, amounts, color)
    axes.set_title("Funding received and costs paid since the start, USD", loc="left", fontsize=10)
    axes.legend(loc="upper left", frameon=False)
    date_axis(axes)


def date_axis(axes: Axes) -> None:
    """Put dates on the axis of time and a line at zero."""
    dates: Any = import_module("matplotlib.dates")  # it is not typed
    locator = dates.AutoDateLocator(tz=UTC, minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))
    axes.axhline(0, color="#777777", linewidth=0.8)
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)


def _points(curve: Curve, curves: Curves) -> tuple[list[float], list[float]]:
    """Return the curve from the run's start to its end."""
    points = [(curves.start_ns, 0.0)]
    points += [(ts_ns, float(amount)) for ts_ns, amount in zip(curve.times_ns, curve.amounts, strict=True)]
    points.append((max(curves.end_ns, points[-1][0]), points[-1][1]))
    return [_time(ts_ns) for ts_ns, _ in points], [amount for _, amount in points]


def _label_end(axes: Axes, times: Sequence[float], amounts: Sequence[float], color: str) -> None:
    axes.annotate(
        f"{amounts[-1]:+,.2f}",
        (times[-1], amounts[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=color,
        fontweight="bold",
        annotation_clip=False,
    )


def _time(ts_ns: int) -> float:
    """Return days since 1970, matplotlib's dates."""
    return ts_ns / DAY_NS
