from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from arb.api import OrderIntent, PluginLoadError, Veto, hookimpl
from arb.kernel import Family, LoadedPlugin, Registry, installed_plugins, load_plugin
from arb.model import (
    ClientOrderId,
    Event,
    EventKind,
    InstrumentId,
    OrderRequest,
    Side,
)

Install = Callable[..., str]
CodeOf = Callable[..., str]

EVENT = Event(ts_ns=1, kind=EventKind.RUN_STARTED, subject="run", message="started")
HEAD = "import arb.api\nfrom arb.api import hookimpl, Settings\nPLUGIN_API = 1\n"


def load(name: str) -> LoadedPlugin:
    loaded = load_plugin(next(ref for ref in installed_plugins() if ref.name == name))
    assert isinstance(loaded, LoadedPlugin)
    return loaded


def an_intent() -> OrderIntent:
    order = OrderRequest(
        client_order_id=ClientOrderId("a"),
        instrument=InstrumentId("BTC-PERP.x"),
        side=Side.BUY,
        quantity=Decimal(1),
        price=Decimal(1),
    )
    # The registry passes an intent on; it never looks at the hedge.
    return OrderIntent(order=order, hedge=None, notional_usd=Decimal(1))  # type: ignore[arg-type]


@pytest.mark.parametrize("family", list(Family))
def test_what_a_plugin_provides_is_found_by_name(install: Install, code_of: CodeOf, family: Family) -> None:
    install("arb-good", "good", code_of(family.value, "good"), group=family.group)
    registry = Registry()

    registry.register(load("good"))

    by_family = {
        Family.STORAGES: registry.storages,
        Family.CACHE_TIERS: registry.cache_tiers,
        Family.PRICE_SOURCES: registry.price_sources,
        Family.EXCHANGES: registry.exchanges,
        Family.STRATEGIES: registry.strategies,
        Family.EXTENSIONS: registry.extensions,
    }
    assert [name for name, get in by_family.items() if "good" in get()] == [family]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "@hookimpl\ndef arb_exchangez(): return []\n@hookimpl\ndef arb_exchanges(): return []",
            "unknown hook 'arb_exchangez'; did you mean 'arb_exchanges'?",
        ),
        ("@hookimpl\ndef arb_event(evnt): pass\n@hookimpl\ndef arb_exchanges(): return []", "evnt"),
        ("", "has no hook arb_exchanges"),
        ("def arb_exchanges(): return []", "has no hook arb_exchanges"),
        ("@hookimpl\ndef arb_exchanges(): raise KeyError('x')", "arb_exchanges failed: KeyError"),
        ("@hookimpl\ndef arb_exchanges(): import sys; sys.exit(1)", "tried to exit"),
        ("@hookimpl\ndef arb_exchanges(): return None", "returned a NoneType"),
        ("@hookimpl\ndef arb_exchanges(): return ['a']", "returned a str, not a ExchangeSpec"),
        (
            "@hookimpl\ndef arb_exchanges(): return [arb.api.StorageSpec(name='bad', settings=Settings, open=print)]",
            "returned a StorageSpec, not a ExchangeSpec",
        ),
        ("@hookimpl\ndef arb_exchanges(): return []", "not at all"),
        (
            "@hookimpl\ndef arb_exchanges(): return [arb.api.ExchangeSpec(name='b', settings=Settings, open=print)]",
            "it returned 'b'",
        ),
        (
            "@hookimpl\ndef arb_exchanges(): return 2 * "
            "[arb.api.ExchangeSpec(name='bad', settings=Settings, open=print)]",
            "'bad' twice",
        ),
        (
            "@hookimpl\ndef arb_exchanges(): return [arb.api.ExchangeSpec(name='bad', settings=dict, open=print)]",
            "not a pydantic model",
        ),
        (
            "@hookimpl\ndef arb_exchanges(): return [arb.api.ExchangeSpec(name='bad', settings=Settings, open=None)]",
            "cannot be called",
        ),
        ("@hookimpl(wrapper=True)\ndef arb_exchanges(): return (yield)", "is a hook wrapper"),
        ("@hookimpl\ndef arb_exchanges():\n while True: yield 1", "returned a int"),
    ],
)
def test_a_plugin_that_breaks_the_contract_leaves_no_trace(
    install: Install, code_of: CodeOf, code: str, reason: str
) -> None:
    install("arb-exchange-bad", "bad", HEAD + code)
    install("arb-exchange-good", "good", code_of("exchanges", "good"))
    registry = Registry()

    with pytest.raises(PluginLoadError, match=r"exchange 'bad' of arb-exchange-bad 1\.0") as caught:
        registry.register(load("bad"))
    registry.register(load("good"))

    assert reason in str(caught.value)
    assert list(registry.exchanges()) == ["good"]
    assert registry.notify(EVENT) == []


def test_a_provider_that_hangs_is_refused(install: Install) -> None:
    code = "import time\n@hookimpl\ndef arb_exchanges(): time.sleep(30)"
    install("arb-exchange-sleepy", "slow", HEAD + code)
    with pytest.raises(PluginLoadError, match="not done after"):
        Registry().register(load("slow"), timeout_s=0.1)


def test_one_module_may_serve_several_entry_points(install: Install, code_of: CodeOf) -> None:
    both = "@hookimpl\ndef arb_extensions(): return [arb.api.ExtensionSpec(name='e', settings=Settings, open=print)]"
    entries = "[arb.exchanges]\nx = arb_both\n[arb.extensions]\ne = arb_both\n"
    install("arb-both", "x", code_of("exchanges", "x") + both, entries=entries)
    registry = Registry()

    registry.register(load("x"))
    registry.register(load("e"))

    assert (list(registry.exchanges()), list(registry.extensions())) == (["x"], ["e"])
    assert registry.hooks(load("x").ref) == ("arb_exchanges", "arb_extensions")


class Observer:
    def __init__(self, error: BaseException | None = None) -> None:
        self.seen: list[Event] = []
        self.error = error

    @hookimpl
    def arb_event(self, event: Event) -> None:
        self.seen.append(event)
        if self.error:
            raise self.error


class Guardian:
    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked = 0

    @hookimpl
    def arb_veto_order(self, intent: OrderIntent) -> object:
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def test_one_failing_observer_stops_nobody() -> None:
    registry = Registry()
    observers = {"a": Observer(), "b": Observer(ValueError("broke")), "c": Observer(SystemExit(1)), "d": Observer()}
    for name, observer in observers.items():
        registry.attach(name, observer)

    failures = registry.notify(EVENT)

    assert all(observer.seen == [EVENT] for observer in observers.values())
    assert {name: type(error) for name, error in failures} == {"b": ValueError, "c": SystemExit}


def test_nobody_objects() -> None:
    registry = Registry()
    assert registry.veto_order(an_intent()) is None
    registry.attach("calm", Guardian(None))
    assert registry.veto_order(an_intent()) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Veto("too large"), "strict: too large"),
        (ValueError("no network"), "strict failed: ValueError: no network"),
        (SystemExit(1), "strict failed: it tried to exit the process (SystemExit: 1)"),
        (False, "strict answered a bool, neither a Veto nor None"),
    ],
)
def test_everything_but_none_is_a_veto_that_names_the_plugin(answer: object, reason: str) -> None:
    registry = Registry()
    registry.attach("calm", Guardian(None))
    registry.attach("strict", Guardian(answer))
    assert registry.veto_order(an_intent()) == Veto(reason)


def test_the_first_veto_wins_and_ctrl_c_is_no_veto() -> None:
    registry = Registry()
    first, second = Guardian(Veto("one")), Guardian(Veto("two"))
    registry.attach("second", second)
    registry.attach("first", first)

    answer = registry.veto_order(an_intent())

    assert answer is not None
    assert answer.reason in ("first: one", "second: two")
    assert first.asked + second.asked == 1
    registry.attach("person", Guardian(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        registry.veto_order(an_intent())


def test_a_name_is_attached_once_and_a_clash_removes_nothing() -> None:
    registry = Registry()
    first = Observer()
    registry.attach("x", first)
    registry.attach("x", first)
    with pytest.raises(PluginLoadError, match="something else is attached"):
        registry.attach("x", Observer())
    registry.notify(EVENT)
    assert first.seen == [EVENT]


class Prickly:
    @property
    def streams(self) -> object:
        raise RuntimeError("not connected")


def test_properties_of_a_resource_are_left_alone() -> None:
    Registry().attach("x", Prickly())


def test_what_is_detached_is_told_nothing_more() -> None:
    registry = Registry()
    observer = Observer()
    registry.attach("x", observer)
    registry.detach("x")
    registry.detach("x")
    registry.notify(EVENT)
    assert observer.seen == []


class Misspelt:
    @hookimpl
    def arb_evnt(self, event: Event) -> None:
        raise AssertionError("never called")


def test_a_resource_with_an_unknown_hook_is_refused() -> None:
    registry = Registry()
    with pytest.raises(PluginLoadError, match="arb_evnt"):
        registry.attach("x", Misspelt())
    registry.attach("y", Observer())
    assert registry.notify(EVENT) == []
