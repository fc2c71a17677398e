"""The strategy `funding_arbitrage`; `plugin` is the entry point, everything else is private."""
