"""Every objective of the table with every model that it can train."""

from __future__ import annotations

import pytest

from genlab.testing.objective_contract import (
    ObjectiveCase,
    ObjectiveContract,
    objective_cases,
)


class TestObjectives(ObjectiveContract):
    @pytest.fixture(params=objective_cases(), ids=lambda pair: pair.label)
    def pair(self, request: pytest.FixtureRequest) -> ObjectiveCase:
        return request.param
