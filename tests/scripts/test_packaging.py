"""What is packed says the same in all the places where it is said: versions, licences, units, settings."""

import configparser
import pathlib
import re
import sys
import tempfile
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from published import notices, sbom  # noqa: E402, beside the command

UNITS = sorted((ROOT / "packaging/systemd").glob("*.service"))
SERVICES = {"scrutin-vote": "vote", "scrutin-worker": "worker", "scrutin-result": "result"}


def text(path):
    return (ROOT / path).read_text()


def listed_settings():
    """The settings in the table of their page, and the programs of each row."""
    rows = re.findall(r"^\| (`[A-Z_`, ]+) \| ([a-z, ]+) \|", text("docs/settings.md"), re.M)
    return {key: programs for keys, programs in rows for key in re.findall(r"[A-Z_]+", keys)}


class Profile(unittest.TestCase):
    def test_programs_of_packages_with_settings_of_their_own_are_stripped_too(self):
        """Cargo does not give such a package the `strip` of the profile."""
        profile = tomllib.loads(text("Cargo.toml"))["profile"]["release"]
        programs = set()
        for manifest in [ROOT / "Cargo.toml", *ROOT.glob("*/Cargo.toml")]:
            source = manifest.parent / "src"
            if (source / "main.rs").exists() or (source / "bin").exists():
                programs.add(tomllib.loads(manifest.read_text())["package"]["name"])
        self.assertLessEqual({"scrutin", *SERVICES}, programs)
        for name in programs & set(profile["package"]):
            self.assertEqual(profile["package"][name].get("strip"), profile["strip"], name)


class Units(unittest.TestCase):
    def setUp(self):
        self.units = {}
        for path in UNITS:
            unit = configparser.RawConfigParser(strict=False)
            unit.optionxform = str
            unit.read_string(path.read_text())
            self.units[path.stem] = unit

    def test_there_is_one_for_each_program_that_serves(self):
        self.assertEqual(set(self.units), {"scrutin", *SERVICES})
        started = {name: unit["Service"]["ExecStart"] for name, unit in self.units.items()}
        services = {name: f"/opt/scrutin/bin/{program}" for name, program in SERVICES.items()}
        self.assertEqual(started, {"scrutin": "/usr/bin/scrutin", **services})

    def test_each_leads_to_the_documents_of_its_shape(self):
        read = {name: unit["Unit"]["Documentation"] for name, unit in self.units.items()}
        services = dict.fromkeys(SERVICES, "file:///opt/scrutin/docs")
        self.assertEqual(read, {"scrutin": "file:///usr/share/doc/scrutin", **services})

    def test_all_are_held_to_the_same_limits(self):
        limits = [re.search(r"^# The same in every unit.*?(?=^\[Install\])", path.read_text(), re.M | re.S)[0]
                  for path in UNITS]
        self.assertEqual(set(limits), {limits[0]})
        for unit in self.units.values():
            self.assertEqual(unit["Service"]["CapabilityBoundingSet"], "")
            self.assertEqual(unit["Service"]["ProtectSystem"], "strict")

    def test_each_has_time_to_stop_and_files_for_its_connections(self):
        default = int(re.search(r"`MAX_CONNECTIONS`.*?\| `(\d+)`", text("docs/settings.md"))[1])
        for name, unit in self.units.items():
            service = unit["Service"]
            self.assertEqual((service["KillSignal"], service["TimeoutStopSec"]), ("SIGTERM", "30s"), name)
            self.assertGreater(int(service["LimitNOFILE"]), default + 1000, name)

    def test_the_services_on_one_machine_have_ports_of_their_own(self):
        ports = {re.search(r"^Environment=ADMIN_ADDR=(.*)$", path.read_text(), re.M)[1]
                 for path in UNITS if path.stem in SERVICES}
        self.assertEqual(len(ports), 3)

    def test_the_files_of_settings_name_settings(self):
        known = listed_settings()
        for path, programs in [("scrutin.env", ["scrutin"]), ("services.env", ["vote", "result", "worker"])]:
            keys = re.findall(r"^#?([A-Z_]+)=", text(f"packaging/{path}"), re.M)
            self.assertGreater(len(keys), 4)
            for key in keys:
                self.assertTrue(any(program in known[key] or known[key] == "all" for program in programs), key)


class Versions(unittest.TestCase):
    def test_the_newest_heading_of_each_change_log_is_the_version(self):
        version = re.search(r'^version = "(.*)"', text("Cargo.toml"), re.M)[1]
        self.assertEqual(re.findall(r"^## \[(\d\S*)\]", text("CHANGELOG.md"), re.M)[0], version)
        self.assertTrue(text("packaging/debian/changelog").startswith(f"scrutin ({version}-1) "))


class Notices(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)

    def crate(self, name, licence, **files):
        folder = self.place / name
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_text(content)
        return notices.Crate(name, "1.0.0", licence, folder)

    def test_a_text_is_written_once_with_all_crates_that_have_it(self):
        crates = [self.crate("a", "MIT", LICENSE="Copyright\nA\n"), self.crate("b", "MIT", COPYING="Copyright A")]
        written = notices.written(notices.collected(crates, {}))
        self.assertIn("\na 1.0.0, b 1.0.0\nLICENSE\n\nCopyright\nA\n", written)
        self.assertEqual(written.count("Copyright"), 1)

    def test_all_texts_of_a_crate_are_written_and_no_source(self):
        files = {"LICENSE-MIT": "one", "license-apache.txt": "two", "NOTICE": "three", "license.rs": "four"}
        crate = self.crate("a", "MIT OR Apache-2.0", **files)
        self.assertEqual([text for _, text in notices.texts_of(crate, {})], ["one", "three", "two"])

    def test_a_crate_without_a_text_gets_that_of_its_licence_or_is_refused(self):
        ours = "MIT License\n\nCopyright (c) 2026 us\n\nPermission"
        usual = notices.usual_texts(ours, [self.crate("a", "MIT", **{"LICENSE-APACHE": "Apache License"})])
        self.assertIn("Copyright (c) the authors\n\nPermission", notices.texts_of(self.crate("b", "MIT"), usual)[0][1])
        self.assertEqual(notices.texts_of(self.crate("c", "X OR Apache-2.0"), usual)[0][1], "Apache License")
        with self.assertRaisesRegex(SystemExit, "d 1.0.0: Zlib"):
            notices.texts_of(self.crate("d", "Zlib"), usual)

    def test_crates_that_are_built_in_are_named_and_ours_are_not(self):
        def package(name):
            manifest = f"/{name}/Cargo.toml"
            return {"name": name, "version": "1", "license": "MIT", "manifest_path": manifest}

        ours, theirs = {"name": "scrutin-vote", "version": "1"}, {"name": "http", "version": "1", "hashes": []}
        bill = {"components": [ours, theirs]}
        metadata = {"packages": [package(name) for name in ["scrutin-vote", "http", "only-of-a-test"]]}
        self.assertEqual([crate.name for crate in notices.crates_of(bill, metadata)], ["http"])


class Materials(unittest.TestCase):
    def document(self, program, *crates):
        return {
            "bomFormat": "CycloneDX",
            "metadata": {"timestamp": "2026-11-29T00:00:00Z", "component": {"bom-ref": program, "name": program}},
            "components": [{"bom-ref": crate, "name": crate} for crate in crates],
            "dependencies": [{"ref": program, "dependsOn": list(crates)}, *({"ref": crate} for crate in crates)],
        }

    def test_the_release_has_the_programs_and_each_crate_once(self):
        merged = sbom.merged([self.document("vote", "b", "a"), self.document("worker", "a", "c")], "1.2.3")
        self.assertEqual(merged["metadata"]["component"]["version"], "1.2.3")
        self.assertEqual([each["name"] for each in merged["components"]], ["a", "b", "c", "vote", "worker"])
        needs = {each["ref"]: each["dependsOn"] for each in merged["dependencies"]}
        self.assertEqual(needs["scrutin-release"], ["vote", "worker"])
        self.assertEqual((needs["vote"], needs["a"]), (["a", "b"], []))

    def test_no_place_of_a_machine_is_left(self):
        text = '"path+file:///a/b#vote@1 bin-target-0" "pkg:cargo/vote@1?download_url=file:///a/b#src/main.rs"'
        self.assertEqual(sbom.without_places(text), '"vote@1 bin-target-0" "pkg:cargo/vote@1#src/main.rs"')


if __name__ == "__main__":
    unittest.main()
