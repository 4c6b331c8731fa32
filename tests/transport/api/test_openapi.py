"""The document, and the running server held against it by schemathesis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from tests.transport.api.desk import Shop
from tests.transport.api.process import install
from transport.api import openapi

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "missing_required_header",
    "ignored_auth",
)


async def test_the_document_needs_no_key_and_names_every_operation(shop: Shop) -> None:
    async with shop.web.get("/v1/openapi.json") as answer:
        document = await answer.json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {
        "/v1/conversations/{id}/messages",
        "/v1/conversations/{id}/booking",
        "/v1/tools",
        *(f"/v1/tools/{name}" for name in (
            "getAvailableSlots", "proposeBooking", "confirmBooking", "cancelBooking", "rescheduleBooking",
            "getMyBookings",
        )),
    }  # fmt: skip
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
    assert openapi.document([])["paths"] == {}


@pytest.mark.timeout(120)
def test_the_running_server_keeps_to_the_document(tmp_path: Path) -> None:
    installed = install(tmp_path)
    with installed.serving() as address:
        ran = _held_against(address, installed.key, tmp_path)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "0 operations" not in ran.stdout


def _held_against(address: str, key: str, folder: Path) -> subprocess.CompletedProcess[str]:
    schemathesis = Path(sys.executable).with_name("schemathesis")
    return subprocess.run(
        [
            str(schemathesis), "run", f"{address}/v1/openapi.json", "--header", f"Authorization: Bearer {key}",
            "--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing", "--max-examples", "6",
            "--workers", "2", "--seed", "1", "--no-color",
        ],
        cwd=folder, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
