"""Funding rates over time, drawn by matplotlib (the extra `arb-core[plot]`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from arb.api import ConfigError
from arb.model import BPS, DAY_NS, FundingRate, InstrumentId

from ._plot import INSTALL_HINT, PlotUnavailable, date_axis


def draw_rates(series: Mapping[InstrumentId, Sequence[FundingRate]], path: Path, title: str) -> None:
    """Write a picture with one step line a series, basis points an hour.

    Raises:
        PlotUnavailable: matplotlib is missing, or there is nothing to draw.
        ConfigError: the file cannot be written.
    """
    if not series:
        raise PlotUnavailable("no plot: there is no rate in this period")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotUnavailable(INSTALL_HINT) from None
    with mpl.rc_context({"svg.hashsalt": "arb", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(10, 4.6), layout="constrained")
        axes = figure.subplots()
        for instrument, rates in series.items():
            times = [rate.ts_event_ns / DAY_NS for rate in rates]
            axes.step(
                times, [float(rate.per_hour / BPS) for rate in rates], where="pre", linewidth=1.1, label=instrument
            )
        axes.set_title(f"{title}, basis points an hour (positive: longs pay)", loc="left", fontsize=11)
        axes.legend(loc="upper left", frameon=False)
        date_axis(axes)
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix.lower() == ".svg" else {})
        except OSError as error:
            raise ConfigError(f"{path}: the plot cannot be written: {error.strerror or error}") from None
