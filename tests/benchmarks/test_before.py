import subprocess

import pytest

from benchmarks.process import BenchmarkError
from benchmarks.servers import before
from benchmarks.servers.before import Before


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a commit, a release tag on it, and a later commit."""
    monkeypatch.setattr(before, "ROOT", tmp_path)
    monkeypatch.setattr(before, "CACHE", tmp_path / ".cache")
    (tmp_path / "app").mkdir()
    for text in ("old", "new"):
        (tmp_path / "app" / "module.py").write_text(text)
        for words in (["init", "-q"], ["add", "app"], ["commit", "-q", "-m", text]):
            who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
            subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)
        if text == "old":
            subprocess.run(["git", "tag", "v0.1.0"], cwd=tmp_path, check=True)
    return tmp_path


def test_before_is_the_newest_release(repository):
    """Without a ref the newest release tag is compared with, and its modules come first."""
    release = Before()

    release.prepare()
    release.prepare()

    assert (release.source() / "module.py").read_text() == "old"
    assert release.environ() == {"PYTHONPATH": str(release.source())}
    assert release.title() == f"this gateway at v0.1.0 ({release.commit()})"


def test_before_of_a_given_commit(repository):
    """Any ref of the repository will do."""
    head = Before("HEAD")

    head.prepare()

    assert (head.source() / "module.py").read_text() == "new"
    assert head.has("app/module.py")
    assert not head.has("app/other.py")


def test_before_of_an_unknown_commit(repository):
    """A ref that is not there is named."""
    with pytest.raises(BenchmarkError, match="nowhere"):
        Before("nowhere").prepare()


def test_before_outside_a_repository(tmp_path, monkeypatch):
    """In an unpacked source archive the earlier commit is missing, and nothing else is."""
    monkeypatch.setattr(before, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(BenchmarkError, match=before.BASELINE):
        Before().prepare()
