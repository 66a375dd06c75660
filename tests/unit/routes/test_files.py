from __future__ import annotations

import asyncio

import pytest

from holdfast.routes.errors import NotFound
from holdfast.routes.files import FOR_ALL_ORIGINS, FOR_PAGES, PackageFiles
from tests.asgi import Answer, call, recorder

SECRET = "outside"


@pytest.fixture
def files(tmp_path):
    """Files of one folder, with another file beside it."""
    folder = tmp_path / "client"
    (folder / "parts").mkdir(parents=True)
    (folder / "index.js").write_text("export const answer = 42;\n")
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "parts" / "more.js").write_text("")
    (tmp_path / "other.txt").write_text(SECRET)
    return PackageFiles(folder, NotFound(), FOR_ALL_ORIGINS)


async def test_files_answer(files):
    """A module comes with its type, for pages of every origin, and is asked for again before it is used again."""
    answer = await call(files, path="/parts/more.js")

    assert (answer.status, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_files_unchanged(files):
    """Who has the file already is not sent it again."""
    tag = (await call(files, path="/index.js")).headers["etag"]
    answer = await call(files, path="/index.js", headers=[("If-None-Match", tag)])

    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path", ["/nothing.js", "/", "/parts", "/../other.txt", "/..%2fother.txt", "//etc/passwd", "/\0"]
)
async def test_files_missing(files, path):
    """What is not a file of the folder is not found, in the words of every other path."""
    answer = await call(files, path=path)

    assert (answer.status, answer.json()["slug"]) == (404, "not_found")
    assert SECRET.encode() not in answer.body


async def test_files_method(files):
    """Nothing can be written."""
    answer = await call(files, "POST", "/index.js")

    assert (answer.status, answer.json()["slug"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


async def test_files_pages(files, tmp_path):
    """A folder with pages shows its first one, which may load nothing from elsewhere."""
    pages = PackageFiles(tmp_path / "client", NotFound(), FOR_PAGES, has_pages=True)
    answer = Answer()
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await pages(scope, asyncio.Event().wait, recorder(answer))  # a client that stays

    assert (answer.status, b"<title>page" in answer.body) == (200, True)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_files_handshake(files):
    """A WebSocket handshake finds nothing there."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/client/index.js", "headers": [], "query_string": b"", "extensions": {}}
    await files(scope, None, send)

    assert sent[0]["type"] in {"websocket.close", "websocket.http.response.start"}
