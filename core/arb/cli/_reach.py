"""What `arb doctor` finds when it opens the storages and exchanges of a configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from types import MappingProxyType
from typing import Final, cast

from arb.api import Exchange, Storage
from arb.kernel import Composition, Family, Part, open_family

from ._checkup import Finding, Level

_LIMIT_S: Final = 15


async def check_parts(composition: Composition, families: Iterable[Family]) -> list[Finding]:
    """Open each part alone, all at once, each within a time limit; try what it is for."""
    parts = [part for family in families for part in composition.parts[family].values()]
    return list(await asyncio.gather(*(_check(composition, part) for part in parts)))


async def _check(composition: Composition, part: Part) -> Finding:
    name = f"{part.family.noun} {part.alias}"
    try:
        async with asyncio.timeout(_LIMIT_S):
            return Finding(name, Level.OK, await _try(composition, part))
    except TimeoutError:
        return Finding(name, Level.FAILED, f"no answer within {_LIMIT_S} s")
    except Exception as error:  # whatever a plugin does is a finding, not the end of the examination
        text = " ".join(str(error).split()) or type(error).__name__
        return Finding(name, Level.FAILED, text)


async def _try(composition: Composition, part: Part) -> str:
    # The runtime is needed here only; a doctor without a configuration does without it.
    from arb.runtime import probe_context

    alone = replace(composition, parts=MappingProxyType({part.family: {part.alias: part}}))
    async with AsyncExitStack() as stack:
        context = await stack.enter_async_context(probe_context(part.alias))
        opened = await open_family(stack, alone, part.family, lambda _family, _alias: context)
        resource = opened[part.alias]
        if part.family is Family.STORAGES:
            await _try_to_write(cast(Storage, resource))
            return f"{part.ref.name}: opened and written"
        instruments = await cast(Exchange, resource).market.fetch_instruments()
        return f"{part.ref.name}: {len(instruments)} instruments"


class _RollBack(Exception):
    """Ends the trial transaction without a trace."""


async def _try_to_write(storage: Storage) -> None:
    try:
        async with storage.transaction() as transaction:
            await transaction.execute("CREATE TABLE arb_doctor_trial (value TEXT)")
            raise _RollBack
    except _RollBack:
        return
