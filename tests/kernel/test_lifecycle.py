from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest

from arb.api import Context, ExchangeError, PluginError, StorageError
from arb.kernel import Composition, Family, compose, opened, parse_config
from arb.kernel import open_family as open_one
from arb.model import Event, EventKind

Install = Callable[..., str]
CodeOf = Callable[..., str]
EVENT = Event(ts_ns=1, kind=EventKind.RUN_STARTED, subject="run", message="started")

OPEN = "open=open_"
GOOD = """
    context.state.append(f"+{context.name}")
    try:
        yield Resource(settings, context)
    finally:
        context.state.append(f"-{context.name}")
"""


class World:
    """A composition of one storage, one price source and three exchanges, and what happened to them."""

    def __init__(self, install: Install, code_of: CodeOf) -> None:
        self.install = install
        self.code_of = code_of
        self.diary: list[str] = []
        self.failures: list[tuple[str, str, str]] = []
        self.number = 0

    def plugin(self, family: Family, name: str, life: str = GOOD, extra: str = "") -> None:
        code = self.code_of(family.value, name, extra=extra)
        head, _, tail = code.partition("async def open_(settings, context):")
        code = head + "async def open_(settings, context):" + life + "\n@hookimpl" + tail.partition("@hookimpl")[2]
        self.install(f"arb-{family.value.replace('_', '-')}-{name}", name, code, group=family.group)

    def compose(self, *exchanges: str, close_timeout: str = "200ms", **more: Any) -> Composition:
        document = {
            "run": {"close_timeout": close_timeout},
            "storages": {"main": {"plugin": "db"}},
            "cache_tiers": {"order": []},
            "price_sources": {"order": ["ps"]},
            "exchanges": {name: {"plugin": name} for name in exchanges},
        }
        return compose(parse_config({**document, **more}, "f.toml"), "f.toml")

    def context(self, family: Family, alias: str) -> Context:
        log = logging.getLogger(f"arb.{family}.{alias}")
        return cast(Context, SimpleNamespace(name=alias, log=log, state=self.diary))

    def told(self, family: Family, alias: str, what: str) -> None:
        self.failures.append((family, alias, what))


@pytest.fixture
def world(install: Install, code_of: CodeOf) -> World:
    world = World(install, code_of)
    world.plugin(Family.STORAGES, "db")
    world.plugin(Family.PRICE_SOURCES, "ps")
    world.plugin(Family.EXCHANGES, "good")
    world.plugin(Family.EXCHANGES, "fine")
    return world


def live(world: World, composition: Composition, body: Callable[[Any], Any] | None = None) -> None:
    async def main() -> None:
        async with opened(composition, world.context, on_failure=world.told) as resources:
            if body is not None:
                await body(resources)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_opened_in_the_order_of_families_and_closed_in_reverse(world: World) -> None:
    live(world, world.compose("good", "fine"))
    assert world.diary == ["+main", "+ps", "+good", "+fine", "-fine", "-good", "-ps", "-main"]
    assert world.failures == []


def test_resources_come_by_family_and_name(world: World) -> None:
    async def body(resources: Any) -> None:
        assert list(resources) == list(Family)
        assert list(resources[Family.EXCHANGES]) == ["good", "fine"]
        assert resources[Family.EXCHANGES]["good"].context.name == "good"
        world.diary.append("body")

    live(world, world.compose("good", "fine"), body)
    assert "body" in world.diary


def test_families_can_be_opened_one_by_one(world: World) -> None:
    composition = world.compose("good")

    async def main() -> None:
        async with AsyncExitStack() as stack:
            assert list(await open_one(stack, composition, Family.STORAGES, world.context)) == ["main"]
            assert world.diary == ["+main"]
            await open_one(stack, composition, Family.EXCHANGES, world.context)

    asyncio.run(main())
    assert world.diary == ["+main", "+good", "-good", "-main"]


@pytest.mark.parametrize(
    ("life", "reason"),
    [
        ("\n    raise ValueError('no route')\n    yield", "cannot be opened: ValueError: no route"),
        ("\n    import sys; sys.exit(3)\n    yield", "tried to exit the process"),
        ("\n    raise asyncio.CancelledError\n    yield", "was cancelled while opening"),
        ("\n    if 0: yield", "cannot be opened: RuntimeError: generator didn't yield"),
        ("\n    yield 'text'", "opened a str, which is not an Exchange"),
        ("\n    yield None", "opened a NoneType"),
    ],
)
def test_an_opening_that_fails_names_the_plugin_and_closes_the_others(world: World, life: str, reason: str) -> None:
    world.plugin(Family.EXCHANGES, "bad", life)
    with pytest.raises(PluginError) as caught:
        live(world, world.compose("good", "bad", "fine"))
    assert str(caught.value).startswith("[exchanges.bad] (exchange 'bad' of arb-exchanges-bad 1.0): ")
    assert reason in str(caught.value)
    assert world.diary == ["+main", "+ps", "+good", "-good", "-ps", "-main"]


def test_an_open_that_is_no_context_manager_names_the_plugin(world: World) -> None:
    world.install("arb-plain", "plain", world.code_of("exchanges", "plain").replace(OPEN, "open=lambda s, c: 3"))
    with pytest.raises(PluginError, match=r"\[exchanges.plain\].*cannot be opened: AttributeError"):
        live(world, world.compose("plain"))


@pytest.mark.parametrize("error", ["StorageError('disk full')", "ExchangeError('refused', exchange='x')"])
def test_errors_of_our_tree_keep_their_type_and_get_a_note(world: World, error: str) -> None:
    world.plugin(Family.EXCHANGES, "bad", f"\n    raise arb.api.{error}\n    yield")
    with pytest.raises((StorageError, ExchangeError)) as caught:
        live(world, world.compose("bad"))
    assert caught.value.__notes__ == ["while opening [exchanges.bad] (exchange 'bad' of arb-exchanges-bad 1.0)"]


def test_an_exception_of_the_body_closes_everything_and_comes_through(world: World) -> None:
    async def body(_resources: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        live(world, world.compose("good"), body)
    assert world.diary[-2:] == ["-ps", "-main"]


def test_cancellation_closes_everything(world: World) -> None:
    async def main() -> None:
        async def run() -> None:
            async with opened(world.compose("good"), world.context):
                await asyncio.Event().wait()

        task = asyncio.create_task(run())
        while "+good" not in world.diary:
            await asyncio.wait([task], timeout=0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(main())
    assert world.diary[-3:] == ["-good", "-ps", "-main"]


STUBBORN = """
    context.state.append(f"+{context.name}")
    yield Resource(settings, context)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
"""


def test_a_close_that_hangs_is_abandoned_and_the_others_close(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.plugin(Family.EXCHANGES, "stuck", STUBBORN)
    live(world, world.compose("good", "stuck", "fine"))
    assert world.diary == ["+main", "+ps", "+good", "+stuck", "+fine", "-fine", "-good", "-ps", "-main"]
    assert world.failures == [("exchanges", "stuck", "did not close within 0.2 s and was abandoned")]
    assert "was abandoned" in caplog.text


def test_cancelled_while_closing_everything_is_still_closed_in_time(world: World) -> None:
    world.plugin(Family.EXCHANGES, "stuck", STUBBORN)

    async def main() -> None:
        async def run() -> None:
            async with opened(world.compose("good", "stuck"), world.context):
                closing.set()

        closing = asyncio.Event()
        task = asyncio.create_task(run())
        await closing.wait()
        await asyncio.wait([task], timeout=0.05)
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()

    asyncio.run(main())
    assert world.diary[-3:] == ["-good", "-ps", "-main"]


def test_an_opening_that_is_cancelled_is_bounded_too(world: World) -> None:
    world.plugin(
        Family.EXCHANGES, "stuck", STUBBORN.replace("    yield Resource(settings, context)\n", "") + "    yield"
    )

    async def main() -> None:
        async with asyncio.timeout(0.2):
            async with opened(world.compose("good", "stuck"), world.context):
                raise AssertionError("it cannot open")

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert world.diary[-3:] == ["-good", "-ps", "-main"]


def test_one_that_opens_as_the_wrong_thing_is_closed(world: World) -> None:
    life = "\n    yield 3\n    context.state.append('closed')"
    world.plugin(Family.EXCHANGES, "wrong", life)
    with pytest.raises(PluginError, match="opened a int"):
        live(world, world.compose("wrong"))
    assert world.diary == ["+main", "+ps", "closed", "-ps", "-main"]


def test_a_failing_close_is_told_and_the_others_close(world: World) -> None:
    world.plugin(Family.EXCHANGES, "bad", "\n    yield Resource(settings, context)\n    raise OSError('flush')")
    live(world, world.compose("good", "bad"))
    assert world.failures == [("exchanges", "bad", "failed while closing: OSError: flush")]
    assert world.diary[-3:] == ["-good", "-ps", "-main"]


def test_a_plugin_may_hold_a_task_group_and_a_timeout_open(world: World) -> None:
    world.plugin(
        Family.EXCHANGES,
        "grouped",
        """
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.Event().wait())
        yield Resource(settings, context)
        task.cancel()
        context.state.append("-grouped")
""",
    )
    live(world, world.compose("grouped"))
    assert "-grouped" in world.diary
    assert world.failures == []


def test_a_plugin_that_dies_while_open_is_told_and_does_not_cancel_the_run(world: World) -> None:
    world.plugin(
        Family.EXCHANGES,
        "dying",
        """
    async def die():
        raise ValueError("lost")
    async with asyncio.TaskGroup() as group:
        group.create_task(die())
        yield Resource(settings, context)
""",
    )

    async def body(_resources: Any) -> None:
        while not world.failures:
            await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0.01)
        world.diary.append("body goes on")

    live(world, world.compose("dying"), body)
    assert "body goes on" in world.diary
    ((_, alias, what),) = world.failures
    assert alias == "dying"
    assert what.startswith("failed while running: ExceptionGroup")


def test_hooks_of_an_open_extension_are_asked_while_it_is_open(world: World) -> None:
    world.install(
        "arb-x",
        "watch",
        world.code_of(
            "extensions",
            "watch",
            body="@hookimpl\n    def arb_event(self, event): self.context.state.append(event.message)",
        ),
        group="arb.extensions",
    )
    composition = world.compose("good", extensions={"w": {"plugin": "watch"}})

    async def body(_resources: Any) -> None:
        composition.registry.notify(EVENT)

    live(world, composition, body)
    composition.registry.notify(EVENT)
    assert world.diary.count("started") == 1


def test_an_abandoned_plugin_does_not_keep_the_process() -> None:
    code = """
import asyncio
from types import SimpleNamespace
import logging
from arb.kernel._lifecycle import _Owner
from arb.kernel import Family

class Stuck:
    name = capabilities = traits = market = trading = streams = None
    async def __aenter__(self): return self
    async def __aexit__(self, *details):
        while True:
            try: await asyncio.Event().wait()
            except asyncio.CancelledError: pass

async def main():
    part = SimpleNamespace(family=Family.EXCHANGES, alias="a", label="a", settings=None,
                           spec=SimpleNamespace(open=lambda s, c: Stuck()))
    owner = _Owner(part, SimpleNamespace(log=logging.getLogger("x")), 100_000_000, None)
    await owner.open()
    await owner.close()
    print("closed")

asyncio.run(main())
print("left")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "closed\nleft\n"
    assert done.stderr == "a did not close within 0.1 s and was abandoned\n"
