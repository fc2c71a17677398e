"""GRVT as a plugin of arb."""

__all__: list[str] = []
