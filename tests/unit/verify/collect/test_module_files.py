from __future__ import annotations

from holdfast.verify.collect import module_files


def test_files_that_are_read_at_a_start_are_found_by_line(tmp_path, monkeypatch):
    """Names apart from comments, a hyphen for an underscore; a file hides one of the same name in a later folder."""
    own, vendor = tmp_path / "etc", tmp_path / "lib"
    monkeypatch.setattr(module_files, "FOLDERS", (str(own), str(vendor), str(tmp_path / "none")))
    for path, text in (
        (own / "holdfast.conf", "# tcp_bbr\n\nnf-conntrack\n"),
        (vendor / "holdfast.conf", "tcp_bbr\n"),
        (own / "notes.txt", "tcp_bbr\n"),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    assert module_files.listed(["nf_conntrack", "tcp_bbr"]) == {
        "nf_conntrack": {"file": str(own / "holdfast.conf"), "line": 3, "value": "nf_conntrack"}
    }
