"""The repository describes itself: every plugin follows the rule and is in the shared tooling."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = sorted(path.parent for path in ROOT.glob("plugins/*/*/setup.cfg"))
DIALECTS = [path for path in DISTRIBUTIONS if path.parent.name == "dialects"]
"""What several exchanges have in common, as a library: no plugin, so without an entry point."""

PLUGINS = [path for path in DISTRIBUTIONS if path not in DIALECTS]
FAMILIES = {
    "exchanges": "exchange",
    "strategies": "strategy",
    "price_sources": "price-source",
    "cache_tiers": "cache-tier",
    "storages": "storage",
    "extensions": "extension",
}


def dist_of(plugin: Path) -> str:
    return f"arb-{FAMILIES[plugin.parent.name]}-{plugin.name.replace('_', '-')}"


def config_of(path: Path) -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(path, encoding="utf-8")
    return config


def test_every_folder_below_plugins_is_a_distribution() -> None:
    folders = [path for path in ROOT.glob("plugins/*/*") if path.is_dir() and path.name != "__pycache__"]

    assert sorted(folders) == DISTRIBUTIONS
    assert {path.parent.name for path in PLUGINS} <= set(FAMILIES)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_follows_the_naming_rule(plugin: Path) -> None:
    config, dist = config_of(plugin / "setup.cfg"), dist_of(plugin)
    package = dist.replace("-", "_")

    assert config["metadata"]["name"] == dist
    assert config["metadata"]["license"] == "Apache-2.0"
    assert config["metadata"]["version"]
    assert config["metadata"]["description"]
    assert config["options"]["python_requires"] == ">=3.11"
    assert config["options.entry_points"][f"arb.{plugin.parent.name}"].strip() == f"{plugin.name} = {package}.plugin"
    assert "py.typed" in config["options.package_data"][package].split()


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_says_which_kernels_it_works_with(plugin: Path) -> None:
    requires = config_of(plugin / "setup.cfg")["options"]["install_requires"].split()
    (kernel,) = [line for line in requires if line.startswith("arb-core")]

    assert kernel.removeprefix("arb-core").removeprefix("[net]").removeprefix("[evm,net]") == ">=0.1,<0.2"
    others = {line for line in requires if line.startswith("arb-")} - {kernel}
    assert others <= {f"arb-dialect-{path.name}>=0.1,<0.2" for path in DIALECTS}, "plugins do not need plugins"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_has_its_files(plugin: Path) -> None:
    package = plugin / "src" / dist_of(plugin).replace("-", "_")

    for path in (
        plugin / "README.md",
        plugin / "CHANGELOG.md",
        plugin / "pyproject.toml",
        package / "__init__.py",
        package / "plugin.py",
        package / "py.typed",
    ):
        assert path.exists(), f"{path.relative_to(ROOT)} is missing"
    assert list((plugin / "tests").rglob("test_*.py"))
    assert not list((plugin / "tests").rglob("__init__.py"))
    assert [path.name for path in (plugin / "src").iterdir() if not path.name.endswith(".egg-info")] == [package.name]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_is_in_the_shared_tooling(plugin: Path) -> None:
    package, folder = dist_of(plugin).replace("-", "_"), plugin.relative_to(ROOT).as_posix()
    setup = config_of(ROOT / "setup.cfg")
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")

    assert f"-e {folder}\n" in (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert f"{folder}/src" in setup["mypy"]["mypy_path"]
    for contract, key in (
        ("importlinter", "root_packages"),
        ("importlinter:contract:plugins", "source_modules"),
        ("importlinter:contract:independent", "modules"),
    ):
        assert package in setup[contract][key].split(), f"[{contract}] {key} does not name {package}"
    assert f"pytest {folder}/tests {{posargs}}\n" in tox
    assert f"{{toxinidir}}/{folder}\n" in tox
    assert plugin.name in tox.partition("plugin-{")[2].partition("}")[0].split(",")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda path: path.name)
def test_a_dialect_is_a_library_in_the_shared_tooling(dialect: Path) -> None:
    config, package, folder = (
        config_of(dialect / "setup.cfg"),
        f"arb_dialect_{dialect.name}",
        f"dialects/{dialect.name}",
    )
    setup = config_of(ROOT / "setup.cfg")

    assert config["metadata"]["name"] == f"arb-dialect-{dialect.name}"
    assert "options.entry_points" not in config, "a dialect does nothing by itself"
    assert (dialect / "README.md").exists()
    assert (dialect / "src" / package / "py.typed").exists()
    assert f"-e plugins/{folder}\n" in (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert f"plugins/{folder}/src" in setup["mypy"]["mypy_path"]
    assert package in setup["importlinter"]["root_packages"].split()
    assert package in setup["importlinter:contract:plugins"]["source_modules"].split()
