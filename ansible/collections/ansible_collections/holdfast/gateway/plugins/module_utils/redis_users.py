"""Which passwords users of Redis have, and are to have: hashes alone. Pure, but for the reading of a file."""

from __future__ import annotations

import hashlib

# Users that the role makes, and may take away again.
OURS = ("default", "holdfast")


class User:
    """A user as a line of a file of users has it: hashes of its passwords, and what it may do."""

    def __init__(self, hashes: list[str], rules: str) -> None:
        self.hashes = hashes
        self.rules = rules

    def line(self, name: str) -> str:
        """Return its line."""
        return " ".join(["user", name, "on", *(f"#{one}" for one in self.hashes), self.rules])

    def words(self) -> list[str]:
        """Return what makes a running Redis have exactly this: one command, which it does whole or not at all."""
        return [
            "on",
            "resetpass",
            *(f"#{one}" for one in self.hashes),
            "resetkeys",
            "resetchannels",
            *self.rules.split(),
        ]


def hash_of(password: str) -> str:
    """Return a password as Redis keeps it."""
    return hashlib.sha256(password.encode()).hexdigest()


def users_in(text: str) -> dict[str, User]:
    """Return our users in a file of users."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 2 and words[0] == "user" and words[1] in OURS:
            hashes = [word[1:] for word in words[2:] if word.startswith("#")]
            rules = [word for word in words[3:] if not word.startswith("#")]
            found[words[1]] = User(hashes, " ".join(rules))
    return found


def text_of(users: dict[str, User], before: str) -> str:
    """Return the file with these users; those of others stay in it. Redis takes no comments there."""
    others = [line for line in before.splitlines() if line.split()[:1] == ["user"] and line.split()[1:2][0] not in OURS]
    return "".join(f"{line}\n" for line in [*(user.line(name) for name, user in sorted(users.items())), *others])


def accepting(known: dict[str, User], wanted: dict[str, User]) -> dict[str, User]:
    """Return users that take what they are to take, and what they took before: whoever has not moved yet goes on."""
    found = {name: user for name, user in known.items() if user.rules}
    for name, user in wanted.items():
        before = known[name].hashes if name in known else []
        found[name] = User(user.hashes + sorted(set(before) - set(user.hashes)), user.rules)
    return found


def joined(in_file: dict[str, User], running: dict[str, User]) -> dict[str, User]:
    """Return users with all passwords that the file or the running Redis has for them."""
    found = {}
    for name in sorted({*in_file, *running}):
        places = [some[name] for some in (in_file, running) if name in some]
        hashes = sorted({one for user in places for one in user.hashes})
        found[name] = User(hashes, places[0].rules)
    return found


def told(users: dict[str, User]) -> str:
    """Return what a diff may show: names, how many passwords there are, and rights."""
    return "".join(f"{name}: passwords {len(user.hashes)}, {user.rules}\n" for name, user in sorted(users.items()))


def differing(users: dict[str, User], wanted: dict[str, User]) -> list[str]:
    """Return the users that are not as wanted, those besides included; the order of passwords is nothing."""
    facts = [{name: (set(user.hashes), user.rules) for name, user in some.items()} for some in (users, wanted)]
    return sorted(name for name in {*users, *wanted} if facts[0].get(name) != facts[1].get(name))


def value_in(text: str, *name: str) -> str:
    """Return the value of a directive of redis.conf or sentinel.conf, the last one; empty where there is none."""
    found = ""
    for line in text.splitlines():
        words = line.split()
        if words[: len(name)] == list(name) and len(words) > len(name):
            found = words[len(name)].strip('"')
    return found
