//! Serves below a path of the host: `https://example.org/vote/`. The handlers do not know that path.
//!
//! The proxy may remove the path or pass it on. Requests are routed by the rest, and a redirect to a path of ours gets
//! the base path again. In pages it is `base`, before every path.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderValue, Uri, header};
use tower::Layer;

use program::public_url::BasePath;

/// The router, below a path; unchanged if there is none.
pub fn below(base: &BasePath, router: Router) -> Router {
    if base.as_str().is_empty() {
        return router;
    }
    Router::new().fallback_service(middleware::from_fn_with_state(base.clone(), without_base).layer(router))
}

async fn without_base(State(base): State<BasePath>, mut request: Request, next: Next) -> Response {
    if let Some(inner) = inner(&base, request.uri()) {
        *request.uri_mut() = inner;
    }
    let mut response = next.run(request).await;
    if let Some(location) = response.headers().get(header::LOCATION).and_then(|to| outer(&base, to)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    let cookies: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().cloned().collect();
    for (index, cookie) in cookies.iter().enumerate() {
        let cookie = of_outer_path(&base, cookie);
        if index == 0 {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        } else {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// A cookie for a path, with the base path before it. One for the whole host is unchanged.
fn of_outer_path(base: &BasePath, cookie: &HeaderValue) -> HeaderValue {
    let Some((before, path)) = cookie.to_str().ok().and_then(|text| text.split_once("; Path=/")) else {
        return cookie.clone();
    };
    if path.is_empty() || path.starts_with(';') {
        return cookie.clone();
    }
    HeaderValue::try_from(format!("{before}; Path={}/{path}", base.as_str())).unwrap_or_else(|_| cookie.clone())
}

/// The address as the router knows it; `None` if it is unchanged.
fn inner(base: &BasePath, uri: &Uri) -> Option<Uri> {
    let path = base.strip(uri.path())?;
    let whole = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(whole.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// A redirect to a path of ours as browsers need it; `None` for one to another host.
fn outer(base: &BasePath, location: &HeaderValue) -> Option<HeaderValue> {
    let location = location.as_bytes();
    if !location.starts_with(b"/") || location.starts_with(b"//") {
        return None;
    }
    HeaderValue::from_bytes(&[base.as_str().as_bytes(), location].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use program::public_url::PublicUrl;

    fn base() -> BasePath {
        "https://example.org/vote".parse::<PublicUrl>().unwrap().base().clone()
    }

    #[test]
    fn the_path_is_removed_if_the_proxy_has_not() {
        let inner = |uri: &str| inner(&base(), &uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(inner("/vote/p/lunch?code=x&y").as_deref(), Some("/p/lunch?code=x&y"));
        assert_eq!(inner("/vote?x").as_deref(), Some("/?x"));
        assert_eq!(inner("http://example.org/vote/").as_deref(), Some("http://example.org/"));
        assert_eq!(inner("/p/lunch"), None);
        assert_eq!(inner("/voter"), None);
    }

    #[test]
    fn a_cookies_path_gets_the_base_path() {
        let outer = |cookie| of_outer_path(&base(), &HeaderValue::from_static(cookie)).to_str().unwrap().to_owned();
        assert_eq!(outer("projector=x; Path=/socket.io/; HttpOnly"), "projector=x; Path=/vote/socket.io/; HttpOnly");
        for whole in ["voter=x; Path=/; HttpOnly", "voter=x; HttpOnly; Path=/", "voter=x"] {
            assert_eq!(outer(whole), whole);
        }
    }

    #[test]
    fn a_redirect_to_a_path_of_ours_gets_the_base_path() {
        let outer = |to| outer(&base(), &HeaderValue::from_static(to));
        assert_eq!(outer("/organise").unwrap(), "/vote/organise");
        assert_eq!(outer("https://example.org/result/p/lunch"), None);
        assert_eq!(outer("//elsewhere.example"), None);
    }
}
