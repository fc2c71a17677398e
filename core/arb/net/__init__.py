"""The network for exchange plugins: HTTP and WebSockets behind the ports, and what every venue's wire code needs."""

from ._backoff import (
    Backoff,
    until_answered,
)
from ._book_chain import (
    BookMessage,
    chained,
)
from ._budget import (
    RateBudget,
    RateLimit,
)
from ._evm import (
    EvmKey,
    EvmSignature,
    TypedData,
    keccak256,
    recover_address,
)
from ._fields import (
    BAD_SHAPE,
    Row,
    flag,
    from_ms,
    from_ns,
    from_s,
    from_us,
    maybe_number,
    maybe_positive,
    number,
    positive,
    reading,
    row_of,
    rows_of,
    text,
    whole,
)
from ._first_contact import (
    FirstContact,
)
from ._http import (
    AiohttpTransport,
)
from ._left_out import (
    LeftOut,
    PassedOver,
)
from ._listeners import (
    Listeners,
)
from ._open import (
    open_transports,
)
from ._order_numbers import (
    FOREIGN,
    OrderNumbers,
)
from ._recorder import (
    TrafficRecorder,
    recorded,
)
from ._redacted import (
    Redactor,
)
from ._replayed import (
    NotRecorded,
    Replay,
    recorded_from,
    replayed,
)
from ._rest import (
    Rest,
    RestCall,
    decoded,
)
from ._rounding import (
    rounded_order,
)
from ._sent_ids import (
    SentId,
    SentIds,
)
from ._serve import (
    VenueServer,
    served,
)
from ._server_time import (
    ServerTime,
)
from ._shared_stream import (
    SharedStream,
)
from ._stream import (
    Connected,
    Stream,
    StreamRules,
)
from ._venue_time import (
    VenueTime,
    from_http_date,
)
from ._websocket import (
    WebsocketsTransport,
)

__all__ = [
    "AiohttpTransport",
    "BAD_SHAPE",
    "Backoff",
    "BookMessage",
    "Connected",
    "EvmKey",
    "EvmSignature",
    "FOREIGN",
    "FirstContact",
    "LeftOut",
    "Listeners",
    "NotRecorded",
    "OrderNumbers",
    "PassedOver",
    "RateBudget",
    "RateLimit",
    "Redactor",
    "Replay",
    "Rest",
    "RestCall",
    "Row",
    "SentId",
    "SentIds",
    "ServerTime",
    "SharedStream",
    "Stream",
    "StreamRules",
    "TrafficRecorder",
    "TypedData",
    "VenueServer",
    "VenueTime",
    "WebsocketsTransport",
    "chained",
    "decoded",
    "flag",
    "from_http_date",
    "from_ms",
    "from_ns",
    "from_s",
    "from_us",
    "keccak256",
    "maybe_number",
    "maybe_positive",
    "number",
    "open_transports",
    "positive",
    "reading",
    "recorded",
    "recorded_from",
    "recover_address",
    "replayed",
    "rounded_order",
    "row_of",
    "rows_of",
    "served",
    "text",
    "until_answered",
    "whole",
]
