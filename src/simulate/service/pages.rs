//! Divides the list of assets into pages.

use serde_json::{Value, json};

use super::faults::{Faults, PagingStyle};
use super::json;
use super::shared::Shared;
use super::world::World;

/// The path of the list.
pub(super) const LIST: &str = "/v1/assets/";

/// Returns the page that a query asks for; `None` if there is no such page.
pub(super) fn page(query: &str, world: &World, faults: &Faults, shared: &Shared) -> Option<Value> {
    let all: Vec<_> = world.listed().collect();
    let size = faults.page_size.max(1);
    let pages = all.len().div_ceil(size).max(1);
    let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    let number: usize = match (faults.paging, field("page="), field("cursor=")) {
        (PagingStyle::Cursor, _, Some(cursor)) => cursor.strip_prefix("p")?.parse().ok()?,
        (PagingStyle::NextUrl | PagingStyle::PageCount, Some(page), _) => page.parse().ok()?,
        _ => 1,
    };
    if !(1..=pages).contains(&number) {
        return None;
    }
    let is_array = faults.paging == PagingStyle::Array;
    let (skip, take) = if is_array { (0, all.len()) } else { ((number - 1) * size, size) };
    let assets = all.iter().skip(skip).take(take).map(|asset| json::asset(asset, faults));
    let assets: Vec<Value> = assets.collect();
    let next = match number {
        _ if faults.endless_list => Some(1),
        number => (number < pages).then(|| number + 1),
    };
    let url = |page: usize| format!("{}{LIST}?page={page}", shared.url());
    Some(match faults.paging {
        PagingStyle::Array => assets.into(),
        PagingStyle::NextUrl => json!({
            "count": all.len(),
            "next": next.map(url),
            "previous": number.checked_sub(1).filter(|page| *page > 0).map(url),
            "results": assets,
        }),
        PagingStyle::Cursor => {
            json!({"items": assets, "next_cursor": next.map(|page| format!("p{page}"))})
        }
        PagingStyle::PageCount => {
            json!({"data": assets, "page": number, "pages": pages, "total": all.len()})
        }
    })
}
