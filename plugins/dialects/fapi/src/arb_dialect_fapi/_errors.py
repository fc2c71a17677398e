"""What the dialect's error codes mean. One table; a code that is not in it leaves in doubt what happened.

The codes are those of "Error Codes" in the documents of Binance's USD-M futures. An answer with a status of 4xx is
read with the table. Of the codes of 5xx only those of an overload are certain, and what a venue says of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ClockRefused,
    ExchangeError,
    HttpResponse,
    InMaintenance,
    InsufficientMargin,
    RateLimited,
    Rejected,
    WouldCross,
)
from arb.model import SECOND_NS
from arb.net import decoded

if TYPE_CHECKING:
    from ._dialect import Dialect

CANCEL_REJECTED: Final = "-2011"
NO_SUCH_ORDER: Final = "-2013"
UNKNOWN_TO_VENUE: Final = frozenset({CANCEL_REJECTED, NO_SUCH_ORDER})
"""Of an order: it does not rest, or there is none. What of it a read tells."""

NO_LISTEN_KEY: Final = "-1125"
SAME_MARGIN_TYPE: Final = "-4046"
OVERLOADED: Final = "-1008"

CLOCK_ADVICE: Final = "set this machine's clock (NTP), or make `window` longer"
KEY_ADVICE: Final = "check key and secret, the network, the key's rights for futures, and its list of addresses"

REFUSALS: Final[Mapping[str, type[ExchangeError]]] = MappingProxyType(
    {
        "-1002": AuthenticationFailed,
        "-1003": RateLimited,
        OVERLOADED: RateLimited,
        "-1010": Rejected,
        "-1011": AuthenticationFailed,
        "-1013": Rejected,
        "-1014": Rejected,
        "-1015": RateLimited,
        "-1016": InMaintenance,
        "-1020": Rejected,
        "-1021": ClockRefused,
        "-1022": AuthenticationFailed,
        "-1023": Rejected,
        "-1099": AuthenticationFailed,
        "-1100": Rejected,
        "-1101": Rejected,
        "-1102": Rejected,
        "-1103": Rejected,
        "-1104": Rejected,
        "-1105": Rejected,
        "-1106": Rejected,
        "-1108": Rejected,
        "-1109": Rejected,
        "-1110": Rejected,
        "-1111": Rejected,
        "-1112": Rejected,
        "-1113": Rejected,
        "-1114": Rejected,
        "-1115": Rejected,
        "-1116": Rejected,
        "-1117": Rejected,
        "-1118": Rejected,
        "-1119": Rejected,
        "-1120": Rejected,
        "-1121": Rejected,
        "-1122": Rejected,
        NO_LISTEN_KEY: Rejected,
        "-1126": Rejected,
        "-1127": Rejected,
        "-1128": Rejected,
        "-1130": Rejected,
        "-1136": Rejected,
        "-2010": Rejected,
        CANCEL_REJECTED: Rejected,
        "-2012": Rejected,
        NO_SUCH_ORDER: Rejected,
        "-2014": AuthenticationFailed,
        "-2015": AuthenticationFailed,
        "-2016": Rejected,
        "-2017": AuthenticationFailed,
        "-2018": InsufficientMargin,
        "-2019": InsufficientMargin,
        "-2020": Rejected,
        "-2021": Rejected,
        "-2022": Rejected,
        "-2023": Rejected,
        "-2024": Rejected,
        "-2025": Rejected,
        "-2026": Rejected,
        "-2027": Rejected,
        "-2028": InsufficientMargin,
        "-4000": Rejected,
        "-4001": Rejected,
        "-4002": Rejected,
        "-4003": Rejected,
        "-4004": BelowMinimum,
        "-4005": Rejected,
        "-4006": Rejected,
        "-4007": Rejected,
        "-4008": Rejected,
        "-4013": Rejected,
        "-4014": Rejected,
        "-4015": Rejected,
        "-4016": Rejected,
        "-4023": Rejected,
        "-4024": Rejected,
        "-4025": Rejected,
        "-4026": Rejected,
        "-4027": Rejected,
        "-4028": Rejected,
        "-4029": Rejected,
        "-4030": Rejected,
        "-4044": Rejected,
        "-4045": Rejected,
        SAME_MARGIN_TYPE: Rejected,
        "-4047": Rejected,
        "-4048": Rejected,
        "-4050": InsufficientMargin,
        "-4051": InsufficientMargin,
        "-4055": Rejected,
        "-4056": AuthenticationFailed,
        "-4057": AuthenticationFailed,
        "-4059": Rejected,
        "-4060": Rejected,
        "-4061": Rejected,
        "-4062": Rejected,
        "-4063": Rejected,
        "-4067": Rejected,
        "-4068": Rejected,
        "-4087": Rejected,
        "-4088": Rejected,
        "-4108": Rejected,
        "-4109": Rejected,
        "-4114": Rejected,
        "-4115": Rejected,
        "-4118": Rejected,
        "-4120": Rejected,
        "-4131": Rejected,
        "-4135": Rejected,
        "-4137": Rejected,
        "-4138": Rejected,
        "-4139": Rejected,
        "-4140": Rejected,
        "-4141": Rejected,
        "-4142": Rejected,
        "-4161": Rejected,
        "-4164": BelowMinimum,
        "-4165": Rejected,
        "-4167": Rejected,
        "-4168": Rejected,
        "-4169": Rejected,
        "-4170": Rejected,
        "-4171": Rejected,
        "-4178": Rejected,
        "-4183": Rejected,
        "-4184": Rejected,
        "-4192": Rejected,
        "-4202": Rejected,
        "-4203": Rejected,
        "-4205": Rejected,
        "-4206": Rejected,
        "-4208": Rejected,
        "-4209": Rejected,
        "-4210": Rejected,
        "-4400": Rejected,
        "-4401": Rejected,
        "-4402": Rejected,
        "-4403": Rejected,
        "-5021": Rejected,
        "-5022": WouldCross,
        "-5024": Rejected,
        "-5028": ClockRefused,
        "-5037": Rejected,
        "-5038": Rejected,
    }
)
"""Codes of which each says that nothing was done."""

IN_DOUBT: Final = frozenset({"-1000", "-1001", "-1004", "-1005", "-1006", "-1007", "-4116"})
"""Codes after which an order may be at the venue.

-4116 is among them: an open order has this client id. This process sends an id once; where something on the way has
sent it again, the order that is open is the very one.
"""


def error_of(answer: object) -> tuple[str, str]:
    """Return code and text of an error answer; empty ones where it is none."""
    if not isinstance(answer, dict):
        return "", ""
    code = answer.get("code")
    if isinstance(code, bool) or not isinstance(code, int | str):
        return "", str(answer.get("msg", ""))
    return str(code), str(answer.get("msg", ""))


def refusal_table(exchange: str, dialect: Dialect) -> Callable[[HttpResponse], ExchangeError | None]:
    """Return the function that reads an answer with the table; it returns None where nothing is certain."""

    def refusal(response: HttpResponse) -> ExchangeError | None:
        if 200 <= response.status < 300:
            return None
        code, text = error_of(_json(response.body, exchange))
        if 400 <= response.status < 500 or code == OVERLOADED:
            return refused(exchange, dialect, code, text)
        if response.status == 503 and text and text.startswith(dialect.failed_503):
            return InMaintenance(f"503: {text}", exchange=exchange, code="503", retry_after_ns=SECOND_NS)
        return None

    return refusal


def is_walled_off(response: HttpResponse) -> bool:
    """Whether the venue's firewall has turned a request away before it arrived: 403, and no code of the venue."""
    return response.status == 403 and not error_of(_json(response.body, ""))[0]


def refused(exchange: str, dialect: Dialect, code: str, text: str) -> ExchangeError | None:
    """Return the error of a code and its text; None for a code that is not in the table."""
    kind = dialect.refusals.get(code)
    if kind is None:
        return None
    message = f"{code}: {text}"
    if issubclass(kind, AuthenticationFailed):
        message = f"{message} ({CLOCK_ADVICE if kind is ClockRefused else KEY_ADVICE})"
    return kind(message, exchange=exchange, code=code, retry_after_ns=SECOND_NS if kind is RateLimited else None)


def _json(body: bytes, exchange: str) -> Any:
    try:
        return decoded(body, exchange)
    except BadResponse:
        return None
