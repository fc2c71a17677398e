"""YAML with exact numbers and without duplicate keys."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import yaml

from arb.api import ConfigError

from ._numbers import exact_number


class _Loader(yaml.SafeLoader):
    """PyYAML is extended by subclassing; the constructors below are added to this class only."""


class _Dumper(yaml.SafeDumper):
    """PyYAML is extended by subclassing, here too."""

    def ignore_aliases(self, _data: object) -> bool:
        """Write every value where it stands: an anchor helps nobody who reads a configuration."""
        return True


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """Return the mapping that `text` is.

    Raises:
        ConfigError: it is not YAML, not one mapping, or names a key twice.
    """
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ConfigError(f"{source}: not YAML: {error.problem or error.context}{where}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply") from None
    except ValueError as error:  # a number or a date that only looks like one
        raise ConfigError(f"{source}: not YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{source}: must hold tables (run, exchanges, ...), not a {type(document).__name__}")
    return document


def write_yaml(document: object) -> str:
    """Return plain data as YAML that :func:`parse_yaml` reads back, numbers exact."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


def _float(loader: _Loader, node: yaml.ScalarNode) -> Decimal:
    text = loader.construct_scalar(node).replace("_", "").lower()
    try:
        return exact_number(text.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError as error:
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, f"a key must be text, not {key!r}", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is there twice", key_node.start_mark)
        seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _decimal(dumper: _Dumper, value: Decimal) -> yaml.ScalarNode:
    text = f"{value:f}"
    kind = "float" if "." in text else "int"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", text)


_Dumper.add_representer(Decimal, _decimal)
