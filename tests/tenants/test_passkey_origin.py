"""A passkey's answer counts from a page of the public host alone, though it is bound to the domain above all hosts."""

import hashlib
import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from tenants.models import User
from tests.conftest import PASSWORD, Workspace
from tests.tenants.people import verified

SignIn = Callable[[User], Client]
OURS, A_CONSOLE = "http://localhost:8000", "http://acme.localhost:8000"
ADD, SECOND_STEP = "/account/second-factor/passkeys/add/", "/sign-in/second-factor/"
CREDENTIAL_ID = b"c" * 16
FLAG = AuthenticatorData.FLAG


class Passkey:
    """As a browser's authenticator answers."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def data(self, flags: FLAG, credential: AttestedCredentialData | None = None) -> AuthenticatorData:
        domain = hashlib.sha256(b"localhost").digest()
        return AuthenticatorData.create(domain, flags | FLAG.UP | FLAG.UV, 0, credential or b"")

    def create(self, challenge: bytes, origin: str) -> dict[str, bytes]:
        public = ES256.from_cryptography_key(self.key.public_key())
        made = AttestedCredentialData.create(bytes(16), CREDENTIAL_ID, public)
        return {
            "clientDataJSON": CollectedClientData.create("webauthn.create", challenge, origin),
            "attestationObject": AttestationObject.create("none", self.data(FLAG.AT, made), {}),
        }

    def get(self, challenge: bytes, origin: str) -> dict[str, bytes]:
        said, data = CollectedClientData.create("webauthn.get", challenge, origin), self.data(FLAG(0))
        signature = self.key.sign(bytes(data) + hashlib.sha256(said).digest(), ec.ECDSA(SHA256()))
        return {"clientDataJSON": said, "authenticatorData": data, "signature": signature}


def challenge_of(client: Client, path: str) -> bytes:
    page = client.get(path).content.decode()
    found = re.search(r'<script id="passkey-options" type="application/json">(.*?)</script>', page)
    assert found is not None
    [options] = [one for name, one in json.loads(unescape(found[1])).items() if name.endswith("_options")]
    return websafe_decode(options["publicKey"]["challenge"])


def post(client: Client, path: str, answer: dict[str, bytes]) -> Any:
    encoded = {name: websafe_encode(octets) for name, octets in answer.items()}
    name = websafe_encode(CREDENTIAL_ID)
    credential = {"id": name, "rawId": name, "type": "public-key", "response": encoded}
    return client.post(path, {"credential": json.dumps({**credential, "clientExtensionResults": {}})})


def confirmed(client: Client) -> Client:
    client.post(f"/account/confirm/?next={ADD}", {"password": PASSWORD})
    return client


def test_a_page_of_another_host_of_ours_can_neither_add_one_nor_sign_in_by_it(
    acme: Workspace, signed_in: SignIn, public: Client
) -> None:
    owner, passkey = verified(acme.owner), Passkey()
    client = confirmed(signed_in(owner))
    for origin, count in ((A_CONSOLE, 0), ("http://localhost:8001", 0), (OURS, 1)):
        post(client, ADD, passkey.create(challenge_of(client, ADD), origin))
        assert Authenticator.objects.filter(user=owner, type="webauthn").count() == count, origin
    public.post("/sign-in/", {"login": owner.email, "password": PASSWORD})
    for origin, status in ((A_CONSOLE, 200), (OURS, 302)):
        answer = post(public, SECOND_STEP, passkey.get(challenge_of(public, SECOND_STEP), origin))
        assert answer.status_code == status, origin
    assert public.get("/account/").status_code == 200


@pytest.mark.parametrize(
    "credential", ["", "7", "[]", "{}", '{"response": 1}', '{"response": {"clientDataJSON": "!"}}']
)
def test_what_no_browser_sends_is_refused(acme: Workspace, signed_in: SignIn, credential: str) -> None:
    client = confirmed(signed_in(verified(acme.owner)))
    assert client.get(ADD).status_code == 200
    assert client.post(ADD, {"credential": credential}).status_code == 200
    assert not Authenticator.objects.exists()
