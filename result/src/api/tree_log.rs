//! The trees of a poll's ballots, which anybody can mirror: their list, checkpoints and tiles (C2SP tlog-tiles).

use std::sync::Arc;

use attest::TilePath;
use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use domain::{HeldTree, Partition, PollId, TreeKey};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::note_answer::{Keep, answer, note, unavailable},
    app::App,
    described_problems::TreeProblems,
    poll_parameter::PollParameter,
    refusal::ResultRefusal,
};

/// The trees of a poll.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreeList {
    /// The poll's id.
    #[schema(example = "main")]
    poll: String,
    /// All that are held, also those of earlier rounds and generations.
    trees: Vec<ListedTree>,
}

/// A tree of ballots.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedTree {
    /// The origin of its checkpoints.
    #[schema(example = "scrutin/0a1b2c/main/1/0/0")]
    origin: String,
    /// Of which round.
    round: u32,
    /// Of which partition.
    partition: u16,
    /// How many partitions the installation had.
    partitions: u16,
    /// 0, or the moment of the loss after which the tree began anew, in milliseconds since 1970.
    generation: u64,
    /// How many leaves are in whole blocks.
    size: u64,
    /// Its folder, as a path below this host's address: `checkpoint` and `tile/…` are in it.
    #[schema(example = "/api/polls/main/log/1/0/0")]
    address: String,
}

impl ListedTree {
    fn of(tree: &HeldTree) -> Self {
        let id = &tree.id;
        Self {
            origin: id.origin(),
            round: id.round,
            partition: id.partition,
            partitions: id.partitions,
            generation: id.generation,
            size: tree.size,
            address: format!("/api/polls/{}/log/{}/{}/{}", id.poll, id.round, id.partition, id.generation),
        }
    }
}

/// All trees of a poll's ballots, of which only blinded leaves are public.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/log",
    tag = "result",
    params(("poll" = String, Path, description = "The poll's id")),
    responses((status = 200, description = "The trees", body = TreeList), TreeProblems)
)]
pub(crate) async fn trees(
    State(app): State<Arc<App>>,
    PollParameter(poll): PollParameter,
) -> Result<Response, ResultRefusal> {
    app.score(poll).await?;
    let trees = app.trees.trees(poll).await.map_err(|error| unavailable(&error))?;
    let list = TreeList { poll: poll.to_string(), trees: trees.iter().map(ListedTree::of).collect() };
    Ok(([(header::CACHE_CONTROL, "public, max-age=1")], Json(list)).into_response())
}

/// The signed size and root of a tree (C2SP tlog-checkpoint). A ballot is in it once its block is complete.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/log/{round}/{partition}/{generation}/checkpoint",
    tag = "result",
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("round" = u32, Path, description = "The round"),
        ("partition" = u16, Path, description = "The partition"),
        ("generation" = u64, Path, description = "The generation"),
    ),
    responses(
        (status = 200, description = "A signed note", body = String, content_type = "text/plain"),
        TreeProblems,
    )
)]
pub(crate) async fn checkpoint(
    State(app): State<Arc<App>>,
    Path((poll, round, partition, generation)): Path<(String, String, String, String)>,
) -> Result<Response, ResultRefusal> {
    let key = key(&poll, &round, &partition, &generation).ok_or(ResultRefusal::NoSuchTree)?;
    let checkpoint = app.trees.checkpoint(key).await.map_err(|error| unavailable(&error))?;
    Ok(note(Keep::ASecond, checkpoint.ok_or(ResultRefusal::NoSuchTree)?))
}

/// Hashes of a tree (C2SP tlog-tiles), at most 256, each of 32 bytes. There are no entry bundles.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/log/{round}/{partition}/{generation}/tile/{tile}",
    tag = "result",
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("round" = u32, Path, description = "The round"),
        ("partition" = u16, Path, description = "The partition"),
        ("generation" = u64, Path, description = "The generation"),
        ("tile" = String, Path, description = "`L/N`, or `L/N.p/W` for its first hashes; `N` such as `x001/x234/067`"),
    ),
    responses(
        (status = 200, description = "The hashes", body = Vec<u8>, content_type = "application/octet-stream"),
        TreeProblems,
    )
)]
pub(crate) async fn tile(
    State(app): State<Arc<App>>,
    Path((poll, round, partition, generation, tile)): Path<(String, String, String, String, String)>,
) -> Result<Response, ResultRefusal> {
    let key = key(&poll, &round, &partition, &generation).ok_or(ResultRefusal::NoSuchTree)?;
    let path: TilePath = tile.parse().map_err(|_| ResultRefusal::NoSuchTree)?;
    let hashes =
        app.trees.tile(key, path).await.map_err(|error| unavailable(&error))?.ok_or(ResultRefusal::NoSuchTree)?;
    let keep = if path.is_full() { Keep::Forever } else { Keep::AMinute };
    Ok(answer(keep, HeaderValue::from_static("application/octet-stream"), hashes))
}

fn key(poll: &str, round: &str, partition: &str, generation: &str) -> Option<TreeKey> {
    let key = TreeKey {
        poll: PollId::parse(poll).ok()?,
        round: round.parse().ok()?,
        partition: Partition::new(partition.parse().ok()?),
        generation: generation.parse().ok()?,
    };
    // One address for one tree, so that caches have it once.
    let written = [key.round.to_string(), key.partition.number().to_string(), key.generation.to_string()];
    (written == [round, partition, generation]).then_some(key)
}
