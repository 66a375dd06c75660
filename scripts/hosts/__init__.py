"""Test hosts of this machine: Debian in systemd-nspawn containers, each in a network of its own on one bridge."""
