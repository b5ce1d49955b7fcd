//! The views: a frame is a function of the model. They change nothing but the buffer.

mod chrome;
mod copy;
mod deliveries;
mod detail;
mod dubs;
mod empty;
mod health;
mod help;
mod link;
mod mark;
mod matrix;
mod row;
mod timeline;
mod too_small;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::model::Model;
use super::model::layout::SMALLEST;
use super::model::mode::Mode;
use super::model::screen::Screen;
use super::widget::glyph;
use super::widget::theme::Theme;

pub use chrome::title;

/// The text shown while nothing is listed because the filter is invalid.
const INVALID_FILTER: (&str, &str) =
    ("The filter is not valid", "see the error below; esc: cancel");

/// Draws a frame over all of `area`. Call [`Model::settle`] first.
pub fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small::draw(model, theme, area, buffer);
    } else {
        let body = chrome::draw(model, theme, area, buffer);
        body_of(model, theme, body, buffer, &model.mode);
    }
    if theme.ascii {
        glyph::to_ascii(buffer);
    }
}

/// Returns the position of the terminal's cursor: in the line being typed, or nowhere.
pub fn cursor(model: &Model, area: Rect) -> Option<Position> {
    let fits = area.width >= SMALLEST.0 && area.height >= SMALLEST.1;
    if fits { chrome::cursor(model, area) } else { None }
}

/// Draws the area between header and footer.
fn body_of(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer, mode: &Mode) {
    match mode {
        Mode::Help { scroll, .. } => help::draw(theme, *scroll, area, buffer),
        Mode::Detail(open) => detail::draw(model, open, theme, area, buffer),
        Mode::Copy(under) => {
            body_of(model, theme, area, buffer, under);
            copy::draw(theme, area, buffer);
        }
        Mode::Download { under, .. } | Mode::AgreeHost { under, .. } => {
            body_of(model, theme, area, buffer, under);
        }
        Mode::Normal
        | Mode::Quit
        | Mode::Filter { .. }
        | Mode::Name { .. }
        | Mode::Expect { .. } => match model.screen {
            Screen::Health => health::draw(model, theme, area, buffer),
            Screen::Timeline | Screen::Matrix if model.is_empty() => {
                empty::draw(model, theme, area, buffer);
            }
            Screen::Deliveries if model.is_empty() && model.shown().rows.is_empty() => {
                empty::draw(model, theme, area, buffer);
            }
            Screen::Timeline => timeline::draw(model, theme, area, buffer),
            Screen::Matrix => matrix::draw(model, theme, area, buffer),
            Screen::Deliveries => deliveries::draw(model, theme, area, buffer),
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};

    use super::super::model::mode::Line;
    use super::super::model::snapshot::FrozenSnapshot;
    use super::super::model::{Banner, RunInfo};
    use super::*;
    use crate::status::JournalHealth;

    fn model(banner: Option<Banner>) -> Model {
        let run_info = RunInfo {
            callback_url: String::new(),
            door: String::new(),
            send_line: String::new(),
            send_by_relay: String::new(),
            journal: String::new(),
            keys: Vec::new(),
            banner,
            confirm_quit: true,
            bell: true,
            overdue: SignedDuration::from_hours(3),
            expected: None,
            started: Timestamp::UNIX_EPOCH,
            zone: TimeZone::UTC,
        };
        Model::new(run_info, Timestamp::UNIX_EPOCH, (80, 24))
    }

    /// The size of a page depends on how many rows the frame leaves.
    #[test]
    fn the_model_knows_how_many_rows_the_body_has() {
        for state in 0..32_u8 {
            let is = |bit: u8| state & (1 << bit) != 0;
            let mut model = model(is(0).then_some(Banner::Demo));
            if is(1) {
                model.live.store = JournalHealth::Failing { why: "no space".to_owned() };
            }
            model.failures_only = is(2);
            if is(3) {
                model.mode =
                    Mode::Filter { line: Line::filter(""), before: String::new(), asset: None };
            }
            if is(4) {
                let snapshot = model.live.clone();
                model.frozen = Some(FrozenSnapshot { snapshot, at: model.now, waiting: 0 });
            }
            let area = Rect::new(0, 0, 80, 24);
            let theme = Theme { color: true, ascii: false, light: false };
            let body = chrome::draw(&model, theme, area, &mut Buffer::empty(area));
            assert_eq!(body.height, model.body_rows(), "{state:05b}");
        }
    }
}
