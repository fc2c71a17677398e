"""What a run of arb knows, over HTTP."""

__all__: list[str] = []
