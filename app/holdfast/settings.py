"""The settings tree: every name, type, default, range and help text, once.

Nothing here reads a file or the environment; `settings_load` does. Names and defaults follow Centrifugo v6 where it
has them. Durations are seconds as numbers, or texts such as `300ms`, `30s`, `5m`, `2h`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from holdfast.settings_admin import AdminSettings, LedgerSettings
from holdfast.settings_admission import AdmissionSettings
from holdfast.settings_auth import AuthSettings
from holdfast.settings_broker import BrokerSettings
from holdfast.settings_logs import LogSettings
from holdfast.settings_monitor import MonitorSettings, NotificationSettings
from holdfast.settings_presets import Preset
from holdfast.settings_proxies import ChannelProxies, ClientProxies, NamedProxy, RpcSettings
from holdfast.settings_rebalance import RebalanceSettings
from holdfast.settings_sockets import SocketSettings
from holdfast.settings_types import (
    ApiKey,
    ChannelRegex,
    CookieName,
    Duration,
    Group,
    Moment,
    Network,
    OptionalPath,
    Origin,
    WebAddress,
)


class TlsSettings(Group):
    """TLS by certificate files; both or neither."""

    cert_file: OptionalPath = Field(None, description="Certificate chain in PEM; reloaded when the file changes.")
    key_file: OptionalPath = Field(None, description="Private key in PEM.")
    reload_interval: Duration = Field(10.0, gt=0, description="How often the files are looked at for a change.")


class HttpSettings(Group):
    """What every HTTP request has to keep to."""

    backlog: int = Field(
        4096, ge=1, le=65535, description="Listen backlog asked for; the kernel caps it at net.core.somaxconn."
    )
    max_header_bytes: int = Field(65536, ge=1024, description="Size of a request's header block.")
    max_headers: int = Field(100, ge=10, description="Number of a request's headers.")
    max_url_bytes: int = Field(8192, ge=256, description="Length of a request's URL.")
    request_timeout: Duration = Field(
        30.0, gt=0, description="From an accepted socket, or the last answer, to a complete request."
    )
    keep_alive: Duration = Field(5.0, gt=0, description="How long an idle keep-alive connection stays open.")
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Networks (CIDR) whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    sockets: SocketSettings = Field(SocketSettings(), description="Options of TCP sockets.")


class WebSocketSettings(Group):
    """Frames and closing."""

    max_message_bytes: int = Field(
        65536, ge=1024, description="Largest message a client may send; a larger one is closed with 1009."
    )
    close_timeout: Duration = Field(
        1.0, gt=0, description="How long a queued close frame may take before the socket is aborted."
    )
    write_high_water: int = Field(
        65536, ge=4096, description="Bytes in a connection's buffer from which it counts as congested."
    )
    compression: bool = Field(
        False,
        description="Agree on permessage-deflate with clients that offer it; see docs/compression.md.",
    )
    compression_min_size: int = Field(
        0, ge=0, description="Bytes from which a payload is compressed; 0 compresses all that get shorter by it."
    )
    compression_level: int = Field(1, ge=1, le=9, description="zlib's level: 1 is fast, 9 is small.")


class PollSettings(Group):
    """Long polling."""

    enabled: bool = Field(True, description="Serve `/connection/poll`.")
    timeout: Duration = Field(
        25.0, gt=0, description="How long a request waits for something to say; less than proxies wait for an answer."
    )
    idle_timeout: Duration = Field(60.0, gt=0, description="How long a session without a request lives.")
    end_grace: Duration = Field(10.0, gt=0, description="How long a session that ended can be asked why.")
    max_body_bytes: int = Field(65536, ge=1024, description="Largest request body.")
    max_answer_bytes: int = Field(
        65536, ge=1024, description="Bytes of messages in one answer, unless a single message is larger."
    )


class HttpStreamSettings(Group):
    """Connections over endless HTTP responses, `/connection/http_stream`."""

    enabled: bool = Field(True, description="Serve it.")
    max_request_body_size: int = Field(65536, ge=1024, description="Largest body, in bytes, of the opening request.")


class SseSettings(Group):
    """Connections over server-sent events, `/connection/sse`."""

    enabled: bool = Field(True, description="Serve it.")
    max_request_body_size: int = Field(
        65536,
        ge=1024,
        description="Largest body, in bytes, of an opening POST; commands in a URL keep to `http.max_url_bytes`.",
    )


class EmulationSettings(Group):
    """The way back of http_stream and SSE, `/emulation`."""

    max_request_body_size: int = Field(65536, ge=1024, description="Largest body of such a request, in bytes.")


class ClientSettings(Group):
    """One client's connection."""

    allowed_origins: tuple[Origin, ...] = Field(
        (), description="Origins whose pages may connect, `*` as wildcard; empty means same origin only."
    )
    disallow_anonymous_connection_tokens: bool = Field(False, description="Refuse connection tokens that name no user.")
    allow_anonymous: bool = Field(False, description="Let clients connect without a token, as the anonymous user.")
    handshake_timeout: Duration = Field(30.0, gt=0, description="From the accepted socket to the connect reply.")
    ping_interval: Duration = Field(25.0, ge=1, description="How often the server pings.")
    pong_timeout: Duration = Field(8.0, gt=0, description="How long a pong may take.")
    queue_max_size: int = Field(
        1048576, ge=65536, description="Bytes that may wait for a slow reader before it is closed with 3008."
    )
    channel_limit: int = Field(128, ge=1, description="Channels a client may be subscribed to.")
    user_connection_limit: int = Field(
        0, ge=0, description="Connections a user may have on this instance; 0 is no limit."
    )
    command_rate: float = Field(
        100.0,
        ge=0,
        allow_inf_nan=False,
        description="Commands a second a client may send in the long run; 0 is no limit.",
    )
    command_burst: int = Field(500, ge=1, description="Commands a client may send at once.")
    inbox_limit: int = Field(1000, ge=1, description="Commands that may wait while one is being answered.")
    expired_close_delay: Duration = Field(25.0, description="Grace after a connection's expiry before it is closed.")
    expired_sub_close_delay: Duration = Field(
        25.0, description="Grace after a subscription's expiry before it is ended."
    )
    presence_update_interval: Duration = Field(
        27.0, gt=0, description="How often presence entries of live clients are refreshed."
    )
    position_check_interval: Duration = Field(
        40.0, gt=0, description="How often the position of a channel is compared with the broker."
    )
    history_max_publication_limit: int = Field(300, ge=1, description="Publications one history command may return.")
    recovery_max_publication_limit: int = Field(300, ge=1, description="Publications one recovery may return.")
    max_connection_age: Duration = Field(
        0.0,
        le=2592000,
        description="Each connection is moved or closed at 80 to 100 % of this, at its own moment; 0 is never.",
    )
    reconnect_window: Duration = Field(
        10.0, description="Told to clients: spread the first attempt over this after an end without a word."
    )
    proxy: ClientProxies = Field(ClientProxies(), description="Calls to the user's backend.")


class HmacKey(Group):
    """A previous HMAC secret, still believed until a date."""

    secret: SecretStr = Field(description="The secret.")
    kid: str = Field("", description="Key id in the token's header; empty for tokens without one.")
    valid_until: Moment = Field("", description="ISO 8601 moment after which the key is refused; empty means always.")


class PublicKey(Group):
    """A static public key."""

    pem: str = Field("", description="The key in PEM.")
    file: OptionalPath = Field(None, description="A file with the key in PEM, instead of `pem`.")
    kid: str = Field("", description="Key id in the token's header; empty for tokens without one.")
    algorithm: Literal["", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"] = Field(
        "", description="The algorithm the key is pinned to; empty takes the usual one of its type."
    )


class JwksSettings(Group):
    """Keys fetched over HTTP."""

    url: WebAddress = Field("", description="Where the key set is; empty is off.")
    refresh_interval: Duration = Field(3600.0, ge=10, description="How often the set is fetched in the background.")
    timeout: Duration = Field(2.0, gt=0, description="How long one fetch may take.")
    min_interval: Duration = Field(10.0, ge=1, description="Least time between fetches for unknown key ids.")
    max_bytes: int = Field(1048576, ge=1024, description="Largest answer accepted.")


class TokenRules(Group):
    """How tokens are checked."""

    hmac_secret: SecretStr = Field(
        SecretStr(""), description="Secret of HS256, HS384 and HS512 tokens; at least 32 bytes are advised."
    )
    hmac_algorithms: tuple[Literal["HS256", "HS384", "HS512"], ...] = Field(
        ("HS256", "HS384", "HS512"), description="HMAC algorithms the secret is pinned to."
    )
    previous_keys: tuple[HmacKey, ...] = Field((), description="Former HMAC secrets and until when they are believed.")
    keys_file: OptionalPath = Field(
        None, description="JSON file with further HMAC secrets, read again on SIGHUP; see docs/recovery.md."
    )
    public_keys: tuple[PublicKey, ...] = Field((), description="Static public keys.")
    jwks: JwksSettings = Field(JwksSettings(), description="Keys fetched over HTTP.")
    audience: str = Field("", description="The `aud` a token must name; empty is any.")
    issuer: str = Field("", description="The `iss` a token must have; empty is any.")
    leeway: Duration = Field(0.0, le=300, description="Clock difference forgiven in exp, nbf and iat.")


class TokenSettings(TokenRules):
    """Connection tokens, and where they may come from."""

    cookie: CookieName = Field(
        "", description="Cookie that may carry the connection token; empty is off. Needs `client.allowed_origins`."
    )
    max_bytes: int = Field(8192, ge=256, description="Longest token looked at.")
    cache_size: int = Field(10000, ge=0, description="Validated tokens remembered.")
    cache_ttl: Duration = Field(
        60.0, description="How long a validated token is remembered, at most as long as it lives."
    )
    create_ttl: Duration = Field(3600.0, gt=0, description="Life of tokens that `holdfast token create` makes.")
    subscription: TokenRules | None = Field(
        None, description="Rules of subscription tokens; absent means those of connection tokens."
    )


DataFormat = Literal["", "json", "json_object", "binary"]


class ChannelOptions(Group):
    """What a channel of a namespace can do, by Centrifugo's option names."""

    presence: bool = Field(False, description="Keep who is subscribed.")
    join_leave: bool = Field(False, description="Publish joins and leaves.")
    force_push_join_leave: bool = Field(False, description="Send joins and leaves to every subscriber, asked or not.")
    history_size: int = Field(0, ge=0, description="Publications kept; 0 keeps none.")
    history_ttl: Duration = Field(0.0, description="How long publications are kept.")
    history_meta_ttl: Duration = Field(
        0.0, description="How long a channel's position is kept; 0 takes `channel.history_meta_ttl`."
    )
    force_positioning: bool = Field(False, description="Watch the position of every subscription.")
    allow_positioning: bool = Field(False, description="Let clients ask for a watched position.")
    force_recovery: bool = Field(False, description="Recover every subscription after a reconnect.")
    allow_recovery: bool = Field(False, description="Let clients ask for recovery.")
    force_recovery_mode: Literal["", "stream", "cache"] = Field(
        "", description="What recovery gives: `stream` (as is empty) all that was missed, `cache` the latest one alone."
    )
    auto_cache_recover: bool = Field(
        False, description="In cache mode give the latest publication to every subscriber, asked or not."
    )
    allowed_delta_types: tuple[Literal["fossil"], ...] = Field(
        (), description="Deltas that clients may ask for: `fossil`; empty is none."
    )
    delta_publish: bool = Field(
        False, description="Use deltas for every publication, not only where the publisher says `delta`."
    )
    allow_tags_filter: bool = Field(False, description="Let clients ask for publications with certain tags alone.")
    allow_subscribe_for_client: bool = Field(False, description="Any client with a user may subscribe.")
    allow_subscribe_for_anonymous: bool = Field(False, description="Anonymous clients may subscribe too.")
    allow_publish_for_client: bool = Field(False, description="Any client with a user may publish.")
    allow_publish_for_anonymous: bool = Field(False, description="Anonymous clients may publish too.")
    allow_publish_for_subscriber: bool = Field(False, description="Subscribers may publish.")
    allow_presence_for_client: bool = Field(False, description="Any client with a user may read presence.")
    allow_presence_for_anonymous: bool = Field(False, description="Anonymous clients may read presence too.")
    allow_presence_for_subscriber: bool = Field(False, description="Subscribers may read presence.")
    allow_history_for_client: bool = Field(False, description="Any client with a user may read history.")
    allow_history_for_anonymous: bool = Field(False, description="Anonymous clients may read history too.")
    allow_history_for_subscriber: bool = Field(False, description="Subscribers may read history.")
    allow_user_limited_channels: bool = Field(
        False, description="Channels such as `dialog#1,2` admit the users they name."
    )
    durability: int = Field(
        0,
        ge=0,
        le=10,
        description="Replicas of Redis that must confirm a publication before its publisher is answered.",
    )
    deliver_without_broker: bool = Field(
        False,
        description="While Redis is away hand publications without history to the subscribers of the same instance.",
    )
    publication_data_format: DataFormat = Field(
        "",
        description="What publications may hold: `json`, `json_object`, or `binary` for any bytes, none too, "
        "read by Protobuf clients alone; empty takes `channel.publication_data_format`.",
    )
    channel_regex: ChannelRegex = Field(
        "",
        description="Must be found in the names clients use, behind the namespace; RE2 syntax; empty is ASCII alone.",
    )
    subscribe_proxy_enabled: bool = Field(False, description="The user's backend admits subscriptions.")
    subscribe_proxy_name: str = Field("", description="Which of `proxies`; empty takes `channel.proxy.subscribe`.")
    publish_proxy_enabled: bool = Field(False, description="The user's backend admits publications of clients.")
    publish_proxy_name: str = Field("", description="Which of `proxies`; empty takes `channel.proxy.publish`.")
    sub_refresh_proxy_enabled: bool = Field(False, description="The user's backend prolongs subscriptions that expire.")
    sub_refresh_proxy_name: str = Field("", description="Which of `proxies`; empty takes `channel.proxy.sub_refresh`.")


class Namespace(ChannelOptions):
    """Options of the channels whose names start with `name:`."""

    name: str = Field(pattern=r"^[-a-zA-Z0-9_.]{2,}$", description="The part of a channel's name before the boundary.")


class ChannelSettings(Group):
    """Channels: names, options without a namespace, namespaces."""

    without_namespace: ChannelOptions = Field(ChannelOptions(), description="Options of channels without a namespace.")
    namespaces: tuple[Namespace, ...] = Field((), description="Options by namespace.")
    max_length: int = Field(255, ge=1, le=4096, description="Longest channel name, in characters.")
    namespace_boundary: str = Field(":", min_length=1, description="Ends the namespace in a channel's name.")
    user_boundary: str = Field("#", min_length=1, description="Begins the list of users in a channel's name.")
    user_separator: str = Field(",", min_length=1, description="Separates the users.")
    private_prefix: str = Field("$", description="Channels that begin with it need a subscription token.")
    history_meta_ttl: Duration = Field(
        2592000.0, ge=1, description="How long a channel's position is kept without publications."
    )
    publication_data_format: DataFormat = Field(
        "", description="What publications may hold where the namespace does not say; empty is `json`."
    )
    proxy: ChannelProxies = Field(ChannelProxies(), description="Calls to the user's backend.")


class WebSettings(Group):
    """What is served to browsers beside connections."""

    client: bool = Field(True, description="Serve the browser client's modules under `/client/`.")


class ApiSettings(Group):
    """The server API."""

    keys: tuple[ApiKey, ...] = Field(
        (), description="Keys of which a request must carry one; without any the API refuses all."
    )
    error_mode: Literal["", "transport"] = Field(
        "", description="`transport` answers errors by HTTP status instead of inside 200."
    )
    max_body_bytes: int = Field(10485760, ge=1024, description="Largest request body.")
    max_commands: int = Field(1000, ge=1, description="Commands one batch may hold.")
    max_parallel: int = Field(
        128, ge=1, description="Commands of one parallel batch that may wait for their answers at the same time."
    )
    async_queue_limit: int = Field(10000, ge=1, description="Publications answered that may wait to be made.")
    async_queue_max_size: int = Field(
        67108864, ge=65536, description="Bytes of publications answered that may wait to be made."
    )


class ShutdownSettings(Group):
    """How the instance stops."""

    propagation_wait: Duration = Field(
        0.0,
        le=120,
        description="Between not ready and the first goodbye, so that balancers have seen it. "
        "5 s where nobody says otherwise and `broker.type` is redis; none with the embedded broker, for its instance "
        "has no peers.",
    )
    drain_window: Duration = Field(
        2.0,
        le=540,
        description="Over which clients are told to leave, each at its own moment. "
        "30 s where nobody says otherwise and `broker.type` is redis; at most 2 s with the embedded broker.",
    )
    drain_min_rate: float = Field(
        5.0,
        ge=0,
        allow_inf_nan=False,
        description="Clients a second a drain tells at least; fewer clients take no window.",
    )
    drain_max_rate: float = Field(
        500.0,
        ge=0,
        allow_inf_nan=False,
        description="Clients a second that an ordered drain tells at most, however short its window; 0 is no limit. "
        "A stop keeps to its window.",
    )
    migrate_grace: Duration = Field(
        10.0,
        gt=0,
        le=300,
        description="Between asking a client to move to another instance and closing what still is here.",
    )
    timeout: Duration = Field(10.0, gt=0, description="For requests in flight and the snapshot after the drain.")


class Settings(Group):
    """Everything an instance can be told."""

    preset: Preset = Field(
        "", description="Defaults of timeouts and pings for the path clients come by; see docs/presets.md."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    internal_host: str = Field("", description="Address of the internal port; empty takes `host`.")
    internal_port: int | None = Field(
        None, ge=0, le=65535, description="Moves API, metrics and health to a port of their own."
    )
    instance: str = Field("", description="The instance's name; empty makes one from host name and process id.")
    termination_message_path: OptionalPath = Field(
        None,
        description="File for the gateway's last word, at most 4,096 bytes, when a fault ends it; empty is off. "
        "Faults of the settings are written where the variable alone says.",
    )
    http: HttpSettings = Field(HttpSettings(), description="HTTP limits.")
    tls: TlsSettings = Field(TlsSettings(), description="TLS.")
    websocket: WebSocketSettings = Field(WebSocketSettings(), description="WebSocket limits.")
    poll: PollSettings = Field(PollSettings(), description="Long polling.")
    http_stream: HttpStreamSettings = Field(HttpStreamSettings(), description="HTTP streaming.")
    sse: SseSettings = Field(SseSettings(), description="Server-sent events.")
    emulation: EmulationSettings = Field(EmulationSettings(), description="Commands of streams.")
    client: ClientSettings = Field(ClientSettings(), description="Client connections.")
    admission: AdmissionSettings = Field(AdmissionSettings(), description="Who is let in.")
    token: TokenSettings = Field(TokenSettings(), description="Tokens.")
    channel: ChannelSettings = Field(ChannelSettings(), description="Channels.")
    rpc: RpcSettings = Field(RpcSettings(), description="Calls of clients.")
    proxies: tuple[NamedProxy, ...] = Field((), description="Proxies that namespaces choose by name.")
    api: ApiSettings = Field(ApiSettings(), description="Server API.")
    web: WebSettings = Field(WebSettings(), description="Files for browsers.")
    broker: BrokerSettings = Field(BrokerSettings(), description="Broker.")
    shutdown: ShutdownSettings = Field(ShutdownSettings(), description="Shutdown.")
    rebalance: RebalanceSettings = Field(RebalanceSettings(), description="Rebalance.")
    monitor: MonitorSettings = Field(MonitorSettings(), description="Resource monitor.")
    notifications: NotificationSettings = Field(NotificationSettings(), description="Who is told of events.")
    ledger: LedgerSettings = Field(LedgerSettings(), description="Memory of what failed.")
    admin: AdminSettings = Field(AdminSettings(), description="Admin paths.")
    log: LogSettings = Field(LogSettings(), description="Logs.")
    auth: AuthSettings = Field(AuthSettings(), description="Login.")
