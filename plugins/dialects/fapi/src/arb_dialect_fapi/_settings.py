"""Settings that every venue of the dialect has."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from arb.api import Settings


def _without_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_without_slash)]
REST_URL: Final = r"^https?://[^\s]+$"
STREAM_URL: Final = r"^wss?://[^\s]+$"


class FapiSettings(Settings):
    """Where the venue is, if it is not where its network says."""

    api_url: Url | None = Field(
        default=None, pattern=REST_URL, description="Where REST calls go instead of the network's address."
    )
    stream_url: Url | None = Field(default=None, pattern=STREAM_URL, description="Where WebSockets are opened instead.")
