//! Holds `src/**` to the import table and the other rules that no compiler knows.

mod check;
mod self_test;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use check::{Crate, SourceFile, Violation};
use table::ROWS;

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

#[test]
fn the_sources_keep_to_the_table() {
    let files = sources();
    assert!(files.len() > 10, "the sources were found");
    let violations = Crate { dependencies: dependencies() }.check(&files);
    assert!(violations.is_empty(), "\n{}\n", report(&violations));
}

#[test]
fn every_row_has_a_reason_and_names_modules_of_the_table() {
    let modules: Vec<&str> = ROWS.iter().map(|row| row.module).collect();
    let backoff = "relay::backoff";
    for row in ROWS {
        assert!(!row.why.is_empty(), "{}", row.module);
        assert_eq!(modules.iter().filter(|module| **module == row.module).count(), 1);
        for ours in row.ours {
            assert!(*ours == "*" || *ours == backoff || modules.contains(ours), "{ours}");
        }
    }
}
