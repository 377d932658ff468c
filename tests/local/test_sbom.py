"""OP-05: bin/sbom prints what is locked for the product, in a form that CycloneDX's own library reads."""

import json
import subprocess

from cyclonedx.model.bom import Bom

from truepush.local.lock import locked
from truepush.local.paths import ROOT
from truepush.local.sbom import licences


def printed() -> dict[str, object]:
    done = subprocess.run([ROOT / "bin" / "sbom"], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_the_bill_of_materials_is_what_is_locked() -> None:
    bill = Bom.from_json(data=printed())
    assert {
        (
            str(one.purl),
            next(getattr(said, "value", None) or said.name for said in one.licenses),
            frozenset(digest.content for reference in one.external_references for digest in reference.hashes),
        )
        for one in bill.components
    } == {
        (f"pkg:pypi/{one.name}@{one.version}", licences()[one.name], frozenset(one.hashes))
        for one in locked(ROOT / "requirements.lock")
    }


def test_two_of_one_state_are_alike() -> None:
    assert printed() == printed()
