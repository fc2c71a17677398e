"""Settings of the extension."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from arb.api import Secret, Settings

_SHORTEST_TOKEN: Final = 16


class RestApiSettings(Settings):
    """Where it listens and who may ask for what.

    Attributes:
        host: The address to listen on; one that other machines reach needs `allow_remote`.
        port: 0 takes any free one; the log says which.
        allow_remote: Listen on an address that other machines reach. Nothing is encrypted: put a proxy
            that speaks TLS before it.
        token: `env:NAME` or `file:PATH`, at least 16 characters; without one, what concerns own money is
            answered to nobody.
        allowed_hosts: Names under which clients reach it, besides `host` and those of this machine. A request
            that was sent to another name is refused: a web page could have sent it (DNS rebinding).
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    allow_remote: bool = False
    token: Secret | None = None
    allowed_hosts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.allow_remote and not _is_loopback(self.host):
            raise ValueError(
                f"host = {self.host!r} can be reached from other machines: set allow_remote = true if that is "
                "meant, or listen on 127.0.0.1"
            )
        if self.token is not None and len(self.token.get_secret_value()) < _SHORTEST_TOKEN:
            raise ValueError(f"token: it needs at least {_SHORTEST_TOKEN} characters; `openssl rand -hex 32` makes one")
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
