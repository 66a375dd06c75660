import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.http import chunks, post, response, scan_chunks


def _chunked(*payloads):
    return b"".join(b"%x\r\n%s\r\n" % (len(payload), payload) for payload in payloads)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
def test_chunks_leave_an_incomplete_one(payloads, data):
    """However the bytes were cut, the chunks are found once and the rest is left over."""
    stream = _chunked(*payloads)
    cut = data.draw(st.integers(0, len(stream)))

    first, used = chunks(stream[:cut])
    second, _ = chunks(stream[used:])

    assert first + second == payloads


@pytest.mark.parametrize(
    ("payload", "publications", "pings"),
    [
        (b"{}\n", 0, 1),
        (b'{"push":{"channel":"c","pub":{"data":1}}}\n{"push":{"channel":"c","pub":{"data":2}}}\n{}\n', 2, 1),
        (b'data: {}\n\ndata: {"push":{"channel":"c","pub":{"data":{}}}}\n\n', 1, 1),
    ],
)
def test_scan_chunks_counts_lines_and_events(payload, publications, pings):
    """Publications and pings are counted on http_stream and on server-sent events alike."""
    found = scan_chunks(_chunked(payload))

    assert (found.publications, found.pings, found.closed) == (publications, pings, False)


@pytest.mark.parametrize("payload", [b"", b'{"push":{"disconnect":{"code":3000,"reason":"x"}}}\n'])
def test_scan_chunks_sees_the_end(payload):
    """The last chunk and a disconnect push end the measurement."""
    assert scan_chunks(_chunked(payload)).closed


def test_response_in_parts():
    """A response is nothing until all of its body is there; what follows is left."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"

    assert response(whole[:10]) is None
    assert response(whole[:-1]) is None
    assert response(whole + b"HTTP") == (b"HTTP/1.1 200 OK\r\nContent-Length: 3", b"abc", len(whole))


def test_response_without_a_body():
    """204 has no length and ends with its head."""
    data = b"HTTP/1.1 204 No Content\r\n\r\n"

    assert response(data) == (b"HTTP/1.1 204 No Content", b"", len(data))


def test_post_is_one_request():
    """The body's length stands in the head."""
    request = post(8000, "/emulation", b"{}")

    assert request.startswith(b"POST /emulation HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n")
    assert request.endswith(b"Content-Length: 2\r\n\r\n{}")
