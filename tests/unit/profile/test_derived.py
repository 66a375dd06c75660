"""Tests of holdfast.profile.derived."""

import ast
import inspect
from dataclasses import fields
from itertools import pairwise

from holdfast.profile import derived


def test_derived_numbers_each_have_a_formula():
    """Behind every field stands what it is calculated from."""
    body = ast.parse(inspect.getsource(derived.Derived)).body[0].body
    documented = {
        one.target.id
        for one, following in pairwise(body)
        if isinstance(one, ast.AnnAssign) and isinstance(getattr(following, "value", None), ast.Constant)
    }

    assert documented == {field.name for field in fields(derived.Derived)}
