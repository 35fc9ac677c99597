//! What a voter gets to keep: a promise once the ballot is counted, and a proof once its block is complete. Neither
//! opens the leaf of the ballot.

use std::sync::Arc;

use attest::{InclusionProof, Promise, TreeOrigin};
use axum::{
    extract::{Path, State},
    response::Response,
};
use http::{HeaderValue, header};

use crate::{
    api::note_answer::{Keep, note},
    app::App,
    described_problems::ReceiptNoteProblems,
    receipts::leaf,
    refusal::ResultRefusal,
};

/// A signed note that says which leaf is, or will be, in which tree. Anybody who has the receipt may ask.
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/receipts/{receipt}/promise",
    tag = "result",
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("receipt" = String, Path, description = "The 43 characters that the voter got"),
    ),
    responses(
        (status = 200, description = "A signed note", body = String, content_type = "text/plain"),
        ReceiptNoteProblems,
    )
)]
pub(crate) async fn promise(
    State(app): State<Arc<App>>,
    Path((poll, receipt)): Path<(String, String)>,
) -> Result<Response, ResultRefusal> {
    let held = leaf(&app, &poll, &receipt).await?.ok_or(ResultRefusal::NotCounted)?;
    let promise = Promise { origin: TreeOrigin::of(&held.tree), leaf: held.leaf };
    Ok(file(&poll, "promise", app.trees.sign(&held.tree.installation, &promise)))
}

/// That the leaf of a receipt's ballot is in its tree (C2SP tlog-proof, with the leaf as its extra data).
#[utoipa::path(
    get,
    path = "/api/polls/{poll}/receipts/{receipt}/proof",
    tag = "result",
    params(
        ("poll" = String, Path, description = "The poll's id"),
        ("receipt" = String, Path, description = "The 43 characters that the voter got"),
    ),
    responses(
        (status = 200, description = "A proof", body = String, content_type = "text/plain"),
        ReceiptNoteProblems,
    )
)]
pub(crate) async fn proof(
    State(app): State<Arc<App>>,
    Path((poll, receipt)): Path<(String, String)>,
) -> Result<Response, ResultRefusal> {
    let held = leaf(&app, &poll, &receipt).await?.ok_or(ResultRefusal::NotCounted)?;
    let place = held.place.ok_or(ResultRefusal::BlockOpen)?;
    let checkpoint = app.trees.signed_checkpoint(&held.tree, place.size, place.root);
    let proof = InclusionProof { leaf: held.leaf, index: place.index, path: place.path, checkpoint };
    Ok(file(&poll, "proof", proof.to_string()))
}

/// A file to save. It is known that the text in the address is the id of a poll.
fn file(poll: &str, kind: &str, text: String) -> Response {
    let mut response = note(Keep::Never, text);
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"scrutin-{poll}-{kind}.txt\""));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition.expect("an id is header text"));
    response
}
