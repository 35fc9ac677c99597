//! The data directory: the ledger's file, and the two secrets that the all-in-one makes for itself.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, ensure};
use listener::reach;
use nix::unistd::{AccessFlags, access, geteuid};

/// A secret file is a line of text; a larger one is somebody's mistake.
const MAX_SECRET_FILE_BYTES: u64 = 4096;

/// The directory, which exists.
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// Opens the directory, and makes it where it is not there, readable by its owner only. The error is one line.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| anyhow!("DATA_DIR: {} can't be made: {error}", path.display()))?;
        access(path, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|error| {
            let user = geteuid();
            // Whoever mounted it sees another path.
            let cure = if reach::in_container() { format!("; outside: chown {user} DIRECTORY") } else { String::new() };
            anyhow!("DATA_DIR: user {user} can't write to {}: {}{cure}", path.display(), error.desc())
        })?;
        Ok(Self(path.to_owned()))
    }

    /// The ledger's file.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("scrutin.db")
    }

    /// The text kept in `name`; on the first start `make` makes it. The file is readable by its owner only.
    pub(crate) fn secret(&self, name: &str, make: impl FnOnce() -> String) -> Result<String> {
        let path = self.0.join(name);
        let shown = path.display().to_string();
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                let text = make();
                writeln!(file, "{text}").and_then(|()| file.sync_all()).with_context(|| shown.clone())?;
                // The name as well: a secret that is gone after a power cut would make every voter a new one.
                File::open(&self.0).and_then(|directory| directory.sync_all()).with_context(|| shown)?;
                Ok(text)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).with_context(|| shown.clone())?;
                let mut text = String::new();
                let file = File::open(&path).with_context(|| shown.clone())?;
                file.take(MAX_SECRET_FILE_BYTES).read_to_string(&mut text).with_context(|| shown.clone())?;
                let text = text.trim();
                ensure!(!text.is_empty(), "{shown} is empty; remove it to have a new one made");
                Ok(text.to_owned())
            }
            Err(error) => Err(error).with_context(|| shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDir::open(&directory.path().join("a/b")).unwrap();
        assert_eq!(data.secret("token", || "first".into()).unwrap(), "first");
        assert_eq!(data.secret("token", || unreachable!("it is there")).unwrap(), "first");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory.path().join("a/b/token")), 0o600);
        assert_eq!(mode(&directory.path().join("a/b")), 0o700);
    }

    #[test]
    fn an_empty_secret_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("token"), "\n").unwrap();
        let error = DataDir::open(directory.path()).unwrap().secret("token", String::new).unwrap_err();
        assert!(error.to_string().contains("is empty"), "{error}");
    }
}
