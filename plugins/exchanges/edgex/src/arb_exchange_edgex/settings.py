"""Settings of the exchange."""

from __future__ import annotations

from arb.api import Secret, Settings
from pydantic import Field


class ExchangeSettings(Settings):
    """Settings of the exchange. Without a key there is no trading; everything public still works."""

    url: str = Field(default="https://api.venue.test", description="Where the REST interface is.")
    stream_url: str = Field(default="wss://stream.venue.test", description="Where sockets are opened.")
    key: Secret | None = Field(default=None, description="Name of the API key, such as `env:VENUE_KEY`.")
    secret: Secret | None = Field(default=None, description="Secret of the API key, such as `env:VENUE_SECRET`.")
