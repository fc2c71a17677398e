"""What every conformance kit shares: the plugin under test, its settings, and a run in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final, TypeVar

import pytest
from pydantic import BaseModel, ValidationError

from arb.api import PLUGIN_API, Context, Spec
from arb.model import parse_utc
from arb.simulation import VirtualClock, run_virtual

from ._fakes_clock import START_NS
from ._fakes_context import FakeContext, FakeIds, MemoryState

T = TypeVar("T")

_CASE_TIMEOUT_S: Final = 90 * 86_400
"""Of virtual time. Only a case that waits for something that never comes uses it up, in no real time."""

SKIP_PREFIX: Final = "capability not declared: "


def require(declared: Collection[str], *needed: str) -> None:
    """Skip the case unless every capability is declared; the kit skips for no other reason."""
    for capability in needed:
        if capability not in declared:
            pytest.skip(f"{SKIP_PREFIX}{capability}")


class Conformance:
    """Base of the kits. Subclass one of them in the plugin's tests and name the module:

    ```
    class TestConformance(ExchangeConformance):
        plugin = arb_exchange_mine.plugin
    ```

    The plugin's `CONFORMANCE` mapping says how to open it: `settings` is its table of the
    configuration, where `{tmp}` in a text stands for an empty folder; `start` is when the run
    begins (ISO 8601, default 2026-01-01); the rest belongs to the kit of the family. Override a
    fixture for anything else.

    Attributes:
        plugin: The module that the entry point names.
        name: Which of its specs is meant, if it provides several.
        hook: The provider hook of the family.
        spec_type: What the hook has to return.
        group: What the cases written in one class are about, for the report.
    """

    plugin: ModuleType
    name: str = ""
    group: ClassVar[str] = "contract"
    hook: ClassVar[str]
    spec_type: ClassVar[type[Spec[Any]]]

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return the plugin's `CONFORMANCE`, or nothing."""
        options: Mapping[str, Any] = getattr(self.plugin, "CONFORMANCE", {})
        return options

    @pytest.fixture
    def spec(self) -> Spec[Any]:
        """Return the spec under test."""
        specs: list[Spec[Any]] = [spec for spec in getattr(self.plugin, self.hook)() if self.name in ("", spec.name)]
        assert len(specs) == 1, f"{self.plugin.__name__}.{self.hook}() gives {len(specs)} specs: set `name`"
        return specs[0]

    @pytest.fixture
    def settings(self, spec: Spec[Any], options: Mapping[str, Any], tmp_path: Path) -> BaseModel:
        """Return validated settings."""
        return spec.settings.model_validate(filled(options.get("settings", {}), tmp_path))

    @pytest.fixture
    def context(self, options: Mapping[str, Any]) -> Callable[[], Context]:
        """Return a function that makes the plugin's context inside the loop; state outlives the contexts."""
        return self.plain_contexts()

    @staticmethod
    def plain_contexts() -> Callable[[], Context]:
        """Return a function that makes contexts without a network."""
        state, ids = MemoryState(), FakeIds()
        return lambda: FakeContext("check", seed=7, clock=VirtualClock.of_running_loop(), state=state, ids=ids)

    @pytest.fixture
    def play(self, options: Mapping[str, Any]) -> Callable[[Callable[[], Awaitable[None]]], None]:
        """Return a function that runs one case in virtual time."""
        start_ns = parse_utc(options["start"]) if "start" in options else START_NS

        def run(case: Callable[[], Awaitable[None]]) -> None:
            async def bounded() -> None:
                async with asyncio.timeout(_CASE_TIMEOUT_S):
                    await case()

            run_virtual(bounded(), start_ns=start_ns)

        return run

    @pytest.fixture
    def make(self, spec: Spec[T], settings: BaseModel) -> Callable[[Context], AbstractAsyncContextManager[T]]:
        """Return a function that opens the plugin; override it for one that needs a fake venue."""
        return lambda context: spec.open(settings, context)

    def test_001_it_speaks_this_version_of_the_contract(self, spec: Spec[Any]) -> None:
        """The module states PLUGIN_API and its hook returns specs of its family."""
        assert getattr(self.plugin, "PLUGIN_API", None) == PLUGIN_API
        assert isinstance(spec, self.spec_type), f"{spec!r} is no {self.spec_type.__name__}"
        assert spec.name

    def test_002_unknown_settings_are_refused(self, spec: Spec[Any], settings: BaseModel) -> None:
        """A misspelt key never passes, and settings cannot be changed after validation."""
        with pytest.raises(ValidationError):
            spec.settings.model_validate({"no_such_key_of_any_plugin": 1})
        assert spec.settings.model_config.get("frozen"), "derive the settings from arb.api.Settings"

    def test_003_the_provider_hook_gives_the_same_each_time(self, spec: Spec[Any]) -> None:
        """Providers build specs without I/O or state: two calls agree."""
        first, second = ([(each.name, each.settings) for each in getattr(self.plugin, self.hook)()] for _ in range(2))
        assert first == second

    def test_004_it_opens_closes_and_opens_again(
        self,
        make: Callable[[Context], AbstractAsyncContextManager[object]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        """Closing frees what opening took."""

        async def case() -> None:
            for _ in range(2):
                async with make(context()) as opened:
                    assert opened is not None
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks outlive the plugin: {left}"

        play(case)


def filled(value: Any, tmp_path: Path) -> Any:
    """Put the empty folder in place of `{tmp}`."""
    if isinstance(value, str):
        return value.replace("{tmp}", str(tmp_path))
    if isinstance(value, Mapping):
        return {key: filled(each, tmp_path) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [filled(each, tmp_path) for each in value]
    return value
