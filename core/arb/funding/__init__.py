"""Funding: what is known of it, what a pair is expected to earn and to cost, which pairs are worth it."""

from ._accuracy import ForecastRun, ForecastSample, compare_forecasts
from ._averaging import coming_rate, decided_share, expected_rest, forecast_settlement, usual_hour
from ._book import FundingBook, IntervalChange
from ._calendar import Schedule
from ._capture import LegForecast, PairForecast, capture_capacity, decay_factor
from ._collection import CollectionFailure, CollectionReport, CollectorSettings
from ._collector import FundingCollector
from ._cost import FillCost, LegMarket, exit_cost, fill_cost, round_trip_cost
from ._earned import PairEarnings, SettledSeries, pair_earnings, settled_series
from ._economics import basis_bps, break_even_hours, capital_usd, margin_usd, score
from ._expected import UNDETERMINED_NS, accrued_funding, base_price, expected_funding
from ._finder import OpportunityFinder
from ._forecast import PairForecaster
from ._history import PairHistory, pair_history
from ._interval import infer_interval_ns
from ._observed import FxBook, StatsBook
from ._rates import clamp_native
from ._reasons import SkipReason
from ._scores import ForecastErrors, ForecastScore, ForecastScores
from ._settings import BookSource, FinderSettings, HedgeAccount
from ._sizing import PairSize, meets_minimums, pair_size
from ._venue_costs import VenueCosts, usual_round_trip_bps

__all__ = [
    "BookSource",
    "CollectionFailure",
    "CollectionReport",
    "CollectorSettings",
    "FillCost",
    "FinderSettings",
    "ForecastErrors",
    "ForecastRun",
    "ForecastSample",
    "ForecastScore",
    "ForecastScores",
    "FundingBook",
    "FundingCollector",
    "FxBook",
    "HedgeAccount",
    "IntervalChange",
    "LegForecast",
    "LegMarket",
    "OpportunityFinder",
    "PairEarnings",
    "PairForecast",
    "PairForecaster",
    "PairHistory",
    "PairSize",
    "Schedule",
    "SettledSeries",
    "SkipReason",
    "StatsBook",
    "UNDETERMINED_NS",
    "VenueCosts",
    "accrued_funding",
    "base_price",
    "basis_bps",
    "break_even_hours",
    "capital_usd",
    "capture_capacity",
    "clamp_native",
    "coming_rate",
    "compare_forecasts",
    "decay_factor",
    "decided_share",
    "exit_cost",
    "expected_funding",
    "expected_rest",
    "fill_cost",
    "forecast_settlement",
    "infer_interval_ns",
    "margin_usd",
    "meets_minimums",
    "pair_earnings",
    "pair_history",
    "pair_size",
    "round_trip_cost",
    "score",
    "settled_series",
    "usual_hour",
    "usual_round_trip_bps",
]
