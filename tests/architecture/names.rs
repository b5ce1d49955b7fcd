//! Finds names that several types of the crate have.

use std::collections::BTreeMap;

use crate::check::{Reading, TypeName, Violation};

/// Returns each type whose name an earlier one has.
pub(crate) fn doubled(reading: &Reading) -> Vec<Violation> {
    let mut types: BTreeMap<&str, Vec<&TypeName>> = BTreeMap::new();
    for found in &reading.types {
        types.entry(&found.name).or_default().push(found);
    }
    let mut violations = Vec::new();
    for (name, found) in &types {
        let Some((first, others)) = found.split_first() else { continue };
        violations.extend(others.iter().map(|other| Violation {
            file: other.file.clone(),
            line: other.line,
            what: format!("{name} is the name of a type at {}:{} as well", first.file, first.line),
            allowed: "one name stands for one thing in the whole crate".to_owned(),
        }));
    }
    violations
}
