#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The documentation, held against the tree and against what the program prints now.

A block of Markdown that follows the line `<!-- run -->` is a transcript: each line that begins with "$ " is run by bash in
the root of the tree, with `tocsin` being TOCSIN_BINARY, and what it prints (both streams) must be what stands below it.
`docs_test.py --update` writes what is printed now into the transcripts instead.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRANSCRIPT = re.compile(r"(<!-- run -->\n```console\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def markdown():
    """Every Markdown file of the tree that is not something built."""
    try:
        names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"],
                               cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
        paths = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in ROOT.rglob("*.md") if path.relative_to(ROOT).parts[0] not in ("build", ".git")]
    return sorted(path for path in paths if path.is_file())


# --- transcripts --------------------------------------------------------------------------------------

def run_transcript(text, tocsin_directory):
    """The transcript as it would be printed now."""
    out = []
    environment = {
        "PATH": f"{tocsin_directory}:{os.environ['PATH']}", "HOME": str(tocsin_directory), "LC_ALL": "C.UTF-8", "TZ": "UTC",
        "TOCSIN_SIGNATURES": str(ROOT / "signatures"),
        # The leak checker needs ptrace, which a container may forbid; it has nothing to say about documents.
        "ASAN_OPTIONS": "detect_leaks=0"}
    for line in text.splitlines():
        if not line.startswith("$ "):
            continue
        done = subprocess.run(["bash", "-c", line[2:]], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=120)
        # Each stream is in order; how they mix is a matter of buffers.
        printed = (done.stdout + done.stderr).decode()
        out.append(line + "\n" + "".join(part.rstrip() + "\n" for part in printed.splitlines()))
    return "".join(out)


def with_tocsin(action):
    with tempfile.TemporaryDirectory(prefix="tocsin-docs-") as directory:
        os.symlink(pathlib.Path(os.environ["TOCSIN_BINARY"]).resolve(), pathlib.Path(directory) / "tocsin")
        return action(directory)


def update():
    def rewrite(directory):
        for path in markdown():
            text = path.read_text()
            new = TRANSCRIPT.sub(lambda found: found[1] + run_transcript(found[2], directory) + found[3], text)
            if new != text:
                path.write_text(new)
                print(f"updated {path.relative_to(ROOT)}", file=sys.stderr)
    with_tocsin(rewrite)


# --- links and names ----------------------------------------------------------------------------------

def anchors(text):
    """What GitHub makes of the headings."""
    names = set()
    for heading in re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        names.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return names


def broken_links(path, text):
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", BLOCK.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file) if file else path
        if not there.exists():
            yield f"{target} does not exist"
        elif anchor and (there.suffix != ".md" or anchor not in anchors(there.read_text())):
            yield f"{target} has no such heading"


def named_files(text):
    """Paths in backticks: a directory, a slash, and a name with an extension. Without git's idea of the tree."""
    return set(re.findall(r"`([\w.-]+(?:/[\w.-]+)+\.(?:cc|h|py|proto|yaml|md|txt))`", text))


# --- Fluent Bit ---------------------------------------------------------------------------------------

SECTIONS = {"SERVICE", "INPUT", "FILTER", "OUTPUT"}
KEYS = {  # plugin -> keys that may stand in it, in lower case
    "SERVICE": "flush parsers_file storage.path",
    "kmsg": "name tag",
    "systemd": "name tag path systemd_filter read_from_tail db",
    "tail": "name tag path exclude_path multiline.parser db mem_buf_limit skip_long_lines",
    "kubernetes_events": "name tag kube_url db",
    "kubernetes": "name match merge_log labels annotations",
    "modify": "name match set",
    "kafka": "name match brokers topics format retry_limit rdkafka.compression.codec",
}


def parse_fluent_bit(text):
    """[(section, [(key, value)])] of Fluent Bit's classic format; ValueError for anything else."""
    sections = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := re.fullmatch(r"\[(\w+)\]", line):
            sections.append((found[1], []))
        elif (found := re.fullmatch(r" {4}(\S+) +(\S.*)", line)) and sections:
            sections[-1][1].append((found[1], found[2]))
        else:
            raise ValueError(f"line {number}: {line!r} is neither a section nor an indented key and value")
    return sections


def complaints_about_fluent_bit(text):
    try:
        sections = parse_fluent_bit(text)
    except ValueError as error:
        yield str(error)
        return
    tags = [value for section, pairs in sections for key, value in pairs if section == "INPUT" and key == "Tag"]
    for section, pairs in sections:
        if section not in SECTIONS:
            yield f"there is no section [{section}]"
            continue
        lower = {key.lower(): value for key, value in pairs}
        plugin = "SERVICE" if section == "SERVICE" else lower.get("name", "")
        if plugin not in KEYS:
            yield f"[{section}] {plugin!r} is not a plugin that these files use"
            continue
        for key in lower.keys() - set(KEYS[plugin].split()):
            yield f"{plugin} has no key {key!r}, or the table in docs_test.py does not know it"
        if section in ("FILTER", "OUTPUT"):
            pattern = re.escape(lower.get("match", "")).replace(r"\*", ".*")
            if not any(re.fullmatch(pattern, tag.replace("*", "x")) for tag in tags):
                yield f"{plugin} matches {lower.get('match')!r}, which no input's tag is"


def kmsg_without_node(text):
    """kmsg records name no node: a configuration that reads them must add one."""
    sections = parse_fluent_bit(text)
    reads = any(("Name", "kmsg") in pairs for _, pairs in sections)
    adds = any(("Name", "modify") in pairs and ("Match", "host.kmsg") in pairs and ("Set", "node ${NODE_NAME}") in pairs
               for _, pairs in sections)
    return reads and not adds


class DocsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.files = {path: path.read_text() for path in markdown()}

    @unittest.skipUnless("TOCSIN_BINARY" in os.environ, "TOCSIN_BINARY names no program")
    def test_transcripts_are_what_the_program_prints(self):
        count = 0

        def compare(directory):
            nonlocal count
            for path, text in self.files.items():
                for found in TRANSCRIPT.finditer(text):
                    count += 1
                    with self.subTest(file=str(path.relative_to(ROOT)), command=found[2].splitlines()[0]):
                        now = run_transcript(found[2], directory)
                        self.assertGreater(found[2].count("\n"), 1, "an empty transcript; write it with --update")
                        self.assertEqual(found[2], now, "if this is how it should be: docs_test.py --update")
        with_tocsin(compare)
        self.assertGreaterEqual(count, 3)

    @unittest.skipUnless("TOCSIN_BINARY" in os.environ, "TOCSIN_BINARY names no program")
    def test_what_the_readme_says_is_missing_is_missing(self):
        missing = (ROOT / "README.md").read_text().partition("## What it does not do yet")[2].partition("\n## ")[0]
        for said, command, word in [
                ("`signatures coverage`", "signatures", "coverage"),
                ("silences", "", "silences"), ("Acknowledge", "incidents", " ack "),
                ("tokens", "incidents list", "--token")]:
            with self.subTest(said):
                shown = subprocess.run([os.environ["TOCSIN_BINARY"], *command.split(), "--help"], capture_output=True,
                                       check=True, stdin=subprocess.DEVNULL, timeout=120).stdout.decode()
                self.assertIn("Usage: tocsin", shown)
                self.assertEqual(said in missing, word not in shown,
                                 f"README.md, 'not yet': {said!r}; tocsin {command} --help: {word!r}")

    def test_shell_blocks_are_valid_bash(self):
        for path, text in self.files.items():
            for language, body in BLOCK.findall(text):
                if language == "sh":
                    done = subprocess.run(["bash", "-n"], input=body.encode(), capture_output=True)
                    self.assertEqual(done.returncode, 0, f"{path}: {done.stderr.decode()}\n{body}")
                elif language == "python":
                    compile(body, str(path), "exec")

    def test_relative_links_lead_somewhere(self):
        broken = [f"{path.relative_to(ROOT)}: {complaint}" for path, text in self.files.items()
                  for complaint in broken_links(path, text)]
        self.assertEqual(broken, [])

    def test_files_named_in_the_architecture_exist(self):
        names = named_files((ROOT / "ARCHITECTURE.md").read_text())
        self.assertGreater(len(names), 15)
        self.assertEqual([name for name in sorted(names) if not (ROOT / name).exists()], [])

    def test_every_decision_is_in_the_index_and_has_a_price(self):
        index = (ROOT / "docs/adr/README.md").read_text()
        for path in sorted((ROOT / "docs/adr").glob("[0-9]*.md")):
            text = path.read_text()
            with self.subTest(path.name):
                self.assertIn(f"({path.name})", index)
                self.assertRegex(text, r"\A# \d{4}\. .*\n\nDate: \d{4}-\d\d-\d\d\. Status: ")
                self.assertEqual(re.findall(r"^## (.*)$", text, re.MULTILINE), ["Context", "Decision", "Consequences"])

    def test_fluent_bit_configurations_parse(self):
        texts = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "deploy/fluent-bit").glob("*.conf")}
        for number, (language, body) in enumerate(BLOCK.findall((ROOT / "README.md").read_text())):
            if language == "ini":
                texts[f"README.md, block {number}"] = body
        self.assertGreaterEqual(len(texts), 4)
        for name, text in texts.items():
            with self.subTest(name):
                self.assertEqual(list(complaints_about_fluent_bit(text)), [])
                self.assertFalse(kmsg_without_node(text))


class ChecksBite(unittest.TestCase):
    """A check that nothing can fail is no check."""

    def test_links(self):
        here = ROOT / "README.md"
        self.assertEqual(list(broken_links(here, "[a](LICENSE) [b](https://x.example/y) [c](#licence)")), [])
        for bad in ["[a](no-such-file.md)", "[a](#nowhere)", "[a](docs/README.md#nowhere)"]:
            self.assertTrue(list(broken_links(here, bad)), bad)

    def test_fluent_bit(self):
        good = "# c\n[INPUT]\n    Name  kmsg\n    Tag   host.kmsg\n[FILTER]\n    Name  modify\n    Match host.*\n    Set   a b\n"
        self.assertEqual(list(complaints_about_fluent_bit(good)), [])
        self.assertTrue(kmsg_without_node(good))
        for old, new in [("    Name  kmsg", "  Name kmsg"), ("[INPUT]", "[INPUTS]"), ("kmsg\n", "kmsgs\n"),
                         ("Tag ", "Tags"), ("host.*", "kube.*"), ("# c", "Name kmsg"), ("Set   a b", "Set")]:
            self.assertTrue(list(complaints_about_fluent_bit(good.replace(old, new, 1))), new)

    @unittest.skipUnless("TOCSIN_BINARY" in os.environ, "TOCSIN_BINARY names no program")
    def test_transcripts(self):
        shown = with_tocsin(lambda directory: run_transcript("$ tocsin --version\nwhatever\n$ printf 'a \\nb'\n", directory))
        self.assertRegex(shown, r"\A\$ tocsin --version\ntocsin \d+\.\d+\.\d+\n\$ printf 'a \\nb'\na\nb\n\Z")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    else:
        unittest.main()
