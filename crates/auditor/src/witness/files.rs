//! The files of a witness. A file is there whole or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::news::WitnessError;

/// How the name of a file ends that is being written.
const UNFINISHED: &str = ".new";

/// A directory of files.
#[derive(Clone, Debug)]
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Where a file is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A part of them.
    pub(super) fn below(&self, name: &str) -> Self {
        Self(self.path(name))
    }

    /// A file's bytes, if it is there.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, WitnessError> {
        match fs::read(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|error| WitnessError::File(self.path(name), error)),
        }
    }

    /// A file's text, if it is there.
    pub(super) fn read_text(&self, name: &str) -> Result<Option<String>, WitnessError> {
        let text = self.read(name)?.map(String::from_utf8).transpose();
        text.map_err(|_| WitnessError::Damaged(self.path(name)))
    }

    /// The names in a directory, in their order; none if it is not there. Files that were left unfinished are passed
    /// over, and so is what has a name that no file of a witness has.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, WitnessError> {
        let failed = |error| WitnessError::File(self.path(name), error);
        let entries = match fs::read_dir(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            // A file beside the directories of trees, such as the list of them.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let names: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.file_name().into_string().ok())).collect();
        let mut names: Vec<_> = names.map_err(failed)?.into_iter().flatten().collect();
        names.retain(|name| !name.ends_with(UNFINISHED));
        names.sort();
        Ok(names)
    }

    /// Writes a file in the place of one that may be there.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, WitnessError> {
        let path = self.path(name);
        let written = || {
            let directory = path.parent().expect("a file is in a directory");
            fs::create_dir_all(directory)?;
            let unfinished = path.with_added_extension(&UNFINISHED[1..]);
            fs::write(&unfinished, bytes)?;
            fs::File::open(&unfinished)?.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        written().map_err(|error| WitnessError::File(path.clone(), error))?;
        Ok(path)
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path(name)); // what stays is written over
    }
}
