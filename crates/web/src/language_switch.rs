//! The language links in the footer: `/language/{tag}?back=/p/lunch` stores a language and redirects back.

use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, get},
};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    cookies::{CookieName, CookieScope},
    language::{LANGUAGE_COOKIE, Language},
};

/// One year.
const MAX_AGE_SECONDS: u64 = 31_536_000;

/// Where to go back to.
#[derive(Debug, Deserialize)]
pub struct Back {
    #[serde(default)]
    back: String,
}

/// Answers at `/language/{tag}`. It redirects only to a path of this host.
pub fn route<S: Clone + Send + Sync + 'static>(scope: CookieScope) -> MethodRouter<S> {
    get(async move |Path(tag): Path<String>, Query(Back { back }): Query<Back>| switch(&tag, &back, scope))
}

fn switch(tag: &str, back: &str, scope: CookieScope) -> Response {
    let Some(language) = Language::from_tag(tag) else {
        return (StatusCode::NOT_FOUND, "no such language\n").into_response();
    };
    let mut response = Redirect::to(local_path(back)).into_response();
    let cookie = CookieName::unmarked(LANGUAGE_COOKIE, scope);
    cookie.set(response.headers_mut(), language.tag(), MAX_AGE_SECONDS);
    response
}

/// The path, if it is one of this host; else `/`. `//host` and `/\host` would lead to another host.
pub fn local_path(back: &str) -> &str {
    let plain = back.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && back.starts_with('/') && !back.starts_with("//") { back } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_leads_to_another_host() {
        assert_eq!(local_path("/p/lunch?x=1"), "/p/lunch?x=1");
        for bad in ["", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\r\nSet-Cookie: x"] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }
}
