"""The exchange `binance` for arb."""
