//! Finds what the import table allows and nothing needs.

use std::collections::BTreeSet;

use crate::check::{Reading, Use, Used, Violation};
use crate::table::{Row, begins_with, row_of};

/// Returns each permission of `rows` that no source uses, and each row without a source.
pub(crate) fn unused(rows: &[Row], reading: &Reading) -> Vec<Violation> {
    let mut needed: BTreeSet<(&str, &str)> = BTreeSet::new();
    for Use { module, used, .. } in &reading.uses {
        let Some(row) = row_of(rows, module) else { continue };
        let permission = match used {
            Used::Ours(path) if begins_with(path, row.module) => None,
            // The longest that allows it is the one that is needed.
            Used::Ours(path) => {
                row.ours.iter().filter(|ours| begins_with(path, ours)).max_by_key(|ours| ours.len())
            }
            Used::Crate(name) => row.crates.iter().find(|allowed| *allowed == name),
        };
        needed.extend(permission.map(|permission| (row.module, *permission)));
    }
    let mut violations = Vec::new();
    let mut report = |what: String, allowed: &str| {
        let file = "tests/architecture/table.rs".to_owned();
        violations.push(Violation { file, line: 1, what, allowed: allowed.to_owned() });
    };
    for row in rows {
        let has_source = reading
            .modules
            .iter()
            .any(|module| row_of(rows, module).is_some_and(|own| own.module == row.module));
        if !has_source {
            report(format!("the row {} is of no module", row.module), "take the row away");
        }
        for permission in row.ours.iter().chain(row.crates).filter(|name| **name != "*") {
            if !needed.contains(&(row.module, *permission)) {
                let what = format!("{} may use {permission} and does not", row.module);
                report(what, "allow a row no more than it uses");
            }
        }
    }
    violations
}
