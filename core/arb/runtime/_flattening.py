"""The emergency exit: exchanges opened alone, each in a thread of its own, so that none holds up another.

Nothing but the exchange plugins is loaded, and the storage only for accounts that live in it: what
else is broken cannot be in the way (handbook R9).
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Generic, TypeVar

from arb.api import Capability, ConfigError, ExchangeSpec
from arb.execution import FlattenOutcome, FlattenPolicy
from arb.kernel import Composition, Config, Family, PluginRef, SoundConfig, compose, installed_plugins
from arb.model import SECOND_NS, ExchangeName

from ._flatten_accounts import AccountKind, FlattenTarget, Hands, flatten_real, flatten_stored

T = TypeVar("T")

_LOAD_LIMIT_S: Final = 20.0
_CLOSE_LIMIT_NS: Final = 2 * SECOND_NS
_CLOSING_S: Final = 4.0


def flatten_targets(
    sound: SoundConfig, source: str, names: Sequence[ExchangeName], disabled: frozenset[str]
) -> tuple[FlattenTarget, ...]:
    """Load the exchange plugins of `names`, each alone; one that is broken is a target that says so.

    So is one whose table in the configuration is broken.
    """
    catalog = installed_plugins(disabled=disabled)
    found = _Posted[FlattenTarget]()

    def job(name: ExchangeName) -> Callable[[], None]:
        return lambda: found.post(name, _target(sound.config, source, name, catalog))

    usable = [name for name in names if name not in sound.broken]
    found.start([job(name) for name in usable])
    targets = found.wait(usable, _LOAD_LIMIT_S)
    late = f"its plugin was not loaded after {_LOAD_LIMIT_S:g} s"
    return tuple(
        targets.get(name) or FlattenTarget(name=name, kind=AccountKind.UNUSABLE, problem=sound.broken.get(name, late))
        for name in names
    )


def flatten(
    targets: Sequence[FlattenTarget],
    sound: SoundConfig,
    source: str,
    policy: FlattenPolicy,
    tell: Callable[[str], None],
    disabled: frozenset[str],
) -> tuple[FlattenOutcome, ...]:
    """Cancel every order and close every position of each target; return what was read in the end, in order.

    Args:
        targets: From :func:`flatten_targets`.
        sound: The configuration, for its storage.
        source: Its name, for messages.
        policy: How hard to try.
        tell: Takes one line for people at each step, from any thread.
        disabled: From :func:`arb.kernel.disabled_names`.
    """
    found = _Posted[FlattenOutcome]()
    hands = Hands(policy, tell, lambda outcome: found.post(outcome.exchange, outcome))
    jobs = [_real_job(target, hands) for target in targets if target.kind is AccountKind.REAL]
    stored = [target for target in targets if target.kind in (AccountKind.PAPER, AccountKind.SIMULATED)]
    if stored:
        jobs.append(_stored_job(stored, hands, sound, source, disabled))
    found.start(jobs)
    for target in targets:
        if target.kind is AccountKind.UNUSABLE:
            hands.post(FlattenOutcome.unknown(target.name, target.problem))
    limit_s = (policy.budget_ns + policy.grace_ns) / SECOND_NS
    outcomes = found.wait([target.name for target in targets], limit_s)
    late = f"its plugin did not come back within {limit_s:g} s"
    return tuple(outcomes.get(target.name) or FlattenOutcome.unknown(target.name, late) for target in targets)


def _target(config: Config, source: str, name: ExchangeName, catalog: Collection[PluginRef]) -> FlattenTarget:
    alone = _closing_soon(config).model_copy(update={"exchanges": {name: config.exchanges[name]}})
    try:
        composition = compose(alone, source, catalog=catalog, families=(Family.EXCHANGES,))
    except BaseException as error:  # whatever it is, only this exchange is lost
        return FlattenTarget(name=name, kind=AccountKind.UNUSABLE, problem=str(error) or type(error).__name__)
    return FlattenTarget(name=name, kind=_kind(composition, name), composition=composition)


def _closing_soon(config: Config) -> Config:
    """Return a configuration that waits for no plugin to close for long."""
    run = config.run.model_copy(update={"close_timeout": min(config.run.close_timeout, _CLOSE_LIMIT_NS)})
    return config.model_copy(update={"run": run})


def _kind(composition: Composition, name: ExchangeName) -> AccountKind:
    spec = composition.parts[Family.EXCHANGES][name].spec
    if isinstance(spec, ExchangeSpec) and Capability.SIMULATED in spec.capabilities:
        return AccountKind.SIMULATED
    return AccountKind.REAL if composition.config.exchanges[name].armed else AccountKind.PAPER


def _real_job(target: FlattenTarget, hands: Hands) -> Callable[[], None]:
    def job() -> None:
        try:
            asyncio.run(flatten_real(target, hands))
        except BaseException as error:  # in this thread it comes from the plugin, never from a person
            hands.post(FlattenOutcome.unknown(target.name, f"{type(error).__name__}: {error}"))

    return job


def _stored_job(
    targets: Sequence[FlattenTarget], hands: Hands, sound: SoundConfig, source: str, disabled: frozenset[str]
) -> Callable[[], None]:
    def job() -> None:
        try:
            if sound.storage_problem:
                raise ConfigError(sound.storage_problem)
            main = _closing_soon(sound.config).model_copy(update={"storages": {"main": sound.config.storages["main"]}})
            storage = compose(main, source, disabled=disabled, families=(Family.STORAGES,))
            flatten_stored(targets, storage, source, hands)
        except BaseException as error:
            told = str(error) or type(error).__name__
            problem = f"its account is kept in [storages.main], which cannot be used: {told}"
            for target in targets:
                hands.post(FlattenOutcome.unknown(target.name, problem))

    return job


class _Posted(Generic[T]):
    """What threads found, by name; the first word on a name stands.

    The threads are left behind when time is up, and do not keep the process alive.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[str, T]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def post(self, name: str, result: T) -> None:
        """Tell the result of a name, from any thread."""
        self._queue.put((name, result))

    def start(self, jobs: Collection[Callable[[], None]]) -> None:
        """Begin each job in a thread of its own."""
        for job in jobs:
            thread = threading.Thread(target=job, name="arb-flatten", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait(self, names: Sequence[str], limit_s: float) -> Mapping[str, T]:
        """Return the results that came within the limit; as soon as all are there and the threads have ended."""
        end = time.monotonic() + limit_s
        found: dict[str, T] = {}
        while len(found) < len(set(names)):
            try:
                name, result = self._queue.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return found
            found.setdefault(name, result)
        # All is known; now they close what they opened, or are left to the end of the process.
        end = time.monotonic() + _CLOSING_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return found
