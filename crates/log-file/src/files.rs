//! Where a log is read from and written to.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

const STANDARD: &str = "-";

/// The file at this path, or standard input for `-`.
pub fn input(file: &Path) -> io::Result<Box<dyn BufRead>> {
    if file == Path::new(STANDARD) {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(file)?)))
}

/// A new file for its owner only, since it says what each pseudonym chose; or standard output for `-`.
pub fn output(file: &Path) -> io::Result<Box<dyn Write + Send>> {
    if file == Path::new(STANDARD) {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    Ok(Box::new(BufWriter::new(opened)))
}
