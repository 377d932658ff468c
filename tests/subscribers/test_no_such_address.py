"""Addresses that no route has: programs are told in JSON, people on a page."""

from typing import Any

import pytest
from django.test import Client

from tests.conftest import Workspace

MISSING = {"error": {"code": "not_found", "message": "There is nothing at this address.", "field": None}}


@pytest.mark.parametrize("path", ["/", "/sites/", "/sdk/v1/ä/settings.json", "/w/a%20b.js", "/i/none/x.png"])
def test_the_sdk_s_host_answers_in_json_everywhere(db: None, sdk: Client, path: str) -> None:
    answer = sdk.get(path)
    assert (answer.status_code, answer.json()) == (404, MISSING)
    assert (answer["Cache-Control"], answer["Access-Control-Allow-Origin"]) == ("no-store", "*")
    assert Client(headers={"host": "SDK.localhost:8000"}).get(path).json() == MISSING


def test_below_api_a_console_answers_in_json_and_elsewhere_with_a_page(acme: Workspace, console: Any) -> None:
    client = console(acme)
    answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()) == (404, MISSING)
    assert "Access-Control-Allow-Origin" not in answer
    assert b"There is nothing here" in client.get("/nothing/").content
