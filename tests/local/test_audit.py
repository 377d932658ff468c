"""What bin/test makes of pip-audit's report: a weakness fails, data out of reach is said and does not."""

import json

from truepush.local.audit import Verdict, judge

CANNOT = Verdict(True, "pip-audit cannot reach its data: known weaknesses of packages were not looked for.")


def report(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_without_data_it_says_so_and_fails_nothing() -> None:
    skipped = {"name": "django", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    assert judge("") == judge("Traceback ...") == judge(report(skipped)) == CANNOT


def test_a_known_weakness_fails_and_names_its_remedy() -> None:
    weak = {"name": "django", "version": "5.2.1", "vulns": [{"id": "CVE-1", "fix_versions": ["5.2.2"]}]}
    good = {"name": "h11", "version": "0.16.0", "vulns": []}
    assert judge(report(weak, good)) == Verdict(
        False, "pip-audit knows of weaknesses. django 5.2.1: CVE-1, mended in 5.2.2."
    )
    assert judge(report(good)) == Verdict(True, "pip-audit knows of no weakness in 1 packages.")
