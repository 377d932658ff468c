"""The files of deploy/: units that systemd takes and whose programs start, a proxy and an image (OP-04)."""

import configparser
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from environ import Env

from tests.rules.source import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
BIN = Path(sys.executable).parent
HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallFilter": "@system-service",
    "UMask": "0077",
}
# Listening to the world or speaking for the proxy; anything else would be a surprise.
DIRECTIVES = {
    "request_body", "max_size", "reverse_proxy", "header_up", "health_uri", "health_interval", "health_timeout",
    "import", "tls",
}  # fmt: skip


def unit(path: Path) -> configparser.ConfigParser:
    """Read a unit; of a key that comes twice, the last one is kept."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=["="])
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


def settings_of(name: str) -> dict[str, str]:
    """Read a file of KEY=value lines as systemd and a shell do."""
    lines = [line for line in (DEPLOY / name).read_text().splitlines() if line and not line.startswith("#")]
    return {key: "".join(shlex.split(value)) for key, _, value in (line.partition("=") for line in lines)}


def test_there_is_a_unit_for_each_program() -> None:
    assert [path.name for path in UNITS] == [
        "truepush-receipts.service",
        "truepush-web.service",
        "truepush-worker.service",
    ]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_stop_in_good_order_and_are_shut_in(path: Path) -> None:
    service = dict(unit(path)["Service"])
    assert (service["KillMode"], service["User"], service["Restart"]) == ("mixed", "truepush", "always")
    assert {name: service.get(name) for name in HARDENED} == HARDENED
    assert int(service["LimitNOFILE"]) >= 65_536
    least = {"truepush-worker": 75}.get(path.stem, 20)
    assert int(service["TimeoutStopSec"]) >= least


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_programs_of_units_are_there(path: Path) -> None:
    program, *arguments = shlex.split(unit(path)["Service"]["ExecStart"])
    folder, name = program.rsplit("/", 1)
    assert folder == "/opt/truepush/.venv/bin"
    assert (BIN / name).is_file()
    named = [text for text in arguments if text.startswith("deploy/")]
    assert [text for text in named if not (ROOT / text).is_file()] == []
    if name == "python":
        assert arguments[0] == "manage.py"
        done = subprocess.run(
            [sys.executable, "manage.py", arguments[1], "--help"], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_options_of_the_web_server_exist() -> None:
    _, *arguments = shlex.split(unit(DEPLOY / "truepush-web.service")["Service"]["ExecStart"])
    text = subprocess.run(
        [BIN / "granian", "--help"], capture_output=True, text=True, check=True, env={"COLUMNS": "300"}
    ).stdout
    known = set(re.findall(r"--[a-z-]+", text))
    assert {argument for argument in arguments if argument.startswith("--")} - known == set()


def test_only_the_workers_have_the_role_that_makes_tables() -> None:
    texts = {path.stem: path.read_text() for path in UNITS}
    assert [name for name, text in texts.items() if "owner.env" in text] == ["truepush-worker"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_them(path: Path, tmp_path: Path) -> None:
    text = path.read_text().replace("/opt/truepush/.venv/bin", str(BIN)).replace("/opt/truepush", str(ROOT))
    copy = tmp_path / path.name
    copy.write_text(re.sub(r"(User|Group)=truepush", r"\1=root", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def blocks(text: str) -> dict[str, list[list[str]]]:
    """Read a Caddyfile: the directives of each site and snippet, nested ones too, as words."""
    found: dict[str, list[list[str]]] = {}
    depth, name = 0, ""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        opens = words[-1] == "{"
        if depth == 0:
            assert opens, line
            name = words[0]
            found[name] = []
        elif words != ["}"]:
            found[name].append(words[:-1] if opens else words)
        depth += opens - (words == ["}"])
        assert depth >= 0, line
    assert depth == 0
    return found


def test_the_proxy_serves_the_hosts_of_the_example_settings() -> None:
    sites = blocks((DEPLOY / "Caddyfile").read_text())
    assert {words[0] for lines in sites.values() for words in lines} <= DIRECTIVES
    given = settings_of("env.example")
    host = given["BASE_URL"].removeprefix("https://")
    hosts = {
        host,
        f"*.{host}",
        *(given[name].removeprefix("https://") for name in ("SDK_URL", "RECEIPTS_URL")),
    }
    assert set(sites) == {*hosts, "(truepush)"}
    # A wildcard has no certificate of its own accord.
    assert [words[0] for words in sites[f"*.{host}"]] == ["tls", "import"]


def test_the_proxy_speaks_to_the_ports_of_the_units() -> None:
    sites = blocks((DEPLOY / "Caddyfile").read_text())
    web = shlex.split(unit(DEPLOY / "truepush-web.service")["Service"]["ExecStart"])
    upstream = f"{web[web.index('--host') + 1]}:{web[web.index('--port') + 1]}"
    assert ["reverse_proxy", upstream] in sites["(truepush)"]
    assert ["health_uri", "/readyz/web"] in sites["(truepush)"]
    assert settings_of("env.example")["BEHIND_PROXY"] == "true"


def test_caddy_takes_it() -> None:
    """Read and not provisioned: that would look for the operator's certificate."""
    done = subprocess.run(
        ["caddy", "adapt", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "warn" not in done.stderr.lower()
    assert json.loads(done.stdout)["apps"]["http"]["servers"]["srv0"]["listen"] == [":443"]


def test_settings_of_the_examples_are_ours_and_hold_no_secret() -> None:
    known = re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    given = settings_of("env.example")
    assert set(given) - set(known) == set()
    assert [given[name] for name in ("SECRET_KEY", "FIELD_KEYS", "RECEIPT_KEYS")] == ["", "", ""]
    assert set(settings_of("owner.env.example")) == {"DATABASE_URL"}
    for name, role in (("env.example", "truepush_app"), ("owner.env.example", "truepush_owner")):
        assert Env.db_url_config(settings_of(name)["DATABASE_URL"])["USER"] == role


def test_the_image_runs_without_root_on_a_read_only_disk() -> None:
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line and line[0] != "#"]
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001"]
    after = lines[lines.index("USER 10001") :]
    assert [line for line in after if line.startswith(("RUN", "COPY", "ADD"))] == []
    command = json.loads(lines[-1].removeprefix("CMD "))
    unit_command = shlex.split(unit(DEPLOY / "truepush-web.service")["Service"]["ExecStart"])
    assert [word for word in command if word not in unit_command] == ["granian", ".".join("0000")]


def test_containers_have_no_more_than_they_need() -> None:
    """Read as text: the three services share one block."""
    shared, services = (DEPLOY / "compose.yaml").read_text().split("\nservices:\n")
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert f"\n  {line}\n" in shared
    parts = re.findall(r"^  (\w+):\n((?:    .*\n)+)", services, re.MULTILINE)
    assert [name for name, _ in parts] == ["web", "worker", "receipts"]
    assert [name for name, text in parts if "<<: *truepush" not in text] == []
    assert [name for name, text in parts if "owner.env" in text] == ["worker"]


def test_granian_logs_as_everything_else_does() -> None:
    text = json.loads((DEPLOY / "granian-log.json").read_text())
    assert text["formatters"]["line"]["()"] == "truepush.lib.log_lines.JsonLines"
