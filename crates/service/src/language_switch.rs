//! The switch in the footer: `/language/{tag}?back=/p/lunch` remembers a language and goes back.

use axum::{
    extract::{Path, Query},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::language::{LANGUAGE_COOKIE, Language};

/// Where to go back to.
#[derive(Debug, Deserialize)]
pub struct Back {
    #[serde(default)]
    back: String,
}

/// Handler of `/language/{tag}`. It only goes back to a path of this same host.
#[expect(clippy::unused_async, reason = "a handler is async")]
pub async fn switch(Path(tag): Path<String>, Query(Back { back }): Query<Back>) -> Response {
    let Some(language) = Language::from_tag(&tag) else {
        return (StatusCode::NOT_FOUND, "no such language\n").into_response();
    };
    let mut response = Redirect::to(local_path(&back)).into_response();
    let cookie = format!("{LANGUAGE_COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax", language.tag());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The path, if it is one of this host; else `/`. `//host` and `/\host` would lead elsewhere.
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
