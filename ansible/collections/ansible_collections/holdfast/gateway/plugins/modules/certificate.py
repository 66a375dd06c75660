#!/usr/bin/python
"""Put a certificate in its place, and let the running HAProxy serve it without a reload."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.gateway.plugins.module_utils.slot_files import replace

DOCUMENTATION = r"""
module: certificate
author: Holdfast contributors
version_added: 0.1.0
short_description: Let HAProxy serve a certificate, without a reload
description:
  - Compares what the running HAProxy serves with what it is to serve, and exchanges it over its socket where that
    differs. Connections stay, for no process is replaced.
  - A certificate that HAProxy refuses is not written either.
options:
  path:
    description: The PEM file that the configuration names, or a folder of such files.
    type: path
    required: true
  content:
    description: Certificate, chain and key for that file; empty takes what somebody else has put there.
    type: str
    default: ""
  socket:
    description: Path of HAProxy's socket.
    type: path
    default: /run/haproxy/admin.sock
"""

EXAMPLES = r"""
- name: Serve the new certificate
  holdfast.gateway.certificate:
    path: /etc/haproxy/holdfast.pem
    content: "{{ holdfast_secrets.certificate ~ holdfast_secrets.certificate_key }}"
"""

RETURN = r"""
exchanged:
  description: Files whose certificate the running HAProxy was given.
  returned: success
  type: list
"""

BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s+(.*?)-----END \1-----", re.DOTALL)
# What HAProxy takes from files of the same name beside a certificate.
BESIDE = (".key", ".ocsp", ".issuer", ".sctl")


class CertificateError(Exception):
    """A certificate cannot be used; the text says why, and never has any of it."""


def tidy(text: str) -> str:
    """Return the blocks of a PEM file alone: an empty line would end what HAProxy is told over its socket."""
    return "".join(
        f"-----BEGIN {found[1]}-----\n{chr(10).join(found[2].split())}\n-----END {found[1]}-----\n"
        for found in BLOCK.finditer(text)
    )


def fingerprint(text: str) -> str:
    """Return the SHA-1 of the first certificate, as HAProxy shows it.

    Raises:
        CertificateError: there is none.
    """
    for found in BLOCK.finditer(text):
        if found[1] == "CERTIFICATE":
            return hashlib.sha1(base64.b64decode("".join(found[2].split()))).hexdigest().upper()  # noqa: S324 - a name
    raise CertificateError("holds no certificate in PEM")


def ask(path: str, text: str) -> str:
    """Return what HAProxy answers; "" where it does not run."""
    try:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(path)
            admin.sendall(text.encode())
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()
    except OSError:
        return ""


def served(admin: str, path: str) -> str:
    """Return the fingerprint of what the running HAProxy serves of a file, "" where it does not know the file."""
    found = re.search(r"^SHA1 FingerPrint: ([0-9A-F]+)$", ask(admin, f"show ssl cert {path}\n"), re.MULTILINE)
    return found[1] if found else ""


def exchange(admin: str, path: str, text: str) -> None:
    """Let the running HAProxy serve another certificate under the name of a file.

    Raises:
        CertificateError: it refuses, and goes on with the former one.
    """
    said = ask(admin, f"set ssl cert {path} <<\n{text}\n")
    if "ransaction" in said:
        said = ask(admin, f"commit ssl cert {path}\n")
    said = said or "no answer; it may be larger than tune.bufsize"
    if "Success" not in said:
        ask(admin, f"abort ssl cert {path}\n")
        raise CertificateError(f"HAProxy refuses it and goes on with the former one: {' '.join(said.split())}")


def read(path: str) -> str:
    """Return what a file and the key beside it hold, "" where there is none."""
    found = ""
    for name in (path, f"{path}.key"):
        if "PRIVATE KEY-----" not in found and os.path.isfile(name):
            with open(name) as file:
                found += tidy(file.read())
    return found


def files_of(path: str) -> list[str]:
    """Return the files of a folder that hold certificates; the path itself where it is none."""
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(path, name) for name in sorted(os.listdir(path)) if not name.endswith(BESIDE)]


def work(wanted: dict, is_dry: bool) -> dict:
    """Do it and return what the module answers.

    Raises:
        CertificateError: one cannot be used; its file is as it was.
    """
    content, admin = tidy(wanted["content"]), wanted["socket"]
    exchanged, changed = [], False
    for path in files_of(wanted["path"]):
        try:
            there = read(path)
            text = content or there
            now, is_new = served(admin, path), text != there
            if now and (is_new or now != fingerprint(text)):
                exchanged.append(path)
                if not is_dry:
                    exchange(admin, path, text)
            if is_new and not is_dry:
                replace(path, text, 0o600, 0)
        except (CertificateError, ValueError) as error:
            raise CertificateError(f"{path}: {error}") from None
        changed = changed or is_new or bool(exchanged)
    return {"changed": changed, "exchanged": exchanged}


def main() -> None:
    """Run as a module."""
    given = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str", "default": "", "no_log": True},
        "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
    }
    module = AnsibleModule(argument_spec=given, supports_check_mode=True)
    try:
        module.exit_json(**work(module.params, module.check_mode))
    except (CertificateError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
