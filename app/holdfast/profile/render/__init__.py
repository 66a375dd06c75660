"""Texts made from a profile, one module each; `targets.render` is the way in."""
