"""Funding: what is known of it, what a pair is expected to earn and to cost, which pairs are worth it."""

from ._accuracy import ForecastRun, ForecastSample, compare_forecasts
from ._assets import DOLLARS, Asset, AssetSurvey, PairPrices, Ticker
from ._averaging import coming_rate, decided_share, expected_rest, forecast_settlement, usual_hour
from ._book import FundingBook, IntervalChange
from ._calendar import Schedule
from ._capture import LegForecast, PairForecast, capture_capacity, decay_factor
from ._collection import CollectionFailure, CollectionReport, CollectorSettings
from ._collector import FundingCollector
from ._cost import FillCost, LegMarket, exit_cost, fill_cost, round_trip_cost
from ._denomination import claimed_units
from ._earned import PairEarnings, SettledSeries, pair_earnings, settled_series
from ._economics import basis_bps, break_even_hours, capital_usd, margin_usd, score
from ._evidence import VenueProof, is_rated, join, prove_venues
from ._expected import UNDETERMINED_NS, accrued_funding, base_price, expected_funding, read_prices
from ._fees import FeeCalculator
from ._finder import OpportunityFinder
from ._forecast import PairForecaster
from ._history import PairHistory, pair_history
from ._identity import MIN_OBSERVATIONS, PRICE_LIMIT, AssetIdentity, Comparison, Sameness
from ._interval import MIN_SETTLEMENTS, InferredChange, InferredIntervals, infer_interval_ns, infer_intervals
from ._observed import FxBook, StatsBook
from ._peers import SuspectedUnit, suspected_units
from ._predicted import predicted_steps
from ._proof import LATEST, PaidSettlement, Proof, Verdict, prove
from ._rates import clamp_native
from ._realised import Prices, needed_since_ns
from ._reasons import SkipReason
from ._scores import ForecastErrors, ForecastScore, ForecastScores
from ._settings import BookSource, FinderSettings, HedgeAccount
from ._sizing import PairSize, meets_minimums, pair_size
from ._venue_costs import VenueCosts, usual_round_trip_bps

__all__ = [
    "Asset",
    "AssetIdentity",
    "AssetSurvey",
    "BookSource",
    "CollectionFailure",
    "CollectionReport",
    "CollectorSettings",
    "Comparison",
    "DOLLARS",
    "FeeCalculator",
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
    "InferredChange",
    "InferredIntervals",
    "IntervalChange",
    "LATEST",
    "LegForecast",
    "LegMarket",
    "MIN_OBSERVATIONS",
    "MIN_SETTLEMENTS",
    "OpportunityFinder",
    "PRICE_LIMIT",
    "PaidSettlement",
    "PairEarnings",
    "PairForecast",
    "PairForecaster",
    "PairHistory",
    "PairPrices",
    "PairSize",
    "Prices",
    "Proof",
    "Sameness",
    "Schedule",
    "SettledSeries",
    "SkipReason",
    "StatsBook",
    "SuspectedUnit",
    "Ticker",
    "UNDETERMINED_NS",
    "VenueCosts",
    "VenueProof",
    "Verdict",
    "accrued_funding",
    "base_price",
    "basis_bps",
    "break_even_hours",
    "capital_usd",
    "capture_capacity",
    "claimed_units",
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
    "infer_intervals",
    "is_rated",
    "join",
    "margin_usd",
    "meets_minimums",
    "needed_since_ns",
    "pair_earnings",
    "pair_history",
    "pair_size",
    "predicted_steps",
    "prove",
    "prove_venues",
    "read_prices",
    "round_trip_cost",
    "score",
    "settled_series",
    "suspected_units",
    "usual_hour",
    "usual_round_trip_bps",
]
