//! Which pages may read the scores in browsers: ours, the voting page, and those that the operator allows.
//!
//! Nothing here is secret, but a foreign page must not make thousands of browsers connect. Browsers send no `Origin`
//! with some requests, for example for an image; most of them then send `Sec-Fetch-Site`, which says whether a foreign
//! page asks. A client that sends neither is no browser, or an old one, and is allowed.

use std::{str::FromStr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use program::{
    origin::{Origin, OriginError},
    settings::PublicUrl,
};
use web::{counterpart::Counterpart, problem::Problem};

/// A further page that may connect (`ALLOWED_ORIGINS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// `null`: pages without an origin, such as slides in a file. Any site can make one of itself, by a sandboxed
    /// frame.
    Null,
    /// Pages of one origin.
    Of(Origin),
}

impl FromStr for AllowedOrigin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.trim() == "null" { Ok(Self::Null) } else { text.parse().map(Self::Of) }
    }
}

/// The pages that may connect.
#[derive(Debug)]
pub(crate) struct Origins {
    result: Option<Origin>,
    vote: Counterpart,
    others: Vec<AllowedOrigin>,
}

impl Origins {
    /// This service's own public address, the voting page's, and others.
    pub(crate) fn new(result: Option<&PublicUrl>, vote: Counterpart, others: Vec<AllowedOrigin>) -> Self {
        Self { result: result.map(|url| url.origin().clone()), vote, others }
    }

    /// Whether a page of `origin` may read, for a request with these headers.
    fn allows(&self, origin: &str, headers: &HeaderMap) -> bool {
        // Chromium sends the second if a page in a file opens a WebSocket.
        if matches!(origin, "null" | "file://") {
            return self.others.contains(&AllowedOrigin::Null);
        }
        let Ok(origin) = origin.parse::<Origin>() else { return false };
        self.result.as_ref() == Some(&origin)
            || origin.is_asked(headers)
            || self.vote.url(headers).is_some_and(|vote| *vote.origin() == origin)
            || self.others.contains(&AllowedOrigin::Of(origin))
    }
}

/// Middleware that refuses browsers on foreign pages, and allows the others to read the answer (CORS).
pub(crate) async fn only_allowed(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    match allowed_origin(&origins, headers).or(is_foreign(headers).then_some(Err(()))) {
        Some(Err(())) => {
            metrics::counter!("scrutin_result_refused_total", "reason" => "origin").increment(1);
            let detail = "pages of this origin may not connect; the operator can allow it with ALLOWED_ORIGINS";
            Problem::new(StatusCode::FORBIDDEN, "origin-not-allowed", detail).into_response()
        }
        origin => answer(origin, request, next).await,
    }
}

/// Whether the browser says that a page of another site asks.
fn is_foreign(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// Middleware that allows pages of allowed origins to read the answer (CORS). Other clients get the answer as well;
/// their browser keeps it from the page.
pub(crate) async fn allow_origin(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    let origin = allowed_origin(&origins, request.headers());
    answer(origin, request, next).await
}

/// `None` without an `Origin`; its value if the page may read; an error if it may not.
fn allowed_origin(origins: &Origins, headers: &HeaderMap) -> Option<Result<HeaderValue, ()>> {
    let origin = headers.get(header::ORIGIN)?;
    let allowed = origin.to_str().is_ok_and(|text| origins.allows(text, headers));
    Some(if allowed { Ok(origin.clone()) } else { Err(()) })
}

async fn answer(origin: Option<Result<HeaderValue, ()>>, request: Request, next: Next) -> Response {
    let mut response = match (&origin, request.method()) {
        (Some(Ok(_)), &Method::OPTIONS) => preflight(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(Ok(origin)) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_at(host: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, host.parse().unwrap())])
    }

    #[test]
    fn own_voting_and_allowed_pages_may_connect_and_no_others() {
        let origins = Origins::new(
            Some(&"https://result.example.org:443/live".parse().unwrap()),
            Counterpart::Port(8080),
            vec!["https://slides.example.com".parse().unwrap()],
        );
        let host = asked_at("10.0.0.7:8081");
        for good in [
            "http://10.0.0.7:8081",
            "http://10.0.0.7:8080",
            "https://10.0.0.7:8081",
            "https://result.example.org",
            "https://slides.example.com",
            "https://Slides.example.com.:443",
        ] {
            assert!(origins.allows(good, &host), "{good}");
        }
        for bad in [
            "null",
            "file://",
            "",
            "http://10.0.0.7",
            "http://10.0.0.7:8082",
            "https://slides.example.com.evil.example",
        ] {
            assert!(!origins.allows(bad, &host), "{bad}");
        }
        assert!(!origins.allows("http://", &HeaderMap::new()));
    }

    #[test]
    fn default_ports_make_no_other_origin() {
        let origins = |vote: &str| {
            let vote = Counterpart::Fixed(vote.parse().unwrap());
            Origins::new(None, vote, vec!["http://slides.test:80".parse().unwrap()])
        };
        for vote in ["http://vote.test:80", "http://vote.test", "http://VOTE.test./vote/"] {
            assert!(origins(vote).allows("http://vote.test", &asked_at("result.test:80")), "{vote}");
        }
        assert!(origins("https://vote.test:443").allows("https://vote.test", &asked_at("result.test")));
        assert!(origins("http://x").allows("http://result.test", &asked_at("result.test:80")), "its own page");
        assert!(origins("http://x").allows("http://slides.test", &asked_at("result.test")));
        assert!(!origins("http://vote.test").allows("https://vote.test", &asked_at("result.test")));
    }

    #[test]
    fn a_page_without_an_origin_is_allowed_where_null_is() {
        let origins = Origins::new(None, Counterpart::Port(8080), vec!["null".parse().unwrap()]);
        assert!(
            origins.allows("null", &asked_at("result.test")) && origins.allows("file://", &asked_at("result.test"))
        );
        assert!(!origins.allows("http://evil.test", &asked_at("result.test")));
        for bad in ["*", "file://", "slides.test", "http://slides.test/path"] {
            assert!(bad.parse::<AllowedOrigin>().is_err(), "{bad}");
        }
    }
}
