//! `dubwatch journal delete`: deletes all that is known of one asset.

use std::io::{self, Write as _};

use super::super::confirm::confirmed;
use super::super::{UsageError, done_unless, say};
use super::{Delete, not_in_use};
use crate::app::Exit;
use crate::config::Config;
use crate::journal::{AssetTraces, Journal, JournalReader};
use crate::text::{Printable, count_in_words};

pub(super) fn run(config: &Config, args: &Delete) -> anyhow::Result<Exit> {
    let (asset_id, traces) = match find(config, args)? {
        Ok(found) => found,
        Err(why) => {
            say(&why);
            return Ok(Exit::Failed);
        }
    };
    let shown = Printable::new(&asset_id).cut(80);
    if !args.yes {
        let question = format!(
            "Delete {} of the asset {shown}, from {}, for good?",
            spoken(traces),
            config.db.display()
        );
        if !confirmed(&question)? {
            say("nothing was deleted");
            return Ok(Exit::Failed);
        }
    }
    let (deleted, vacuumed) = Journal::erase(&config.db, &asset_id)
        .map_err(|error| not_in_use(config, error, "deleted"))?;
    let sentence = format!("Deleted {} of the asset {shown}.\n", spoken(deleted));
    let written = done_unless(io::stdout().write_all(sentence.as_bytes()).map_err(Into::into))?;
    if let Err(error) = vacuumed {
        say(&format!(
            "the asset is deleted, but traces of it may be left in unused space of the file, which could not be written anew: {error}; run `dubwatch journal vacuum` when there is space"
        ));
        return Ok(Exit::Failed);
    }
    Ok(written)
}

/// Returns the id of the asset that is named, with what there is of it, or why there is none. A part
/// of an id is not enough: this cannot be undone.
fn find(config: &Config, args: &Delete) -> anyhow::Result<Result<(String, AssetTraces), String>> {
    let word = args.asset.trim();
    if word.is_empty() {
        return Err(UsageError("--asset is empty; name an asset".to_owned()).into());
    }
    let traces = Journal::traces(&config.db, word)?;
    if !traces.is_nothing() {
        return Ok(Ok((word.to_owned(), traces)));
    }
    let notes = JournalReader::open(&config.db)?.all_notes()?;
    let named =
        |name: Option<&str>| name.is_some_and(|name| name.to_lowercase() == word.to_lowercase());
    let ids: Vec<String> = notes
        .into_iter()
        .filter_map(|(id, notes)| named(notes.shown_name()).then_some(id))
        .collect();
    let shown = Printable::new(word).cut(80);
    Ok(match ids.as_slice() {
        [one] => Ok((one.clone(), Journal::traces(&config.db, one)?)),
        [] => Err(format!(
            "no asset has {shown} as its whole id or as its name; `dubwatch status` lists them all; nothing was deleted"
        )),
        more => Err(format!(
            "{} have the name {shown}; name one of them by its id; nothing was deleted",
            count_in_words(more.len() as u64, "asset", "assets")
        )),
    })
}

fn spoken(AssetTraces { deliveries, versions, refusals, has_notes }: AssetTraces) -> String {
    let notes = if has_notes { ", the notes" } else { "" };
    format!(
        "{}, {}{notes} and {}",
        count_in_words(deliveries as u64, "delivery", "deliveries"),
        count_in_words(versions as u64, "version", "versions"),
        count_in_words(refusals as u64, "kind of refusal", "kinds of refusals"),
    )
}
