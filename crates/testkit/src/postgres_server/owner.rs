//! What is done as the user whose the files of a server are.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Writes a file that only this user may read, below the cluster's directory.
pub(super) fn write(directory: &Path, name: &str, text: &str) {
    let mut command = Command::new(directory.join("as-owner"));
    command.args(["sh", "-c", "umask 077 && cat >\"$1\"", "sh"]).arg(directory.join(name));
    let mut writing = command.current_dir("/").stdin(Stdio::piped()).spawn().expect("the cluster's owner writes");
    writing.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("the owner reads all of it");
    assert!(writing.wait().is_ok_and(|status| status.success()), "{name} can't be written");
}
