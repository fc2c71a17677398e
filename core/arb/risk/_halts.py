"""Halts: durable, seen by the next order, lifted by a named person only.

They live in a file of their own and not in the database, so that `arb halt` reaches a running
process, works while the storage is broken, and a database that is restored from a backup does not
lift one. Every look compares the file's version first, so a look costs one `stat`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from arb.api import Clock, StorageError
from arb.model import ExchangeName

from ._halt_file import HaltStore

EVERYTHING: Final = "all"
"""The scope of a halt that stops every exchange."""

_FORMAT: Final = 1
_NOT_READ: Final = object()
"""No version of a store: not even that of one which holds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Why no risk may be opened.

    Attributes:
        scope: The exchange by its name in the configuration, or EVERYTHING.
        subject: The hedge it is about, by its id; empty where it is about none.
        raised_by: A person, or the part of arb that raised it.
        lifted_by: The person who resumed; empty while the halt stands.
    """

    halt_id: int
    scope: str
    reason: str
    raised_ns: int
    raised_by: str
    subject: str = ""
    lifted_ns: int | None = None
    lifted_by: str = ""
    lifted_reason: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it still stands."""
        return self.lifted_ns is None

    def __str__(self) -> str:
        return f"halt {self.halt_id} ({self.scope}): {self.reason}"


class Halts:
    """The halts in force. What cannot be read or written counts as a halt of everything."""

    def __init__(self, store: HaltStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._version: object = _NOT_READ
        self._known: tuple[Halt, ...] = ()
        self._unwritten: tuple[Halt, ...] = ()

    def __str__(self) -> str:
        return str(self._store)

    def active(self) -> tuple[Halt, ...]:
        """Return the halts that stand, oldest first."""
        return tuple(halt for halt in (*self.history(), *self._unwritten) if halt.is_active)

    def blocking(self, exchange: ExchangeName) -> Halt | None:
        """Return the halt that forbids opening risk on an exchange, or None."""
        return next((halt for halt in self.active() if halt.scope in (EVERYTHING, exchange)), None)

    def holds(self, subject: str) -> bool:
        """Whether a halt about `subject` stands, or one of everything that is about nothing else."""
        return any(halt.subject == subject or (halt.scope == EVERYTHING and not halt.subject) for halt in self.active())

    def knows(self, subject: str) -> bool:
        """Whether a halt about `subject` is on record, standing or lifted."""
        return any(halt.subject == subject for halt in (*self.history(), *self._unwritten))

    def lifted_ns(self, subject: str) -> int:
        """Return when a person last lifted a halt about `subject`; 0 when nobody did."""
        return max((halt.lifted_ns or 0 for halt in self.history() if halt.subject == subject), default=0)

    def history(self) -> tuple[Halt, ...]:
        """Return every halt there was, oldest first; one that stands for a file that cannot be read."""
        try:
            version = self._store.version()
            if version != self._version:
                self._known = _parsed(self._store.read())
                self._version = version
        except (OSError, ValueError) as error:
            self._version = _NOT_READ
            return (self._unreadable(error),)
        return self._known

    def halt(self, scope: str, reason: str, *, by: str, subject: str = "") -> Halt:
        """Raise a halt and return it as it is stored; one of the same scope, subject and reason that stands is kept.

        Halts that could not be stored before are stored with it.

        Raises:
            StorageError: it could not be stored. It stands for this process all the same.
        """

        def same(halt: Halt) -> bool:
            return halt.is_active and _what(halt) == (scope, subject, reason)

        stored = next(filter(same, self.history()), None)
        if stored is not None:
            return stored
        if not any(map(same, self._unwritten)):
            now_ns = self._clock.now_ns()
            new = Halt(halt_id=0, scope=scope, reason=reason, raised_ns=now_ns, raised_by=by, subject=subject)
            self._unwritten = (*self._unwritten, new)
        try:
            with self._store.changing():
                halts = self._stored_and_unwritten()
                self._store.write(_text(halts))
        except (OSError, ValueError) as error:
            raise StorageError(f"{self._store}: the halt could not be stored ({error}): {reason}") from error
        finally:
            self._version = _NOT_READ
        self._unwritten = ()
        return next(filter(same, halts))

    def hold(self, scope: str, reason: str, *, by: str, subject: str = "") -> None:
        """Raise a halt like :meth:`halt`, for work that has to go on also when it cannot be stored.

        It stands for this process all the same; :meth:`catch_up` tries again, and tells.
        """
        with suppress(StorageError):
            self.halt(scope, reason, by=by, subject=subject)

    def catch_up(self) -> tuple[Halt, ...]:
        """Store what could not be stored before; return what stands for this process alone all the same."""
        if self._unwritten:
            # Another process may have raised the same meanwhile.
            known = {_what(halt) for halt in self.history() if halt.is_active}
            self._unwritten = tuple(halt for halt in self._unwritten if _what(halt) not in known)
        if self._unwritten:
            first = self._unwritten[0]
            self.hold(first.scope, first.reason, by=first.raised_by, subject=first.subject)
        return self._unwritten

    def lift(self, *, by: str, reason: str, halt_ids: Sequence[int] | None = None) -> tuple[Halt, ...]:
        """Lift the halts named, or all; return those that were lifted.

        Raises:
            StorageError: the file cannot be read or written: the halts stand.
            ValueError: no person is named.
        """
        if not by.strip():
            raise ValueError("name the person who resumes")
        lifted: list[Halt] = []
        try:
            with self._store.changing():
                halts = self._stored_and_unwritten()
                for index, halt in enumerate(halts):
                    if halt.is_active and (halt_ids is None or halt.halt_id in halt_ids):
                        now_ns = self._clock.now_ns()
                        halts[index] = replace(halt, lifted_ns=now_ns, lifted_by=by, lifted_reason=reason)
                        lifted.append(halts[index])
                if lifted or self._unwritten:
                    self._store.write(_text(halts))
        except (OSError, ValueError) as error:
            raise StorageError(f"{self._store}: nothing was lifted: {error}") from error
        finally:
            self._version = _NOT_READ
        self._unwritten = ()
        return tuple(lifted)

    def _stored_and_unwritten(self) -> list[Halt]:
        """Return what the store is to hold: what it holds, and what it could not be given so far."""
        halts = list(_parsed(self._store.read()))
        for halt in self._unwritten:
            # Another process may have raised the same meanwhile.
            if not any(known.is_active and _what(known) == _what(halt) for known in halts):
                halts.append(replace(halt, halt_id=max((known.halt_id for known in halts), default=0) + 1))
        return halts

    def _unreadable(self, error: Exception) -> Halt:
        reason = f"{self._store} cannot be read ({error}), so nobody knows what is halted; mend or remove it"
        return Halt(
            halt_id=0, scope=EVERYTHING, reason=reason, raised_ns=self._clock.now_ns(), raised_by="arb: fail closed"
        )


def _what(halt: Halt) -> tuple[str, str, str]:
    """Return what makes a halt another one."""
    return halt.scope, halt.subject, halt.reason


def _text(halts: Sequence[Halt]) -> str:
    return json.dumps({"format": _FORMAT, "halts": [asdict(halt) for halt in halts]}, indent=2) + "\n"


def _parsed(text: str | None) -> tuple[Halt, ...]:
    """Read halts.

    Raises:
        ValueError: the text is not what :func:`_text` writes.
    """
    if text is None:
        return ()
    try:
        content: Any = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT or not isinstance(content.get("halts"), list):
        raise ValueError("it is not a file of halts of this version")
    return tuple(_halt(row) for row in content["halts"])


def _halt(row: object) -> Halt:
    kinds: dict[str, tuple[type, ...]] = {
        "halt_id": (int,),
        "scope": (str,),
        "reason": (str,),
        "raised_ns": (int,),
        "raised_by": (str,),
        "subject": (str,),
        "lifted_ns": (int, type(None)),
        "lifted_by": (str,),
        "lifted_reason": (str,),
    }
    if not isinstance(row, dict) or set(row) != set(kinds):
        raise ValueError("a halt has other fields than expected")
    for name, kind in kinds.items():
        if type(row[name]) not in kind:  # True is no number of a halt
            raise ValueError(f"{name} of a halt is {row[name]!r}")
    if row["lifted_ns"] is not None and not row["lifted_by"].strip():
        raise ValueError("a halt was lifted by nobody")
    return Halt(**row)
