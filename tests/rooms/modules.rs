//! The modules of one crate as its sources have them, and which of them name which. Test code is left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, ItemMod, ItemUse, Macro, UseTree, visit::Visit};

/// A module's path from the root of its crate; the root's is empty.
pub(crate) type ModulePath = Vec<String>;

/// A file of product code.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    /// The documentation at its head, one line for each line.
    pub(crate) head: Vec<String>,
    /// The modules in other files that it declares.
    pub(crate) children: Vec<String>,
    /// The modules in other files of this crate that it names.
    pub(crate) imports: BTreeSet<ModulePath>,
    /// The first names of all paths that do not begin in this crate: other crates among them.
    pub(crate) foreign: BTreeSet<String>,
}

/// All modules of the crate with this root (`lib.rs` or `main.rs`).
pub(crate) fn modules(root: &Path) -> BTreeMap<ModulePath, Module> {
    let mut named = BTreeMap::new();
    let mut modules = BTreeMap::new();
    read(root.to_owned(), Vec::new(), &mut modules, &mut named);
    let known: BTreeSet<_> = modules.keys().cloned().collect();
    for (path, names) in named {
        let imports = names.into_iter().map(|name| reached(&known, &name)).filter(|target| *target != path).collect();
        modules.get_mut(&path).expect("every module that names others was read").imports = imports;
    }
    modules
}

type Named = BTreeMap<ModulePath, BTreeSet<ModulePath>>;

fn read(file: PathBuf, path: ModulePath, modules: &mut BTreeMap<ModulePath, Module>, named: &mut Named) {
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut names = Names { here: path.clone(), ..Names::default() };
    names.visit_file(&syntax);
    let head = text.lines().map_while(|line| line.strip_prefix("//!")).map(|line| line.trim().to_owned()).collect();
    let directory = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") => file.parent().expect("a file is in a directory").to_owned(),
        _ => file.with_extension(""),
    };
    for child in &names.children {
        let (beside, within) = (directory.join(format!("{child}.rs")), directory.join(child).join("mod.rs"));
        let child_path = path.iter().cloned().chain([child.clone()]).collect();
        read(if beside.exists() { beside } else { within }, child_path, modules, named);
    }
    named.insert(path.clone(), names.found);
    let Names { children, foreign, .. } = names;
    modules.insert(path, Module { file, head, children, imports: BTreeSet::new(), foreign });
}

/// The module in which a named item is: the longest beginning of its path that is a module.
fn reached(known: &BTreeSet<ModulePath>, name: &[String]) -> ModulePath {
    let lengths = (0..=name.len()).rev();
    lengths.map(|length| name[..length].to_vec()).find(|path| known.contains(path)).expect("the root is known")
}

/// Collects what one file names.
#[derive(Default)]
struct Names {
    /// The module that is being read, in the file or inline.
    here: ModulePath,
    found: BTreeSet<ModulePath>,
    children: Vec<String>,
    foreign: BTreeSet<String>,
}

impl Names {
    /// Notes a path as it is written.
    fn note(&mut self, segments: &[String]) {
        let (first, rest) = segments.split_first().expect("a path has a segment");
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.here.clone(),
            "super" => self.here[..self.here.len().saturating_sub(1)].to_vec(),
            foreign => {
                // One name alone is a variable as a rule.
                if !rest.is_empty() {
                    self.foreign.insert(foreign.to_owned());
                }
                return;
            }
        };
        for segment in rest {
            if segment == "super" {
                path.pop();
            } else {
                path.push(segment.clone());
            }
        }
        self.found.insert(path);
    }

    fn note_use(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.note_use(&with(&path.ident), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.note(before),
            UseTree::Name(name) => self.note(&with(&name.ident)),
            UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            UseTree::Glob(_) => self.note(before),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.note_use(before, item)),
        }
    }

    /// What is named within a macro, whose content is no Rust that could be parsed.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in
            tokens.into_iter().chain([TokenTree::Punct(proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone))])
        {
            match token {
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(ref punct) if punct.as_char() == ':' && !path.is_empty() && colons < 2 => {
                    colons += 1;
                    continue;
                }
                _ => {}
            }
            if path.len() > 1 {
                self.note(&path);
            }
            (path, colons) = (Vec::new(), 0);
            match token {
                TokenTree::Group(group) => self.note_tokens(group.stream()),
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes: &[Attribute] = match item {
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_test) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.to_string();
        let Some((_, items)) = &item.content else {
            self.children.push(name);
            return;
        };
        self.here.push(name);
        for item in items {
            self.visit_item(item);
        }
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.note_use(&[], &item.tree);
    }

    /// `pub(crate)` names no module that is needed.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.note(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.note_tokens(item.tokens.clone());
    }
}

/// `#[cfg(test)]`, and what is compiled for fuzzing only.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|name| name.is_ident("test") || name.is_ident("fuzzing"))
}
