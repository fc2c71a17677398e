"""What the fake tells of its markets and of an account, asked and over its sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal as D
from itertools import pairwise
from typing import Any

from plugins.exchanges.edgex.tests.conftest import ACCOUNT, BTC, DOMAIN, EVENTS, ORDER, TYPES, Client, Play, code_of

from arb.api import HttpRequest
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import EvmKey, TypedData
from arb_exchange_edgex.fake._keys import ACCOUNT_ID, TRADING_KEY


def test_what_is_unknown_is_an_empty_answer_of_success(play: Play) -> None:
    async def body(client: Client) -> None:
        assert await client.get("/quote/getDepth", contractId="5", level="15") == []
        assert await client.get("/quote/getTicker", contractId="5") == []
        assert await client.get("/quote/getTicker") == []
        assert await client.get("/funding/getLatestFundingRate") == []
        assert await client.get("/funding/getFundingRatePage", contractId="5", size="10") == {
            "dataList": [],
            "nextPageOffsetData": "",
        }
        assert code_of(await client.raw("/quote/getDepth", contractId=BTC, level="20")) == (
            400,
            "GATEWAY_PARAM_INVALID",
        )
        nowhere = await client.venue.send(HttpRequest(method="GET", url="http://x/api/v1/public/meta/getMetaData"))
        assert nowhere.status == 404

    play(body)


def test_the_published_rate_is_a_forecast_until_it_is_settled(play: Play) -> None:
    async def body(client: Client) -> None:
        meta = {row["contractId"]: row for row in (await client.get("/meta/getMetaData"))["contractList"]}
        (before,) = await client.get("/funding/getLatestFundingRate", contractId=BTC)
        interval_ms = int(before["fundingRateIntervalMin"]) * 60_000
        assert before["fundingRateIntervalMin"] == meta[BTC]["fundingRateIntervalMin"]
        due_ms = int(before["fundingTime"]) + interval_ms
        (ticker,) = await client.get("/quote/getTicker", contractId=BTC)
        assert ticker["fundingRate"] == before["forecastFundingRate"]
        await client.sleep((due_ms - client.now_ms) * 1_000_000 + 2 * MINUTE_NS)
        (after,) = await client.get("/funding/getLatestFundingRate", contractId=BTC)
        assert int(after["fundingTime"]) == due_ms
        page = await client.get(
            "/funding/getFundingRatePage", contractId=BTC, size="10", filterSettlementFundingRate="true"
        )
        last = page["dataList"][0]
        assert (last["fundingTime"], last["fundingRate"]) == (str(due_ms), after["fundingRate"])
        assert last["isSettlement"] is True

    play(body)


def test_leverage_and_margin_mode(play: Play) -> None:
    async def body(client: Client) -> None:
        price = (await client.get("/quote/getDepth", contractId=BTC, level="15"))[0]["bids"][-1]["price"]
        row = await client.placed(price=price)
        path = f"{ACCOUNT}/updateLeverageSetting"
        refused = client.signed("POST", path, {"contractId": BTC, "leverage": "3"})
        assert code_of(await client.venue.send(refused)) == (200, "ACCOUNT_UPDATE_LEVERAGE_FAILED_ORDER")
        await client.tell(f"{ORDER}/cancelOrderById", orderIdList=[row["id"]])
        await client.tell(path, contractId=BTC, leverage="3")
        account = await client.ask(f"{ACCOUNT}/getAccountById")
        assert account["contractIdToTradeSetting"][BTC]["maxLeverage"] == "3"
        key = EvmKey(TRADING_KEY)
        message = {
            "accountId": int(ACCOUNT_ID),
            "assetId": int(BTC),
            "marginMode": 1,
            "nonce": 77,
            "signer": key.address,
        }
        signature = key.sign(TypedData(DOMAIN, "SetMarginPreferenceParams", TYPES).digest(message)).to_bytes().hex()
        given = {"contractId": BTC, "marginMode": "1", "l2Nonce": "77", "l2Signature": signature}
        bad = client.signed("POST", f"{ACCOUNT}/setMarginMode", {**given, "l2Nonce": "78"})
        assert code_of(await client.venue.send(bad)) == (200, "L2_SIGNATURE_INVALID")
        bad = client.signed("POST", f"{ACCOUNT}/setMarginMode", {**given, "marginMode": "2"})
        assert code_of(await client.venue.send(bad)) == (400, "GATEWAY_PARAM_INVALID")
        await client.tell(f"{ACCOUNT}/setMarginMode", **given)
        account = await client.ask(f"{ACCOUNT}/getAccountById")
        assert account["contractIdToMarginMode"][BTC] == "1"

    play(body)


def test_an_account_adds_up(play: Play) -> None:
    async def body(client: Client) -> None:
        await client.placed(timeInForce="IMMEDIATE_OR_CANCEL")
        asset = await client.ask(f"{ACCOUNT}/getAccountAsset")
        (position,) = asset["positionList"]
        (worth,) = asset["positionAssetList"]
        assert (position["contractId"], D(position["openSize"])) == (BTC, D("0.01"))
        assert D(worth["positionValue"]) - D(position["openValue"]) == D(worth["unrealizePnl"])
        rows = (await client.ask(f"{ACCOUNT}/getCollateralTransactionPage", size="100"))["dataList"]
        flows = sum(D(row["deltaAmount"]) for row in rows)
        assert flows == D(asset["collateralList"][0]["amount"])  # the venue's amount is not cash
        total = D(asset["collateralAssetModelList"][0]["totalEquity"])
        assert total - D(worth["unrealizePnl"]) == D(asset["collateralList"][0]["legacyAmount"])
        assert await client.ask(f"{ACCOUNT}/getPositionByContractId", contractIdList=f"{BTC},5") == [position]
        assert D((await client.tell(f"{ORDER}/getMaxCreateOrderSize", contractId=BTC, price="1"))["maxBuySize"]) > 0

    play(body)


class Ears:
    """A socket of a client, and what it heard."""

    def __init__(self, client: Client, url: str, headers: Mapping[str, str]) -> None:
        self.heard: list[Any] = []
        self.socket: Any = None
        self.is_closed = False
        self._task = asyncio.create_task(self._listen(client, url, headers))

    async def _listen(self, client: Client, url: str, headers: Mapping[str, str]) -> None:
        async with client.venue.connect(url, headers=headers) as socket:
            self.socket = socket
            async for message in socket.messages():
                self.heard.append(json.loads(message))
            self.is_closed = True

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def kinds(self) -> list[str]:
        return [each["type"] for each in self.heard]


def test_the_public_socket(play: Play) -> None:
    async def body(client: Client) -> None:
        ears = Ears(client, "ws://x/api/v1/public/ws", {})
        await client.sleep(SECOND_NS)
        assert ears.kinds() == ["connected"]
        for channel in (f"depth.{BTC}.15", f"trades.{BTC}", f"ticker.{BTC}", "metadata", "fundingRate.all"):
            await ears.say(type="subscribe", channel=channel)
        await ears.say(type="subscribe", channel="depth.5.15")
        await ears.say(type="subscribe", channel=f"depth.{BTC}.20")
        await ears.say(type="nonsense")
        await ears.socket.send("no json")
        await ears.say(type="ping", time="17")
        await client.sleep(5 * SECOND_NS)
        assert ears.kinds().count("subscribed") == 5
        assert ears.kinds().count("error") == 4
        assert {"type": "pong", "time": "17"} in ears.heard
        events = [each for each in ears.heard if each["type"] == "quote-event"]
        assert {each["channel"] for each in events} == {
            f"depth.{BTC}.15",
            f"trades.{BTC}",
            f"ticker.{BTC}",
            "metadata",
            "fundingRate.all",
        }
        books = [each["content"] for each in events if each["channel"].startswith("depth")]
        assert [each["dataType"] for each in books][:2] == ["Snapshot", "changed"]
        versions = [(each["data"][0]["startVersion"], each["data"][0]["endVersion"]) for each in books[1:]]
        assert versions[0][0] == books[0]["data"][0]["endVersion"]
        assert all(after[0] == before[1] for before, after in pairwise(versions))
        await ears.say(type="unsubscribe", channel=f"depth.{BTC}.15")
        await client.sleep(SECOND_NS)
        told = len([each for each in ears.heard if each.get("channel") == f"depth.{BTC}.15"])
        await client.sleep(10 * SECOND_NS)
        assert len([each for each in ears.heard if each.get("channel") == f"depth.{BTC}.15"]) == told
        await ears.stop()

    play(body)


def test_who_answers_no_ping_is_cut_off(play: Play) -> None:
    async def body(client: Client) -> None:
        mute = Ears(client, "ws://x/api/v1/public/ws", {})
        polite = Ears(client, "ws://x/api/v1/public/ws", {})
        for _ in range(20):
            await client.sleep(5 * SECOND_NS)
            if not polite.is_closed and polite.kinds()[-1] == "ping":
                await polite.say(type="pong", time=polite.heard[-1]["time"])
        assert mute.is_closed
        assert mute.kinds().count("ping") == 5
        assert not polite.is_closed
        await mute.stop()
        await polite.stop()

    play(body)


def test_the_accounts_socket(play: Play) -> None:
    async def body(client: Client) -> None:
        def login(**changes: Any) -> Ears:
            query = f"accountId={ACCOUNT_ID}&timestamp={client.now_ms}"
            return Ears(client, f"ws://x{EVENTS}?{query}", client.headers("GET", EVENTS, query, **changes))

        refused = login(secret="another")
        late = login(ago_ms=120_000)
        good = login()
        await client.sleep(SECOND_NS)
        for ears, code in ((refused, "INVALID_SIGNATURE"), (late, "INVALID_TIMESTAMP")):
            assert ears.is_closed
            assert [each["content"]["code"] for each in ears.heard] == [code]
            await ears.stop()
        assert good.kinds() == ["connected", "trade-event"]
        assert good.heard[1]["content"]["event"] == "Snapshot"
        await client.placed(timeInForce="IMMEDIATE_OR_CANCEL")
        await good.say(type="subscribe", channel="anything")
        await client.sleep(SECOND_NS)
        events = [each["content"] for each in good.heard if each["type"] == "trade-event"]
        numbers = [int(each["version"]) for each in events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert {"order", "orderFillTransaction", "position"} <= {name for each in events for name in each["data"]}
        assert good.heard[-1]["content"]["code"] == "GATEWAY_UNRECOGNIZED_MESSAGE"
        await good.stop()

    play(body)
