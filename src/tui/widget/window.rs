//! The visible part of a long list.

use std::ops::Range;

/// Returns the visible indices of `count`, if `height` fit and `selected` has to be among them.
///
/// The selected one is in the middle if possible: this needs no remembered position, and shows what
/// comes next on both sides.
pub fn window(selected: usize, count: usize, height: usize) -> Range<usize> {
    let start = selected.saturating_sub(height / 2).min(count.saturating_sub(height));
    start..count.min(start + height)
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn the_selected_one_is_always_visible() {
        for count in 0..20 {
            for height in 0..10 {
                for selected in 0..count {
                    let seen = window(selected, count, height);
                    assert!(seen.len() == height.min(count));
                    assert!(height == 0 || seen.contains(&selected), "{selected} {count} {height}");
                }
            }
        }
    }
}
