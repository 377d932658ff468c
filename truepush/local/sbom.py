"""What the product runs on, as a software bill of materials: CycloneDX 1.6, from requirements.lock alone.

The standard library only, so that it is made anywhere, without a package and without a network.
"""

import json
import re
import tomllib

from truepush.local.lock import Package, locked
from truepush.local.paths import ROOT

SPDX = re.compile(r"[\w.-]+( (AND|OR) [\w.-]+)*")
ROW = re.compile(r"^\| ([\w.-]+) \| (.+) \|$", re.MULTILINE)


def normal(name: str) -> str:
    """Write a package's name as lock files and purls do (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licences() -> dict[str, str]:
    """Read docs/licences.md: what each package says of its licence, by its normal name."""
    rows = ROW.findall((ROOT / "docs" / "licences.md").read_text())
    return {normal(name): licence for name, licence in rows}


def component(package: Package, licence: str) -> dict[str, object]:
    """Describe one package. Its hashes are of all its files, any one of which may be installed."""
    purl = f"pkg:pypi/{package.name}@{package.version}"
    hashes = [{"alg": "SHA-256", "content": digest} for digest in package.hashes]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "licenses": [{"expression": licence} if SPDX.fullmatch(licence) else {"license": {"name": licence}}],
        "purl": purl,
        "externalReferences": [{"type": "distribution", "url": purl, "hashes": hashes}],
    }


def bill() -> dict[str, object]:
    said = licences()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    product = {
        "type": "application",
        "bom-ref": "truepush",
        "name": "truepush",
        "version": project["version"],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product},
        "components": [component(one, said[one.name]) for one in locked(ROOT / "requirements.lock")],
    }


if __name__ == "__main__":
    print(json.dumps(bill(), indent=2))
