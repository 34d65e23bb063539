#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a program can check, over every file of the tree.

Each rule is a function (path, text) -> complaints, so that RulesBite can show it a file that breaks it.
"""

import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Who may include whom: the arrows of ARCHITECTURE.md. A room always sees itself. What proto/ generates is
# two rooms: "state" are the messages that are stored and travel as rows, "proto" is the public contract.
MIDDLE = {"base", "state", "proto"}
ARROWS = {
    "base": {"state"},
    "proto": {"state"},
    "ingest": MIDDLE,
    "matcher": MIDDLE,
    "correlate": MIDDLE,
    "store": MIDDLE,
    "api": MIDDLE | {"store", "correlate", "matcher"},
    "pipeline": MIDDLE | {"ingest", "matcher", "correlate", "store", "api"},
    "cli": MIDDLE | {"ingest", "matcher", "correlate", "store", "api", "pipeline"},
}
OUTSIDE = {"simdjson.h", "hs.h", "httplib.h", "zstd.h"}  # Libraries whose header has no directory.
EVERYWHERE = {"tests", "bench", ""}  # "" is the root itself: main.cc

LINES_MAX = 600
LINES_LOOK_AGAIN = 400

# What would tell where the author sat, put together here so that this file does not break its own rule.
WORKPLACE = re.compile(r"(?<![\w.-])/" + r"work/|(?:^|[\s\"'`(])(?:\.\./)*sha" + r"red/", re.MULTILINE)


def room(path):
    head, slash, _ = path.partition("/")
    return head if slash else ""


def is_cpp(path):
    return path.endswith((".cc", ".h"))


def is_script(text):
    return text.startswith("#!")


def check_arrows(path, text):
    here = room(path)
    if not is_cpp(path) or here in EVERYWHERE:
        return
    allowed = ARROWS.get(here)
    if allowed is None:
        yield f"the room {here}/ is not in the table of arrows in tests/tidy/tidy_test.py"
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        if not found:
            continue
        target = room(found[1])
        if target == "tocsin":
            target = "state" if found[1].startswith("tocsin/state/") else "proto"
        if line.rstrip().endswith('"') and target == "" and found[1] not in OUTSIDE:
            yield f"line {number}: includes start at the root of the tree, not at {found[1]}"
        if target in ARROWS.keys() | {"state", "tests", "bench"} and target != here and target not in allowed:
            yield f"line {number}: {here}/ must not include {found[1]}"


def check_licence(path, text):
    source = path.endswith((".cc", ".h", ".proto", ".py", ".sh", ".cmake", "CMakeLists.txt"))
    if (source or is_script(text)) and not any(
            "SPDX-License-Identifier: Apache-2.0" in line for line in text.splitlines()[:2]):
        yield "no SPDX line in the first two lines"


def check_pragma_once(path, text):
    if path.endswith(".h") and "#pragma once" not in text.splitlines():
        yield "a header without #pragma once"


def check_length(path, text):
    length = text.count("\n")
    if (is_cpp(path) or path.endswith(".py") or is_script(text)) and length > LINES_MAX:
        yield f"{length} lines, at most {LINES_MAX}"


def check_console(path, text):
    if not is_cpp(path) or room(path) in EVERYWHERE | {"cli"}:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"std::cout\b|(?<![\w:])printf\(|std::printf\(", line.split("//")[0]):
            yield f"line {number}: a library does not write to standard output"


def check_workplace(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        found = WORKPLACE.search(line)
        if found:
            yield f"line {number}: {found[0].strip()!r} exists on one machine only"


def check_shell(path, text):
    if re.match(r"#!.*\b(ba)?sh\b", text):
        done = subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True)
        if done.returncode != 0:
            yield f"not valid bash: {done.stderr.decode()}"


RULES = [check_arrows, check_licence, check_pragma_once, check_length, check_console, check_workplace,
         check_shell]


def tree():
    """{path: text} of every text file under version control, or of every file when there is no git."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
            capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        names = [str(path) for path in paths
                 if path.parts[0] not in ("build", ".git") and "__pycache__" not in path.parts]
    files = {}
    for name in names:
        try:
            if name:
                files[name] = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            pass  # Binary samples; a file deleted and not yet committed.
    return files


class TidyTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.files = tree()

    def test_every_file_keeps_the_rules(self):
        broken = [f"{path}: {complaint}" for path, text in sorted(self.files.items())
                  for rule in RULES for complaint in rule(path, text)]
        long = [f"{path}: {text.count(chr(10))}" for path, text in sorted(self.files.items())
                if is_cpp(path) and text.count("\n") > LINES_LOOK_AGAIN]
        if broken:
            hint = f"\n\nOver {LINES_LOOK_AGAIN} lines, look again:\n" + "\n".join(long) if long else ""
            self.fail("\n".join(broken) + hint)

    def test_every_directory_has_a_readme_that_the_root_readme_names(self):
        front = self.files.get("README.md", "")
        broken = []
        for name in sorted({room(path) for path in self.files} - {""}):
            if name.startswith("."):
                continue
            if f"{name}/README.md" not in self.files:
                broken.append(f"{name}/ has no README.md")
            if not re.search(rf"(?<![\w/-]){re.escape(name)}/", front):
                broken.append(f"README.md does not name {name}/")
        self.assertEqual(broken, [])


class RulesBite(unittest.TestCase):
    """A rule that no file can break is no rule."""

    def test_each_rule_complains_about_a_file_that_breaks_it(self):
        workplace = "see /" + "work/x"
        for rule, path, text in [
                (check_arrows, "base/a.h", '#include "store/b.h"\n'),
                (check_arrows, "ingest/a.cc", '#include "matcher/b.h"\n'),
                (check_arrows, "base/a.cc", '#include "tocsin/v1/incident.pb.h"\n'),
                (check_arrows, "api/a.cc", "#include <cli/b.h>\n"),
                (check_arrows, "store/a.cc", '#include "tests/base/b.h"\n'),
                (check_arrows, "store/a.cc", '#include "keys.h"\n'),
                (check_arrows, "attic/a.cc", ""),
                (check_licence, "base/a.h", "#pragma once\n"),
                (check_licence, "tool", "#!/bin/sh\n"),
                (check_pragma_once, "base/a.h", "// #pragma once\n"),
                (check_length, "base/a.cc", "\n" * (LINES_MAX + 1)),
                (check_console, "store/a.cc", "  std::cout << 1;\n"),
                (check_console, "store/a.cc", '  printf("%d", 1);\n'),
                (check_workplace, "docs/a.md", workplace),
                (check_workplace, "docs/a.md", "../sha" + "red/x"),
                (check_shell, "tool", "#!/usr/bin/env bash\nif\n")]:
            with self.subTest(rule=rule.__name__, path=path, text=text):
                self.assertTrue(list(rule(path, text)))

    def test_each_rule_leaves_a_good_file_alone(self):
        good = {
            "store/a.h": "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n#include <map>\n"
                         '#include "absl/status/status.h"\n#include "base/b.h"\n#include "store/c.h"\n'
                         '#include "tocsin/state/v1/state.pb.h"\n// never std::cout\n',
            "cli/a.cc": "// SPDX-License-Identifier: Apache-2.0\nstd::cout << std::snprintf(b, 1, f);\n",
            "signatures/a.yaml": "lowerdir=/var/lib/snapshots/12/work/x, ld: lib.so: shared object\n",
            "tool": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\ntrue\n"}
        for path, text in good.items():
            for rule in RULES:
                with self.subTest(rule=rule.__name__, path=path):
                    self.assertEqual(list(rule(path, text)), [])


if __name__ == "__main__":
    unittest.main()
