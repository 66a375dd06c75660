"""What server/ relies on in uvicorn beyond its documented interface; a minor version that moves it fails here."""

from __future__ import annotations

import ast
import inspect
import textwrap

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http import flow_control, httptools_impl
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from holdfast.server.gateway import GatewayServer
from holdfast.server.http import HandoverProtocol


def parameters(function) -> list[str]:
    """Return the names of a function's parameters."""
    return list(inspect.signature(function).parameters)


def test_uvicorn_is_the_pinned_minor_version():
    """All below was read in the source of this version."""
    assert uvicorn.__version__.split(".")[:2] == ["0", "54"]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("__init__", ["self", "config", "server_state", "app_state", "_loop"]),
        ("connection_made", ["self", "transport"]),
        ("connection_lost", ["self", "exc"]),
        ("data_received", ["self", "data"]),
        ("on_message_begin", ["self"]),
        ("on_url", ["self", "url"]),
        ("on_header", ["self", "name", "value"]),
        ("on_headers_complete", ["self"]),
        ("on_body", ["self", "body"]),
        ("on_message_complete", ["self"]),
        ("on_response_complete", ["self"]),
        ("timeout_keep_alive_handler", ["self"]),
        ("pause_writing", ["self"]),
        ("resume_writing", ["self"]),
        ("shutdown", ["self"]),
        ("_start_asgi_task", ["self", "cycle", "app"]),
        ("_should_upgrade", ["self"]),
        ("_get_upgrade", ["self"]),
        ("_unsupported_upgrade_warning", ["self"]),
        ("_unset_keepalive_if_required", ["self"]),
    ],
)
def test_http_protocol_has_the_methods_we_override_or_call(method, expected):
    """Names and parameters are as we know them."""
    assert parameters(getattr(httptools_impl.HttpToolsProtocol, method)) == expected


def test_http_protocol_has_the_attributes_we_use():
    """Its constructor and callbacks set what we read."""
    source = inspect.getsource(httptools_impl.HttpToolsProtocol)

    for name in (
        "app",
        "asgi_version",
        "client",
        "connections",
        "cycle",
        "flow",
        "headers",
        "loop",
        "parser",
        "pipeline",
        "root_path",
        "scheme",
        "scope",
        "server",
        "tasks",
        "transport",
        "url",
    ):
        assert f"self.{name} = " in source or f"self.{name}: " in source, name


def test_http_protocol_decides_about_upgrades_by_one_method():
    """Every callback asks `_should_upgrade`, which is how ours decides for all of them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(httptools_impl.HttpToolsProtocol)))
    callers = {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(node, ast.Attribute) and node.attr == "_should_upgrade" for node in ast.walk(function))
    }

    assert callers == {"data_received", "on_headers_complete", "on_body", "on_message_complete"}


def test_request_cycle_has_what_a_refusal_changes():
    """A refusal tells the application that the client has gone, by these two."""
    source = inspect.getsource(httptools_impl.RequestResponseCycle)

    for name in ("disconnected", "message_event", "response_started", "response_complete"):
        assert f"self.{name} = " in source, name


def test_server_has_what_we_replace():
    """`serve`, `startup` and `shutdown` are the three methods that make its life, and ours have their parameters."""
    for name in ("serve", "startup", "shutdown"):
        assert (
            parameters(getattr(uvicorn.Server, name)) == parameters(getattr(GatewayServer, name)) == ["self", "sockets"]
        )
    server = uvicorn.Server(uvicorn.Config("unused:app", log_config=None))
    assert isinstance(server.server_state, ServerState)
    assert (server.started, server.should_exit) == (False, False)


def test_server_state_has_what_shutdown_waits_for():
    """Connections, tasks and the headers of every answer."""
    state = ServerState()

    assert (state.connections, state.tasks, state.default_headers) == (set(), set(), [])


def test_config_takes_what_we_give_it():
    """Every option that switches something off is still there."""
    known = parameters(uvicorn.Config.__init__)

    for option in (
        "access_log",
        "http",
        "interface",
        "lifespan",
        "log_config",
        "proxy_headers",
        "server_header",
        "timeout_keep_alive",
        "ws",
    ):
        assert option in known, option


def test_helpers_are_where_we_import_them():
    """Flow control and the TLS question have one parameter each."""
    assert parameters(flow_control.FlowControl.__init__) == ["self", "transport"]
    assert "self.write_paused = " in inspect.getsource(flow_control.FlowControl)
    assert parameters(is_ssl) == ["transport"]


def test_parser_reports_an_upgrade_with_its_offset():
    """Httptools says where the bytes behind the request begin; uvicorn itself throws them away."""

    class Callbacks:
        """Nothing to say."""

    request = b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"

    with pytest.raises(httptools.HttpParserUpgrade) as caught:
        httptools.HttpRequestParser(Callbacks()).feed_data(request + b"early")

    assert caught.value.args == (len(request),)
    assert issubclass(httptools.HttpParserUpgrade, Exception)
    assert issubclass(httptools.HttpParserCallbackError, httptools.HttpParserError)


def test_our_protocol_is_uvicorns():
    """What uvicorn calls on its protocols it can call on ours."""
    assert issubclass(HandoverProtocol, httptools_impl.HttpToolsProtocol)
