//! The security headers of pages: Content-Security-Policy and others.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

use program::origin::Origin;

/// The security headers of a page.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    policy: HeaderValue,
    embeddable: bool,
}

impl SecurityHeaders {
    /// For pages that connect to their own host and perhaps to one other, there also by WebSocket, and that no page may
    /// frame.
    ///
    /// # Panics
    /// If an origin is no header text; every origin is.
    pub fn new(connect: Option<&Origin>) -> Self {
        Self::with(connect, "; frame-ancestors 'none'", false)
    }

    /// For pages that run scripts of their own host beside them, in Web Workers.
    ///
    /// Browsers from before 2022 know the sources of workers as those of a `child`.
    pub fn with_workers() -> Self {
        Self::with(None, "; frame-ancestors 'none'; worker-src 'self'; child-src 'self'", false)
    }

    /// For pages that pages of these origins may frame.
    pub fn embeddable(ancestors: &[&Origin]) -> Self {
        let ancestors: Vec<String> = ancestors.iter().map(ToString::to_string).collect();
        Self::with(None, &format!("; frame-ancestors {}", ancestors.join(" ")), true)
    }

    /// For pages that any page may frame. The policy does not name ancestors: `*` would mean those over the network
    /// only, and not slides in a file.
    pub fn embeddable_anywhere() -> Self {
        Self::with(None, "", true)
    }

    fn with(connect: Option<&Origin>, ancestors: &str, embeddable: bool) -> Self {
        let connect =
            connect.map(|origin| format!(" {} {}", source(origin), socket_source(origin))).unwrap_or_default();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'{connect}; manifest-src 'self'; form-action 'self'; base-uri 'none'{ancestors}"
        );
        Self { policy: HeaderValue::from_str(&policy).expect("origins are header text"), embeddable }
    }

    /// Sets the headers on one response, unless it has a policy already.
    pub fn set(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if headers.contains_key(header::CONTENT_SECURITY_POLICY) {
            return;
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        if !self.embeddable {
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        let fixed = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
        ];
        for (name, value) in fixed {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    }
}

/// The WebSockets of an origin as a source in a policy. Browsers differ in whether `http:` stands for them too.
fn socket_source(origin: &Origin) -> String {
    source(origin).replacen("http", "ws", 1)
}

/// An origin as a source in a policy. The grammar has no IPv6 addresses (CSP 3, section 2.3.1): for one, any host over
/// its scheme.
fn source(origin: &Origin) -> String {
    match (origin.host().starts_with('['), origin.is_https()) {
        (false, _) => origin.to_string(),
        (true, false) => "http:".to_owned(),
        (true, true) => "https:".to_owned(),
    }
}
