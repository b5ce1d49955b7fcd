#!/usr/bin/env python3
"""Holds a built dubwatch against Python's `cryptography`, in both directions.

    .ci/oracle.py target/release/dubwatch [ROUNDS [SEED]]

1. Python signs random bodies by the vendor's recipe; `dubwatch verify` must call each valid, and
   each altered one not (exit 1). Signatures written as r||s must be valid as well.
2. `dubwatch keygen` makes a key and `dubwatch send` posts signed callbacks to a small server that
   verifies them by the vendor's recipe.

Prints every disagreement and a closing count; exits 1 where there is any, 2 where it cannot run.
"""

import http.server
import json
import pathlib
import random
import stat
import subprocess
import sys
import tempfile
import threading
from binascii import unhexlify

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
except ImportError:
    print(
        "oracle.py needs the Python package `cryptography`: pip install cryptography",
        file=sys.stderr,
    )
    sys.exit(2)

ES256 = ec.ECDSA(hashes.SHA256())
SENT = 25
LIMIT = 60  # seconds for one run of the binary


class Tally:
    """Counts comparisons and prints those that fail."""

    def __init__(self):
        self.agreed = 0
        self.disagreed = 0

    def expect(self, holds, what):
        if holds:
            self.agreed += 1
        else:
            self.disagreed += 1
            print(f"DISAGREES: {what}")


def run(binary, *arguments, stdin=b""):
    return subprocess.run(
        [binary, *map(str, arguments)], input=stdin, capture_output=True, timeout=LIMIT, check=False
    )


def shown(result):
    """The end of a run in one line."""
    text = (result.stdout + result.stderr).decode(errors="replace").strip()
    return f"exit {result.returncode}, {text[-300:]!r}"


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def recipe_accepts(public_key, header, body):
    """The vendor's recipe, word for word."""
    try:
        public_key.verify(unhexlify(header), body, ES256)
    except (InvalidSignature, ValueError):
        return False
    return True


def random_body(chance):
    """A callback-like body, or bytes without any sense."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.choice([0, 1, 63, 64, 65, 1000, 70_000]))
    title = "".join(chance.choice('aé新😀"\\\n\u2028') for _ in range(chance.randrange(40)))
    value = {
        "event": chance.choice(["version_ready", "version_generated", "asset_failed"]),
        "asset_id": f"ast_{chance.getrandbits(32):08x}",
        "version_id": chance.choice([None, f"ver_{chance.getrandbits(16):04x}"]),
        "title": title,
    }
    return json.dumps(
        value, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, None, 2])
    ).encode() + chance.choice([b"", b"", b"\n", b"\r\n"])


def flipped(data, chance):
    """`data` with one bit changed; empty data gets a byte."""
    if not data:
        return b"\0"
    changed = bytearray(data)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def python_signs(binary, directory, rounds, chance, tally):
    key = ec.generate_private_key(ec.SECP256R1())
    stranger = ec.generate_private_key(ec.SECP256R1())
    pem = directory / "python.pub.pem"
    pem.write_bytes(public_pem(key))
    file = directory / "body"

    def verify(signature, body, expected, what):
        # Every other body by a file, the others by standard input.
        by_file = chance.random() < 0.5
        file.write_bytes(body)
        result = run(
            binary,
            "verify",
            "--public-key",
            pem,
            "--signature",
            signature,
            file if by_file else "-",
            stdin=b"" if by_file else body,
        )
        tally.expect(
            result.returncode == expected,
            f"{what}: exit {expected} expected, {shown(result)}; "
            f"signature {signature}, body {body[:200]!r} ({len(body)} bytes)",
        )

    for _ in range(rounds):
        body = random_body(chance)
        signature = key.sign(body, ES256)
        r, s = utils.decode_dss_signature(signature)
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        verify(signature.hex(), body, 0, "a signature by the recipe")
        verify(raw.hex().upper(), body, 0, "the same as r||s in upper case")
        verify(signature.hex(), flipped(body, chance), 1, "a changed body")
        verify(flipped(signature, chance).hex(), body, 1, "a changed signature")
        verify(stranger.sign(body, ES256).hex(), body, 1, "another key")
    verify("not hex", b"{}", 1, "a signature that is no hex")

    result = run(binary, "verify", "--public-key", pem, file)
    tally.expect(
        result.returncode == 2, f"verify without --signature: exit 2 expected, {shown(result)}"
    )


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps the headers and the body of everything that is posted."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Callback)
        self.received = []


class Callback(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = LIMIT

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def dubwatch_signs(binary, directory, tally):
    private = directory / "ours.pem"
    result = run(binary, "keygen", private)
    tally.expect(result.returncode == 0, f"keygen: {shown(result)}")
    if result.returncode != 0:
        return
    mode = stat.S_IMODE(private.stat().st_mode)
    tally.expect(mode == 0o600, f"keygen: mode of the private file is {mode:o}, not 600")
    before = private.read_bytes()
    result = run(binary, "keygen", private)
    tally.expect(
        result.returncode != 0 and private.read_bytes() == before,
        "keygen wrote over an existing key",
    )
    public_key = serialization.load_pem_public_key((directory / "ours.pub.pem").read_bytes())
    private_key = serialization.load_pem_private_key(before, password=None)
    tally.expect(
        public_pem(private_key) == (directory / "ours.pub.pem").read_bytes(),
        "keygen: the public file is not the private one's half",
    )

    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told = {"event": "version_generated", "asset_id": "ast_1", "version_id": "ver_1"}
    result = run(
        binary,
        *("send", "--to", f"http://127.0.0.1:{server.server_port}/callback"),
        *("--event", told["event"], "--asset", told["asset_id"]),
        *("--version", told["version_id"], "--locale", "es-ES"),
        *("--key", private, "--count", SENT),
    )
    server.shutdown()
    server.server_close()
    tally.expect(result.returncode == 0, f"send: {shown(result)}")
    count = len(server.received)
    tally.expect(count == SENT, f"send --count {SENT}: {count} arrived")

    signatures = set()
    for headers, body in server.received:
        found = headers.get_all("X-Signature", [])
        tally.expect(len(found) == 1, f"send: {len(found)} X-Signature headers")
        header = found[0] if found else ""
        signatures.add(header)
        tally.expect(
            recipe_accepts(public_key, header, body),
            f"send: the recipe refuses signature {header!r} over {body!r}",
        )
        try:
            value = json.loads(body)
        except ValueError:
            value = {}
        tally.expect(
            all(value.get(name) == expected for name, expected in told.items())
            and value.get("version_locale") == "es-ES",
            f"send: the body does not say what was asked for: {body!r}",
        )
    tally.expect(
        len(signatures) == count, "send: two signatures are the same, so nonces are not random"
    )


def main():
    if not 2 <= len(sys.argv) <= 4:
        print("usage: oracle.py BINARY [ROUNDS [SEED]]", file=sys.stderr)
        return 2
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(2**32)
    tally = Tally()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        try:
            python_signs(binary, directory, rounds, random.Random(seed), tally)
            dubwatch_signs(binary, directory, tally)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"oracle.py cannot run {binary}: {error}", file=sys.stderr)
            return 2
    print(f"{tally.agreed} comparisons agree, {tally.disagreed} disagree (seed {seed})")
    return 1 if tally.disagreed else 0


if __name__ == "__main__":
    sys.exit(main())
