#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The program from outside: exit codes, what goes to stdout and what to stderr, help, bad input.

TOCSIN_BINARY names the program, TOCSIN_SIGNATURES the catalogue.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

BINARY = os.environ["TOCSIN_BINARY"]
DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
ARP = "kernel-arp-table-overflow"
ARP_LINE = "[Tue May 30 18:35:55 2023] neighbour: arp_cache: neighbor table overflow!\n"
FINDING = {"signature", "severity", "stream", "cluster", "node", "namespace", "pod", "container", "time", "captures",
           "text", "source"}
INCIDENT = {"name", "cluster", "state", "severity", "title", "rootStatus", "rootCause", "problems", "nodes", "pods",
            "namespaces", "workloads", "openTime", "lastHitTime", "resolveTime", "resolveReason", "reopenCount",
            "hitCount", "lineCount", "evidence", "cause", "remedy", "hypotheses", "why", "references", "silencedBy",
            "flapping", "chronic", "evidenceComplete", "catalogueVersion", "revision"}
PROBLEM = {"signature", "entity", "node", "hitCount", "lineCount", "firstHitTime", "lastHitTime"}
PAGES = [[], ["serve"], ["demo"], ["scan"], ["match"], ["explain"], ["incidents"], ["incidents", "list"],
         ["incidents", "get"], ["incidents", "watch"], ["nodes"], ["nodes", "list"], ["nodes", "get"], ["signatures"],
         ["signatures", "list"], ["signatures", "show"], ["signatures", "lint"], ["signatures", "test"],
         ["signatures", "coverage"], ["signatures", "import"], ["signatures", "import", "npd"],
         ["signatures", "import", "cre"]]


def run(*arguments, stdin="", env=None):
    text = stdin if isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run([BINARY, *map(str, arguments)], input=text, capture_output=True, timeout=120,
                          env={**os.environ, **(env or {})})
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    return done


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


class Base(unittest.TestCase):
    maxDiff = None

    def ends(self, done, code):
        self.assertEqual(done.returncode, code, f"stdout:\n{done.out}\nstderr:\n{done.err}")


class HelpTest(Base):
    def test_every_command_has_a_page_to_learn_from(self):
        for page in PAGES:
            with self.subTest(page=page):
                done = run(*page, "--help")
                self.ends(done, 0)
                self.assertEqual(done.err, "")
                path = " ".join(["tocsin", *page])
                self.assertIn(f"Usage: {path}", done.out)
                self.assertRegex(done.out, r"(?m)^Examples:\n  \S")
                self.assertEqual([line for line in done.out.splitlines() if len(line) > 100], [])

    def test_examples_in_help_name_commands_and_options_that_exist(self):
        for page in PAGES:
            for line in run(*page, "--help").out.partition("Examples:\n")[2].splitlines():
                for example in re.finditer(r"\btocsin ([a-z]+)( list| get| watch| show| lint| test| coverage| import npd| import cre)?([^|&$]*)", line):
                    command = [word for part in example.groups("")[:2] for word in part.split()]
                    done = run(*command, "--help")
                    self.ends(done, 0)
                    for option in re.findall(r"(?<= )--?[a-z][a-z-]*", example[3]):
                        self.assertRegex(done.out, rf"(?m)^  .*(?<![\w-]){option}\b", line)

    def test_version(self):
        done = run("--version")
        self.ends(done, 0)
        self.assertRegex(done.out, r"^tocsin \d+\.\d+\.\d+\n$")


class UsageTest(Base):
    def test_a_mistake_is_one_sentence_on_stderr_and_code_2(self):
        for arguments, said in [
                ([], "a command is missing"),
                (["scna"], 'there is no command "scna"'),
                (["scan", "--foo"], 'does not take "--foo"'),
                (["scan", "-o", "yaml"], 'write one of table, json'),
                (["scan", "--input", "xml"], "write one of auto, json, cri"),
                (["scan", "--fail-on", "bad"], "write one of info, warning, error, critical"),
                (["scan", "--lang", "de"], "write one of en, zh"),
                (["scan", "--node"], "--node needs a value"),
                (["incidents"], "a command is missing"),
                (["incidents", "get"], "NAME is required"),
                (["nodes", "get", "a", "b"], 'does not take "b"'),
                (["serve", "--config", "/nowhere/x.yaml"], "/nowhere/x.yaml"),
                (["serve", "--roles", "api"], 'cannot split them'),
                (["explain"], "nothing to explain"),
                (["scan", "--signatures", "/nowhere"], "/nowhere"),
                (["signatures", "show", "no-such"], 'no signature "no-such"'),
        ]:
            with self.subTest(arguments=arguments):
                done = run(*arguments)
                self.ends(done, 2)
                self.assertEqual(done.out, "")
                self.assertIn(said, done.err)
                self.assertEqual(done.err.count("\n"), 1, done.err)
                self.assertTrue(done.err.startswith("tocsin: "), done.err)

    def test_a_configuration_is_refused_by_line(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "c.yaml")
            path.write_text("cluster: x\nkafka_broker: y\n")
            done = run("serve", "--config", path)
            self.ends(done, 2)
            self.assertIn(f"{path}:2: \"kafka_broker\" is not a key", done.err)

    def test_no_catalogue_is_said_in_one_sentence(self):
        with tempfile.TemporaryDirectory() as directory:
            alone = shutil.copy(BINARY, directory)
            environment = {k: v for k, v in os.environ.items() if k != "TOCSIN_SIGNATURES"}
            done = subprocess.run([alone, "scan"], input=b"x\n", capture_output=True, env=environment)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(b"--signatures DIR", done.stderr)


class ScanTest(Base):
    def test_an_incident_is_one_object_a_line(self):
        done = run("scan", "--node", "node-17", "--cluster", "prod", "-o", "json", "-", stdin=ARP_LINE)
        self.ends(done, 0)
        [incident] = objects(done.out)
        self.assertEqual(INCIDENT - incident.keys(), set())
        self.assertEqual(PROBLEM - incident["rootCause"].keys(), set())
        self.assertRegex(incident["name"], r"^clusters/prod/incidents/\w+$")
        self.assertEqual(incident["rootCause"]["signature"], ARP)
        self.assertEqual(incident["rootCause"]["entity"], {"kind": "node", "name": "node-17"})
        self.assertEqual((incident["hitCount"], incident["lineCount"]), (1, 1))
        self.assertEqual((incident["state"], incident["severity"]), ("OPEN", "ERROR"))
        self.assertEqual(incident["openTime"], "2023-05-30T18:35:55Z")
        self.assertEqual(incident["evidence"][0]["source"], {"file": "-", "line": 1})

    def test_files_of_different_formats_in_one_go(self):
        done = run("scan", "-o", "json", DATA / "node-b.messages", DATA / "node-a.journal.ndjson")
        self.ends(done, 0)
        incidents = objects(done.out)
        self.assertEqual([i["openTime"] for i in incidents], sorted(i["openTime"] for i in incidents))
        roots = {i["rootCause"]["signature"]: i for i in incidents}
        self.assertEqual(roots[ARP]["nodes"], ["node-b"])
        self.assertEqual(roots[ARP]["hitCount"], 3)
        self.assertEqual(roots["dockerd-thin-pool-low-free-blocks"]["nodes"], ["node-a"])
        self.assertEqual(len(incidents), 2)

    def test_a_pipe_is_read_like_a_file(self):
        journal = (DATA / "node-a.journal.ndjson").read_text()
        for arguments in [["scan", "-"], ["scan"], ["scan", "--input", "journal", "-"]]:
            with self.subTest(arguments=arguments):
                done = run(*arguments, "-o", "json", stdin=journal)
                self.ends(done, 0)
                [incident] = objects(done.out)
                self.assertEqual(incident["rootCause"]["signature"], "dockerd-thin-pool-low-free-blocks")

    def test_people_get_the_story_on_stdout_and_the_numbers_on_stderr(self):
        done = run("scan", DATA / "node-b.messages")
        self.ends(done, 0)
        for part in ["What happened", "Evidence", "Cause", "What to do", "Check:", "node-b", "(3 times)"]:
            self.assertIn(part, done.out)
        self.assertNotIn("\x1b", done.out + done.err)
        self.assertEqual(done.err, "tocsin: 7 lines, 3 findings, 1 incident (1 error)\n")

    def test_several_incidents_begin_with_a_table(self):
        done = run("scan", "--stories", "1", DATA / "node-b.messages", DATA / "node-a.journal.ndjson")
        self.ends(done, 0)
        self.assertRegex(done.out, r"^SEVERITY +STATE +OPENED")
        self.assertEqual(done.out.count("What happened"), 1)
        self.assertIn("--stories 2", done.out)

    def test_chinese(self):
        done = run("scan", "--lang", "zh", DATA / "node-b.messages")
        self.ends(done, 0)
        self.assertRegex(done.out, "[\u4e00-\u9fff]{4}")

    def test_nothing_wrong_says_nothing_on_stdout(self):
        done = run("scan", "-o", "json", stdin="all is well\n")
        self.ends(done, 0)
        self.assertEqual(done.out, "")
        self.assertIn("no incidents", done.err)

    def test_fail_on(self):
        for severity, code in [("info", 1), ("warning", 1), ("ERROR", 1), ("critical", 0)]:
            with self.subTest(severity=severity):
                self.ends(run("scan", "--fail-on", severity, stdin=ARP_LINE), code)
                self.ends(run("match", "--fail-on", severity, stdin=ARP_LINE), code)
        self.ends(run("scan", "--fail-on", "info", stdin="all is well\n"), 0)

    def test_an_unreadable_file_does_not_keep_the_others_from_being_read(self):
        for missing in ["/nowhere/x.log", str(DATA)]:
            with self.subTest(missing=missing):
                done = run("scan", "-o", "json", "--fail-on", "info", missing, DATA / "node-b.messages")
                self.ends(done, 3)
                self.assertEqual(len(objects(done.out)), 1)
                self.assertRegex(done.err, rf"(?m)^tocsin: .*{re.escape(missing)}(: | is a directory)")

    def test_bad_lines_are_counted_and_cost_nothing_else(self):
        done = run("scan", "-o", "json", "--input", "json", DATA / "broken.ndjson")
        self.ends(done, 0)
        [incident] = objects(done.out)
        self.assertEqual(incident["rootCause"]["entity"]["name"], "node-17")
        self.assertEqual(incident["evidence"][0]["source"]["line"], 6)
        self.assertRegex(done.err, r"\d bad lines passed over \(.*\d truncated")
        for arguments in [["scan"], ["match"]]:
            self.ends(run(*arguments, DATA / "broken.ndjson"), 0)

    def test_input_that_is_no_text_at_all(self):
        for name, junk in [("empty", b""), ("NUL", b"\0" * 4096), ("random", bytes(range(256)) * 64),
                           ("a line without end", b"x" * (3 << 20)), ("newlines", b"\n" * 1000)]:
            with self.subTest(name=name):
                done = run("scan", "-o", "json", stdin=junk)
                self.ends(done, 0)
                self.assertEqual(done.out, "")

    def test_hostile_lines_do_not_steer_the_terminal(self):
        done = run("scan", stdin=b"[Tue May 30 18:35:55 2023] neighbour: \x1b[2Jarp_cache: neighbor table overflow!\x1b]0;x\x07\n")
        self.ends(done, 0)
        self.assertNotIn(b"\x1b", done.stdout + done.stderr)


class MatchTest(Base):
    def test_a_finding_is_one_object_a_line(self):
        done = run("match", "-o", "json", "--cluster", "prod", DATA / "node-b.messages")
        self.ends(done, 0)
        findings = objects(done.out)
        self.assertEqual([f["source"]["line"] for f in findings], [3, 4, 7])
        for finding in findings:
            self.assertEqual(FINDING - finding.keys(), set())
            self.assertEqual((finding["signature"], finding["node"], finding["cluster"], finding["stream"]),
                             (ARP, "node-b", "prod", "kernel"))
            self.assertEqual(finding["captures"], {"table": "arp_cache"})
            self.assertEqual(finding["source"]["file"], str(DATA / "node-b.messages"))

    def test_people_see_place_and_signature(self):
        done = run("match", DATA / "node-b.messages")
        self.ends(done, 0)
        self.assertIn("node-b.messages:3", done.out)
        self.assertIn(f"error  {ARP} table=arp_cache", done.out)

    def test_dmesg_takes_the_node_that_is_given(self):
        findings = objects(run("match", "-o", "json", "--input", "dmesg", "--node", "n1", DATA / "dmesg-T.txt").out)
        self.assertEqual([(f["node"], f["time"]) for f in findings],
                         [("n1", "2023-05-30T18:35:55Z"), ("n1", "2023-05-30T18:36:03Z")])

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        many = ARP_LINE.encode() * 200_000
        with tempfile.TemporaryFile() as file:
            file.write(many)
            file.seek(0)
            process = subprocess.Popen([BINARY, "match", "-o", "json"], stdin=file, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            process.stdout.readline()
            process.stdout.close()
            err = process.stderr.read()
            process.stderr.close()
            self.assertEqual((process.wait(timeout=60), err), (0, b""))

    def test_findings_of_a_pipe_come_at_once(self):
        process = subprocess.Popen([BINARY, "match", "-o", "json", "-"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdin.write(ARP_LINE.encode())
        process.stdin.flush()
        self.assertEqual(json.loads(process.stdout.readline())["signature"], ARP)
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), 0)
        process.stdout.close()

    def test_a_full_disk_is_said(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BINARY, "match", "-o", "json"], input=ARP_LINE.encode(), stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"standard output", done.stderr)


class ExplainTest(Base):
    def test_a_line_for_people(self):
        done = run("explain", ARP_LINE)
        self.ends(done, 0)
        for part in ["stream", "kernel", "Matched", ARP, "captured", "table = arp_cache"]:
            self.assertIn(part, done.out)

    def test_a_line_for_programs(self):
        done = run("explain", "-o", "json", stdin=ARP_LINE)
        self.ends(done, 0)
        [answer] = objects(done.out)
        self.assertEqual(answer["matches"][0]["signature"], ARP)
        self.assertEqual(answer["matches"][0]["captures"], {"table": "arp_cache"})
        self.assertEqual(answer["record"]["stream"], "kernel")

    def test_why_not(self):
        done = run("explain", "neighbour: arp_cache: neighbor table is nearly full")
        self.ends(done, 0)
        self.assertIn("No signature matched", done.out)

    def test_what_is_no_record(self):
        done = run("explain", "--input", "json", '{"log":')
        self.ends(done, 0)
        self.assertIn("is not a record: truncated", done.out)


class OverridesTest(Base):
    def with_overrides(self, text, *arguments, stdin=ARP_LINE):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory, "overrides.yaml")
            file.write_text(text)
            done = run(*arguments, "--overrides", file, stdin=stdin)
            return done

    def test_off_and_shadow_and_severity_by_cluster(self):
        for text, cluster, findings, incidents in [
                (f"- {{signature: {ARP}, off: true}}", "c1", [], []),
                (f"- {{signature: {ARP}, cluster: c1, off: true}}", "c1", [], []),
                (f"- {{signature: {ARP}, cluster: c1, off: true}}", "c2", [("ERROR", None)], ["ERROR"]),
                (f"- {{signature: {ARP}, shadow: true}}", "c1", [("ERROR", True)], []),
                (f"- {{signature: {ARP}, severity: critical}}", "c1", [("CRITICAL", None)], ["CRITICAL"]),
                (f"- {{signature: {ARP}, cluster: c1, severity: critical}}", "c1", [("CRITICAL", None)], ["CRITICAL"]),
                (f"- {{signature: {ARP}, cluster: c1, severity: critical}}", "c2", [("ERROR", None)], ["ERROR"]),
                (f"- {{signature: {ARP}, severity: info}}", "c1", [("INFO", None)], []),
                (f"- {{signature: {ARP}, threshold: {{count: 2}}}}", "c1", [("ERROR", None)], []),
                (f"- {{signature: {ARP}, cluster: c1, threshold: {{count: 2}}}}", "c1", [("ERROR", None)], []),
        ]:
            with self.subTest(text=text, cluster=cluster):
                options = ["-o", "json", "--node", "n", "--cluster", cluster]
                done = self.with_overrides(text, "match", *options)
                self.ends(done, 0)
                self.assertEqual([(f["severity"], f.get("shadow")) for f in objects(done.out)], findings)
                done = self.with_overrides(text, "scan", *options)
                self.ends(done, 0)
                self.assertEqual([i["severity"] for i in objects(done.out)], incidents)

    def test_explain_says_that_it_is_off(self):
        done = self.with_overrides(f"- {{signature: {ARP}, off: true}}", "explain", "-")
        self.ends(done, 0)
        self.assertIn("switched off by overrides", done.out)

    def test_a_mistake_refuses_to_start(self):
        for text, said in [("- {signature: kernel-arp-table-overflw, off: true}", f"write '{ARP}' instead"),
                           ("- {signature: x", "is not YAML")]:
            for command in ["scan", "match", "explain"]:
                done = self.with_overrides(text, command, "-")
                self.ends(done, 2)
                self.assertRegex(done.err, r"overrides\.yaml:1:\d+: ")
                self.assertIn(said, done.err)
        done = run("scan", "--overrides", "/nowhere.yaml")
        self.ends(done, 2)
        self.assertIn("/nowhere.yaml: can not be read", done.err)


class SignaturesTest(Base):
    def test_list_and_show(self):
        ids = [s["id"] for s in objects(run("signatures", "list", "-o", "json").out)]
        self.assertIn(ARP, ids)
        self.assertEqual(ids, sorted(ids))
        self.assertIn(ARP, run("signatures", "list").out)
        [shown] = objects(run("signatures", "show", ARP, "-o", "json").out)
        self.assertEqual(shown["id"], ARP)
        for part in ["Matches", "Causes", "What to do", "Examples"]:
            self.assertIn(part, run("signatures", "show", ARP).out)

    def test_the_catalogue_holds_its_own_examples(self):
        done = run("signatures", "test")
        self.ends(done, 0)
        self.assertEqual(done.out, "")

    def test_coverage_is_one_row_a_failure(self):
        done = run("signatures", "coverage", "-o", "json")
        self.ends(done, 0)
        rows = objects(done.out)
        self.assertEqual(len(rows), 293)
        self.assertEqual([row["id"] for row in rows], sorted({row["id"] for row in rows}))
        for row in rows:
            self.assertEqual(list(row), ["id", "observable", "status", "signatures", "reason"])
            self.assertIn(row["status"], {"covered", "not-observable", "no-log", "missing"})
        self.assertRegex(done.err, r"\A293 failures: |\Atocsin: 293 failures: ")
        [arp] = [row for row in rows if row["id"] == ARP]
        self.assertEqual((arp["status"], arp["signatures"]), ("covered", [ARP]))
        self.assertIn(ARP, run("signatures", "coverage").out)

    def test_coverage_claims_nothing_that_the_catalogue_does_not_hold(self):
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "a.yaml").write_text("- id: x\n  match: ['some words']\n")
            done = run("signatures", "coverage", "--signatures", directory)
            self.ends(done, 2)
            self.assertIn("coverage.tsv: can not be read", done.err)
            pathlib.Path(directory, "coverage.tsv").write_text(
                "id\tobservable\tstatus\tsignatures\treason\n"
                "one\tlog-signature\tcovered\tx\t\ntwo\tlog-signature\tcovered\tx,y\t\n")
            one, two = objects(run("signatures", "coverage", "--signatures", directory, "-o", "json").out)
            self.assertEqual((one["status"], two["status"]), ("covered", "missing"))
            self.assertIn("y", two["reason"])

    def test_show_says_what_is_overridden(self):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory, "overrides.yaml")
            file.write_text(f"- {{signature: {ARP}, severity: info}}\n- {{signature: {ARP}, cluster: c1, off: true}}\n")
            shown = run("signatures", "show", ARP, "--overrides", file).out
            self.assertIn("Overridden", shown)
            self.assertIn("everywhere: severity info (not error)", shown)
            self.assertIn("in cluster c1: off", shown)
            [shown] = objects(run("signatures", "show", ARP, "--overrides", file, "-o", "json").out)
            self.assertEqual(shown["severity"], "INFO")
            self.assertEqual(len(shown["overridden"]), 2)
            [shown] = objects(run("signatures", "show", ARP, "-o", "json").out)
            self.assertEqual(shown["overridden"], [])

    def test_what_is_imported_can_be_used(self):
        rule = {"type": "temporary", "reason": "DiskFault", "pattern": "fault on \\w+ .*"}
        with tempfile.TemporaryDirectory() as directory:
            source = pathlib.Path(directory, "kernel.json")
            source.write_text(json.dumps({"plugin": "kmsg", "source": "k", "rules": [rule, {"type": "permanent"}]}))
            done = run("signatures", "import", "npd", source)
            self.ends(done, 0)
            self.assertIn("exact  DiskFault -> npd-k-disk-fault", done.err)
            self.assertIn("2 rules: 1 exact, 0 widened, 1 refused", done.err)
            imported = pathlib.Path(directory, "imported")
            imported.mkdir()
            (imported / "npd.yaml").write_text(done.out)
            self.ends(run("signatures", "lint", imported), 0)
            [found] = objects(run("match", "-o", "json", "--signatures", imported, stdin="fault on sda now\n").out)
            self.assertEqual(found["signature"], "npd-k-disk-fault")
            source.write_text(json.dumps({"cpu": {}}))
            done = run("signatures", "import", "npd", source)
            self.ends(done, 2)
            self.assertEqual(done.out, "")

    def test_lint_names_the_place(self):
        self.ends(run("signatures", "lint"), 0)
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "a.yaml").write_text("- id: x\n  mach: ['y']\n")
            done = run("signatures", "lint", directory)
            self.ends(done, 2)
            self.assertRegex(done.out, r"error: a\.yaml:\d+:\d+: ")
            self.ends(run("scan", "--signatures", directory, stdin="x\n"), 2)


class ClientTest(Base):
    def test_a_server_that_does_not_answer_is_named(self):
        with socket.socket() as held:  # bound, never listening: nobody else can take the port
            held.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{held.getsockname()[1]}"
            for arguments in [["incidents", "list"], ["incidents", "get", "abc"], ["incidents", "watch"],
                              ["nodes", "list"], ["nodes", "get", "n"]]:
                with self.subTest(arguments=arguments):
                    done = run(*arguments, "--server", address)
                    self.ends(done, 3)
                    self.assertEqual(done.out, "")
                    self.assertIn(f"no tocsin server answers at {address}", done.err)
                    self.assertEqual(done.err.count("\n"), 1, done.err)
            self.ends(run("nodes", "list", env={"TOCSIN_SERVER": address}), 3)


if __name__ == "__main__":
    unittest.main()
