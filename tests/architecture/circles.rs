//! Finds modules that use each other in a circle: among the children of every module, and at the top.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Reading, Use, Used, Violation};

/// A use of one module by a sibling, both from the crate's root.
type Edge = (String, String);

/// The modules that each module uses.
type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Returns each use that is part of a circle.
pub(crate) fn circles(reading: &Reading) -> Vec<Violation> {
    let edges = edges(reading);
    let mut graph = Graph::new();
    for (from, to) in edges.keys() {
        graph.entry(from).or_default().insert(to);
    }
    let mut violations = Vec::new();
    for ((from, to), used) in &edges {
        let Some(way) = way(to, from, &graph) else { continue };
        violations.push(Violation {
            file: used.file.clone(),
            line: used.line,
            what: format!("{from} uses {to}, which leads back to it"),
            allowed: format!("modules do not use each other in a circle: {}", way.join(" → ")),
        });
    }
    violations
}

/// Returns every use of a module by a sibling, with one place that has it.
fn edges(reading: &Reading) -> BTreeMap<Edge, &Use> {
    let mut edges = BTreeMap::new();
    for used in &reading.uses {
        let Used::Ours(path) = &used.used else { continue };
        // A sibling can be named itself, or by one of its items that a parent imports.
        for path in [path, &resolve(reading, path)] {
            let same = used.module.iter().zip(path).take_while(|(own, part)| own == part).count();
            if same < used.module.len()
                && same < path.len()
                && reading.modules.contains(&path[..=same])
            {
                let edge = (used.module[..=same].join("::"), path[..=same].join("::"));
                edges.entry(edge).or_insert(used);
            }
        }
    }
    edges
}

/// Follows imports to where the item of a path is defined.
fn resolve(reading: &Reading, path: &[String]) -> Vec<String> {
    let mut path = path.to_vec();
    // No item is passed on more often; two imports can name each other, in a module and a function.
    for _ in 0..8 {
        let next = (1..=path.len()).find_map(|end| {
            let target = reading.imports.get(&path[..end])?;
            Some([target, &path[end..]].concat())
        });
        match next {
            Some(next) => path = next,
            None => break,
        }
    }
    path
}

/// Returns a shortest way from one module to another, where there is one.
fn way<'a>(from: &'a str, to: &str, graph: &Graph<'a>) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut seen = BTreeSet::from([from]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in graph.get(way.last()?).into_iter().flatten() {
                let way = [&way[..], &[*next]].concat();
                if *next == to {
                    return Some(way);
                }
                if seen.insert(next) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}
