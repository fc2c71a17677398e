from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

Install = Callable[..., str]
_RECURSION = sys.getrecursionlimit()


def pytest_collection_finish() -> None:
    """Put the recursion limit back to where Python has it.

    `py_ecc`, which comes with eth-account, raises it to 100,000 when it is imported. Beyond some 20,000 deeply nested
    JSON is no RecursionError any more: it ends the process.
    """
    sys.setrecursionlimit(_RECURSION)


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the processes that tests start share what they compile, where nothing may be left beside the sources."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.getbasetemp() / "compiled"))
        yield


@dataclass
class Site:
    """A folder on sys.path into which distributions are put as pip would."""

    folder: Path
    modules: set[str] = field(default_factory=set)

    def install(
        self,
        dist: str,
        name: str,
        code: str,
        *,
        group: str = "arb.exchanges",
        needs: str | None = ">=0.1,<0.2",
        version: str = "1.0",
        entries: str | None = None,
    ) -> str:
        """Install a distribution with one entry point and the module it names (none without code); return its name."""
        module = dist.replace("-", "_")
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        requires = "" if needs is None else f"Requires-Dist: arb-core{needs}\n"
        metadata = f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n{requires}\nDescription: of it\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        (info / "entry_points.txt").write_text(entries or f"[{group}]\n{name} = {module}\n", encoding="utf-8")
        if code:
            (self.folder / f"{module}.py").write_text(code, encoding="utf-8")
            self.modules.add(module)
        return module


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Put an empty folder for distributions first on sys.path; forget its modules afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    site = Site(folder)
    yield site
    for module in site.modules:
        sys.modules.pop(module, None)


@pytest.fixture
def install(site: Site) -> Install:
    """Install distributions that no test has to clean up."""
    return site.install


@pytest.fixture
def site_path(site: Site) -> Path:
    """Return the folder that `install` writes into, for PYTHONPATH."""
    return site.folder


def plugin_code(family: str, name: str, *, settings: str = "", body: str = "", extra: str = "") -> str:
    """Return the module of a working plugin of `family` whose resource does nothing."""
    specs = {
        "storages": "StorageSpec",
        "cache_tiers": "CacheTierSpec",
        "price_sources": "PriceSourceSpec",
        "exchanges": "ExchangeSpec",
        "strategies": "StrategySpec",
        "extensions": "ExtensionSpec",
    }
    return f"""
import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Literal
from pydantic import Field
import arb.api
from arb.api import Duration, Secret, Settings, hookimpl

PLUGIN_API = 1
{extra}

class PluginSettings(Settings):
    {settings or "pass"}

class Resource:
    name = capabilities = traits = market = trading = streams = dialect = cycle_ns = None
    def __init__(self, settings, context):
        self.settings, self.context = settings, context
    async def get(self, instruments): return {{}}
    async def put(self, books): pass
    async def drop(self, instruments): pass
    async def fetch_order_book(self, exchange, instrument, depth): pass
    async def decide(self, view): return []
    async def run(self, service): pass
    def transaction(self): pass
    {body}

@asynccontextmanager
async def open_(settings, context):
    context.log.info("opened")
    yield Resource(settings, context)
    context.log.info("closed")

@hookimpl
def arb_{family}():
    return [arb.api.{specs[family]}(name={name!r}, settings=PluginSettings, open=open_)]
"""


@pytest.fixture
def code_of() -> Callable[..., str]:
    """Write the code of plugins that work."""
    return plugin_code
