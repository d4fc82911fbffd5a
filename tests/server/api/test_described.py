"""Whatever is asked that fits the description, or nearly fits, is answered as the description says.

``MINTAKA_TEST_EXAMPLES=500 make test ARGS=tests/server/api/test_described.py`` asks more of each operation.
"""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = int(os.environ.get("MINTAKA_TEST_EXAMPLES", "2"))

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_described(server, somebody, mode):
    asking = somebody("diffusers.upscale", max_width=64, max_height=64)
    described = asking.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def answers_as_described(case):
            response = case.call(base_url=server.http, headers=dict(asking.headers))
            case.validate_response(response, checks=CHECKS)

        answers_as_described()
        asked += 1
    assert asked == sum(len(item) for item in described["paths"].values())
