"""`holdfast version`."""

from __future__ import annotations

from holdfast import __version__
from holdfast.cli.output import JsonFlag, result, result_json

LIBRARIES = ("uvicorn", "uvloop", "httptools", "starlette", "websockets", "msgspec", "pyjwt", "cryptography")


def version(as_json: JsonFlag = False) -> None:
    """Print the version. With --json also those of Python and the libraries."""
    if not as_json:
        result(f"holdfast {__version__}")
        return
    import platform

    libraries = {name: _version_of(name) for name in LIBRARIES}
    result_json({"holdfast": __version__, "python": platform.python_version(), **libraries})


def _version_of(library: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
