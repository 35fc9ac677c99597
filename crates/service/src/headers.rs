//! The headers that keep a page to itself: Content-Security-Policy and its relatives.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderName, HeaderValue, header};

/// What a page may do beyond loading its own styles, scripts and images.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    policy: HeaderValue,
    embeddable: bool,
}

impl SecurityHeaders {
    /// For pages that speak only to their own host and to `connect` (origins), and that no other page may frame.
    ///
    /// # Panics
    /// If an origin is no header text; settings are checked before they come here.
    pub fn new(connect: &[&str]) -> Self {
        Self::with(connect, "'none'", false)
    }

    /// For pages made to be framed by `ancestors` (origins, or `*`).
    pub fn embeddable(connect: &[&str], ancestors: &str) -> Self {
        Self::with(connect, ancestors, true)
    }

    fn with(connect: &[&str], ancestors: &str, embeddable: bool) -> Self {
        let connect: String = connect.iter().flat_map(|origin| [" ", origin]).collect();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'{connect}; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors {ancestors}"
        );
        Self { policy: HeaderValue::from_str(&policy).expect("origins are header text"), embeddable }
    }

    /// Middleware: sets the headers, unless the handler has set a policy of its own.
    pub async fn apply(self, request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        self.set(&mut response);
        response
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
