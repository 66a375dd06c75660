import pytest

from holdfast.admission.check import AdmissionCheck
from holdfast.admission.origin import OriginPolicy
from holdfast.connections.lifecycle import Lifecycle, Phase
from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError


def handshake(*headers: tuple[bytes, bytes]) -> Handshake:
    """Return a handshake with these headers."""
    return Handshake("/connection/websocket", b"", list(headers), "198.51.100.1", "http", "attempt")


@pytest.fixture
def lifecycle():
    """An instance that serves."""
    return Lifecycle()


@pytest.fixture
def observed():
    """What the observer was told."""
    return []


@pytest.fixture
def check(lifecycle, observed):
    """Admits one foreign page."""
    return AdmissionCheck(lifecycle, OriginPolicy(["https://app.example.com"]), lambda *seen: observed.append(seen))


def test_check_admits(check):
    """No Origin, the own host and a listed page pass."""
    check(handshake((b"host", b"gateway.example")))
    check(handshake((b"host", b"gateway.example"), (b"accept", b"*/*"), (b"origin", b"https://gateway.example")))
    check(handshake((b"host", b"gateway.example"), (b"origin", b"https://app.example.com")))


def test_check_foreign_page(check):
    """A page from elsewhere is refused, and the detail names what came."""
    with pytest.raises(DoorError) as caught:
        check(handshake((b"host", b"gateway.example"), (b"origin", b"https://evil.example")))

    assert caught.value.slug == "origin_not_allowed"
    assert "https://evil.example" in caught.value.detail


def test_check_origin_not_ascii(check):
    """Bytes beyond ASCII in the header are refused like any other foreign page."""
    with pytest.raises(DoorError):
        check(handshake((b"host", b"gateway.example"), (b"origin", b"https://\xff.example")))


def test_check_draining(check, lifecycle):
    """Once the goodbyes begin nobody is let in any more; while leaving they still are."""
    lifecycle.advance(Phase.LEAVING)
    check(handshake())
    lifecycle.advance(Phase.DRAINING)

    with pytest.raises(DoorError) as caught:
        check(handshake())
    assert caught.value.slug == "draining"


def test_check_tells_of_each_decision(check, observed):
    """Whoever counts and logs hears of those who came in and of those who did not."""
    admitted, refused = handshake(), handshake((b"host", b"h"), (b"origin", b"https://evil.example"))
    check(admitted)
    with pytest.raises(DoorError) as caught:
        check(refused)

    assert observed == [(admitted, None), (refused, caught.value)]
