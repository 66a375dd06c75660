"""Machines of three kinds, version 2, version 1, and version 1 beside an empty version 2; and containers on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.monitoring.cgroup import CgroupFacts, cgroup_memory_limit, read_cgroup

NO_LIMIT = "9223372036854771712"  # as version 1 says it, with pages of 4 KiB

MOUNT_2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
MOUNTS_1 = (
    "24 1 0:22 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 24 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "34 24 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
)
MOUNTS_HYBRID = MOUNTS_1 + "35 24 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
GROUPS_1 = "12:cpu,cpuacct:/a/b\n9:pids:/a/b\n4:memory:/a/b\n1:name=systemd:/a/b\n"

VERSION_2 = {
    "app/gateway/memory.max": "max",
    "app/gateway/memory.current": "700",
    "app/gateway/memory.stat": "anon 1\ninactive_file 100\nsock 50",
    "app/gateway/cpu.max": "max 100000",
    "app/gateway/cpu.stat": "usage_usec 1\nthrottled_usec 0",
    "app/gateway/pids.max": "max",
    "app/gateway/pids.current": "5",
    "app/memory.max": "1000",
    "app/memory.current": "950",
    "app/memory.stat": "anon 1\ninactive_file 50\nsock 60",
    "app/cpu.max": "150000 100000",
    "app/cpu.stat": "usage_usec 1\nthrottled_usec 2000000",
    "app/pids.max": "64",
    "app/pids.current": "60",
}
VERSION_1 = {
    "memory/a/b/memory.limit_in_bytes": NO_LIMIT,
    "memory/a/b/memory.usage_in_bytes": "700",
    "memory/a/b/memory.stat": "cache 1\nhierarchical_memory_limit 1000\ntotal_inactive_file 100",
    "memory/a/b/memory.kmem.tcp.usage_in_bytes": "50",
    "memory/a/memory.limit_in_bytes": "1000",
    "memory/a/memory.usage_in_bytes": "950",
    "memory/a/memory.stat": "hierarchical_memory_limit 1000\ntotal_inactive_file 50",
    "memory/memory.limit_in_bytes": NO_LIMIT,
    "cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1",
    "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000",
    "cpu,cpuacct/a/b/cpu.stat": "nr_throttled 0\nthrottled_time 0",
    "cpu,cpuacct/a/cpu.cfs_quota_us": "150000",
    "cpu,cpuacct/a/cpu.cfs_period_us": "100000",
    "cpu,cpuacct/a/cpu.stat": "nr_throttled 3\nthrottled_time 2000000000",
    "pids/a/b/pids.max": "max",
    "pids/a/b/pids.current": "5",
    "pids/a/pids.max": "64",
    "pids/a/pids.current": "60",
}
# The same machine in either version: the limits are those of the group around the process's own.
FOUND = CgroupFacts(
    memory_limit=1000,
    memory_used=900,
    socket_memory=50,
    cpu_cores=1.5,
    throttled_seconds=2.0,
    pids_limit=64,
    pids=60,
)


def facts(version: int) -> CgroupFacts:
    """Return what is found of the machine in one version."""
    return CgroupFacts(version, *(getattr(FOUND, name) for name in CgroupFacts.__slots__[1:]))


class Tree:
    """A machine's files under a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, groups: str, mounts: str, files: dict[str, str], place: str = "sys/fs/cgroup") -> None:
        """Write a process's groups, the mounts, and the files of the groups."""
        texts = {"proc/self/cgroup": groups, "proc/7/cgroup": groups, "proc/self/mountinfo": mounts}
        for name, text in {**texts, **{f"{place}/{name}": f"{text}\n" for name, text in files.items()}}.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def read(self) -> CgroupFacts:
        """Read it, as the diagnosis does of any process and as the monitor does of its own, which must agree."""
        found = read_cgroup(7, self.root)
        assert cgroup_memory_limit(self.root) == found.memory_limit
        assert read_cgroup(root=self.root) == found
        return found


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return a machine without files."""
    return Tree(tmp_path)


# Whole machines.


def test_version_2(tree: Tree) -> None:
    """The tightest limit on the way up holds, with what all in that group use; what can be dropped is not used."""
    tree.write("0::/app/gateway\n", MOUNT_2, VERSION_2)

    assert tree.read() == facts(2)


@pytest.mark.parametrize("mounts", [MOUNTS_1, MOUNTS_HYBRID])
def test_version_1_alone_and_beside_an_empty_version_2(tree: Tree, mounts: str) -> None:
    """Each controller has a tree of its own, whatever its folder's name; the empty tree says nothing."""
    groups = GROUPS_1 + ("0::/a/b\n" if mounts == MOUNTS_HYBRID else "")
    tree.write(groups, mounts, {**VERSION_1, "unified/a/b/cgroup.procs": "7", "unified/cgroup.controllers": ""})

    assert tree.read() == facts(1)


def test_hybrid_with_a_controller_of_version_2(tree: Tree) -> None:
    """A controller that no tree of version 1 has is in that of version 2 (`cgroup_no_v1=memory`)."""
    files = {**VERSION_1, **{f"unified/{name}": text for name, text in VERSION_2.items() if "memory" in name}}
    tree.write("9:pids:/a/b\n8:cpu,cpuacct:/a/b\n0::/app/gateway\n", MOUNTS_HYBRID, files)

    assert tree.read() == facts(2)


@pytest.mark.parametrize("folders", [("memory", "cpu", "pids"), ("memory", "cpu", "pids", "unified")])
def test_usual_places_where_mounts_are_not_told(tree: Tree, folders: tuple[str, ...]) -> None:
    """As where /proc is another's; of version 2 both places."""
    files = {name.replace("cpu,cpuacct", "cpu"): text for name, text in VERSION_1.items()}
    tree.write(GROUPS_1, "nonsense\n", {name: text for name, text in files.items() if name.split("/")[0] in folders})
    assert tree.read() == facts(1)

    tree.write("0::/app/gateway\n", "", {f"unified/{name}": text for name, text in VERSION_2.items()})
    assert tree.read() == facts(2)


# Containers: the group as /proc says it, what stands at the mount, the files, the limit.


@pytest.mark.parametrize(
    ("group", "top", "files", "limit"),
    [
        # A namespace of its own: the group is the root.
        ("/", "/", {"memory.max": "300"}, 300),
        ("/init", "/", {"memory.max": "300", "init/memory.max": "200"}, 200),
        ("/init", "/", {"memory.max": "300", "init/memory.max": "max"}, 300),
        # The host's namespace, but only the container's part of the tree.
        ("/pods/one", "/pods/one", {"memory.max": "300"}, 300),
        ("/pods/one/init", "/pods/one", {"memory.max": "300", "init/memory.max": "200"}, 200),
        # The host's name, which leads nowhere in here.
        ("/pods/one", "/", {"memory.max": "300"}, 300),
        # A mount that was made outside the namespace: the groups between have no names in here.
        ("/", "/../..", {"memory.max": "300", "other/memory.max": "1"}, 300),
        ("/init", "/..", {"memory.max": "300", "init/memory.max": "1"}, 300),
        ("/../..", "/../..", {"memory.max": "300"}, 300),
        ("/../../pods/two", "/../..", {"memory.max": "300", "pods/two/memory.max": "200"}, 200),
        # A process outside the namespace: what stands at the mount is not around it.
        ("/../..", "/", {"memory.max": "300"}, None),
        ("/../two", "/", {"memory.max": "300", "two/memory.max": "1"}, None),
        ("/..", "/../one", {"memory.max": "300"}, None),
        ("/pods/two", "/pods/one", {"memory.max": "300"}, None),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_container(tree: Tree, version: int, group: str, top: str, files: dict[str, str], limit: int | None) -> None:
    """A limit holds if it is of the process's group or one around it, and only then."""
    if version == 2:
        tree.write(f"0::{group}\n", MOUNT_2.replace(" / ", f" {top} ", 1), files)
    else:
        names = {"memory.max": "memory.limit_in_bytes", "max": NO_LIMIT}
        files = {f"memory/{name.replace('memory.max', names['memory.max'])}": text for name, text in files.items()}
        files = {name: names.get(text, text) for name, text in files.items()}
        tree.write(
            f"4:memory:{group}\n0::/\n", MOUNTS_HYBRID.replace(" / /sys/fs/cgroup/m", f" {top} /sys/fs/cgroup/m"), files
        )

    found = tree.read()

    assert (found.version, found.memory_limit) == ((version, limit) if limit else (0, None))


def test_container_of_version_1_knows_limits_around_it(tree: Tree) -> None:
    """The kernel sums them up in `memory.stat`, though the groups cannot be seen."""
    files = {
        "memory/memory.limit_in_bytes": "5000",
        "memory/memory.usage_in_bytes": "800",
        "memory/memory.stat": "hierarchical_memory_limit 1000\ntotal_inactive_file 100",
    }
    tree.write("4:memory:/pods/one\n", MOUNTS_1.replace(" / /sys/fs/cgroup/m", " /pods/one /sys/fs/cgroup/m"), files)

    assert tree.read() == CgroupFacts(1, memory_limit=1000, memory_used=700)


def test_group_that_does_not_pass_its_limit_on(tree: Tree) -> None:
    """Version 1 with `memory.use_hierarchy` off: the kernel says that nothing holds."""
    stat = f"hierarchical_memory_limit {NO_LIMIT}\ntotal_inactive_file 100"
    tree.write(GROUPS_1, MOUNTS_1, {**VERSION_1, "memory/a/b/memory.stat": stat})

    found = tree.read()

    assert (found.memory_limit, found.memory_used) == (None, 600)


def test_tree_that_is_mounted_twice(tree: Tree) -> None:
    """Where more of the groups around the process can be seen."""
    part = MOUNT_2.replace(" / /sys/fs/cgroup ", " /app/gateway /part ")
    tree.write("0::/app/gateway\n", part + MOUNT_2, VERSION_2)
    tree.write("0::/app/gateway\n", part + MOUNT_2 + part, {"memory.max": "2000"}, place="part")

    assert tree.read() == facts(2)


def test_mount_with_a_blank_in_its_name(tree: Tree) -> None:
    """Mountinfo writes it as a number."""
    tree.write("0::/app/gateway\n", MOUNT_2.replace("/sys/fs/cgroup", r"/my\040groups"), VERSION_2, place="my groups")

    assert tree.read() == facts(2)


# What files may say, or not.


@pytest.mark.parametrize(
    "text", [NO_LIMIT, "9223372036854710272", "9223372036854775807", "18446744073709551615", "-1", "max", "", "x"]
)
@pytest.mark.parametrize("version", [1, 2])
def test_no_limit_has_many_names(tree: Tree, version: int, text: str) -> None:
    """Pages of 64 KiB, older kernels, rubbish."""
    if version == 1:
        tree.write(
            "4:memory:/\n", MOUNTS_1, {"memory/memory.limit_in_bytes": text, "memory/memory.usage_in_bytes": "5"}
        )
    else:
        tree.write("0::/\n", MOUNT_2, {"memory.max": text, "memory.current": "5"})

    assert tree.read() == CgroupFacts(version, memory_used=5)


@pytest.mark.parametrize("quota", ["max 100000", "0 0", "max", "", "5", "x y"])
def test_no_quota(tree: Tree, quota: str) -> None:
    """Nothing is divided by nothing."""
    tree.write("0::/\n", MOUNT_2, {"cpu.max": quota})

    assert tree.read() == CgroupFacts(2)


def test_use_of_the_own_group_where_that_of_the_limit_is_hidden(tree: Tree) -> None:
    """Better than nothing."""
    hidden = {"app/memory.current", "app/pids.current"}
    tree.write("0::/app/gateway\n", MOUNT_2, {name: text for name, text in VERSION_2.items() if name not in hidden})

    found = tree.read()

    assert (found.memory_limit, found.memory_used, found.pids_limit, found.pids) == (1000, 600, 64, 5)


def test_group_whose_name_has_colons(tree: Tree) -> None:
    """Only the first two end a field."""
    tree.write("0::/b:c:d\n", MOUNT_2, {"b:c:d/memory.max": "300"})

    assert tree.read().memory_limit == 300


@pytest.mark.parametrize(
    ("groups", "mounts", "files"),
    [
        ("", "", {}),
        ("broken\n:\n::\n", MOUNTS_HYBRID, VERSION_1),
        ("3:cpuset:/\n1:name=systemd:/\n", MOUNTS_1, VERSION_1),
        (GROUPS_1, MOUNTS_1, {}),
        ("0::/app/gateway\n", MOUNT_2, {}),
        ("0::/app/gateway\n", "30 24 0:26 / - cgroup2\n", {}),
    ],
)
def test_no_group_that_can_be_seen(tree: Tree, groups: str, mounts: str, files: dict[str, str]) -> None:
    """No cgroups, none for these controllers, or none here."""
    tree.write(groups, mounts, files)

    assert tree.read() == CgroupFacts()


def test_machine_without_proc(tree: Tree) -> None:
    """Other systems have neither."""
    assert tree.read() == CgroupFacts()
