"""scripts/check-text finds what it is there for: each rule is given a tree that breaks it, and one that does not."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from checks import documents, lines, names, packages  # noqa: E402, beside the command
from checks.tree import Tree  # noqa: E402

WIDE = "word " * 25


class Checks(unittest.TestCase):
    def faults(self, check, texts):
        return list(check(Tree(texts)))

    def assert_found(self, check, wrong, right):
        """Each of the wrong trees has one fault, which names its first file; the right one has none."""
        for texts in wrong:
            faults = self.faults(check, texts)
            self.assertEqual(len(faults), 1, (texts, faults))
            self.assertTrue(faults[0].startswith(next(iter(texts))), faults)
        self.assertEqual(self.faults(check, right), [])

    def test_a_wide_line_is_found_in_every_language(self):
        endings = ["rs", "py", "sh", "js", "css", "html", "toml", "yaml", "md", "sql", "lua", "c", "conf", "svg"]
        wrong = [{f"a.{ending}": f"short\n{WIDE}\n"} for ending in endings]
        right = {
            "a.rs": "x" * 120,
            "a.md": f"| {WIDE} |\nhttps://example.org/{'a' * 120}\n",
            "a.json": WIDE,
            "Dockerfile": f"ARG A_IMAGE={'a' * 60}@sha256:{'0' * 64}",
            "Cargo.lock": WIDE,
            "tests/data/0.1.0/dump.sql": WIDE,
        }
        self.assert_found(lines.too_wide, wrong, right)

    def test_a_wide_row_is_none_outside_of_markdown(self):
        self.assert_found(lines.too_wide, [{"a.rs": f"| {WIDE} |"}], {"a.md": f"| {WIDE} |"})

    def test_a_long_file_is_found_in_every_language(self):
        long = "x\n" * 401
        wrong = [{name: long} for name in ["a.rs", "a.py", "a.js", "a.css", "a.html", "a.lua", "a.sql", "a.sh", "a.c"]]
        wrong.append({"scripts/run": "#!/usr/bin/env bash\n" + long})
        right = {"a.rs": "x\n" * 400, "a.md": long, "a.json": long, "vote/tests/http.rs": long, "src/a/tests.rs": long}
        self.assert_found(lines.too_long, wrong, right)

    def test_what_was_left_undone_is_found(self):
        wrong = [{"a.rs": "// TO" "DO: later"}, {"a.py": "# FIX" "ME"}, {"b.rs": "to" "do!()"}]
        self.assert_found(lines.left_undone, wrong, {"a.rs": "fn todos() {}"})

    def test_a_path_of_somebodys_machine_is_found(self):
        wrong = [{"a.md": "see /ho" "me/ada/notes"}, {"a.py": "open('/ro" "ot/x')"}]
        self.assert_found(lines.own_path, wrong, {"a.rs": "/homes/ada"})

    def test_a_type_name_that_is_used_twice_is_found(self):
        other = {"b.rs": "    pub(crate) enum Answer {"}
        faults = self.faults(names.repeated_types, {"a.rs": "pub struct Answer {"} | other)
        self.assertEqual([fault.split(":")[0] for fault in faults], ["Answer", "Answer"])
        for right in ["struct Answer {", "pub struct Answers;", "// pub struct Answer", "pub fn answer() {}"]:
            self.assertEqual(self.faults(names.repeated_types, {"a.rs": right} | other), [], right)
        conventional = {"a.rs": "pub struct Settings {", "b.rs": "pub struct Settings {"}
        self.assertEqual(self.faults(names.repeated_types, conventional), [])
        self.assertEqual(self.faults(names.repeated_types, {"a/tests/b.rs": "pub struct Answer;"} | other), [])

    def test_a_long_name_of_a_test_is_found(self):
        long = "x" * 71
        wrong = [
            {"a.rs": f"#[test]\nfn {long}() {{"},
            {"a.rs": f"    #[tokio::test(flavor = \"multi_thread\")]\n    #[ignore]\n    async fn {long}() {{"},
        ]
        self.assert_found(names.long_test_names, wrong, {"a.rs": f"#[test]\nfn {long[1:]}() {{}}\nfn {long}() {{"})

    def test_a_file_that_a_document_names_must_be_there(self):
        there = {"vote/src/app.rs": "", "docs/b.md": "# Limits, and more\n"}
        wrong = [
            {"README.md": "`vote/src/gone.rs`"} | there,
            {"README.md": "[the page](docs/gone.md)"} | there,
            {"README.md": "[the page](docs/b.md#gone)"} | there,
            {"docs/a.md": "[the page](gone.md)"} | there,
        ]
        text = "`vote/src/app.rs`, `vote/src`, `docs/`, [b](docs/b.md#limits-and-more), [x](https://example.org/x)"
        self.assert_found(documents.missing_paths, wrong, {"README.md": text} | there)

    def test_the_page_on_accessibility_has_all_criteria_and_names_tests_that_there_are(self):
        rows = [f"| 1.{number}.1 A name | supported | `a_test_that_is` |" for number in range(documents.CRITERIA)]
        page = lambda rows: "\n".join(["| criterion | state | by |", "|---|---|---|", *rows])
        code = {"a.rs": "async fn a_test_that_is() {"}
        wrong = [
            {documents.EVIDENCE: page(rows)},
            {documents.EVIDENCE: page(rows[1:])} | code,
            {documents.EVIDENCE: page(rows[1:] + rows[-1:])} | code,
        ]
        self.assert_found(documents.evidence, wrong, {documents.EVIDENCE: page(rows)} | code)

    def test_names_of_lines_of_the_log_are_those_of_the_table(self):
        page = "| line | of |\n|---|---|\n| `log.away`, `log.back` | worker |\n"
        lines = 'warn!(event = "log.away", "gone"); info!(event = "log.back", "it is back")'
        right = {"docs/operations.md": page, "a.rs": lines}
        wrong = [
            {"docs/operations.md": page, "a.rs": lines + 'warn!(event = "log.full", "no room")'},
            {"docs/operations.md": page, "a.rs": 'warn!(event = "log.away", "gone")'},
            {"a.rs": lines + 'warn!("log.back: it is back")', "docs/operations.md": page},
        ]
        self.assert_found(documents.events, wrong, right)

    def test_a_metric_that_no_program_has_is_found(self):
        listed = {"a/metric_list.rs": '"scrutin_log_lag" Gauge "s"\n"scrutin_log_seconds" Histogram "s"'}
        wrong = [{"k8s/alerts.yaml": expression} | listed for expression in [
            "max(scrutin_log_gone) > 1", "rate(scrutin_log_seconds[1m])", "rate(scrutin_log_lag_bucket[1m])",
        ]]
        wrong.append({"docs/a.md": "`scrutin_log_gone`"} | listed)
        right = {"k8s/alerts.yaml": "max(scrutin_log_lag) > sum(scrutin_log_seconds_bucket)"} | listed
        self.assert_found(documents.metrics, wrong, right)

    def test_records_of_decisions_are_those_of_the_table(self):
        page = "| decision | what |\n|---|---|\n| [1](adr/0001-a.md) | A first choice |\n"
        right = {"docs/architecture.md": page, "docs/adr/0001-a.md": "# 1. A first choice\n"}
        wrong = [
            {"docs/architecture.md": page, "docs/adr/0001-a.md": "# 1. Another choice\n"},
            {"docs/architecture.md": page},
            right | {"docs/adr/0002-b.md": "# 2. A second choice\n"},
        ]
        self.assert_found(documents.decisions, wrong, right)

    def test_a_dependency_that_nothing_uses_is_found(self):
        manifest = '[package]\nname = "x"\n[dependencies]\na-b.workspace = true\n'
        workspace = {"Cargo.toml": '[workspace.dependencies]\na-b = "1"\nserde = "1"\n'}
        package = {"x/Cargo.toml": manifest + '[dev-dependencies]\nserde.workspace = true\n'}
        right = package | workspace | {"x/src/lib.rs": "use a_b::c;", "x/tests/t.rs": "serde::to_string()"}
        wrong = [
            right | {"x/src/lib.rs": "// use a_b::c;"},
            right | {"x/src/lib.rs": "", "x/tests/t.rs": "a_b::c(); serde::to_string()"},
            right | {"x/tests/t.rs": ""},
            {"Cargo.toml": workspace["Cargo.toml"] + 'axum = "1"\n'} | package | {
                path: text for path, text in right.items() if path.endswith(".rs")
            },
        ]
        self.assert_found(packages.unused_dependencies, wrong, right)

    def test_the_table_of_packages_says_what_each_knows(self):
        page = "| place | what | knows |\n|---|---|---|\n| `crates/a` | x | nothing |\n| `b` | x | `a` |\n"
        right = {
            "docs/architecture.md": page,
            "crates/a/Cargo.toml": '[package]\n[dependencies]\nserde = "1"\n',
            "b/Cargo.toml": '[package]\n[dependencies]\na.workspace = true\n[dev-dependencies]\nb = "1"\n',
        }
        wrong = [
            right | {"docs/architecture.md": page.replace("`a` |", "nothing |")},
            right | {"docs/architecture.md": page + "| `crates/c` | x | nothing |\n"},
            right | {"docs/architecture.md": page.replace("| `crates/a` | x | nothing |\n", "")},
            right | {"crates/a/Cargo.toml": '[package]\n[dependencies]\nb = "1"\n'},
        ]
        self.assert_found(packages.known_packages, wrong, right)

    def test_an_adapter_that_a_service_names_beside_main_is_found(self):
        use = "use log_redis::RedisLog;"
        right = {"vote/src/app.rs": "// log_redis", "vote/src/main.rs": f"mod watch;\n{use}", "vote/src/watch.rs": use}
        self.assert_found(packages.adapters_beyond_main, [{"vote/src/app.rs": use}], right)


class Command(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        subprocess.run(["git", "init", "-q", self.root], check=True)

    def check(self):
        command = [sys.executable, ROOT / "scripts/check-text", self.root]
        return subprocess.run(command, stderr=subprocess.PIPE, text=True)

    def test_a_fault_is_named_and_ends_with_1(self):
        (self.root / "a.py").write_text(WIDE)
        said = self.check()
        self.assertEqual(said.returncode, 1)
        self.assertIn("a.py:1: 125 columns", said.stderr)

    def test_this_repository_has_none(self):
        said = subprocess.run([sys.executable, ROOT / "scripts/check-text"], stderr=subprocess.PIPE, text=True)
        self.assertEqual((said.returncode, said.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
