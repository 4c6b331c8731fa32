"""The document, and the running server held against it by schemathesis."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest

import main
from storage import people
from storage.database import Database
from tests.transport.api.desk import Shop
from transport.api import openapi

ROOT = Path(main.__file__).parent
SECONDS = 20
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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """`main.py serve` over a store of its own: its address, and a key."""
    url = f"sqlite:///{tmp_path}/booking.db"
    with Database(url) as database:
        database.migrate()
        consultant = database.run_blocking(lambda: people.add_consultant("Marco Rossi"))
        database.run_blocking(lambda: people.add_client("Anna", "+393401234567", consultant_id=consultant))
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "VBS_SERVER__PORT": "0",
        "VBS_GEMINI__EMULATOR": "true",
        "VBS_API__REQUESTS_PER_MINUTE": "100000",
        "VBS_API__BURST": "10000",
    }
    command = [sys.executable, str(ROOT / "main.py")]
    added = subprocess.run(
        [*command, "api-key", "add", "shop"],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    process = subprocess.Popen(
        [*command, "serve"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        address = next(
            found[1] for line in process.stderr if (found := re.search(r"(http://[^ ]+:[0-9]+)", line))
        )
        yield address, added.stdout.strip()
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.timeout(120)
def test_the_running_server_keeps_to_the_document(server: tuple[str, str], tmp_path: Path) -> None:
    address, key = server
    schemathesis = Path(sys.executable).with_name("schemathesis")
    ran = subprocess.run(
        [
            str(schemathesis), "run", f"{address}/v1/openapi.json", "--header", f"Authorization: Bearer {key}",
            "--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing", "--max-examples", "15",
            "--max-time", str(SECONDS), "--workers", "2", "--seed", "1", "--no-color",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "0 operations" not in ran.stdout
