//! The list's order, and the lifecycle of a version.

use super::*;

fn world() -> World {
    let mut world = World::default();
    for id in ["a", "b", "c"] {
        let version = WorldVersion::new(format!("{id}1"), "es-ES");
        world.add(WorldAsset::new(id, NamedBy::MediaUrl).with(version));
    }
    world
}

fn order(world: &World) -> Vec<&str> {
    world.listed().map(|asset| asset.asset_id.as_str()).collect()
}

#[test]
fn the_newest_is_listed_first_and_the_oldest_is_forgotten_first() {
    let mut world = world();
    assert_eq!(order(&world), ["c", "b", "a"]);
    world.shift();
    assert_eq!(order(&world), ["a", "c", "b"]);
    world.keep_newest(2);
    assert_eq!(order(&world), ["a", "c"]);
    assert!(world.asset("b").is_none() && world.version("b1").is_none());
    world.asset_mut("a").unwrap().owner = Owner::Hidden;
    assert_eq!(order(&world), ["c"], "the list has no assets of other accounts");
    world.keep_newest(0);
    world.shift();
    assert_eq!(world, World::default());
}

#[test]
fn events_move_a_version_as_the_services_lifecycle_does() {
    use VersionStatus::{Completed, Failed, Generating, NotReady, ReadyToEdit};
    let mut world = world();
    for (event, wanted, cycle) in [
        ("version_published", NotReady, 0),
        ("version_ready", ReadyToEdit, 0),
        ("version_generating", Generating, 0),
        // Overtaken on its way.
        ("version_ready", Generating, 0),
        ("version_generated", Completed, 1),
        ("version_generated", Completed, 1),
        ("version_generating", Completed, 1),
        // Revised.
        ("version_ready", ReadyToEdit, 1),
        ("version_generated", Completed, 2),
        ("version_generate_failed", Failed, 2),
        ("version_generating", Failed, 2),
        ("version_ready", ReadyToEdit, 2),
        ("version_failed", Failed, 2),
    ] {
        world.advance(event, "a", Some("a1"));
        let (asset, version) = world.version("a1").unwrap();
        assert_eq!((version.status, version.cycle), (wanted, cycle), "{event}");
        assert!(!asset.failed);
    }
    world.advance("asset_failed", "a", None);
    assert!(world.asset("a").unwrap().failed);
    let before = world.clone();
    world.advance("version_ready", "x", Some("x1"));
    world.advance("asset_failed", "x", None);
    assert_eq!(world, before);
}
