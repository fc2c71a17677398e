"""The exchange `grvt` for arb."""
