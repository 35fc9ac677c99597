//! The rooms of the house: every crate's modules form a tree in which imports go one way.
//!
//! - No file imports a module above it: what several need has a file of its own.
//! - No two modules beside each other import each other, on however long a way.
//! - A module with modules of its own says at its head what it is for, and in a line `May import: …` what else of its
//!   crate it may name. The head of a crate says the same of the workspace's crates.

mod modules;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::modules::{Module, ModulePath, modules};

type Crate = BTreeMap<ModulePath, Module>;

/// The root files of all crates of the workspace.
fn roots() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut crates: Vec<_> =
        ["", "vote", "worker", "result", "crowd", "bench", "chaos"].map(|name| top.join(name)).into();
    crates.extend(fs::read_dir(top.join("crates")).expect("crates").map(|entry| entry.expect("an entry").path()));
    let roots = crates.iter().flat_map(|path| ["src/lib.rs", "src/main.rs"].map(|root| path.join(root)));
    roots.filter(|root| root.exists()).collect()
}

fn name(path: &[String]) -> String {
    if path.is_empty() { "the crate's root".into() } else { path.join("::") }
}

/// Imports of a module above the one that imports.
fn upward(tree: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for (path, module) in tree {
        for target in module.imports.iter().filter(|target| path.starts_with(target)) {
            found.push(format!("{}: imports {}, which is above it", module.file.display(), name(target)));
        }
    }
    found
}

/// What the modules below `room` import of each other, by the name that each has in `room`.
fn edges(tree: &Crate, room: &ModulePath) -> BTreeMap<String, BTreeSet<String>> {
    let child = |path: &ModulePath| path.starts_with(room).then(|| path.get(room.len()).cloned()).flatten();
    let mut edges: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (path, module) in tree {
        for target in &module.imports {
            if let (Some(from), Some(to)) = (child(path), child(target))
                && from != to
            {
                edges.entry(from).or_default().insert(to);
            }
        }
    }
    edges
}

/// Those that can be reached from themselves, in every room of the crate.
fn circles(tree: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for (room, module) in tree.iter().filter(|(_, module)| !module.children.is_empty()) {
        let edges = edges(tree, room);
        let within: Vec<_> = edges.keys().filter(|&start| reaches(&edges, start, start)).cloned().collect();
        if !within.is_empty() {
            found.push(format!("{}: import each other: {}", module.file.display(), within.join(", ")));
        }
    }
    found
}

fn reaches(edges: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for target in edges.get(next).into_iter().flatten() {
            if target == to {
                return true;
            }
            if seen.insert(target) {
                open.push(target);
            }
        }
    }
    false
}

/// The names after `May import:` at a module's head, which may go on over several lines up to a full stop.
fn allowed(module: &Module) -> Option<BTreeSet<String>> {
    let head = module.head.join(" ");
    let (_, list) = head.split_once("May import: ")?;
    let (list, _) = list.split_once('.')?;
    let names = list.split(',').map(|name| name.trim().trim_matches('`').to_owned());
    Some(names.filter(|name| name != "nothing").collect())
}

/// What a room imports from outside of it, by the name beside the room or beside the room that it is in.
fn imported(tree: &Crate, room: &ModulePath) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for module in tree.iter().filter(|(path, _)| path.starts_with(room)).map(|(_, module)| module) {
        for target in module.imports.iter().filter(|target| !target.starts_with(room) && !room.starts_with(target)) {
            let common = target.iter().zip(room).take_while(|(a, b)| a == b).count();
            found.insert(target[common].clone());
        }
    }
    found
}

/// The crates of the workspace that the modules of a crate name.
fn crates(tree: &Crate) -> BTreeSet<String> {
    let workspace = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("a manifest");
    let ours = workspace.lines().filter(|line| line.contains("package = \"scrutin-"));
    let ours = ours.filter_map(|line| line.split_whitespace().next());
    let names = |name: &str| tree.values().any(|module| module.foreign.contains(&name.replace('-', "_")));
    ours.filter(|name| names(name)).map(str::to_owned).collect()
}

/// Rooms whose head does not say what they may import, or that import something else.
fn undeclared(tree: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for (room, module) in tree.iter().filter(|(_, module)| !module.children.is_empty()) {
        let file = module.file.display();
        let Some(allowed) = allowed(module) else {
            found.push(format!("{file}: its head has no line `May import: …`"));
            continue;
        };
        let imported = if room.is_empty() { crates(tree) } else { imported(tree, room) };
        if imported != allowed {
            found.push(format!("{file}: it says that it may import {allowed:?}, and imports {imported:?}"));
        }
    }
    found
}

fn all(find: impl Fn(&Crate) -> Vec<String>) -> Vec<String> {
    roots().iter().flat_map(|root| find(&modules(root))).collect()
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_file_imports_a_module_above_it() {
    assert_none(&all(upward));
}

#[test]
fn no_two_modules_import_each_other() {
    assert_none(&all(circles));
}

#[test]
fn every_room_says_what_it_may_import_and_imports_that() {
    assert_none(&all(undeclared));
}

/// `worker` and `crowd` have no pages: what only websites need would make them larger, and slower to build.
#[test]
fn programs_without_pages_compile_no_web_framework() {
    for package in ["scrutin-worker", "scrutin-crowd"] {
        let arguments =
            ["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--package", package];
        let tree = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let tree = tree.expect("cargo runs");
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let text = String::from_utf8(tree.stdout).expect("names of packages");
        let names: BTreeSet<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(names.contains("scrutin-program"), "{text}");
        for web in ["axum", "fast_qr", "minijinja", "rust-embed", "tower-http", "scrutin-web"] {
            assert!(!names.contains(web), "{package} compiles {web}");
        }
    }
}
