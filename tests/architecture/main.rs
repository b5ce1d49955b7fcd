//! Holds `src/**` to the import table and the other rules that no compiler knows.

mod check;
mod circles;
mod documented;
mod names;
mod self_test;
mod table;
mod unused;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use check::{Crate, Reading, SourceFile, Violation};
use circles::circles;
use documented::undocumented;
use names::doubled;
use table::ROWS;
use unused::unused;

/// Every source file, its path from the root of the package.
fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut directories = vec![root.join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("src is readable") {
            let path: PathBuf = entry.expect("src is readable").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let path = path.strip_prefix(root).expect("it is below the root");
                let path = path.to_str().expect("our names are ASCII").replace('\\', "/");
                files.push(SourceFile { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The names by which the dependencies of `Cargo.toml` are used.
fn dependencies() -> BTreeSet<String> {
    let manifest = include_str!("../../Cargo.toml");
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let dependencies = manifest["dependencies"].as_table().expect("a table");
    let ours = std::iter::once("dubwatch".to_owned());
    dependencies.keys().map(|name| name.replace('-', "_")).chain(ours).collect()
}

fn report(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

fn read() -> Reading {
    let files = sources();
    assert!(files.len() > 10, "the sources were found");
    Crate { dependencies: dependencies() }.read(&files)
}

fn assert_none(violations: &[Violation]) {
    assert!(violations.is_empty(), "\n{}\n", report(violations));
}

#[test]
fn the_sources_keep_to_the_table() {
    assert_none(&read().violations);
}

#[test]
fn the_table_allows_no_more_than_the_sources_use() {
    assert_none(&unused(ROWS, &read()));
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    assert_none(&circles(&read()));
}

#[test]
fn no_two_types_have_one_name() {
    assert_none(&doubled(&read()));
}

#[test]
fn what_a_module_exports_is_documented() {
    assert_none(&undocumented(&sources(), &read()));
}

#[test]
fn every_row_has_a_reason_and_names_modules_of_the_table() {
    let modules: Vec<&str> = ROWS.iter().map(|row| row.module).collect();
    for row in ROWS {
        assert!(!row.why.is_empty(), "{}", row.module);
        assert_eq!(modules.iter().filter(|module| **module == row.module).count(), 1);
        for ours in row.ours {
            assert!(*ours == "*" || modules.contains(ours), "{ours}");
        }
    }
}
