from __future__ import annotations

from holdfast.verify.collect import kernel_values


def test_path_of_a_key_is_its_file():
    """The first separator decides, as in sysctl.d(5); what begins with a slash is a path already."""
    assert kernel_values.path_of("net.core.somaxconn") == "/proc/sys/net/core/somaxconn"
    assert kernel_values.path_of("net/ipv4/conf/eth0.1/rp_filter") == "/proc/sys/net/ipv4/conf/eth0.1/rp_filter"
    assert kernel_values.path_of("/sys/x") == "/sys/x"


def test_value_has_single_blanks_and_the_choice_in_force():
    """Tabs of the kernel and the brackets of a choice are gone."""
    assert kernel_values.normal("4096\t131072  33554432\n") == "4096 131072 33554432"
    assert kernel_values.normal("always [madvise] never\n") == "madvise"


def test_key_that_is_not_there_is_none(tmp_path):
    """A missing key is no error."""
    (tmp_path / "a").write_text("1\n")

    assert kernel_values.values([f"{tmp_path}/a", f"{tmp_path}/b"]) == {f"{tmp_path}/a": "1", f"{tmp_path}/b": None}
