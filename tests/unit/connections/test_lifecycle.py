import pytest

from holdfast.connections.lifecycle import Lifecycle, Phase


def test_lifecycle_stages():
    """Each stage takes one more thing away, in order."""
    lifecycle = Lifecycle()
    seen = []
    for phase in Phase:
        lifecycle.advance(phase)
        seen.append(
            (
                lifecycle.is_started,
                lifecycle.is_leaving,
                lifecycle.refuses_handshakes,
                lifecycle.refuses_publications,
            )
        )

    assert seen == [
        (False, False, False, False),
        (True, False, False, False),
        (True, True, False, False),
        (True, True, True, False),
        (True, True, True, True),
    ]


@pytest.mark.parametrize("phase", [Phase.LEAVING, Phase.DRAINING])
def test_lifecycle_comes_back_from_a_drain(phase):
    """A drain that is cancelled leads back to serving, and nowhere else."""
    lifecycle = Lifecycle()
    lifecycle.advance(phase)

    assert lifecycle.resume()
    assert lifecycle.phase is Phase.SERVING
    assert not lifecycle.resume()
    lifecycle.advance(Phase.STOPPING)
    assert not lifecycle.resume()


def test_lifecycle_never_goes_back():
    """A late word of an earlier stage changes nothing."""
    lifecycle = Lifecycle()
    lifecycle.advance(Phase.DRAINING)
    lifecycle.advance(Phase.SERVING)

    assert lifecycle.phase is Phase.DRAINING
