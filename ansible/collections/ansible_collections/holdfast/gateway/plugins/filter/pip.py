"""Turn options of pip into a configuration file, so that what is secret in them is on no command line."""

from __future__ import annotations

import re

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: pip_options
author: Holdfast contributors
version_added: 0.1.0
short_description: Part options of pip into a configuration file and words
description:
  - An index may have a password in its address. On a command line everybody on the host can read it, and logs have it.
  - So the options that have addresses as their values go into a file that root alone may read.
positional: _input
options:
  _input:
    description: The options, as on the command line.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Write the addresses down
  ansible.builtin.copy:
    content: "{{ (gateway_pip_options | holdfast.gateway.pip_options).file }}"
    dest: /etc/holdfast/pip.conf
    mode: "0600"
  no_log: true
"""

RETURN = r"""
_value:
  description: C(file), the content of the file that C(PIP_CONFIG_FILE) names, and C(words), all other options.
  type: dict
"""

_SHORT = {"-i": "--index-url", "-f": "--find-links", "-c": "--constraint", "--pypi-url": "--index-url"}
# The options with addresses, and whether each of several values counts, or the last one alone.
_ADDRESSES = {
    "--index-url": False,
    "--extra-index-url": True,
    "--find-links": True,
    "--constraint": True,
    "--proxy": False,
}
_LOGIN = re.compile(r"(?<=://)[^/@\s'\"]+@")


def pip_options(options: list[str]) -> dict:
    """Return pip's configuration for the install command, and the words that stay on its command line."""
    found: dict[str, list[str]] = {}
    words: list[str] = []
    given = iter(map(str, options))
    for word in given:
        name, has_value, value = word.partition("=")
        name = _SHORT.get(name, name)
        if name in _ADDRESSES:
            found.setdefault(name, []).append(_address(name, value if has_value else next(given, "")))
        elif _LOGIN.search(word):
            raise AnsibleFilterError(
                f"gateway_pip_options: an address with a login has to follow one of {', '.join(_ADDRESSES)};"
                f" it follows {words[-1] if words else 'nothing'}"
            )
        else:
            words.append(word)
    lines = [
        f"{name[2:]} =" + "".join(f"\n    {value}" for value in values)
        if _ADDRESSES[name]
        else f"{name[2:]} = {values[-1]}"
        for name, values in found.items()
    ]
    return {"file": "\n".join(["[install]", *lines]) + "\n", "words": words}


def without_logins(text: str) -> str:
    """Return a text with what stands before the host in its addresses left out."""
    return _LOGIN.sub("****@", str(text))


def _address(name: str, value: str) -> str:
    # Several would be written in one line each, and a line break would be another option.
    if not value or value.split() != [value]:
        raise AnsibleFilterError(f"gateway_pip_options: {name} needs one address without blanks behind it")
    return value


class FilterModule:
    """The filters for pip."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"pip_options": pip_options, "without_logins": without_logins}
