//! A page to read the API's description and to try it: `/api`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use web::visitor::Visitor;

use crate::app::App;

/// The context of the template `api.html`: nothing, since its script asks for the description.
#[derive(Serialize)]
struct ApiView {}

/// Shows the page; its script makes a form for each operation in `openapi.json`.
pub(crate) async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    app.page(&visitor, StatusCode::OK, "api.html", ApiView {})
}
