"""Installed distributions, read from their metadata files by hand.

`importlib.metadata` answers the same questions, but parses every METADATA file of the environment
with the e-mail parser: 50 ms where this takes 12. It looks where `importlib.metadata` looks, in the
same order, and the first distribution of a name wins; archives and `.egg` folders are left out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class InstalledDist:
    """What a distribution says about itself.

    Attributes:
        name: Normalised: lower case, words joined by a hyphen.
        requires: Lines of `Requires-Dist`, as written.
        entries: Lines of `entry_points.txt` in our groups: group, text.
        problem: Why its metadata cannot be trusted; empty when it can.
    """

    name: str
    version: str = ""
    requires: tuple[str, ...] = ()
    entries: tuple[tuple[str, str], ...] = field(default=())
    problem: str = ""


def normalise(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return "-".join(filter(None, name.replace("_", "-").replace(".", "-").split("-"))).lower()


def installed_dists(prefix: str, path: Iterable[str] | None = None) -> Iterator[InstalledDist]:
    """Yield every distribution with an entry-point group that begins with `prefix`.

    Nothing is raised for a damaged one: it is yielded with its problem.
    """
    seen: set[str] = set()
    for folder in sys.path if path is None else path:
        for entry in _children(folder):
            stem, dot, kind = entry.rpartition(".")
            if not dot or kind.lower() not in ("dist-info", "egg-info"):
                continue
            name = normalise(stem.partition("-")[0])
            if name in seen:
                continue
            seen.add(name)
            dist = _read(os.path.join(folder, entry), name, prefix)
            if dist is not None:
                yield dist


def _children(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:  # a missing folder or an archive on sys.path is nothing unusual
        return []


def _read(info: str, name: str, prefix: str) -> InstalledDist | None:
    try:
        raw = _read_bytes(os.path.join(info, "entry_points.txt"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        # Without its entry points nobody can tell whether it holds a plugin; only ours are worth a word.
        hint = f"{info}/entry_points.txt cannot be read: {error.strerror}"
        return InstalledDist(name, problem=hint) if name.startswith("arb-") else None
    if b"[" + prefix.encode() not in raw.replace(b" ", b""):
        return None
    try:
        entries = tuple(_entries(raw.decode("utf-8"), prefix))
        headers = _headers(info)
    except UnicodeDecodeError:
        return InstalledDist(name, problem=f"the metadata in {info} is not UTF-8; install it again")
    except OSError as error:
        return InstalledDist(name, entries=entries, problem=f"{error.filename} cannot be read: {error.strerror}")
    fields = dict(headers)
    requires = tuple(value for key, value in headers if key == "requires-dist") or _egg_requires(info)
    missing = [key for key in ("name", "version") if not fields.get(key)]
    problem = f"the metadata in {info} has no {' and no '.join(missing)}; install it again" if missing else ""
    own_name = normalise(fields.get("name", "")) or name
    return InstalledDist(own_name, fields.get("version", ""), requires, entries, problem)


def _read_bytes(file: str) -> bytes:
    with open(file, "rb") as stream:
        return stream.read()


def _entries(text: str, prefix: str) -> Iterator[tuple[str, str]]:
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]").strip()
        elif line and not line.startswith("#") and group.startswith(prefix):
            yield group, line


def _headers(info: str) -> list[tuple[str, str]]:
    try:
        raw = _read_bytes(os.path.join(info, "METADATA"))
    except FileNotFoundError:
        raw = _read_bytes(os.path.join(info, "PKG-INFO"))
    headers = []
    for line in raw.decode("utf-8").splitlines():
        if not line.strip():
            break  # the description follows
        key, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            headers.append((key.strip().lower(), value.strip()))
    return headers


def _egg_requires(info: str) -> tuple[str, ...]:
    try:
        text = _read_bytes(os.path.join(info, "requires.txt")).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ()
    plain = text.partition("\n[")[0]  # sections hold extras and markers
    return tuple(line.strip() for line in plain.splitlines() if line.strip() and not line.startswith("["))
