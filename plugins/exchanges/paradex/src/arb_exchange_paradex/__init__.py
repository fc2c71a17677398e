"""The exchange `paradex` for arb."""
