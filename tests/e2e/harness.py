# SPDX-License-Identifier: Apache-2.0
"""What an end-to-end test needs: the tocsin binary as a process, its gRPC API, and patience with a deadline.

From the environment: TOCSIN_BINARY (the program), TOCSIN_PROTO_DIR (holds tocsin/v1/*.proto) and, optionally,
TOCSIN_PYTHON_OUT (where generated Python goes; a temporary directory otherwise). ctest sets all three.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import broker as kafka
from broker import Broker, Unavailable  # noqa: F401  (tests take both from here)

SKIP = 77  # ctest's SKIP_RETURN_CODE of these tests


def skip_or_fail_without_broker():
    """Ends the program when there is no broker: 77 (ctest: skipped), or 1 with TOCSIN_REQUIRE_KAFKA=1."""
    try:
        kafka.require_broker()
    except Unavailable as missing:
        required = os.environ.get("TOCSIN_REQUIRE_KAFKA") == "1"
        print(f"{'FAILED' if required else 'SKIPPED'}: {missing}", file=sys.stderr)
        sys.exit(1 if required else SKIP)


def eventually(check, timeout=60, every=0.05):
    """The first true value of check(). On the deadline the last AssertionError, or one with the last value."""
    deadline = time.monotonic() + timeout
    while True:
        failed, value = None, None
        try:
            value = check()
            if value:
                return value
        except AssertionError as error:
            failed = error
        if time.monotonic() > deadline:
            raise failed or AssertionError(f"not within {timeout} s; last value: {value!r}")
        time.sleep(every)


class Tocsin:
    """`tocsin serve` on loopback with a data directory of its own, which outlives stop, kill and start."""

    START_SECONDS = 90  # Compiling the catalogue under sanitizers on a busy machine.

    def __init__(self, *arguments, directory=None):
        self.binary = os.environ["TOCSIN_BINARY"]
        self.arguments = list(arguments)
        self._own = None if directory else tempfile.TemporaryDirectory(prefix="tocsin-e2e-")
        self.directory = pathlib.Path(directory or self._own.name)
        self.log_path = self.directory / "tocsin.log"
        self._process = None
        self._channel = None
        self.address = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind:
            print(f"--- the end of {self.log_path}:\n{self.log()[-6000:]}\n---", file=sys.stderr)
        self.close()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self):
        """Returns when the gRPC port is bound. The port differs from start to start."""
        if self._process:
            raise RuntimeError("tocsin is already running")
        begin = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                [self.binary, "serve", "--data-dir", str(self.directory / "data"),
                 "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)

        def bound():
            said = self.log_path.read_bytes()[begin:].decode(errors="replace")
            if self._process.poll() is not None:
                raise RuntimeError(f"tocsin ended with code {self._process.returncode} at start:\n{said[-4000:]}")
            return re.search(r"^tocsin: grpc listening on (127\.0\.0\.1:\d+)$", said, re.MULTILINE)

        self.address = eventually(bound, self.START_SECONDS)[1]
        return self

    def stop(self, seconds=60):
        """An orderly end (SIGTERM): must come in time, with exit code 0 and no word from a sanitizer."""
        code = self._end(signal.SIGTERM, seconds)
        if code != 0:
            raise AssertionError(f"tocsin ended with code {code} after SIGTERM:\n{self.log()[-4000:]}")

    def kill(self):
        """kill -9. It must have been alive until then."""
        code = self._end(signal.SIGKILL, 10)
        if code != -signal.SIGKILL:
            raise AssertionError(f"tocsin had ended by itself with code {code}:\n{self.log()[-4000:]}")

    def close(self):
        if self._process:
            self._end(signal.SIGKILL, 10)
        if self._own:
            self._own.cleanup()

    def incidents(self, filter=""):
        """Every incident, all pages, as proto3 JSON objects with every field present."""
        stub, messages = incident_stub(self._connected())
        found, token = [], ""
        while True:
            page = stub.ListIncidents(messages.ListIncidentsRequest(filter=filter, page_token=token), timeout=20)
            found += [_as_json(incident) for incident in page.incidents]
            token = page.next_page_token
            if not token:
                return found

    def nodes(self):
        """Every node, all pages, as proto3 JSON objects."""
        channel = self._connected()
        messages, services = _generated("node")
        stub = services.NodeServiceStub(channel)
        found, token = [], ""
        while True:
            page = stub.ListNodes(messages.ListNodesRequest(page_token=token), timeout=20)
            found += [_as_json(node) for node in page.nodes]
            token = page.next_page_token
            if not token:
                return found

    def _connected(self):
        import grpc
        if not self._channel:
            self._channel = grpc.insecure_channel(self.address)
            grpc.channel_ready_future(self._channel).result(timeout=20)
        return self._channel

    def _end(self, how, seconds):
        if self._channel:
            self._channel.close()
            self._channel = None
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise AssertionError(f"tocsin did not end within {seconds} s:\n{self.log()[-4000:]}") from None


def incident_stub(channel):
    """(stub of IncidentService, module with its messages)."""
    messages, services = _generated("incident")
    return services.IncidentServiceStub(channel), messages


_generated_into = None


def _generated(name):
    """(messages, services) of tocsin/v1/NAME.proto; the Python is generated once a process."""
    global _generated_into
    if not _generated_into:
        protos = pathlib.Path(os.environ["TOCSIN_PROTO_DIR"])
        out = os.environ.get("TOCSIN_PYTHON_OUT")
        if not out:
            _generated_into = tempfile.TemporaryDirectory(prefix="tocsin-python-")
            out = _generated_into.name
        else:
            _generated_into = out
        os.makedirs(out, exist_ok=True)
        subprocess.run(
            ["protoc", f"-I{protos}", f"--python_out={out}", f"--grpc_out={out}",
             f"--plugin=protoc-gen-grpc={shutil.which('grpc_python_plugin')}",
             *sorted(str(path.relative_to(protos)) for path in protos.glob("tocsin/v1/*.proto"))],
            check=True, stdin=subprocess.DEVNULL)
        sys.path.insert(0, out)
    import importlib
    return (importlib.import_module(f"tocsin.v1.{name}_pb2"),
            importlib.import_module(f"tocsin.v1.{name}_pb2_grpc"))


def _as_json(message):
    from google.protobuf import json_format
    return json_format.MessageToDict(message, including_default_value_fields=True)
