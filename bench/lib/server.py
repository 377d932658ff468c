"""A push service written in C: nginx with TLS and HTTP/2 that answers 201 to every POST."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from truepush.local.sandbox.authority import server_context

# A sampled body is stored by nginx: its path begins so.
KEPT_PATH = "/kept/"

_CONFIGURATION = """
daemon off; worker_processes 1; error_log {folder}/error.log warn; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies; client_body_buffer_size 16k;
    proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2; uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
    keepalive_requests {requests}; http2_max_concurrent_streams 128;
    server {{
        listen 127.0.0.1:{port} ssl http2; listen [::1]:{port} ssl http2;
        ssl_certificate {folder}/leaf.pem; ssl_certificate_key {folder}/leaf-key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ return 201; }}
        location {kept} {{
            client_body_in_file_only on;
            proxy_pass http://127.0.0.1:{inner}/; proxy_pass_request_headers off;
        }}
    }}
    server {{ listen 127.0.0.1:{inner}; location / {{ return 201; }} }}
}}
"""


class Server(NamedTuple):
    origin: str
    port: int
    ca: Path
    folder: Path

    def kept_bodies(self) -> list[bytes]:
        """Read the bodies that were posted to KEPT_PATH, in the order in which they came."""
        return [path.read_bytes() for path in sorted((self.folder / "bodies").rglob("0*"))]

    def forget_bodies(self) -> None:
        for path in (self.folder / "bodies").rglob("0*"):
            path.unlink()


def find_server() -> str:
    """Name the nginx binary; ends the program with one line if there is none."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        sys.exit("The benchmark needs nginx as its push service. Run: apt install nginx-light")
    return found


@contextmanager
def push_server(folder: Path, *, requests: int = 1_000_000) -> Iterator[Server]:
    """Run nginx in the folder; after so many `requests` on a connection it sends GOAWAY."""
    binary = find_server()
    port, inner = free_port(), free_port()
    ca = folder / "ca.pem"
    server_context(ca)
    (folder / "bodies").mkdir()
    folder.chmod(0o755)
    (folder / "bodies").chmod(0o777)
    file = folder / "nginx.conf"
    file.write_text(
        _CONFIGURATION.format(folder=folder, port=port, inner=inner, requests=requests, kept=KEPT_PATH)
    )
    process = subprocess.Popen([binary, "-c", str(file), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        _wait(port, process)
        yield Server(f"https://localhost:{port}", port, ca, folder)
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        if process.poll() is not None:
            sys.exit("nginx ended at its start; its error.log says why.")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit("nginx does not answer.")
