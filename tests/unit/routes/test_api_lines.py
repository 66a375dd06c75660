import asyncio
import json

import pytest

from holdfast.connections.lifecycle import Lifecycle, Phase
from holdfast.errors import ChannelError
from holdfast.routes.api import ApiEndpoint, ApiRules, method_of
from holdfast.routes.api_keys import ApiKeys
from holdfast.routes.api_lines import Lines
from holdfast.routes.api_messages import InfoRequest, PublishRequest, PublishResult
from holdfast.routes.api_order import ManyRules
from tests.asgi import call


async def publish(request):
    """Publish into any channel but one."""
    if request.channel == "closed":
        raise ChannelError("permission_denied")
    return PublishResult(offset=3, epoch=request.channel)


async def info(_request):
    """Answer with nothing at all."""
    return {}


@pytest.fixture
def failed():
    """Slugs of the commands that failed."""
    return []


@pytest.fixture
def post(failed):
    """Send one body to `/api` of an endpoint with two methods, at most three commands a body."""
    methods = {"publish": method_of("publish", PublishRequest, publish), "info": method_of("info", InfoRequest, info)}
    lines = Lines(dict(methods), ManyRules(3, 2, 2, failed.append)).as_method()
    lifecycle = Lifecycle()
    endpoint = ApiEndpoint(
        {**methods, lines.name: lines}, ApiRules(ApiKeys(["key"]), 1000), lifecycle, lambda *_seen: None
    )

    async def send(body, path="/api", phase=None):
        if phase is not None:
            lifecycle.advance(phase)
        return await call(endpoint, "POST", path, headers=[("X-API-Key", "key")], body=body)

    return send


async def test_lines_are_answered_in_order(post, failed):
    """Each command has its reply with its id, and a failure is its own alone."""
    body = b"""{"id":7,"method":"publish","params":{"channel":"a","data":1}}
{"method":"PUBLISH","params":{"channel":"closed","data":1}}
{"id":9,"method":"info"}"""

    answer = await post(body)

    first, second, third = (json.loads(line) for line in answer.body.split(b"\n"))
    assert answer.status == 200
    assert first == {"id": 7, "result": {"offset": 3, "epoch": "a"}}
    assert second == {"error": {"code": 103, "message": "permission_denied"}}
    assert third == {"id": 9, "result": {}}
    assert failed == ["permission_denied"]


async def test_lines_take_one_command_in_any_layout(post):
    """A single command may be written over several lines."""
    answer = await post(b'{\n  "method": "info"\n}')

    assert answer.json() == {"result": {}}


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", 104), (b'{"method":"nonsense"}', 104), (b'{"method":"publish","params":{"channel":1}}', 107)],
)
async def test_lines_answer_an_impossible_command(post, body, code):
    """An unknown method and wrong parameters are errors of that command."""
    assert (await post(body)).json()["error"]["code"] == code


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"id":"x"}', b'{"parallel":1}', b'{"method":"info"}\n]', b"\xff"])
async def test_lines_that_are_none_are_refused(post, body):
    """A body that holds no commands is HTTP 400, like that of every method."""
    answer = await post(body)

    assert (answer.status, answer.json()["slug"]) == (400, "bad_request")


async def test_lines_are_bounded(post):
    """More commands than allowed are not begun."""
    answer = await post(b'{"method":"info"}\n' * 4)

    assert answer.json()["error"]["code"] == 107
    assert "at most 3" in answer.json()["error"]["detail"]


async def test_lines_that_are_parallel_wait_for_none_before_them():
    """Those marked so run side by side; one that is not marked waits for all of them."""
    log = []

    async def slow(request):
        log.append(f"begin {request.channel}")
        await asyncio.sleep(0)
        log.append(f"end {request.channel}")
        return {}

    line = '{"method":"publish","params":{"channel":"%s","data":1},"parallel":%s}'
    lines = Lines({"publish": method_of("publish", PublishRequest, slow)}, ManyRules(3, 2, 2, print))
    method = lines.as_method()
    body = "\n".join([line % ("a", "true"), line % ("b", "true"), line % ("c", "false")])
    await method.run(method.decode(body.encode()))

    assert log == ["begin a", "begin b", "end a", "end b", "begin c", "end c"]


async def test_lines_have_no_method_name(post):
    """They are reached by the path itself, and take no publications while the gateway stops."""
    assert (await post(b"{}", "/api/api")).status == 404
    assert (await post(b'{"method":"info"}', phase=Phase.STOPPING)).json()["slug"] == "shutting_down"
