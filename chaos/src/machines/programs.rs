//! The programs of other projects that the machines run: where they are, and who runs them.

use std::path::{Path, PathBuf};

use crate::command::run;

/// Valkey and PostgreSQL.
pub(crate) struct Programs {
    pub(crate) valkey: PathBuf,
    /// The directory of PostgreSQL's programs.
    pub(crate) postgres: PathBuf,
    /// The user and the group that run PostgreSQL, which refuses to run as root.
    pub(crate) owner: (String, String),
}

impl Programs {
    /// Those at these paths. PostgreSQL's user is `postgres`, or `nobody` where there is none.
    pub(crate) async fn find(valkey: &Path, postgres: &Path) -> anyhow::Result<Self> {
        let user = if run("id", &["postgres"]).await.is_ok() { "postgres" } else { "nobody" };
        let group = run("id", &["-g", user]).await?.trim().to_owned();
        let owner = (user.to_owned(), group);
        Ok(Self { valkey: valkey.to_owned(), postgres: postgres.to_owned(), owner })
    }
}
