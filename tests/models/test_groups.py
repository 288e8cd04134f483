"""Each model has one group, told by what it can do."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from genlab.core.tables import MODELS
from genlab.models.base import GenerativeModel
from genlab.models.groups import GROUPS, SHOWN, by_group, group_of


def test_every_model_stands_in_exactly_one_group() -> None:
    rows = [(row.name, row.value) for row in MODELS.rows()]
    found = by_group(rows)
    assert sorted(name for names in found.values() for name in names) == sorted(dict(rows))
    assert sorted(SHOWN) == sorted(group.name for group in GROUPS)


@pytest.mark.parametrize(
    ("model", "group"),
    [
        ("conv_vae", "vae"),
        ("vq_vae", "vae"),
        ("cgan", "gan"),
        ("resgan", "gan"),
        ("infogan", "bridges"),
        ("aae", "bridges"),
        ("vae_gan", "bridges"),
        ("maf", "flows"),
        ("ddpm", "flows"),
        ("edm", "flows"),
        ("pixelcnn", "density"),
        ("linear_gaussian", "density"),
        ("topics", "inference"),
        ("eight_schools", "inference"),
    ],
)
def test_a_model_stands_where_the_field_puts_it(model: str, group: str) -> None:
    assert group_of(MODELS[model]).name == group


def test_a_model_of_no_group_is_among_the_others() -> None:
    assert group_of(GenerativeModel).name == "other"


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_each_group_has_a_picture_and_a_sentence(group) -> None:
    root = ElementTree.fromstring(f"<svg>{group.picture}</svg>")
    assert len(root)
    assert group.text.endswith(".")
