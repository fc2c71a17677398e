"""Settings of one Backpack account, or of its public data alone."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from arb.api import Duration, Secret, Settings
from arb.model import MILLISECOND_NS, SECOND_NS

API_URL: Final = "https://api.backpack.exchange"
STREAM_URL: Final = "wss://ws.backpack.exchange"
_WIDEST_WINDOW_NS: Final = 60 * SECOND_NS


def _without_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_without_slash)]


class BackpackSettings(Settings):
    """Where the venue is and who asks. Backpack has no test network, so there is no choice of one."""

    api_key: Secret | None = Field(
        default=None, description="Public half of the API key pair, base64; without both halves nothing can be traded."
    )
    api_secret: Secret | None = Field(
        default=None, description="Secret half of the API key pair: the 32-byte Ed25519 seed, base64."
    )
    window: Duration = Field(
        default=5 * SECOND_NS,
        description="How long a signed request stays valid, 500 ms to 60 s; an order may still arrive until then.",
    )
    api_url: Url = Field(
        default=API_URL, pattern=r"^https?://[^\s]+$", description="Where REST calls go; another one for a proxy."
    )
    stream_url: Url = Field(
        default=STREAM_URL, pattern=r"^wss?://[^\s]+$", description="Where WebSockets are opened; another for a proxy."
    )

    @model_validator(mode="after")
    def _usable(self) -> BackpackSettings:
        if (self.api_key is None) != (self.api_secret is None):
            raise ValueError("api_key and api_secret belong together: set both, or none for public data alone")
        if not 500 * MILLISECOND_NS <= self.window <= _WIDEST_WINDOW_NS or self.window % MILLISECOND_NS:
            raise ValueError("window is between '500ms' and '60s': the venue refuses a longer one")
        return self
