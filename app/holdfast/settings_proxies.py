"""The settings of proxies: calls to the user's backend. Names and defaults follow Centrifugo v6 where it has them."""

from __future__ import annotations

from pydantic import Field, SecretStr

from holdfast.settings_types import Duration, Group, OptionalPath


class ErrorAnswer(Group):
    """An error that a client is answered."""

    code: int = Field(0, ge=0, le=2**32 - 1, description="Its number: 400-1899.")
    message: str = Field("", max_length=123, description="Its message.")
    temporary: bool = Field(False, description="Whether the client may try again by itself.")


class DisconnectAnswer(Group):
    """A close that a client is answered."""

    code: int = Field(0, ge=0, le=65535, description="Its number: 4000-4499 to come back, 4500-4999 to stop.")
    reason: str = Field("", max_length=123, description="Its reason.")


class StatusTransform(Group):
    """What an HTTP status of the backend means to the client: an error or a disconnect."""

    status_code: int = Field(ge=100, le=599, description="The status.")
    to_error: ErrorAnswer = Field(ErrorAnswer(), description="The error, with `code`, `message` and `temporary`.")
    to_disconnect: DisconnectAnswer = Field(DisconnectAnswer(), description="The close, with `code` and `reason`.")


class ProxyTls(Group):
    """TLS towards the backend beyond what `https` does by itself; certificates are always verified."""

    enabled: bool = Field(False, description="Use the files below.")
    server_ca_pem: OptionalPath = Field(
        None, description="File with the CA certificates to trust instead of the system's."
    )
    cert_pem: OptionalPath = Field(None, description="File with a client certificate.")
    key_pem: OptionalPath = Field(None, description="File with its key.")
    server_name: str = Field("", description="Name to verify instead of the endpoint's host.")


class ProxyHttp(Group):
    """How calls are made over HTTP."""

    static_headers: dict[str, SecretStr] = Field({}, description="Headers of every call; they win over forwarded ones.")
    status_to_code_transforms: tuple[StatusTransform, ...] = Field(
        (), description="What an HTTP status other than 200 means to the client."
    )
    tls: ProxyTls = Field(ProxyTls(), description="TLS towards the backend.")


class ProxyGuards(Group):
    """What keeps a slow or broken backend from harming the gateway."""

    max_in_flight: int = Field(256, ge=1, le=10000, description="Calls at the same time.")
    max_wait: Duration = Field(0.5, description="How long a call may wait for its turn, within the timeout.")
    max_response_bytes: int = Field(1048576, ge=1024, description="Largest answer accepted.")
    retries: int = Field(2, ge=0, le=10, description="Repetitions where no connection came about.")
    retry_ratio: float = Field(
        0.1, ge=0, le=1, allow_inf_nan=False, description="Repetitions allowed, as a share of the calls."
    )
    breaker_ratio: float = Field(
        0.5, ge=0, le=1, allow_inf_nan=False, description="Share of failed calls that stops all calls; 0 is never."
    )
    breaker_min_calls: int = Field(20, ge=1, description="Calls in the window before the share counts.")
    breaker_window: Duration = Field(10.0, ge=1, description="Over which the share is taken.")
    breaker_open: Duration = Field(5.0, gt=0, description="How long calls stop before one is tried.")


class Proxy(Group):
    """A proxy: where the backend is, what it is sent, and what guards the calls."""

    endpoint: str = Field("", description="Address of the backend, `http://` or `https://`.")
    timeout: Duration = Field(1.0, gt=0, description="For the whole call.")
    http_headers: tuple[str, ...] = Field((), description="Headers of the client's handshake that are forwarded.")
    emulated_headers: tuple[str, ...] = Field(
        (), description="Headers forwarded from the connect command's `headers`; clients can write anything there."
    )
    include_connection_meta: bool = Field(False, description="Send the connection's `meta` along.")
    binary_encoding: bool = Field(False, description="Send payloads as base64 in `b64data`.")
    http: ProxyHttp = Field(ProxyHttp(), description="How calls are made over HTTP.")
    guards: ProxyGuards = Field(ProxyGuards(), description="What keeps a bad backend from harming the gateway.")


class SwitchedProxy(Proxy):
    """A proxy with a switch."""

    enabled: bool = Field(False, description="Make the calls.")


class NamedProxy(Proxy):
    """A proxy that namespaces choose by its name."""

    name: str = Field(pattern=r"^[-a-zA-Z0-9_.]{2,}$", description="Its name.")


class ClientProxies(Group):
    """Proxies of a client's session."""

    connect: SwitchedProxy = Field(SwitchedProxy(), description="Answers connects without a token.")
    refresh: SwitchedProxy = Field(SwitchedProxy(), description="Prolongs sessions from the server's side.")


class ChannelProxies(Group):
    """Proxies of channels; namespaces switch them on."""

    subscribe: Proxy = Field(Proxy(), description="Admits subscriptions.")
    publish: Proxy = Field(Proxy(), description="Admits publications of clients.")
    sub_refresh: Proxy = Field(Proxy(), description="Prolongs subscriptions from the server's side.")


class RpcOptions(Group):
    """What answers the methods of a namespace."""

    proxy_enabled: bool = Field(False, description="Hand calls to a proxy.")
    proxy_name: str = Field("", description="Which of `proxies`; empty takes `rpc.proxy`.")


class RpcNamespace(RpcOptions):
    """Options of the methods whose names start with `name:`."""

    name: str = Field(pattern=r"^[-a-zA-Z0-9_.]{2,}$", description="The part of a method's name before the boundary.")


class RpcSettings(Group):
    """Calls of clients, answered by the user's backend."""

    proxy: Proxy = Field(Proxy(), description="Answers where no other proxy is named.")
    without_namespace: RpcOptions = Field(RpcOptions(), description="Options of methods without a namespace.")
    namespaces: tuple[RpcNamespace, ...] = Field((), description="Options by namespace.")
    namespace_boundary: str = Field(":", min_length=1, description="Ends the namespace in a method's name.")
