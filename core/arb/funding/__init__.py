"""Funding: what is known of it, what a pair is expected to earn and to cost, which pairs are worth it."""

from ._book import FundingBook, IntervalChange
from ._calendar import Schedule
from ._capture import LegForecast, PairForecast, capture_capacity, decay_factor
from ._collection import CollectionFailure, CollectionReport, CollectorSettings
from ._collector import FundingCollector
from ._cost import FillCost, LegMarket, exit_cost, fill_cost, round_trip_cost
from ._economics import basis_bps, break_even_hours, capital_usd, margin_usd, score
from ._finder import OpportunityFinder
from ._forecast import PairForecaster
from ._history import PairHistory, pair_history
from ._interval import infer_interval_ns
from ._observed import FxBook, StatsBook
from ._rates import clamp_native
from ._reasons import SkipReason
from ._settings import BookSource, FinderSettings, HedgeAccount
from ._sizing import PairSize, meets_minimums, pair_size

__all__ = [
    "BookSource",
    "CollectionFailure",
    "CollectionReport",
    "CollectorSettings",
    "FillCost",
    "FinderSettings",
    "FundingBook",
    "FundingCollector",
    "FxBook",
    "HedgeAccount",
    "IntervalChange",
    "LegForecast",
    "LegMarket",
    "OpportunityFinder",
    "PairForecast",
    "PairForecaster",
    "PairHistory",
    "PairSize",
    "Schedule",
    "SkipReason",
    "StatsBook",
    "basis_bps",
    "break_even_hours",
    "capital_usd",
    "capture_capacity",
    "clamp_native",
    "decay_factor",
    "exit_cost",
    "fill_cost",
    "infer_interval_ns",
    "margin_usd",
    "meets_minimums",
    "pair_history",
    "pair_size",
    "round_trip_cost",
    "score",
]
