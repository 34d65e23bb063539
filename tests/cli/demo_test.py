#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`tocsin demo` and the client commands against the server it keeps running.

TOCSIN_BINARY names the program, TOCSIN_SIGNATURES the catalogue.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

BINARY = os.environ["TOCSIN_BINARY"]
ROOTS = {"dockerd-thin-pool-low-free-blocks": ["node-a"], "kernel-arp-table-overflow": ["node-b"],
         "kubelet-image-pull-dns-no-such-host": ["node-a", "node-b", "node-c"]}


def roots(incidents):
    return {incident["rootCause"]["signature"]: incident["nodes"] for incident in incidents}


class DumpTest(unittest.TestCase):
    def test_the_recording_has_three_causes_and_the_noise_none(self):
        records = subprocess.run([BINARY, "demo", "--dump"], capture_output=True, check=True).stdout
        self.assertGreater(records.count(b"\n"), 6000)
        done = subprocess.run([BINARY, "scan", "--cluster", "demo", "-o", "json"], input=records, capture_output=True,
                              check=True)
        incidents = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(roots(incidents), ROOTS)
        self.assertEqual(len(incidents), 3)
        self.assertNotIn(b"bad line", done.stderr)
        problems = {p["signature"] for i in incidents for p in i["problems"]}
        self.assertLessEqual({"kubelet-sandbox-thin-pool-full", "dns-unknown-host-exception",
                              "kubelet-image-pull-backoff"}, problems)


class DemoTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.temporary = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.err_path = pathlib.Path(cls.temporary, "err")
        cls.out_path = pathlib.Path(cls.temporary, "out")
        with open(cls.err_path, "wb") as err, open(cls.out_path, "wb") as out:
            cls.process = subprocess.Popen(
                [BINARY, "demo", "--grpc-listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, "TMPDIR": cls.temporary})
        cls.addClassCleanup(cls.stop)
        deadline = time.monotonic() + 300
        while "serving until Ctrl-C" not in cls.err_path.read_text():
            if cls.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the demo did not come to serve: {cls.process.poll()}\n{cls.err_path.read_text()}")
            time.sleep(0.1)
        cls.address = re.search(r"grpc listening on (\S+)", cls.err_path.read_text())[1]

    @classmethod
    def stop(cls):
        if cls.process.poll() is None:
            cls.process.kill()
            cls.process.wait()

    def ask(self, *arguments, code=0):
        done = subprocess.run([BINARY, *arguments, "--server", self.address], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_1_prints_the_three_incidents_and_one_story(self):
        out = self.out_path.read_text()
        self.assertRegex(out, r"^6,\d+ log records became 3 incidents:\n")
        self.assertEqual(out.count("What happened"), 1)
        self.assertIn(f"--server {self.address}", out)
        self.assertNotIn("\x1b", out)

    def test_2_list(self):
        listed = [json.loads(line) for line in self.ask("incidents", "list", "-o", "json").stdout.splitlines()]
        self.assertEqual(roots(listed), ROOTS)
        self.assertEqual(listed[0]["severity"], "CRITICAL", "worst first")
        table = self.ask("incidents", "list").stdout
        self.assertEqual(table.count("\n"), 4)
        one = self.ask("incidents", "list", "--filter", 'signature = "kernel-arp-table-overflow"', "-o", "json").stdout
        self.assertEqual(one.count("\n"), 1)
        self.assertEqual(self.ask("incidents", "list", "--limit", "1", "-o", "json").stdout.count("\n"), 1)
        self.ask("incidents", "list", "--filter", "colour = RED", code=2)

    def test_3_get_by_name_id_and_beginning(self):
        [name] = [i["name"] for i in map(json.loads, self.ask("incidents", "list", "-o", "json").stdout.splitlines())
                  if i["rootCause"]["signature"] == "kernel-arp-table-overflow"]
        identity = name.rpartition("/")[2]
        for argument in [name, identity, identity[:10]]:
            got = json.loads(self.ask("incidents", "get", argument, "-o", "json").stdout)
            self.assertEqual(got["name"], name)
        page = self.ask("incidents", "get", identity[:10]).stdout
        self.assertIn("└─", page)
        self.assertIn("gc_thresh3", page)
        self.ask("incidents", "get", "ffffffffffffffffffff", code=2)

    def test_4_watch_shows_what_is_there_and_ends_in_time(self):
        watched = [json.loads(line) for line in
                   self.ask("incidents", "watch", "--for", "2", "-o", "json").stdout.splitlines()]
        self.assertEqual(roots(watched), ROOTS)

    def test_5_nodes(self):
        nodes = [json.loads(line) for line in self.ask("nodes", "list", "-o", "json").stdout.splitlines()]
        self.assertLessEqual({"node-a", "node-b", "node-c"}, {n["node"] for n in nodes})
        self.assertIn("node-b", self.ask("nodes", "list").stdout)
        got = json.loads(self.ask("nodes", "get", "node-b", "-o", "json").stdout)
        self.assertEqual(got["name"], "clusters/demo/nodes/node-b")
        self.assertIn("kernel", self.ask("nodes", "get", "node-b").stdout)

    def test_6_ends_in_order_and_leaves_nothing(self):
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(timeout=60), 0, self.err_path.read_text())
        self.assertEqual(sorted(os.listdir(self.temporary)), ["err", "out"])


if __name__ == "__main__":
    unittest.main()
