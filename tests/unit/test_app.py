import pytest

from holdfast.app import EMULATION_PATH, HTTP_STREAM_PATH, SSE_PATH, Endpoints, make_app
from holdfast.server.context import LISTENER
from tests.asgi import call

INTERNAL = ("/api/publish", "/api", "/livez", "/readyz", "/startupz", "/metrics")
STREAMS = (HTTP_STREAM_PATH, SSE_PATH, EMULATION_PATH)


class Named:
    """Answers with its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.name.encode()})


async def crash(scope, receive, send):
    """Fail as nobody foresaw."""
    raise RuntimeError("a secret detail")


class Crash:
    async def __call__(self, scope, receive, send):
        await crash(scope, receive, send)


def endpoints(**given) -> Endpoints:
    """Return endpoints that say who they are."""
    names = ("websocket", "poll", "api", "livez", "readyz", "startupz", "metrics")
    streams = {path: Named(path) for path in STREAMS}
    return Endpoints(**{**{name: Named(name) for name in names}, "streams": streams, **given})


@pytest.fixture
def one_port():
    """The application without an internal port."""
    return make_app(endpoints(), has_internal_port=False)


@pytest.fixture
def two_ports():
    """The application with one."""
    return make_app(endpoints(), has_internal_port=True)


def port(name: str) -> dict[str, object]:
    """Return the scope's mark of a listener."""
    return {"extensions": {LISTENER: name}}


@pytest.mark.parametrize("path", INTERNAL)
async def test_app_one_port(one_port, path):
    """Without an internal port everything is on the one there is."""
    answer = await call(one_port, path=path)

    assert answer.body.decode() == path.split("/")[1]


@pytest.mark.parametrize("path", INTERNAL)
async def test_app_two_ports(two_ports, path):
    """With an internal port what operators use is there, and 404 on the public one."""
    assert (await call(two_ports, path=path, **port("internal"))).status == 200
    answer = await call(two_ports, path=path, **port("public"))

    assert (answer.status, answer.json()["slug"]) == (404, "not_found")


async def test_app_clients_two_ports(two_ports):
    """Clients connect on the public port alone."""
    scope = {"type": "websocket", "path": "/connection/websocket", "query_string": b""}
    assert (await call(two_ports, **scope, extensions={LISTENER: "public"})).body == b"websocket"

    extensions = {LISTENER: "internal", "websocket.http.response": {}}
    refused = await call(two_ports, **scope, extensions=extensions)
    assert (refused.status, refused.json()["slug"]) == (404, "not_found")


@pytest.mark.parametrize("path", STREAMS)
async def test_app_streams(two_ports, path):
    """Streams and their way back are on the public port alone, and a stream that is switched off is nowhere."""
    assert (await call(two_ports, "POST", path, **port("public"))).body.decode() == path
    assert (await call(two_ports, "POST", path, **port("internal"))).status == 404
    app = make_app(endpoints(streams={}), has_internal_port=False)

    assert (await call(app, "POST", path)).status == 404


async def test_app_plain_http_on_websocket_path(one_port):
    """Plain HTTP where handshakes go is told to upgrade."""
    assert (await call(one_port, path="/connection/websocket")).status == 426


@pytest.mark.parametrize("path", ["/", "/api/", "/api/a/b", "/livez/", "/nowhere", "/connection/websocket/"])
async def test_app_unknown_path(one_port, path):
    """Anywhere else there is nothing, and nobody is redirected."""
    answer = await call(one_port, path=path)

    assert (answer.status, answer.json()["slug"]) == (404, "not_found")


async def test_app_crash():
    """A fault nobody foresaw is answered by its name; the server logs the rest."""
    app = make_app(endpoints(readyz=Crash()), has_internal_port=False)
    seen = {}

    async def failing(scope, receive, send):
        try:
            await app(scope, receive, send)
        except RuntimeError as error:
            seen["error"] = error

    answer = await call(failing, path="/readyz")
    assert (answer.status, answer.json()["slug"]) == (500, "internal_error")
    assert b"secret" not in answer.body
    assert "secret" in str(seen["error"])


async def test_app_polls(two_ports):
    """Polls come to the public port, like all clients."""
    assert (await call(two_ports, "POST", "/connection/poll", **port("public"))).body == b"poll"
    assert (await call(two_ports, "POST", "/connection/poll", **port("internal"))).status == 404


async def test_app_files():
    """Files for browsers are on the public port, behind the paths that answer clients."""
    app = make_app(
        endpoints(public={"/client/logs": Named("logs")}, files={"/client": Named("files")}), has_internal_port=True
    )

    assert (await call(app, "POST", "/client/logs", **port("public"))).body == b"logs"
    assert (await call(app, path="/client/index.js", **port("public"))).body == b"files"
    assert (await call(app, path="/client/index.js", **port("internal"))).status == 404
