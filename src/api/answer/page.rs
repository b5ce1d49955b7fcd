//! A page of the list of assets, and where the next one is.
//!
//! How the service pages is not known. A page that says nothing of more is the last one.

use serde_json::Value;

use super::fields::{Fields, Spellings, kind, wrong};
use super::next::{NextHint, href, next_of};
use super::{AnswerError, AssetAnswer, NextPage};

const ITEMS: Spellings =
    &["assets", "items", "results", "data", "objects", "records", "content", "list"];
/// Where the paging may be in an object of its own.
const PAGING: Spellings =
    &["pagination", "paging", "pageinfo", "meta", "metadata", "links", "cursors", "page", "data"];
const NEXT: Spellings = &["next", "nexturl", "nextpageurl", "nextlink", "nextpage"];
const CURSOR: Spellings = &["nextcursor", "endcursor", "after"];
const TOKEN: Spellings = &["nextpagetoken"];
const NEXT_OFFSET: Spellings = &["nextoffset"];
const HAS_MORE: Spellings = &["hasmore", "hasnext", "hasnextpage", "more"];
const PAGE: Spellings = &["page", "currentpage", "pagenumber", "number"];
const PAGES: Spellings = &["pages", "totalpages", "pagecount", "lastpage", "numpages"];
const SIZE: Spellings = &["pagesize", "perpage", "size", "limit"];
const OFFSET: Spellings = &["offset", "skip"];
const TOTAL: Spellings = &["total", "totalcount", "totalitems", "totalresults", "totalelements"];

/// A page of the list of assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetPage {
    /// The assets that have an id.
    pub assets: Vec<AssetAnswer>,
    /// Number of items that are no asset with an id.
    pub unread: usize,
    /// Where the list goes on; `None` at its end.
    pub next: Option<NextPage>,
    /// Number of assets in the whole list.
    pub total: Option<u64>,
    /// What could not be read, a sentence each.
    pub cautions: Vec<String>,
}

impl AssetPage {
    /// Reads a page. `asked` is the page that was asked for, `None` for the first one.
    pub fn read(value: &Value, asked: Option<&NextPage>) -> Result<Self, AnswerError> {
        let items = Self::items(value)?;
        let mut page =
            Self { assets: Vec::new(), unread: 0, next: None, total: None, cautions: Vec::new() };
        for item in items {
            match AssetAnswer::in_list(item) {
                Ok(asset) if asset.asset_id.is_some() => page.assets.push(asset),
                found => {
                    page.unread += 1;
                    if page.unread == 1 {
                        let why =
                            found.err().map_or("it has no id".to_owned(), |why| why.to_string());
                        page.cautions.push(format!("an asset cannot be read: {why}"));
                    }
                }
            }
        }
        if let Value::Object(map) = value {
            let outer = Fields::new(map);
            let inner = PAGING.iter().filter_map(|name| outer.object(std::slice::from_ref(name)));
            let scopes: Vec<_> = std::iter::once(outer).chain(inner).collect();
            page.find_next(&scopes, items.len(), asked);
        }
        Ok(page)
    }

    /// Returns the items of a page as they are.
    pub fn items(value: &Value) -> Result<&[Value], AnswerError> {
        let expected = "a list of assets";
        let map = match value {
            Value::Array(items) => return Ok(items),
            Value::Object(map) => map,
            other => return Err(AnswerError::Kind { found: kind(other), expected }),
        };
        let fields = Fields::new(map);
        match fields.get(ITEMS) {
            Some((_, Value::Array(items))) => Ok(items),
            // One wrapper around the page.
            Some((name, Value::Object(inner))) => match Fields::new(inner).get(ITEMS) {
                Some((_, Value::Array(items))) => Ok(items),
                _ => Err(wrong(name, "an object without one", expected)),
            },
            Some((name, other)) => Err(wrong(name, kind(other), expected)),
            None => Err(AnswerError::Kind { found: "an object without one", expected }),
        }
    }

    /// Finds the next page and the total in the fields around the items, the most telling first.
    fn find_next(&mut self, scopes: &[Fields<'_>], count: usize, asked: Option<&NextPage>) {
        let count = count as u64;
        let number = |spellings| scopes.iter().find_map(|scope| scope.number(spellings));
        self.total = number(TOTAL).or_else(|| {
            // The name stands for the number on the page as well.
            number(&["count"]).filter(|total| *total > count)
        });
        let field = |spellings| scopes.iter().find_map(|scope| scope.get(spellings));
        let next = scopes
            .iter()
            .filter_map(|scope| scope.get(NEXT))
            .find(|(_, value)| !value.is_object() || href(value).is_some());
        if let Some((name, value)) = next {
            match next_of(value) {
                Some(NextHint::Page(next)) => return self.next = Some(next),
                Some(NextHint::More) => {}
                Some(NextHint::End) => return,
                None => self.cautions.push(format!(
                    "{}; the list may go on",
                    wrong(name, kind(value), "a next page")
                )),
            }
        }
        let has_more = field(HAS_MORE).and_then(|(_, value)| value.as_bool());
        if has_more == Some(false) {
            return;
        }
        let by_text = [(CURSOR, "cursor"), (TOKEN, "page_token"), (NEXT_OFFSET, "offset")];
        for (spellings, parameter) in by_text {
            let text = match field(spellings) {
                Some((_, Value::String(text))) if !text.is_empty() => text.clone(),
                Some((_, Value::Number(number))) => number.to_string(),
                _ => continue,
            };
            if let Some(next) = NextPage::with(parameter, &text) {
                return self.next = Some(next);
            }
            self.cautions.push(format!("its {parameter} is too long; the list may go on"));
        }
        let is_more = has_more == Some(true)
            || matches!(next.and_then(|(_, value)| next_of(value)), Some(NextHint::More));
        self.next = self.counted(number, count, asked, is_more);
    }

    /// Returns the next page by the numbers that the page gives.
    fn counted(
        &self,
        number: impl Fn(Spellings) -> Option<u64>,
        count: u64,
        asked: Option<&NextPage>,
        is_more: bool,
    ) -> Option<NextPage> {
        let page = number(PAGE).or_else(|| asked?.number());
        let following = || NextPage::numbered(page.unwrap_or(1).saturating_add(1));
        if let (Some(page), Some(pages)) = (page, number(PAGES)) {
            return (page < pages).then(following);
        }
        if let (Some(offset), Some(total)) = (number(OFFSET), self.total) {
            let next = offset.saturating_add(count);
            return (count > 0 && next < total)
                .then(|| NextPage::with("offset", &next.to_string()))
                .flatten();
        }
        if let (Some(page), Some(size), Some(total)) = (page, number(SIZE), self.total) {
            return (count > 0 && page.saturating_mul(size) < total).then(following);
        }
        is_more.then(following)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(value: &Value) -> AssetPage {
        AssetPage::read(value, None).unwrap()
    }

    fn next(value: &Value) -> Option<String> {
        page(value).next.map(|next| next.query().to_owned())
    }

    #[test]
    fn the_assets_are_found_wherever_they_are() {
        let asset = json!({"id": "a"});
        for value in [
            json!([asset]),
            json!({"assets": [asset]}),
            json!({"data": [asset]}),
            json!({"data": {"items": [asset]}}),
            json!({"results": [asset], "count": 1}),
        ] {
            assert_eq!(page(&value).assets[0].asset_id.as_deref(), Some("a"), "{value}");
        }
        for (value, words) in [
            (json!({}), "an object without one where a list of assets"),
            (json!("x"), "it is a text where a list of assets"),
            (json!({"assets": 3}), "its assets is a number where"),
            (json!({"data": {}}), "its data is an object without one"),
        ] {
            let error = AssetPage::read(&value, None).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let read = page(&json!([{"id": "a"}, 3, {"name": "without an id"}, {"id": 4}]));
        assert_eq!((read.assets.len(), read.unread, read.cautions.len()), (1, 3, 1));
    }

    #[test]
    fn the_next_page_is_found_by_every_plausible_way() {
        for (extra, query) in [
            (json!({"next": "https://evil.example/other?page=2&limit=5#x"}), "page=2&limit=5"),
            (json!({"next": "/v1/assets/?cursor=a%2Fb"}), "cursor=a%2Fb"),
            (json!({"next": "?page=2"}), "page=2"),
            (json!({"next": "abc/d"}), "cursor=abc%2Fd"),
            (json!({"next": 3}), "page=3"),
            (json!({"next_page": 2}), "page=2"),
            (json!({"links": {"next": {"href": "https://h/?page=4"}}}), "page=4"),
            (json!({"_links": {"next": "https://h/?page=4"}}), "page=4"),
            (json!({"next_cursor": "x y"}), "cursor=x%20y"),
            (json!({"meta": {"nextPageToken": "t"}}), "page_token=t"),
            (json!({"pagination": {"page": 1, "pages": 3}}), "page=2"),
            (json!({"page": 2, "page_size": 1, "total": 3}), "page=3"),
            (json!({"offset": 0, "limit": 1, "total": 3}), "offset=1"),
            (json!({"has_more": true}), "page=2"),
            (json!({"page": "4", "hasNext": true}), "page=5"),
        ] {
            let mut value = extra.clone();
            value["assets"] = json!([{"id": "a"}]);
            assert_eq!(next(&value).as_deref(), Some(query), "{extra}");
        }
    }

    #[test]
    fn a_page_that_says_nothing_of_more_is_the_last_one() {
        for extra in [
            json!({}),
            json!({"next": null, "total": 100}),
            json!({"next": "", "has_more": true}),
            json!({"next": false}),
            json!({"has_more": false, "next_cursor": "x"}),
            json!({"page": 3, "pages": 3}),
            json!({"page": 3, "page_size": 1, "total": 3}),
            json!({"offset": 2, "total": 3}),
            json!({"count": 100}),
        ] {
            let mut value = extra.clone();
            value["assets"] = json!([{"id": "a"}]);
            assert_eq!(next(&value), None, "{extra}");
            assert_eq!(page(&value).cautions, Vec::<String>::new(), "{extra}");
        }
        for odd in [json!(["x"]), json!("https://h/without"), json!("?x=\u{1b}"), json!(-1)] {
            let read = page(&json!({"assets": [], "next": odd}));
            assert_eq!((read.next, read.cautions.len()), (None, 1), "{odd}");
        }
    }

    #[test]
    fn a_page_without_a_number_has_the_number_that_was_asked_for() {
        let value = json!({"assets": [{"id": "a"}], "has_more": true});
        let second = page(&value).next.unwrap();
        let third = AssetPage::read(&value, Some(&second)).unwrap().next.unwrap();
        assert_eq!((second.query(), third.query()), ("page=2", "page=3"));
    }
}
