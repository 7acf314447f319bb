"""A service's endpoint for callbacks, which behaves as the first part of the path says.

/ok answers 200; /fail-N answers 500 to the first N calls with the same webhook-id; /fail-one-in-N
answers 500 to the first call with one in N webhook-ids, whichever they are; /status-CODE answers
so; /gone is /status-410; /hang answers after 30 s; /slow-MS after so many milliseconds;
/retry-after-S answers 429 to the first call with a webhook-id and asks for S seconds; /redirect
points to /ok. What follows the first part is for the caller to tell endpoints apart by.

Every call is one line of JSON in the log, written before the answer. Whether its signature is good
is decided by the standardwebhooks package, so that what is tested is what other people verify with.
"""

import argparse
import collections
import http.server
import json
import pathlib
import threading
import time
import zlib

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LOGGED = ["authorization", "content-type", "user-agent", "traceparent", "x-trace-id"]
HANGS_FOR_SECONDS = 30


class Secrets:
    """Those given at the start, and those in a file that may grow while we run."""

    def __init__(self, given, file):
        self.given = [Webhook(secret) for secret in given]
        self.file = file
        self.seen = None
        self.added = []

    def webhooks(self):
        if self.file:
            try:
                stat = self.file.stat()
            except FileNotFoundError:
                return self.given
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen != self.seen:
                lines = self.file.read_text().split()
                # In this order another thread reads once too often, never a stale list.
                self.added = [Webhook(secret) for secret in lines]
                self.seen = seen
        return self.given + self.added


class Log:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def write(self, entry):
        line = json.dumps(entry) + "\n"
        with self.lock:
            self.file.write(line)
            self.file.flush()


class Counts:
    """How often each webhook-id was sent to each path, this time included."""

    def __init__(self):
        self.counts = collections.Counter()
        self.lock = threading.Lock()

    def next(self, key):
        with self.lock:
            self.counts[key] += 1
            return self.counts[key]


class Server(http.server.ThreadingHTTPServer):
    # Hundreds of connections may be opened at once.
    request_queue_size = 1024
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # The whole answer leaves in one piece.
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        nth = self.server.counts.next((self.path, self.headers.get("webhook-id")))
        event = self.headers.get("webhook-id") or ""
        status, headers, wait = behaviour(self.path, event, nth)
        verified_by, error = verify(self.server.secrets.webhooks(), body, self.headers)
        self.server.log_of_calls.write(
            {
                "path": self.path,
                "id": self.headers.get("webhook-id"),
                "timestamp": self.headers.get("webhook-timestamp"),
                "signature": self.headers.get("webhook-signature"),
                "headers": {n: self.headers[n] for n in LOGGED if n in self.headers},
                "body": parsed(body),
                "verified": bool(verified_by),
                "verified_by": verified_by,
                "error": error,
                "nth": nth,
                "status": status,
                "connection": self.client_address[1],
                "at": time.time(),
            }
        )
        if wait:
            time.sleep(wait)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        pass


def behaviour(path, event, nth):
    """The status, the headers, and how many seconds to wait before them."""
    first = path.lstrip("/").split("/")[0]
    verb, _, number = first.rpartition("-")
    if first == "ok":
        return 200, {}, 0
    if first == "gone":
        return 410, {}, 0
    if first == "hang":
        return 200, {}, HANGS_FOR_SECONDS
    if first == "redirect":
        return 302, {"location": "/ok"}, 0
    if not number.isdecimal():
        return 404, {}, 0
    number = int(number)
    if verb == "fail":
        return 500 if nth <= number else 200, {}, 0
    if verb == "fail-one-in":
        fails = nth == 1 and zlib.crc32(event.encode()) % number == 0
        return 500 if fails else 200, {}, 0
    if verb == "slow":
        return 200, {}, number / 1000
    if verb == "status":
        return number, {}, 0
    if verb == "retry-after":
        return (429, {"retry-after": str(number)}, 0) if nth == 1 else (200, {}, 0)
    return 404, {}, 0


def verify(webhooks, body, headers):
    """Which of the secrets have signed this, and else why none has."""
    headers = dict(headers)
    good, error = [], None
    for index, webhook in enumerate(webhooks):
        try:
            webhook.verify(body, headers)
            good.append(index)
        # A signature that it cannot read raises whatever it stumbled over.
        except (WebhookVerificationError, ValueError) as problem:
            error = f"{type(problem).__name__}: {problem}"
    if not webhooks:
        error = "no secret is known"
    return good, None if good else error


def parsed(body):
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--log", type=pathlib.Path, required=True)
    arguments.add_argument("--secret", action="append", default=[])
    arguments.add_argument("--secrets-file", type=pathlib.Path)
    given = arguments.parse_args()
    log = Log(given.log)
    server = Server(("127.0.0.1", given.port), Handler)
    server.secrets = Secrets(given.secret, given.secrets_file)
    server.log_of_calls = log
    server.counts = Counts()
    server.serve_forever()


if __name__ == "__main__":
    main()
