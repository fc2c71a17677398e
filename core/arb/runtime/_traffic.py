"""Writing down what real exchanges are asked and say."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, SecretBytes, SecretStr

from arb.api import ConfigError
from arb.kernel import Composition, Family
from arb.net import recorded

from ._context import Ports
from ._modes import is_virtual, simulated_exchanges


def check_traffic(composition: Composition, folder: Path | None) -> None:
    """Refuse to record where there is nothing to record.

    Raises:
        ConfigError: every exchange is simulated.
    """
    if folder is not None and is_virtual(composition):
        raise ConfigError(f"--record {folder}: every exchange is simulated, so nothing goes over the network")


def lent_ports(
    stack: AsyncExitStack, ports: Ports, composition: Composition, family: Family, alias: str, folder: Path | None
) -> Ports:
    """Return the ports of one plugin; a real exchange's write to the folder what passes, until the stack closes.

    Raises:
        ConfigError: the folder or the file cannot be written.
    """
    if folder is None or family is not Family.EXCHANGES or simulated_exchanges(composition)[alias]:
        return ports
    log = logging.getLogger(f"arb.{family}.{alias}")
    secrets = set(secrets_of(composition.parts[family][alias].settings))
    try:
        recorder = stack.enter_context(recorded(folder, alias, ports.clock, log, secrets=secrets))
    except OSError as error:
        raise ConfigError(f"--record {folder}: cannot be written: {error.strerror or error}") from error
    return replace(ports, http=recorder.http(ports.http), websocket=recorder.websocket(ports.websocket))


def secrets_of(value: object) -> Iterator[str]:
    """Yield every secret within settings, however deep."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode("latin-1")
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from secrets_of(each)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for each in value:
            yield from secrets_of(each)
