"""Schnorr signatures over ecGFp5, the curve of Lighter's API keys: verification only.

The curve y^2 = x (x^2 + 2 x + 263 z) lies over GF(p^5) = GF(p)[z] / (z^5 - 3) with the Goldilocks prime p; its
group, its coordinates (x, u = x / y as fractions) and its addition are those of Thomas Pornin, "EcGFp5: a
Specialized Elliptic Curve" (2022), github.com/pornin/ecgfp5. A signature is s || e with e = H(r || message) and
r = s G + e P (github.com/elliottech/poseidon_crypto, signature/schnorr).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ._poseidon import PRIME, hashed

Element = tuple[int, int, int, int, int]
Point = tuple[Element, Element, Element, Element]
"""X, Z, U, T: x = X / Z and u = U / T."""

ORDER: Final = 1067993516717146951041484916571792702745057740581727230159139685185762082554198619328292418486241
_B: Final = 263
_W: Final = 3
_ROOT: Final = pow(_W, (PRIME - 1) // 5, PRIME)
_ZERO: Final[Element] = (0, 0, 0, 0, 0)
_ONE: Final[Element] = (1, 0, 0, 0, 0)
_NEUTRAL: Final[Point] = (_ZERO, _ONE, _ZERO, _ONE)
_GENERATOR: Final[Point] = (
    (12883135586176881569, 4356519642755055268, 5248930565894896907, 2165973894480315022, 2448410071095648785),
    _ONE,
    _ONE,
    (4, 0, 0, 0, 0),
)
_WINDOW: Final = 4
_WINDOWS: Final = 80
Table = tuple[tuple[Point, ...], ...]


def public_key(private_key: bytes) -> bytes:
    """Return the 40 bytes that the venue registers for a private key of 40 bytes, little-endian."""
    return _bytes_of(_encoded(_times(_generator_table(), int.from_bytes(private_key, "little") % ORDER)))


@lru_cache(maxsize=8)
def key_table(private_key: bytes) -> Table:
    """Return what :func:`verified` needs of a key."""
    return _table_of(_times(_generator_table(), int.from_bytes(private_key, "little") % ORDER))


def verified(key: Table, message: tuple[int, ...], signature: bytes) -> bool:
    """Return whether 80 bytes sign a hashed message of five elements."""
    if len(signature) != 80:
        return False
    s, e = (int.from_bytes(part, "little") for part in (signature[:40], signature[40:]))
    if s >= ORDER or e >= ORDER:
        return False
    r = _encoded(_sum(_times(_generator_table(), s), _times(key, e)))
    return _scalar(hashed((*r, *message))) == e


def _scalar(element: tuple[int, ...]) -> int:
    return int.from_bytes(_bytes_of(element), "little") % ORDER


def _bytes_of(element: tuple[int, ...]) -> bytes:
    return b"".join(limb.to_bytes(8, "little") for limb in element)


@lru_cache(maxsize=1)
def _generator_table() -> Table:
    return _table_of(_GENERATOR)


def _table_of(point: Point) -> Table:
    """Return 1 to 15 times the point, times each power of 16."""
    rows = []
    for _ in range(_WINDOWS):
        row = [point]
        for _ in range((1 << _WINDOW) - 2):
            row.append(_sum(row[-1], point))
        rows.append(tuple(row))
        point = _sum(row[-1], point)
    return tuple(rows)


def _times(table: Table, scalar: int) -> Point:
    total = _NEUTRAL
    for row in table:
        digit = scalar & 15
        scalar >>= _WINDOW
        if digit:
            total = _sum(total, row[digit - 1])
    return total


def _sum(first: Point, second: Point) -> Point:
    """Add two points; the formulas have no exceptions."""
    (x1, z1, u1, t1), (x2, z2, u2, t2) = first, second
    xx, zz, uu, tt = _mul(x1, x2), _mul(z1, z2), _mul(u1, u2), _mul(t1, t2)
    xz = _sub(_mul(_add(x1, z1), _add(x2, z2)), _add(xx, zz))
    ut = _sub(_mul(_add(u1, t1), _add(u2, t2)), _add(uu, tt))
    bzz = _times_b(zz)
    plus = _add(xx, bzz)
    left = _mul(tt, plus)
    right = _mul(uu, _scaled(_add(_times_b(xz), plus), 2))
    cross = _mul(_add(tt, _scaled(uu, 2)), _add(xz, plus))
    return (_times_b(_sub(cross, left)), _sub(left, right), _mul(ut, _sub(bzz, xx)), _add(left, right))


def _encoded(point: Point) -> Element:
    """Return y / x, which names the point; zero is the neutral one."""
    _, _, u, t = point
    return _mul(t, _inverse(u))


def _add(a: Element, b: Element) -> Element:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4])


def _sub(a: Element, b: Element) -> Element:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3], a[4] - b[4])


def _scaled(a: Element, factor: int) -> Element:
    return (a[0] * factor, a[1] * factor, a[2] * factor, a[3] * factor, a[4] * factor)


def _times_b(a: Element) -> Element:
    """Multiply by 263 z."""
    return (_W * _B * a[4], _B * a[0], _B * a[1], _B * a[2], _B * a[3])


def _mul(a: Element, b: Element) -> Element:
    """Multiply; only here limbs are reduced, the other operations let them grow by some bits."""
    a0, a1, a2, a3, a4 = a
    b0, b1, b2, b3, b4 = b
    return (
        (a0 * b0 + _W * (a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1)) % PRIME,
        (a0 * b1 + a1 * b0 + _W * (a2 * b4 + a3 * b3 + a4 * b2)) % PRIME,
        (a0 * b2 + a1 * b1 + a2 * b0 + _W * (a3 * b4 + a4 * b3)) % PRIME,
        (a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + _W * a4 * b4) % PRIME,
        (a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0) % PRIME,
    )


def _inverse(a: Element) -> Element:
    """Return 1 / a, and 0 of 0: the product of the four conjugates over the norm (Itoh and Tsujii)."""
    conjugates = _mul(_mul(_frobenius(a, 1), _frobenius(a, 2)), _mul(_frobenius(a, 3), _frobenius(a, 4)))
    norm = _mul(a, conjugates)[0]
    return _mul(conjugates, (pow(norm, PRIME - 2, PRIME), 0, 0, 0, 0))


def _frobenius(a: Element, times: int) -> Element:
    root = pow(_ROOT, times, PRIME)
    return (a[0], a[1] * root, a[2] * pow(root, 2, PRIME), a[3] * pow(root, 3, PRIME), a[4] * pow(root, 4, PRIME))
