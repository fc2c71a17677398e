"""The venue simulator: matching, accounts, funding, markets, and the exchange made of them.

A `Market` is the world outside an account: seeded (`SeededMarket`), replayed or live. A
`SimulatedVenue` puts one account into it. A `SimulatedExchange` is that venue behind the protocol
of every exchange, with a clock, latency and durable state.
"""

from ._access import VenueAccess
from ._clock import VirtualClock
from ._desk import Desk
from ._exchange import SIMULATED_CAPABILITIES, SimulatedExchange, open_simulated_exchange
from ._exchange_market import SimulatedMarketData
from ._exchange_streams import SimulatedStreams
from ._exchange_trading import AccountNow, SimulatedTrading
from ._fake_socket import VenueSocket, served_socket
from ._fake_wire import changed_levels, transport_failure
from ._faults import Faults, NoFaults
from ._fitted import FittedMarket
from ._forced import VENUE_PREFIXES
from ._latency import Latency
from ._loop import VirtualTimeLoop, run_virtual
from ._market import Market
from ._paper import PAPER_RULES, PaperExchange, open_paper_exchange
from ._recording import BookRecordingMarket, RecordingSettings, open_recording_market
from ._replay import FundingReplayMarket, open_replay_market
from ._replay_settings import ReplaySettings
from ._rules import ReduceOnlyExcess, VenueRules
from ._scripted import ScriptedMarket
from ._seeded import SeededMarket
from ._seeded_profiles import ASSETS, PROFILES, Asset, Listing, VenueProfile
from ._troubled import TroubledLine, Troubles
from ._venue import SimulatedVenue

__all__ = [
    "ASSETS",
    "AccountNow",
    "Asset",
    "BookRecordingMarket",
    "Desk",
    "Faults",
    "FittedMarket",
    "FundingReplayMarket",
    "Latency",
    "Listing",
    "Market",
    "NoFaults",
    "PAPER_RULES",
    "PROFILES",
    "PaperExchange",
    "RecordingSettings",
    "ReduceOnlyExcess",
    "ReplaySettings",
    "SIMULATED_CAPABILITIES",
    "ScriptedMarket",
    "SeededMarket",
    "SimulatedExchange",
    "SimulatedMarketData",
    "SimulatedStreams",
    "SimulatedTrading",
    "SimulatedVenue",
    "TroubledLine",
    "Troubles",
    "VENUE_PREFIXES",
    "VenueAccess",
    "VenueProfile",
    "VenueRules",
    "VenueSocket",
    "VirtualClock",
    "VirtualTimeLoop",
    "changed_levels",
    "open_paper_exchange",
    "open_recording_market",
    "open_replay_market",
    "open_simulated_exchange",
    "run_virtual",
    "served_socket",
    "transport_failure",
]
