//! Finds names that several types of the crate have.

use std::collections::BTreeMap;

use crate::check::{Reading, TypeName, Violation};

/// Returns each type whose name an earlier one has. Names in `known` may be doubled; one that is not
/// any more is reported, so that `known` holds what is needed.
pub(crate) fn doubled(reading: &Reading, known: &[&str]) -> Vec<Violation> {
    let mut types: BTreeMap<&str, Vec<&TypeName>> = BTreeMap::new();
    for found in &reading.types {
        types.entry(&found.name).or_default().push(found);
    }
    let mut violations = Vec::new();
    for (name, found) in &types {
        let Some((first, others)) = found.split_first() else { continue };
        if known.contains(name) {
            continue;
        }
        violations.extend(others.iter().map(|other| Violation {
            file: other.file.clone(),
            line: other.line,
            what: format!("{name} is the name of a type at {}:{} as well", first.file, first.line),
            allowed: "one name stands for one thing in the whole crate".to_owned(),
        }));
    }
    for name in known {
        if types.get(name).is_none_or(|found| found.len() < 2) {
            violations.push(Violation {
                file: "tests/architecture/exceptions.rs".to_owned(),
                line: 1,
                what: format!("{name} is listed and no name of two types"),
                allowed: "strike it off the list of doubled names".to_owned(),
            });
        }
    }
    violations
}
