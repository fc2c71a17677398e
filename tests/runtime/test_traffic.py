from __future__ import annotations

from pydantic import Field, SecretBytes, SecretStr

from arb.api import Settings
from arb.runtime._traffic import secrets_of


class Account(Settings):
    name: str = "main"
    key: SecretStr = SecretStr("one")


class Venue(Settings):
    url: str = "https://venue.test"
    secret: SecretStr | None = SecretStr("two")
    missing: SecretStr | None = None
    account: Account = Account()
    accounts: tuple[Account, ...] = (Account(key=SecretStr("three")),)
    by_name: dict[str, SecretStr] = Field(default_factory=lambda: {"a": SecretStr("four")})
    raw: SecretBytes = SecretBytes(b"five")
    count: int = 3


def test_secrets_are_found_however_deep() -> None:
    assert sorted(secrets_of(Venue())) == ["five", "four", "one", "three", "two"]
