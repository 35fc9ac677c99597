//! Which instance answers.

/// The name of this machine or container, as shown in the pages' footer.
pub fn instance() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}
