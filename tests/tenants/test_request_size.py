"""No page takes a body that would have to go to the disk: files do not count for Django's own limit."""

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.conftest import Workspace


@pytest.mark.parametrize("path", ["/sign-in/", "/workspaces/", "/admin/login/"])
def test_a_large_upload_to_the_public_host_is_413_before_it_is_read(
    db: None, public: Client, path: str
) -> None:
    file = SimpleUploadedFile("f", b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))
    answer = public.post(path, {"f": file})
    assert (answer.status_code, answer.content) == (413, b"The request is too large.\n")


def test_a_large_upload_to_a_console_is_413(acme: Workspace) -> None:
    client = Client(headers={"host": acme.host})
    body = b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    assert client.post("/enter/", body, content_type="application/octet-stream").status_code == 413
