//! Checks the texts of pages against the templates and the code that use them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The template functions that return texts.
const FUNCTIONS: [&str; 3] = ["t", "counted", "forms"];
/// French has no-break spaces before or after these signs.
const FRENCH: [&str; 6] = [" ?", " !", " :", " ;", " »", "« "];

/// The errors below a crate's directory: keys that templates use and that do not exist, texts that neither templates
/// nor code (`named`) use, and French signs next to ordinary spaces. `texts/en.toml` defines which texts exist.
///
/// # Panics
/// If the files cannot be read.
pub fn faults(directory: &str, named: &[&str]) -> Vec<String> {
    let directory = Path::new(directory);
    let texts = read(&directory.join("texts/en.toml"));
    let keys = keys(&texts);
    let templates: String = templates(&directory.join("templates")).iter().map(|path| read(path)).collect();
    let (whole, begun) = named_in(&templates);
    let mut faults: Vec<_> = whole.difference(&keys).map(|key| format!("{key}: there is no such text")).collect();
    let is_used = |key: &String| {
        named.contains(&key.as_str()) || whole.contains(key) || begun.iter().any(|begin| key.starts_with(begin))
    };
    faults.extend(keys.iter().filter(|key| !is_used(key)).map(|key| format!("{key}: nothing uses this text")));
    let french = read(&directory.join("texts/fr.toml"));
    let breaking = french.lines().filter(|line| FRENCH.iter().any(|sign| line.contains(sign)));
    faults.extend(breaking.map(|line| format!("{line}: the line may break before the sign")));
    faults
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The keys of all tables except the formats.
fn keys(texts: &str) -> BTreeSet<String> {
    let groups: toml::Table = toml::from_str(texts).expect("texts are TOML");
    let groups = groups.iter().filter(|(name, _)| *name != "format");
    groups.flat_map(|(_, group)| group.as_table().into_iter().flatten()).map(|(key, _)| key.clone()).collect()
}

fn templates(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of templates");
    let paths = entries.map(|entry| entry.expect("a directory can be read").path());
    paths.flat_map(|path| if path.is_dir() { templates(&path) } else { vec![path] }).collect()
}

/// The keys that templates name, and the prefixes of those that they assemble: `"state." ~ state`.
fn named_in(templates: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut whole, mut begun) = (BTreeSet::new(), BTreeSet::new());
    for function in FUNCTIONS {
        let call = format!("{function}(\"");
        for (at, _) in templates.match_indices(&call) {
            // The names of other functions may also end with `t(`.
            if templates[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                continue;
            }
            let (key, behind) = templates[at + call.len()..].split_once('"').expect("a quote ends");
            let keys = if behind.starts_with(" ~") { &mut begun } else { &mut whole };
            keys.insert(key.to_owned());
        }
    }
    (whole, begun)
}
