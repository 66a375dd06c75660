"""The client's half of HTTP/1.1, cut down to what streams and polls send; pure."""

from __future__ import annotations

from benchmarks.load.frames import PING, PUSH, Scan

# As much as a browser sends with a fetch.
BROWSER_HEADERS = (
    "User-Agent: holdfast-benchmark/1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n"
)
EVENT_PING = b"data: " + PING


def post(port: int, path: str, body: bytes, headers: str = BROWSER_HEADERS) -> bytes:
    """Return a POST of JSON whose connection stays open."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(port: int, target: str) -> bytes:
    """Return a GET."""
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{BROWSER_HEADERS}\r\n".encode()


def response(data: bytes) -> tuple[bytes, bytes, int] | None:
    """Return head and body of the response that begins `data`, and the bytes both take; None while it is not whole."""
    head, mark, rest = data.partition(b"\r\n\r\n")
    if not mark:
        return None
    length = int(head.lower().partition(b"\r\ncontent-length:")[2].split(b"\r\n")[0] or 0)
    if len(rest) < length:
        return None
    return head, rest[:length], len(head) + 4 + length


def chunks(data: bytes) -> tuple[list[bytes], int]:
    """Return the whole chunks at the start of `data` and the bytes they take; the last chunk of all is empty."""
    found: list[bytes] = []
    start = 0
    while (line_end := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:line_end], 16)
        end = line_end + 2 + size + 2
        if end > len(data):
            break
        found.append(data[line_end + 2 : end - 2])
        start = end
    return found, start


def scan_chunks(data: bytes) -> Scan:
    """Count what the whole chunks in `data` carry, as lines or as events."""
    found_chunks, used = chunks(data)
    found = Scan(used=used)
    for chunk in found_chunks:
        found.publications += chunk.count(PUSH)
        found.closed |= not chunk or b'"disconnect":' in chunk
        lines = chunk.split(b"\n")
        found.pings += lines.count(PING) + lines.count(EVENT_PING)
    return found
