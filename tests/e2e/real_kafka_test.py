#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, from outside: bytes on a real Kafka topic become incidents that a gRPC client reads."""

import contextlib
import datetime
import json
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Broker, Tocsin, eventually, skip_or_fail_without_broker

ARP = "kernel-arp-table-overflow"
ARP_TEXT = "neighbour: arp_cache: neighbor table overflow!"
QUIET_TEXT = "IPv6: ADDRCONF(NETDEV_CHANGE): veth1a2b3c4d: link becomes ready"


def kernel_record(node, text, when, monotonic=98694000446):
    """One kernel line as Fluent Bit's systemd input ships it (default timestamp format: seconds)."""
    return json.dumps({
        "@timestamp": round(when, 6), "PRIORITY": "4", "_HOSTNAME": node, "_TRANSPORT": "kernel",
        "SYSLOG_FACILITY": "0", "SYSLOG_IDENTIFIER": "kernel",
        "_SOURCE_MONOTONIC_TIMESTAMP": str(monotonic), "MESSAGE": text,
        "_BOOT_ID": "124c8f3a7d5e4b0c9a6f2e1d0b3c4a59", "_MACHINE_ID": "c36e5d4b3a291807f6e5d4c3b2a19081"})


def seconds(timestamp):
    """A proto3 JSON timestamp as seconds since 1970, to the microsecond."""
    whole, _, fraction = timestamp.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float(f"0.{fraction or 0}")


def hits(incidents, signature=ARP):
    """Occurrences by node over all incidents that were not merged into another."""
    counts = {}
    for incident in incidents:
        if incident["resolveReason"] == "MERGED":
            continue
        for problem in incident["problems"]:
            if problem["signature"] == signature:
                node = problem["entity"]["name"]
                counts[node] = counts.get(node, 0) + problem["hitCount"]
    return counts


class RealKafkaTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.broker = cls.enterClassContext(Broker())

    def topic(self, partitions):
        """A topic of this test's own."""
        name = self._testMethodName.replace("_", "-")
        self.broker.create_topic(name, partitions)
        return name

    def serve(self, topic):
        return Tocsin("--kafka-brokers", self.broker.address, "--kafka-topics", topic, "--kafka-group", topic)

    def produce_in_chunks(self, topic, lines, chunk):
        """Slowly enough that what watches the first chunk arrive can act before the last one has."""
        for begin in range(0, len(lines), chunk):
            self.broker.produce(topic, lines[begin:begin + chunk])

    def test_a_storm_of_one_line_is_one_incident_with_evidence_and_remedy(self):
        topic = self.topic(partitions=1)
        with self.serve(topic) as tocsin:
            when = float(int(time.time()))
            self.broker.produce(topic, [kernel_record("node-17", ARP_TEXT, when)] * 125)

            def counted():
                found = tocsin.incidents()
                self.assertEqual(hits(found), {"node-17": 125})
                return found

            found = eventually(counted)
            self.assertEqual(len(found), 1, found)
            incident = found[0]
            self.assertRegex(incident["name"], r"^clusters/[^/]+/incidents/[^/]+$")
            self.assertEqual(incident["state"], "OPEN")
            self.assertEqual(incident["severity"], "ERROR")
            self.assertEqual(incident["nodes"], ["node-17"])
            self.assertEqual(incident["hitCount"], 125)
            self.assertEqual(incident["lineCount"], 125)

            root = incident["rootCause"]
            self.assertEqual(root["signature"], ARP)
            self.assertEqual(root["entity"], {"kind": "node", "name": "node-17"})
            self.assertEqual(root["node"], "node-17")
            self.assertEqual(root["hitCount"], 125)
            self.assertEqual(seconds(root["firstHitTime"]), when)
            self.assertEqual(seconds(root["lastHitTime"]), when)
            self.assertEqual(seconds(incident["openTime"]), when)
            self.assertEqual(seconds(incident["lastHitTime"]), when)

            self.assertTrue(incident["evidence"])
            for line in incident["evidence"]:
                self.assertEqual(line["text"], ARP_TEXT)
                self.assertEqual(line["node"], "node-17")
                self.assertEqual(line["stream"], "kernel")
                self.assertEqual(seconds(line["time"]), when)
                self.assertEqual(line["source"]["topic"], topic)
                self.assertIn(int(line["source"]["offset"]), range(125))
            self.assertTrue(incident["title"])
            self.assertIn("neighbo", incident["cause"].lower())
            self.assertIn("gc_thresh3", incident["remedy"])
            tocsin.stop()

    def test_a_kernel_line_by_way_of_rsyslog_is_an_incident(self):
        topic = self.topic(partitions=2)
        with self.serve(topic) as tocsin, rsyslog_to(self.broker.address, topic) as send:
            send("node-18", f"kernel: [12345.678901] {ARP_TEXT}")
            send("node-18", f"kernel: [12345.678950] {QUIET_TEXT}")

            def seen():
                found = tocsin.incidents()
                self.assertEqual(hits(found), {"node-18": 1})
                return found

            incident, = eventually(seen)
            self.assertEqual(incident["rootCause"]["signature"], ARP)
            self.assertEqual(incident["rootCause"]["entity"], {"kind": "node", "name": "node-18"})
            self.assertIn(ARP_TEXT, incident["evidence"][0]["text"])
            tocsin.stop()

    def test_nothing_is_lost_and_nothing_counted_twice_over_kill_and_stop(self):
        # Every kill falls while a burst of records is being read: as soon as the first of its hits is shown.
        partitions, nodes, burst, bursts = 4, 20, 20_000, 5
        topic = self.topic(partitions)
        expected_hits, expected_lines = {}, {}

        def records(count):
            lines = []
            for _ in range(count):
                i = sum(expected_lines.values())
                node = f"node-{i % nodes}"
                hit = i % 100 < nodes  # One record in five, spread over all nodes.
                text = ARP_TEXT if hit else f"{QUIET_TEXT} {i}"
                lines.append(kernel_record(node, text, time.time(), monotonic=i))
                expected_lines[node] = expected_lines.get(node, 0) + 1
                expected_hits[node] = expected_hits.get(node, 0) + hit
            return lines

        with self.serve(topic) as tocsin:
            for round_number in range(bursts):
                before = sum(expected_hits.values())
                lines = records(burst)
                producer = threading.Thread(target=self.produce_in_chunks, args=(topic, lines, 2_000))
                producer.start()
                try:
                    eventually(lambda: sum(hits(tocsin.incidents()).values()) > before)
                    if round_number % 3 == 2:
                        tocsin.stop()
                    else:
                        tocsin.kill()
                finally:
                    producer.join()
                tocsin.start()
                # Else the next round's "first hit" would be one of this round's.
                eventually(lambda: sum(hits(tocsin.incidents()).values()) >= sum(expected_hits.values()))

            # A partition is read in order: once its last record is seen, all before it have been.
            for partition in range(partitions):
                node = f"last-{partition}"
                self.broker.produce(topic, [kernel_record(node, ARP_TEXT, time.time())], partition=partition)
                expected_hits[node] = expected_lines[node] = 1
            last = {f"last-{partition}" for partition in range(partitions)}
            eventually(lambda: last <= hits(tocsin.incidents()).keys())
            self.assertEqual(hits(tocsin.incidents()), expected_hits)
            # Tallies travel later than hits, over ten seconds.
            lines_by_node = lambda: {node["node"]: int(node["lines"]) for node in tocsin.nodes()}
            eventually(lambda: sum(lines_by_node().values()) >= sum(expected_lines.values()))
            self.assertEqual(lines_by_node(), expected_lines)
            tocsin.stop()

            tocsin.start()
            self.assertEqual(hits(tocsin.incidents()), expected_hits)
            self.assertEqual(lines_by_node(), expected_lines)
            tocsin.stop()

    def test_a_broker_that_goes_and_comes_back_costs_nothing(self):
        topic = self.topic(partitions=2)
        with self.serve(topic) as tocsin:
            self.broker.produce(topic, [kernel_record("node-1", ARP_TEXT, time.time())] * 3)
            eventually(lambda: hits(tocsin.incidents()) == {"node-1": 3})

            for how, expected in ((self.broker.stop, {"node-1": 3, "node-2": 5}),
                                  (self.broker.kill, {"node-1": 3, "node-2": 10})):
                before = hits(tocsin.incidents())
                how()
                try:
                    self.assertEqual(hits(tocsin.incidents()), before)  # Reads are answered all the same.
                finally:
                    self.broker.start()
                self.broker.produce(topic, [kernel_record("node-2", ARP_TEXT, time.time())] * 5)
                eventually(lambda: hits(tocsin.incidents()) == expected, timeout=120)
            tocsin.stop()


@contextlib.contextmanager
def rsyslog_to(brokers, topic):
    """rsyslogd with an input on a socket of its own and omkafka; yields send(host, "tag: text").

    The template is rsyslog's default for files, which is what omkafka sends when nobody says otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="tocsin-rsyslog-") as directory:
        home = pathlib.Path(directory)
        listener, config = home / "input", home / "rsyslog.conf"
        config.write_text(f'''
            global(workDirectory="{home}")
            module(load="imptcp")
            module(load="omkafka")
            input(type="imptcp" path="{listener}" ruleset="ship")
            ruleset(name="ship") {{
              action(type="omkafka" broker=["{brokers}"] topic="{topic}"
                     template="RSYSLOG_FileFormat" errorFile="{home}/errors")
            }}
        ''')
        with open(home / "log", "wb") as log:
            process = subprocess.Popen(
                ["rsyslogd", "-n", "-f", str(config), "-i", str(home / "pid")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"TZ": "UTC", "PATH": "/usr/sbin:/usr/bin"})
        try:
            eventually(lambda: process.poll() is not None or listener.exists(), timeout=20)
            if process.poll() is not None:
                raise AssertionError("rsyslogd ended:\n" + (home / "log").read_text(errors="replace"))

            def send(host, text):
                # RFC 3164; priority 4 is kern.warning. The day is padded with a space, not a zero.
                now = datetime.datetime.now(datetime.timezone.utc)
                stamp = f"{now:%b} {now.day:2d} {now:%H:%M:%S}"
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(listener))
                    client.sendall(f"<4>{stamp} {host} {text}\n".encode())

            yield send
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


if __name__ == "__main__":
    skip_or_fail_without_broker()
    unittest.main()
