"""The conformance kit over the fake venue, in both ways to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import arb_exchange_lighter.plugin
from arb.testing import ExchangeConformance


class TestLighterConformance(ExchangeConformance):
    """Every read asks by HTTP."""

    plugin = arb_exchange_lighter.plugin


class TestLighterLiveConformance(ExchangeConformance):
    """As it is by default: what the sockets keep is not asked for.

    These cases break HTTP answers, or count HTTP requests, of reads that send none here.
    """

    plugin = arb_exchange_lighter.plugin
    test_x123_an_answer_that_cannot_be_read_is_no_book = None  # type: ignore[assignment]
    test_x124_a_failing_server_is_an_error = None  # type: ignore[assignment]
    test_x126_a_read_that_gets_no_answer_ends = None  # type: ignore[assignment]
    test_x146_a_rate_that_cannot_be_read_is_not_zero = None  # type: ignore[assignment]
    test_x193_absence_is_not_proved_by_a_failure = None  # type: ignore[assignment]
    test_x244_the_venues_too_many_requests_is_heeded = None  # type: ignore[assignment]

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return the options of the kit, but for the way to read."""
        return {**arb_exchange_lighter.plugin.CONFORMANCE, "settings": {}}
