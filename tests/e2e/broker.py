#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real Apache Kafka broker, one process, on loopback.

As a program (`./dev kafka start`) it runs one in the foreground until Ctrl-C.
Needs the jars of `./dev kafka fetch`, a JRE and kcat; the standard library otherwise.
"""

import base64
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
KAFKA = ROOT / "deploy" / "kafka"

# Small and quick to start: the broker serves one test, for seconds.
JAVA = ["java", "-Xms64m", "-Xmx512m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData", "-Xshare:auto", f"-Dlog4j.configuration=file:{KAFKA}/log4j.properties"]

SERVER_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dir}
num.network.threads=2
num.io.threads=2
num.partitions=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
log.cleaner.enable=false
"""


class Unavailable(Exception):
    """The broker cannot be had on this machine; the text says what is missing and how to get it."""


def jars_dir():
    """Where `./dev kafka fetch` puts the jars of the version that deploy/kafka/pom.xml pins."""
    version = re.search(r"<kafka.version>(.+?)</kafka.version>", (KAFKA / "pom.xml").read_text())[1]
    cache = os.environ.get("TOCSIN_CACHE")
    if not cache:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        cache = os.path.join(home, "tocsin")
    return pathlib.Path(cache) / f"kafka-{version}"


def require_broker():
    """Raises Unavailable unless everything that Broker needs is here."""
    for program in ("java", "kcat"):
        if not shutil.which(program):
            raise Unavailable(f"{program} is not installed; `./dev kafka fetch` installs it")
    wanted = [line.split()[1] for line in (KAFKA / "SHA256SUMS").read_text().splitlines()]
    if any(not (jars_dir() / jar).is_file() for jar in wanted):
        raise Unavailable(f"no Kafka jars in {jars_dir()}; `./dev kafka fetch` gets them")


def free_port():
    """A loopback port that was free a moment ago. Whoever binds it must be ready to be told it is not."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _cluster_id():
    while True:  # An id that starts with a dash would be read as an option.
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


class Broker:
    """Port and data directory stay the same over stop, kill and start. One thread."""

    START_SECONDS = 90
    PORT_TRIES = 3

    def __init__(self, directory=None):
        require_broker()
        self._own = None if directory else tempfile.TemporaryDirectory(prefix="tocsin-kafka-")
        self.directory = pathlib.Path(directory or self._own.name)
        self.log_path = self.directory / "broker.log"
        self._process = None
        self.port = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self._process.pid if self._process else None

    def start(self):
        """Returns when the broker has answered a metadata request."""
        if self._process:
            raise RuntimeError("the broker is already running")
        if self.port:
            self._spawn()
            return self
        for attempt in range(self.PORT_TRIES):  # Somebody else may take a free port before we do.
            self._format()
            try:
                self._spawn()
                return self
            except RuntimeError:
                taken = "BindException" in self.log_path.read_text(errors="replace")
                shutil.rmtree(self.directory / "data", ignore_errors=True)
                self.port = None
                if not taken or attempt + 1 == self.PORT_TRIES:
                    raise
        return self

    def stop(self, seconds=60):
        """An orderly end (SIGTERM)."""
        self._end(signal.SIGTERM, seconds)

    def kill(self):
        """kill -9."""
        self._end(signal.SIGKILL, 10)

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        if self._process:
            self.kill()  # What it holds is thrown away with the directory.
        if self._own:
            self._own.cleanup()

    def wait(self):
        """Blocks until the broker ends by itself."""
        return self._process.wait()

    def create_topic(self, name, partitions=1, **config):
        """Topic settings as keywords, `_` for `.`: retention_ms=1000."""
        arguments = ["--bootstrap-server", self.address, "--create", "--topic", name,
                     "--partitions", str(partitions), "--replication-factor", "1"]
        for key, value in config.items():
            arguments += ["--config", f"{key.replace('_', '.')}={value}"]
        self._tool("org.apache.kafka.tools.TopicCommand", *arguments)

    def produce(self, topic, lines, partition=None, key=None, **settings):
        """Sends each line as one message and returns when the broker has acknowledged all of them.

        Settings are librdkafka's, `_` for `.`. kcat ends with an error, hence raises here, if one is not
        acknowledged. An empty line sends nothing: that is how kcat reads its input.
        """
        command = self._kcat("-P", "-t", topic, **{"acks": "all", "linger_ms": 5, **settings})
        if partition is not None:
            command += ["-p", str(partition)]
        if key is not None:
            command += ["-k", key]
        data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
        _run(command, input=data, timeout=120)

    def consume(self, topic):
        """Every message of the topic, from the beginning to its present end, as bytes."""
        rest = _run(self._kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%S\\n%s"), timeout=60)
        messages = []
        while rest:  # Each message is its length, a newline, and that many bytes.
            length, _, rest = rest.partition(b"\n")
            messages.append(rest[:int(length)])
            rest = rest[int(length):]
        return messages

    def metadata(self, timeout=5):
        """What `kcat -L` prints; raises when the broker does not answer."""
        return _run(self._kcat("-L", "-m", str(timeout)), timeout=timeout + 5).decode()

    def _format(self):
        self.port, controller_port = free_port(), free_port()
        data = self.directory / "data"
        self._properties = self.directory / "server.properties"
        self._properties.write_text(SERVER_PROPERTIES.format(
            port=self.port, controller_port=controller_port, log_dir=data))
        self._tool("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", self._properties)

    def _spawn(self):
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                [*JAVA, "-cp", f"{jars_dir()}/*", "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                start_new_session=True)  # Ctrl-C is for us; we then stop the broker in order.
        deadline = time.monotonic() + self.START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                # The broker registers itself a moment after it opens the port.
                if " 1 brokers:" in self.metadata(timeout=2):
                    return
            except RuntimeError:
                time.sleep(0.1)
        code = self._process.poll()
        self._end(signal.SIGKILL, 10)
        state = "was not ready in time" if code is None else f"ended with code {code}"
        raise RuntimeError(f"the Kafka broker {state}; its log ends with:\n"
                           + self.log_path.read_text(errors="replace")[-4000:])

    def _end(self, how, seconds):
        if not self._process:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise RuntimeError(f"the Kafka broker did not end within {seconds} s of signal {how}") from None
        finally:
            self._process = None

    def _tool(self, main_class, *arguments):
        _run([*JAVA, "-cp", f"{jars_dir()}/*", main_class, *map(str, arguments)], timeout=120)

    def _kcat(self, *arguments, **settings):
        command = ["kcat", "-b", self.address, *arguments]
        for key, value in settings.items():
            command += ["-X", f"{key.replace('_', '.')}={value}"]
        return command


def _run(command, input=None, timeout=60):
    """Standard output of a command that must succeed; RuntimeError holds its diagnostics."""
    if input is None:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    else:
        done = subprocess.run(command, input=input, capture_output=True, timeout=timeout)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).decode(errors="replace")[-2000:]
        raise RuntimeError(f"{command[0]} ended with code {done.returncode}:\n{said}")
    return done.stdout


def main():
    try:
        broker = Broker()
    except Unavailable as missing:
        print(f"kafka: {missing}", file=sys.stderr)
        return 75
    ended = lambda *_: sys.exit(0)
    signal.signal(signal.SIGINT, ended)
    signal.signal(signal.SIGTERM, ended)
    pid_file = os.environ.get("TOCSIN_KAFKA_PID_FILE")
    with broker:
        if pid_file:
            pathlib.Path(pid_file).write_text(f"{os.getpid()}\n")
        try:
            print(broker.address, flush=True)
            print(f"kafka: Apache Kafka is ready on {broker.address}, data in {broker.directory}; "
                  "Ctrl-C stops it and removes the data", file=sys.stderr)
            return broker.wait()
        finally:
            if pid_file:
                pathlib.Path(pid_file).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
