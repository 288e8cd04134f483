"""Every model of the table on every sort of data that it fits."""

from __future__ import annotations

import pytest

from genlab.testing.model_contract import ModelCase, ModelContract, model_cases


class TestModels(ModelContract):
    @pytest.fixture(params=model_cases(), ids=lambda case: case.label)
    def case(self, request: pytest.FixtureRequest) -> ModelCase:
        return request.param
