//! What `--version` says: the release, and the commit where the build was told it.

/// The text after the program's name: `0.2.0 (1a2b3c4d5e6f)`, or `0.2.0`.
///
/// Programs call it with `option_env!("SCRUTIN_COMMIT")`. The variable is read there, so that another commit builds
/// only the programs again, and no library. It is set where what is built is exactly a commit: `scripts/release`, and
/// the images. Empty counts as not set, as for an argument of a build without a value.
pub fn version(commit: Option<&str>) -> &'static str {
    const NUMBER: &str = env!("CARGO_PKG_VERSION");
    match commit {
        None | Some("") => NUMBER,
        // clap takes static texts; this leaks some bytes each time that a command is made, which is at the start.
        Some(commit) => format!("{NUMBER} ({commit})").leak(),
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_commit_is_named_where_it_is_known() {
        let number = env!("CARGO_PKG_VERSION");
        assert_eq!([version(None), version(Some(""))], [number; 2]);
        assert_eq!(version(Some("1a2b3c4d5e6f")), format!("{number} (1a2b3c4d5e6f)"));
    }
}
