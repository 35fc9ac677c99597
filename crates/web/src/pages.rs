//! Pages from templates: embedded in release builds, read at each request in debug builds.

use std::string::FromUtf8Error;

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use minijinja::{
    Environment, Error, ErrorKind, State, TemplateSource,
    value::{Kwargs, Value},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{
    assets::{self, SharedTemplates},
    direction::isolated,
    language::Language,
    texts::Catalogue,
};
use program::public_url::BasePath;

/// The templates and texts of one service, ready to render.
///
/// Everything that a template prints is escaped for HTML. The functions of templates:
///
/// | | |
/// |---|---|
/// | `t("key", name=value)` | a text in the page's language |
/// | `counted("key", number, name=value)` | the form of a text for a number |
/// | `forms("key", name=value)` | the forms of a text as JSON, for a script: for 0, for 1, and for all other numbers |
/// | `asset("file.css")` | the address of a static file |
///
/// Two filters: `number` for a whole number in the page's language, `isolated` for what people wrote, in titles and
/// attributes. The context always holds `lang`, the language's tag; `base`, which stands before every path of this
/// service; and `languages`, each with `tag` and `name`.
pub struct Pages {
    environment: Environment<'static>,
}

impl Pages {
    /// Pages from the templates of `T` (and the shared ones), with static files of `S`, of a service below this path.
    pub fn new<T: RustEmbed + 'static, S: RustEmbed + 'static>(texts: &'static Catalogue, base: &BasePath) -> Self {
        let mut environment = Environment::new();
        environment.set_auto_reload(cfg!(debug_assertions));
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        environment.set_loader(|name| {
            let name = name.to_owned();
            file::<T>(&name)
                .map(|read| {
                    let hash = read.metadata.sha256_hash();
                    let source = TemplateSource::new(String::from_utf8(read.data.into_owned())?);
                    // Asked in debug builds only, where an edit is seen at the next request.
                    Ok(source.with_uptodate_check(move || {
                        file::<T>(&name).is_some_and(|now| now.metadata.sha256_hash() == hash)
                    }))
                })
                .transpose()
                .map_err(|error: FromUtf8Error| Error::new(ErrorKind::SyntaxError, error.to_string()))
        });
        add_texts(&mut environment, texts);
        // Needs no escaping: letters, digits, and a few signs.
        environment.add_global("base", Value::from_safe_string(base.as_str().to_owned()));
        let base = base.as_str().to_owned();
        environment.add_function("asset", move |path: &str| {
            // Needs no escaping: our file names and a fingerprint.
            assets::address::<S>(path)
                .map(|address| Value::from_safe_string(format!("{base}{address}")))
                .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("there is no static file {path:?}")))
        });
        environment.add_global("languages", languages());
        environment.add_filter("isolated", |text: String| isolated(&text).into_owned());
        environment.add_filter("number", |state: &State, value: u64| language(state).number(value));
        Self { environment }
    }

    /// Renders a template. `context` must be a map; `lang` is added.
    pub fn render(&self, language: Language, template: &str, context: Value) -> Result<String, Error> {
        let context = minijinja::context! { lang => language.tag(), ..context };
        self.environment.get_template(template)?.render(context)
    }

    /// Renders a page as an answer. It must not be cached, since it is for one person.
    ///
    /// A template that fails is logged and answered with 500.
    pub fn respond(&self, status: StatusCode, language: Language, template: &str, context: Value) -> Response {
        match self.render(language, template, context) {
            Ok(html) => {
                let mut response = (status, Html(html)).into_response();
                let headers = response.headers_mut();
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
                response
            }
            Err(error) => {
                tracing::error!(page.template = template, error = format!("{error:#}"), "a page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made. Please try again.\n").into_response()
            }
        }
    }
}

/// A template, of this program or of both.
fn file<T: RustEmbed>(name: &str) -> Option<EmbeddedFile> {
    T::get(name).or_else(|| SharedTemplates::get(name))
}

fn language(state: &State) -> Language {
    state.lookup("lang").and_then(|lang| lang.as_str().and_then(Language::from_tag)).unwrap_or_default()
}

/// What the list of languages on each page is made of.
fn languages() -> Value {
    Language::all().map(|language| minijinja::context! { tag => language.tag(), name => language.name() }).collect()
}

/// The functions that give texts. A key that is not there is a mistake in a template.
fn add_texts(environment: &mut Environment<'static>, texts: &'static Catalogue) {
    environment.add_function("t", |state: &State, key: &str, values: Kwargs| {
        let text = with(&values, |values| texts.text(language(state), key, values))?;
        text.ok_or_else(|| unknown(key))
    });
    environment.add_function("counted", |state: &State, key: &str, count: u64, values: Kwargs| {
        let text = with(&values, |values| texts.counted(language(state), key, count, values))?;
        text.ok_or_else(|| unknown(key))
    });
    environment.add_function("forms", |state: &State, key: &str, values: Kwargs| {
        let forms = with(&values, |values| texts.forms(language(state), key, values))?;
        let forms = forms.ok_or_else(|| unknown(key))?;
        serde_json::to_string(&forms).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
    });
}

/// Calls a function with the values that a template names, as text.
fn with<R>(values: &Kwargs, call: impl FnOnce(&[(&str, &str)]) -> R) -> Result<R, Error> {
    let mut texts = Vec::new();
    for name in values.args() {
        texts.push((name, values.get::<Value>(name)?.to_string()));
    }
    let texts: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Ok(call(&texts))
}

fn unknown(key: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("there is no text {key:?} of this kind"))
}
