"""Torchvision imports beside any torch, and says so where it cannot."""

from __future__ import annotations

import types

import pytest
import torch

from genlab.core import vision
from genlab.core.errors import DataError


def test_torchvision_imports_with_its_python_parts() -> None:
    module = vision.torchvision()
    assert module is vision.torchvision()
    resized = module.transforms.functional.resize(torch.ones(1, 4, 4), [2, 2])
    assert torch.equal(resized, torch.ones(1, 2, 2))
    assert hasattr(torch.ops.torchvision, "nms")


def failing(*errors: Exception):
    """An importer that fails with these, one a call, and then gives a module."""
    left = list(errors)

    def importer() -> types.ModuleType:
        if left:
            raise left.pop(0)
        return types.ModuleType("torchvision")

    return importer


def test_missing_operators_are_declared_and_the_import_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = RuntimeError("operator torchvision::nms does not exist")
    monkeypatch.setattr(vision, "_import", failing(error))
    assert vision._imported.__wrapped__().__name__ == "torchvision"
    for name in vision.SCHEMAS:
        assert str(getattr(torch.ops.torchvision, name).default._schema).startswith(
            f"torchvision::{name}("
        )


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([ImportError("No module named 'torchvision'")], "cannot be imported"),
        ([RuntimeError("another reason")], "does not fit the installed torch"),
        ([RuntimeError("operator torchvision::new does not exist")], "does not fit"),
        ([RuntimeError("operator torchvision::nms does not exist")] * 2, "does not fit"),
    ],
)
def test_what_cannot_be_mended_is_said(
    errors: list[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vision, "_import", failing(*errors))
    with pytest.raises(DataError, match=said):
        vision._imported.__wrapped__()
