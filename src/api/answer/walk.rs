//! The way through the pages of a list. Ends also where the service would never end it.

use std::collections::HashSet;

use super::{AssetPage, NextPage};

/// The most pages of a list that are read.
const MAX_PAGES: usize = 10_000;

/// Decides after each page whether to ask for the next one.
#[derive(Debug, Default)]
pub struct PageWalk {
    /// The queries that were asked for.
    asked: HashSet<String>,
    /// The ids of the page before.
    before: Option<Vec<String>>,
    pages: usize,
}

/// What follows after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalkStep {
    /// Another page.
    Next(NextPage),
    /// Nothing: the list ends here.
    End,
    /// Nothing, although the page says that there is more; why, as a sentence.
    Cut(&'static str),
}

impl PageWalk {
    /// Takes a page, in the order of the list.
    pub fn take(&mut self, page: &AssetPage) -> WalkStep {
        self.pages += 1;
        let ids: Vec<_> = page.assets.iter().filter_map(|asset| asset.asset_id.clone()).collect();
        let is_repeated = self.before.as_ref() == Some(&ids);
        self.before = Some(ids);
        let Some(next) = &page.next else { return WalkStep::End };
        if is_repeated {
            return WalkStep::Cut(
                "a page of the list repeats the one before, so the rest was not asked for",
            );
        }
        if !self.asked.insert(next.query().to_owned()) {
            return WalkStep::Cut(
                "the list leads back to a page that was read, so the rest was not asked for",
            );
        }
        if self.pages >= MAX_PAGES {
            return WalkStep::Cut("the list has over 10000 pages, so the rest was not asked for");
        }
        WalkStep::Next(next.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(ids: &[&str], next: Option<u64>) -> AssetPage {
        let assets: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
        AssetPage::read(&json!({"assets": assets, "next": next}), None).unwrap()
    }

    #[test]
    fn a_list_ends_where_it_says_so() {
        let mut walk = PageWalk::default();
        assert!(matches!(walk.take(&page(&["a", "b"], Some(2))), WalkStep::Next(_)));
        // Something was added in front: the pages overlap, and go on.
        assert!(matches!(walk.take(&page(&["b", "c"], Some(3))), WalkStep::Next(_)));
        assert_eq!(walk.take(&page(&["d"], None)), WalkStep::End);
    }

    #[test]
    fn a_list_that_does_not_go_on_is_cut() {
        let mut walk = PageWalk::default();
        walk.take(&page(&["a"], Some(2)));
        let step = walk.take(&page(&["a"], Some(3)));
        assert!(matches!(step, WalkStep::Cut(why) if why.contains("repeats")), "{step:?}");
        let mut walk = PageWalk::default();
        walk.take(&page(&["a"], Some(2)));
        let step = walk.take(&page(&["b"], Some(2)));
        assert!(matches!(step, WalkStep::Cut(why) if why.contains("leads back")), "{step:?}");
        // The last page may repeat the one before.
        let mut walk = PageWalk::default();
        walk.take(&page(&["a"], Some(2)));
        assert_eq!(walk.take(&page(&["a"], None)), WalkStep::End);
        let mut walk = PageWalk::default();
        let mut number = 1;
        let cut = loop {
            number += 1;
            match walk.take(&page(&[&number.to_string()], Some(number))) {
                WalkStep::Next(_) => {}
                step => break step,
            }
        };
        assert!(matches!(cut, WalkStep::Cut(why) if why.contains("10000")), "{cut:?}");
    }
}
