"""Poseidon2 over the Goldilocks field, as Lighter hashes transactions (width 12, rate 8, no padding).

The permutation is that of Grassi, Khovratovich and Schofnegger, "Poseidon2: A Faster Version of the Poseidon Hash
Function" (2023), with 8 full and 22 partial rounds and the S-box x^7. The round constants and the diagonal are the
figures of github.com/elliottech/poseidon_crypto and, for the diagonal, of github.com/Plonky3/Plonky3 (both
Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

PRIME: Final = 2**64 - 2**32 + 1

_WIDTH: Final = 12
_RATE: Final = 8
_FULL_HALF: Final = 4

# fmt: off
_FULL: Final = (
    (
        0xD70193D17AB3B7D6, 0xA2C3662A78A9162B, 0x7A9FDA827556AD44, 0xE8D5501818C99643,
        0x4C7A8FCED4D5FD38, 0x55AB38985C0C513D, 0x28A17BD016210B0B, 0x8F8277679EC32FA8,
        0x768B3C3D68A460E9, 0x872A022EB559D941, 0xD1316DD4B3B97973, 0xA7B608E578321000,
    ),
    (
        0x3FA02C87B0BEE026, 0x7A38F0022E13C31E, 0x00C054F3C5E8D20D, 0x439F50F4BCA7242F,
        0x4D0938AA57CD517F, 0xB2E03AC5FB6B9A7D, 0xE29D1F4237BEDCA8, 0x05B7C844BC99B848,
        0x91CC0B73F34E17ED, 0x876E4427694BD755, 0x67002AE0725C612D, 0x05351F20E0B6315F,
    ),
    (
        0x2E3B9EF5457EB60B, 0xD9AC17618C3783DD, 0x0807528AD8874BCF, 0xC78D546A455D2A0E,
        0xF8B930C81E2481F0, 0x712707D8DFF3B041, 0xDCB8C0AA0B9D34C3, 0x9BADDBDF2EE3A468,
        0x2DD16D50C5176C78, 0x89EAC5CFBC075CD3, 0x2A741DEA181587F3, 0x1A4D6AA85A113D84,
    ),
    (
        0x4D736286A2387E34, 0x8BAD5DFC4FCB3EE3, 0x84FBD03ADB77C56A, 0x8D5CDD1A23EC53A2,
        0x036F08F08FFF28EC, 0xB717A3F4DBDFB443, 0x58A074B5509D645C, 0xF92BF834E4B87718,
        0x1541C3A0BAA5AC4B, 0x22149E6783E67692, 0x9BE8B5D9E112476F, 0x41E0969F62BABB76,
    ),
    (
        0xBC585AD3B9443DBB, 0xF28DD3206975CBB1, 0xDD8815E53CA045E0, 0xDE82C416B9E701BA,
        0xC5CB875233AFA025, 0x7212697CD897FFA9, 0x67844790AA63CFD7, 0xDC0B9CFA97FE65C3,
        0xE8FE091869A82070, 0x62902BB2E413C6D1, 0x29F9F5001FB84F57, 0xBE1014796EF5F8BE,
    ),
    (
        0x71FEB53E9BDBA19C, 0x251054F592EBB71C, 0xE1A57643A4BB284B, 0xA4BA6F87A45B739B,
        0x2C1FCADE0B958C49, 0xBBB424CDA9A3E360, 0x2CA647354C5F3F54, 0xC9277B64D152E084,
        0xDBC9AC97445EFF17, 0x6F6CDF3198969F70, 0x1DE29D14FA76D8F1, 0x73337458A8CC1D19,
    ),
    (
        0xB87E775E2FB3AB23, 0xF166A1C7A565C80B, 0xB24BE06F426C747F, 0xC281E8C49482CE00,
        0x51974C3B3B726C2D, 0x87444CF8CAF7D619, 0x7C362F827A580CED, 0x9567AF14667647A0,
        0xCBF0473CBEC54E37, 0xE3209DEDEFF4F620, 0xD43AD94E45A4C4EE, 0x976981EE73F41768,
    ),
    (
        0xEF707A224E207258, 0x2FC779E10E6362EE, 0x29B5EE60AD8C891F, 0x96B37B39D8BFD667,
        0x877DF68A8B22E733, 0x5C41746F562C8D9F, 0x0C9D76751052B71A, 0xFB3465341BF1C087,
        0xA0D14DC614D15EB1, 0xDC27D17136906FA6, 0x482E163B05EC397F, 0x0273A462992366EF,
    ),
)
_PARTIAL: Final = (
    0xA571418D95897B60, 0x8F32676574FCF6D3, 0x731102D4E3FB1BBE, 0x0330F08328A82D2B,
    0x7F0449B6557F785D, 0x62F06210658DCBCB, 0xD5A98AF9F89C458B, 0x77EC69083A346385,
    0xEF7CA48BBC27F890, 0x53E9652F61EAC532, 0xA71C634ABFF4F0CC, 0xB16F5F0D7E28EA29,
    0xC9DDE31D0A003AB2, 0x2DDADF9775902533, 0xE4FA73FB16408B47, 0x90242EBC00D2EE59,
    0xBB02DFFD9F381982, 0xDEA328364C50907C, 0x1395D3B924857CF8, 0x7D3EAD0D5AEC04E6,
    0xC2F12BE3FED74668, 0x0BA3C338F8C3D285,
)
_DIAGONAL: Final = (
    0xC3B6C08E23BA9300, 0xD84B5DE94A324FB6, 0x0D0C371C5B35B84F, 0x7964F570E7188037,
    0x5DAF18BBD996604B, 0x6743BC47B9595257, 0x5528B9362C59BB70, 0xAC45E25B7127B68B,
    0xA2077D7DFBB606B5, 0xF3FAAC6FAEE378AE, 0x0C6388B51545E883, 0xD27DBB6944917B60,
)
# fmt: on


def hashed(elements: Sequence[int]) -> tuple[int, ...]:
    """Return the five field elements of a hash; each block of eight overwrites the rate."""
    state = [0] * _WIDTH
    for start in range(0, len(elements), _RATE):
        block = elements[start : start + _RATE]
        state[: len(block)] = [element % PRIME for element in block]
        state = _permuted(state)
    return tuple(state[:5])


def _permuted(state: list[int]) -> list[int]:
    state = _mixed(state)
    for constants in _FULL[:_FULL_HALF]:
        state = _full_round(state, constants)
    for constant in _PARTIAL:
        state[0] = pow(state[0] + constant, 7, PRIME)
        total = sum(state)
        state = [(value * factor + total) % PRIME for value, factor in zip(state, _DIAGONAL, strict=True)]
    for constants in _FULL[_FULL_HALF:]:
        state = _full_round(state, constants)
    return state


def _full_round(state: list[int], constants: tuple[int, ...]) -> list[int]:
    return _mixed([pow(value + constant, 7, PRIME) for value, constant in zip(state, constants, strict=True)])


def _mixed(state: list[int]) -> list[int]:
    """Multiply by the circulant (2M, M, M) of the 4 x 4 matrix M with rows 2 3 1 1, 1 2 3 1, 1 1 2 3 and 3 1 1 2."""
    mixed: list[int] = []
    for start in range(0, _WIDTH, 4):
        a, b, c, d = state[start : start + 4]
        total = a + b + c + d
        mixed += [total + a + 2 * b, total + b + 2 * c, total + c + 2 * d, total + d + 2 * a]
    sums = [mixed[column] + mixed[column + 4] + mixed[column + 8] for column in range(4)]
    return [(value + sums[index % 4]) % PRIME for index, value in enumerate(mixed)]
