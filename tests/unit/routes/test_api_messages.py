import msgspec
import pytest

from holdfast.protocol.messages import ClientInfo, Publication
from holdfast.routes import api_messages as api


def encoded(result: object) -> object:
    """Return what a result looks like on the wire."""
    return msgspec.json.decode(msgspec.json.encode(result))


def test_publish_result_without_history():
    """In a channel without history the result is empty, as in Centrifugo."""
    assert encoded(api.PublishResult()) == {}


def test_results_keep_zeros():
    """Counts and lists are there even when they are zero or empty: typed libraries require them."""
    assert encoded(api.PresenceStatsResult(0, 0)) == {"num_clients": 0, "num_users": 0}
    assert encoded(api.HistoryResult([], 0, "e")) == {"publications": [], "offset": 0, "epoch": "e"}
    assert encoded(api.ChannelsResult({"a": api.ChannelInfo(0)})) == {"channels": {"a": {"num_clients": 0}}}
    assert encoded(api.BroadcastResult([])) == {"responses": []}
    assert encoded(api.PresenceResult({})) == {"presence": {}}


def test_nested_messages():
    """Presence and history show clients and publications as the client protocol does."""
    info = ClientInfo(user="u", client="c", conn_info=msgspec.Raw(b'{"n":1}'))
    publication = Publication(data=msgspec.Raw(b"[1]"), info=info, offset=2, tags={"a": "b"})

    shown = {"user": "u", "client": "c", "conn_info": {"n": 1}}
    assert encoded(api.PresenceResult({"c": info})) == {"presence": {"c": shown}}
    assert encoded(api.HistoryResult([publication], 2, "e"))["publications"] == [
        {"data": [1], "info": shown, "offset": 2, "tags": {"a": "b"}}
    ]


@pytest.mark.parametrize("request_type", [api.PublishRequest, api.SubscribeRequest, api.HistoryRequest, api.Command])
def test_requests_ignore_unknown_fields(request_type):
    """A field of a newer server is no fault."""
    msgspec.json.decode(b'{"brand_new": {"x": 1}}', type=request_type)


def test_null_is_absent():
    """Libraries that write null for what was not given are understood."""
    body = b'{"channel":"a","tags":null,"version":null,"skip_history":null,"idempotency_key":null,"b64data":null}'

    assert msgspec.json.decode(body, type=api.PublishRequest) == api.PublishRequest(channel="a")


@pytest.mark.parametrize(
    ("request_type", "body"),
    [
        (api.HistoryRequest, b'{"limit": 2147483648}'),
        (api.HistoryRequest, b'{"since": {"offset": -1}}'),
        (api.DisconnectRequest, b'{"disconnect": {"code": 65536}}'),
        (api.RefreshRequest, b'{"expire_at": 1.5}'),
        (api.BatchRequest, b'{"commands": {}}'),
        (api.BroadcastRequest, b'{"channels": ["a", 1]}'),
    ],
)
def test_huge_and_wrong_values(request_type, body):
    """Numbers out of range and wrong types are refused while decoding."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=request_type)
