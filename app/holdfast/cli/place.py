"""Where the gateway is and how to speak to it.

From options, else from what the gateway of this folder noted, else from the settings it was started with.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from holdfast.cli.failure import CliError, Exit

if TYPE_CHECKING:
    from holdfast.settings import Settings

LOCAL_FOLDER = Path(".holdfast")
LOCAL_FILE = LOCAL_FOLDER / "local.yaml"
CONFIG_VARIABLE = "HOLDFAST_CONFIG"
DEFAULT_FILE = Path("holdfast.yaml")
WILDCARD_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read here, not bound

_BASES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_LONGEST_SHOWN = 200

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file; else HOLDFAST_CONFIG, ./holdfast.yaml, or what `make run` made."),
]
ServeConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file; else HOLDFAST_CONFIG or ./holdfast.yaml; with --dev one made here."),
]
UrlOption = Annotated[
    str,
    typer.Option(
        "--url",
        help="The gateway, such as http://127.0.0.1:8000; else the one that `make run` runs in this folder, else "
        "where the settings say it listens.",
    ),
]
KeyOption = Annotated[
    str,
    typer.Option("--api-key", help="Key of the server API; else the first of the settings.", show_default=False),
]


def config_path(option: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the settings file to load; None leaves the choice to the loader.

    Only where neither an option, nor the environment, nor ./holdfast.yaml names one, the file of a first start is
    taken, so that commands typed beside `make run` reach that gateway.
    """
    if option is not None:
        return option
    if not environ.get(CONFIG_VARIABLE) and not DEFAULT_FILE.exists() and LOCAL_FILE.exists():
        return LOCAL_FILE
    return None


def settings_file(option: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the settings file that is read, whether it is there or not."""
    return config_path(option, environ) or Path(environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)


def source_of(option: Path | None, environ: Mapping[str, str]) -> str:
    """Return in words where settings are read from: the file, if there is one, and the number of variables."""
    path = settings_file(option, environ)
    variables = sum(name.startswith("HOLDFAST_") and name != CONFIG_VARIABLE for name in environ)
    file = str(path) if path.exists() else "no file"
    return f"{file}, {variables} HOLDFAST_ variable(s)"


def settings(option: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Load the settings this command line and environment mean.

    Raises:
        ConfigError: with every fault.
    """
    from holdfast.settings_load import load_settings

    return load_settings(config_path(option, os.environ), os.environ, overrides or {})


AdminTokenOption = Annotated[
    str,
    typer.Option("--admin-token", help="Token of the admin paths; else that of the settings.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Place:
    """The addresses of one gateway; `api_key` and `admin_token` are empty where none is known."""

    public: str
    internal: str
    api_key: str = field(default="", repr=False)
    admin_token: str = field(default="", repr=False)

    @property
    def websocket(self) -> str:
        """The WebSocket endpoint's URL."""
        return f"ws{self.public.removeprefix('http')}/connection/websocket"


def place(option: Path | None, url: str, api_key: str = "") -> Place:
    """Return the gateway meant; settings are read only for what the options leave open.

    Raises:
        CliError: the URL cannot be used.
        ConfigError: the settings were needed and have faults.
    """
    found, is_ours = _addresses(option, url)
    return replace(found, api_key=api_key or (_first_key(settings(option)) if is_ours else ""))


def admin_place(option: Path | None, url: str, admin_token: str = "") -> Place:
    """Return the gateway meant, with what opens its admin paths.

    Raises:
        CliError: the URL cannot be used.
        ConfigError: the settings were needed and have faults.
    """
    found, is_ours = _addresses(option, url)
    return replace(
        found, admin_token=admin_token or (settings(option).admin.token.get_secret_value() if is_ours else "")
    )


def _addresses(option: Path | None, url: str) -> tuple[Place, bool]:
    """Return where the gateway meant is, and whether it has the settings read here, so may be told their secrets."""
    from holdfast.cli.running import place_here

    base = _checked(url) if url else ""
    here = place_here(option, os.environ)
    if here is not None and (not base or here.is_at(base)):
        return Place(here.public, here.internal), True
    if base:
        return Place(base, base), option is not None
    return place_of(settings(option)), True


def place_of(loaded: Settings, api_key: str = "") -> Place:
    """Return where a gateway with these settings listens, as seen from its own machine."""
    scheme = "https" if loaded.tls.cert_file else "http"
    public = f"{scheme}://{authority(loaded.host, loaded.port)}"
    if loaded.internal_port is None:
        return Place(public, public, api_key)
    internal_host = loaded.internal_host or loaded.host
    # TLS is the public port's alone.
    return Place(public, f"http://{authority(internal_host, loaded.internal_port)}", api_key)


def authority(host: str, port: int) -> str:
    """Return `host:port` for a URL; a wildcard address becomes loopback."""
    host = WILDCARD_HOSTS.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(url: str) -> bool:
    """Tell whether a URL leads to this machine, where no proxy is to be asked."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _first_key(loaded: Settings) -> str:
    return loaded.api.keys[0].get_secret_value() if loaded.api.keys else ""


def _checked(url: str) -> str:
    """Return the base of a URL; that of a door of clients, such as a page has, will do too."""
    from holdfast.diagnostics.typed_url import completed

    try:
        parts = urlsplit(completed(url, "https", "http"))
        is_usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    scheme = _BASES.get(parts.scheme) if is_usable else None
    if scheme is None or (parts.path.strip("/") and "/connection/" not in parts.path):
        raise CliError(f"--url: expected http://HOST:PORT or https://HOST:PORT, got {_shown(url)}", Exit.USAGE)
    return f"{scheme}://{parts.netloc}{parts.path.partition('/connection/')[0].rstrip('/')}"


def _shown(url: str) -> str:
    """Return a URL that cannot be used as an error may quote it."""
    from holdfast.telemetry.redaction import redact_text

    return redact_text(repr(url[:_LONGEST_SHOWN]))
