"""Venues on loopback and what trades on them: what the benchmarks of execution and of recovery share."""

from ._desk import Desk
from ._legs import RawLine, order_body, serve_legs, venues
from ._past import CHURN, FLIGHT, HELD, STRATEGY, VENUES, Past
from ._server import serving
from ._shooter import Shooter, Shot
from ._storage import sqlite_storage

__all__ = [
    "CHURN",
    "Desk",
    "FLIGHT",
    "HELD",
    "Past",
    "RawLine",
    "STRATEGY",
    "Shooter",
    "Shot",
    "VENUES",
    "order_body",
    "serve_legs",
    "serving",
    "sqlite_storage",
    "venues",
]
