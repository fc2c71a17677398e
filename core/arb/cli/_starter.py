"""The configuration that `arb config init` writes."""

from __future__ import annotations

from typing import Final

STARTER: Final = """\
# A configuration of arb: two simulated exchanges, no account, no key, no real money.
#   arb config check arb.toml    is everything as it should be?
#   arb run -c arb.toml          trade two simulated weeks in seconds, and report
# Durations are a number and a unit (ms, s, m, h, d). Secrets are references: "env:NAME" or "file:PATH".

[run]
seed = 1                    # the same seed gives the same simulated run
collect_every = "15m"       # how often funding rates are collected
watch_every = "5m"          # how often the positions are looked at while a hedge is open
# Simulated time. Without `start` and `until` it goes at the speed of the world, until Ctrl-C.
start = "2026-01-01T00:00:00Z"
until = "2026-01-15T00:00:00Z"

# Limits that no strategy can exceed, and circuit breakers that halt: docs/how-to/risk.md.
[risk]
max_hedge_notional_usd = 2000
max_total_notional_usd = 20000
max_exchange_notional_usd = 10000
max_hedges = 3
max_loss_usd = 1000         # everything is halted when the equity of all accounts falls so far within a day

# Where everything is recorded. The journal is the storage named "main".
[storages.main]
plugin = "sqlite"
settings = { path = "arb.sqlite3" }

# Each exchange has a name of your choice; `arb plugins info simulated` shows its settings.
[exchanges.sim-a]
plugin = "simulated"
settings = { profile = "lighter-like", deposit = 10000 }

[exchanges.sim-b]
plugin = "simulated"
settings = { profile = "hyperliquid-like", deposit = 10000 }

# A real exchange would look like this. It trades only with `--live` and `armed = true`.
# [exchanges.hl-main]
# plugin = "hyperliquid"
# settings = { account = "env:HL_ACCOUNT", key = "env:HL_KEY" }
# armed = false

[strategies.carry]
plugin = "funding_arbitrage"
exchanges = ["sim-a", "sim-b"]

# Eager, so that two weeks show something: `arb plugins info funding_arbitrage` has the more careful defaults.
[strategies.carry.settings]
notional_usd = 2000
horizon = "5d"
safety_factor = 0
cycle = "15m"
"""
