//! A clone made with the settings of another system is as good as one made here.

use std::{path::Path, process::Command};

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").current_dir(directory).args(arguments).output().expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("paths of text")
}

/// `core.autocrlf=true` is what Git for Windows proposes. The scripts run inside Linux containers all the same.
#[test]
fn a_clone_made_as_on_windows_has_no_carriage_returns() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tempfile::tempdir().expect("a directory");
    let clone = directory.path().join("clone");
    let path = clone.to_str().expect("a path of text");
    git(sources, &["clone", "--quiet", "--no-hardlinks", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", ".", path]);

    // One line for each file: its line ends in the index (`i/`) and in the work tree (`w/`).
    let line_ends = git(&clone, &["ls-files", "--eol"]);
    let text_files = line_ends.lines().filter(|line| line.contains("w/lf")).count();
    assert!(text_files > 300, "only {text_files} text files:\n{line_ends}");
    for line in line_ends.lines() {
        assert!(!line.contains("w/crlf") && !line.contains("w/mixed"), "{line}");
    }
}
