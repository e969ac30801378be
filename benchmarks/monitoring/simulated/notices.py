"""Who is told: a server of our own that writes down what Prefect's notifications bring."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prefect.blocks.notifications import CustomWebhookNotificationBlock

BLOCK = "month-on-call"


def start_listening(path: Path) -> ThreadingHTTPServer:
    """Write every message to ``path`` as a line of JSON; the server stops with the process."""

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": datetime.now(UTC).isoformat(), **body}) + "\n")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Nothing: the file is the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def save_block(server: ThreadingHTTPServer) -> str:
    """A notification block that posts to the server; returns its name for ``--notify``."""
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    block = CustomWebhookNotificationBlock(
        name=BLOCK, url=url, method="POST", json_data={"subject": "{{subject}}", "body": "{{body}}"}
    )
    block.save(BLOCK, overwrite=True)
    return f"{CustomWebhookNotificationBlock.get_block_type_slug()}/{BLOCK}"
