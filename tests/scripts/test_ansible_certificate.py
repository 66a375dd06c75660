"""The certificate of the front door, with HAProxy's socket played by a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.scripts.collection import plugin

certificate = plugin("modules.certificate")


class Balancer:
    """What HAProxy serves, and what it was told."""

    def __init__(self, path: str = "", serves: str = "") -> None:
        self.path, self.serves = path, serves
        self.offered = ""
        self.told: list[str] = []
        self.refusal = ""

    def ask(self, _: str, text: str) -> str:
        """Answer as 2.6 does."""
        words = text.split()
        self.told.append(words[0])
        if words[0] == "show":
            return f"Status: Used\nSHA1 FingerPrint: {self.serves}\n" if words[3] == self.path else "Not found\n"
        if words[0] == "set":
            self.offered = text.partition("<<\n")[2]
            assert "\n\n" not in self.offered.removesuffix("\n\n")
            return "Transaction created for certificate!\n"
        if words[0] == "commit":
            self.serves = self.serves if self.refusal else certificate.fingerprint(self.offered)
            return self.refusal or "Committing.\nSuccess!\n"
        return "Transaction aborted\n"


@pytest.fixture
def pem(tmp_path: Path) -> str:
    """Return a certificate and its key, with lines in between as people paste them."""
    one, key = write_certificate(tmp_path)
    return f"subject=x\n\n{one.read_text()}\n\n{key.read_text()}\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return where it goes; a test need not be root for it."""
    monkeypatch.setattr(certificate, "replace", lambda path, text, mode, group: Path(path).write_text(text))
    return str(tmp_path / "holdfast.pem")


def work(monkeypatch: pytest.MonkeyPatch, balancer: Balancer, path: str, content: str, *, is_dry: bool = False) -> dict:
    """Run the module's work."""
    monkeypatch.setattr(certificate, "ask", balancer.ask)
    return certificate.work({"path": path, "content": content, "socket": "x"}, is_dry)


def test_new_file_is_left_to_the_reload(monkeypatch, path, pem) -> None:
    """HAProxy does not know it yet; check mode says the same, and the second run nothing."""
    balancer = Balancer()

    assert work(monkeypatch, balancer, path, pem, is_dry=True) == {"changed": True, "exchanged": []}
    assert not Path(path).exists()
    assert work(monkeypatch, balancer, path, pem) == {"changed": True, "exchanged": []}
    assert work(monkeypatch, balancer, path, pem) == {"changed": False, "exchanged": []}
    assert set(balancer.told) == {"show"}


def test_other_certificate_is_exchanged_while_it_runs(monkeypatch, path, pem) -> None:
    """Also one that somebody else has put there, and one whose exchange was cut off before it."""
    Path(path).write_text(certificate.tidy(pem))
    balancer = Balancer(path, "AB12")

    assert work(monkeypatch, balancer, path, "", is_dry=True)["exchanged"] == [path]
    assert balancer.serves == "AB12"
    assert work(monkeypatch, balancer, path, "") == {"changed": True, "exchanged": [path]}
    assert balancer.serves == certificate.fingerprint(pem)
    assert work(monkeypatch, balancer, path, "") == {"changed": False, "exchanged": []}


def test_refused_certificate_changes_nothing(monkeypatch, path, pem) -> None:
    """The file stays as it was, and HAProxy says why."""
    Path(path).write_text("the former one")
    balancer = Balancer(path, "AB12")
    balancer.refusal = "inconsistencies between private key and certificate\n"
    with pytest.raises(certificate.CertificateError, match=r"holdfast\.pem: HAProxy refuses it .* inconsistencies"):
        work(monkeypatch, balancer, path, pem)

    assert Path(path).read_text() == "the former one"
    assert balancer.told[-1] == "abort"


def test_folder_holds_several(tmp_path: Path) -> None:
    """What HAProxy takes from beside them is none by itself."""
    folder = tmp_path / "certs"
    folder.mkdir()
    for name in ("a.pem", "b.pem", "b.pem.key", "b.pem.ocsp"):
        (folder / name).touch()

    assert certificate.files_of(str(folder)) == [str(folder / "a.pem"), str(folder / "b.pem")]
