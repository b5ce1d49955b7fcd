//! What keys do: scripts, and thousands of random keys, deliveries and sizes, after each of which
//! the dashboard can be drawn and `esc` leads back to the start.

use std::collections::BTreeSet;

use dubwatch::internals::callback::{Headers, State, Verdict};
use dubwatch::internals::simulate::{Message, Tamper};
use dubwatch::internals::text::{ClipText, Printable};
use dubwatch::internals::tui::effect::{Effect, Request};
use dubwatch::internals::tui::event::BackendEvent;
use dubwatch::internals::tui::input::Chord;
use dubwatch::internals::tui::keymap::{self, KEYMAP};
use dubwatch::internals::tui::model::detail::Detail;
use dubwatch::internals::tui::model::download::{DownloadEnd, RunningDownload};
use dubwatch::internals::tui::model::mode::{Mode, Pane};
use dubwatch::internals::tui::model::row::Row;
use dubwatch::internals::tui::model::screen::Screen;
use dubwatch::internals::tui::model::search::{RowsPage, Search, SearchStart};
use dubwatch::internals::tui::model::tab::Tab;
use dubwatch::internals::tui::model::target::Target;
use dubwatch::internals::tui::msg::Msg;
use dubwatch::internals::tui::update::next_change;
use dubwatch::internals::tui::view;
use dubwatch::internals::tui::widget::theme::Theme;
use jiff::SignedDuration;
use ratatui::layout::Rect;

use crate::tui_harness::{COLOR, TuiHarness, now, rendered};

const ASCII: Theme = Theme { color: false, ascii: true, light: false };

/// Returns the effect of copying a text.
fn copied(what: &str, text: &str) -> Effect {
    Effect::Copy { what: what.to_owned(), text: ClipText::new(text).unwrap() }
}

fn requests(effects: &[Effect]) -> Vec<&Request> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Request(request) => Some(request),
            _ => None,
        })
        .collect()
}

#[test]
fn n_goes_from_failure_to_failure_and_x_marks_the_selected_one() {
    let mut tui = TuiHarness::story(7, 130);
    let failures = tui.model().shown().asset_list.alerts().count();
    assert!(failures >= 3);
    let mut seen = BTreeSet::new();
    for _ in 0..failures {
        tui.press("n");
        let model = tui.model();
        let asset = model.selected_asset().unwrap().id().to_owned();
        seen.insert((asset, model.selection.version.clone()));
    }
    assert_eq!(seen.len(), failures, "each failure once");
    tui.press("n");
    // The cycle starts again with the first one.
    let effects = tui.press("x");
    let requested = requests(&effects);
    assert_eq!(requested.len(), 1, "{requested:?}");
    assert!(matches!(requested[0], Request::Acknowledge { at: Some(_), .. }), "{requested:?}");
}

#[test]
fn a_marked_failure_is_no_longer_highlighted_but_listed() {
    let mut tui = TuiHarness::story(7, 130);
    let asset = tui.model().selected_asset().unwrap().clone();
    assert!(asset.has_unseen_alert());
    let mut marked = (*asset).clone();
    for failure in asset.alerts() {
        let version = failure.version.map(|version| version.version_id.clone());
        marked.notes.acknowledged.insert(version, failure.at);
    }
    tui.event(BackendEvent::Asset(Box::new(marked)));
    let asset = tui.model().selected_asset().unwrap().clone();
    assert!(!asset.has_unseen_alert());
    assert!(asset.alerts().count() > 0);
    // Pressing it again removes the mark.
    let effects = tui.press("x");
    assert!(
        requests(&effects).iter().all(|r| matches!(r, Request::Acknowledge { at: None, .. })),
        "{effects:?}"
    );
    assert!(!requests(&effects).is_empty());
}

#[test]
fn a_filter_applies_while_it_is_typed_and_esc_restores_the_previous_one() {
    let mut tui = TuiHarness::story(7, 130);
    let all = tui.model().assets().len();
    tui.press("/");
    tui.type_text("keynote");
    tui.model().settle();
    assert_eq!(tui.model().assets().len(), 1);
    assert!(tui.model().selected_asset().unwrap().notes.name.as_ref().unwrap().contains("Keynote"));
    tui.press("esc");
    tui.model().settle();
    assert_eq!(tui.model().assets().len(), all);

    // Letters that are keys elsewhere are letters here, and an invalid filter stays open.
    tui.press("/");
    tui.type_text("nosuch:q");
    tui.press("enter");
    assert!(matches!(tui.model().mode, Mode::Filter { .. }));
    assert!(tui.model().filtering.error.is_some());
    tui.press("ctrl-u");
    tui.type_text("failed");
    tui.press("enter");
    assert_eq!(tui.model().mode, Mode::Normal);
    tui.model().settle();
    let model = tui.model();
    assert!(model.assets().len() < all && !model.assets().is_empty());
    tui.press("esc");
    tui.model().settle();
    assert_eq!(tui.model().assets().len(), all, "esc shows all again");
}

#[test]
fn a_frozen_screen_does_not_change_and_counts_new_rows() {
    let mut tui = TuiHarness::story(7, 60);
    let before = tui.frame((120, 30), COLOR);
    tui.press("space");
    let frozen = tui.frame((120, 30), COLOR);
    tui.tick(now() + SignedDuration::from_secs(70));
    let message = Message {
        event: "version_failed".to_owned(),
        asset_id: "ast_new".to_owned(),
        version_id: Some("ver_new".to_owned()),
        version_locale: None,
    };
    let row = tui.delivery(&message, now() + SignedDuration::from_secs(65));
    tui.news(vec![row], &BTreeSet::from(["ast_new".to_owned()]), false);
    let later = tui.frame((120, 30), COLOR);
    assert_eq!(tui.model().frozen.as_ref().unwrap().waiting, 1);
    let body = |buffer: &ratatui::buffer::Buffer| -> Vec<String> {
        (1..29).map(|y| (0..120).map(|x| buffer[(x, y)].symbol()).collect()).collect()
    };
    // The footer says that it is frozen; everything else stays the same.
    assert_eq!(body(&before), body(&frozen));
    assert_eq!(body(&frozen), body(&later));
    tui.press("space");
    assert!(tui.model().frozen.is_none());
    assert!(tui.model().shown().asset_list.get("ast_new").is_some());
}

#[test]
fn moving_stops_following_and_counts_new_rows() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("3 up up");
    let model = tui.model();
    let newest = model.row_count() - 1;
    assert_eq!(model.selected_row(), Some(newest - 2));
    let message = Message {
        event: "version_ready".to_owned(),
        asset_id: "ast_new".to_owned(),
        version_id: Some("ver_new".to_owned()),
        version_locale: Some("es-ES".to_owned()),
    };
    for second in 61..64 {
        let at = now() + SignedDuration::from_secs(second);
        let row = tui.delivery(&message, at);
        tui.news(vec![row], &BTreeSet::from(["ast_new".to_owned()]), false);
    }
    let model = tui.model();
    assert_eq!(model.selected_row(), Some(newest - 2), "the selected one stays selected");
    assert_eq!(model.selection.since, 3);
    tui.press("G");
    let model = tui.model();
    assert_eq!((model.selection.row, model.selection.since), (None, 0));
}

#[test]
fn the_selection_sticks_while_others_become_active() {
    let mut tui = TuiHarness::story(7, 20);
    tui.press("down down");
    let selected = tui.model().selected_asset().unwrap().id().to_owned();
    let order: Vec<_> = tui.model().assets().iter().map(|place| place.id.clone()).collect();
    let message = Message {
        event: "version_failed".to_owned(),
        asset_id: order.last().unwrap().to_string(),
        version_id: Some("ver_x".to_owned()),
        version_locale: None,
    };
    let row = tui.delivery(&message, now() + SignedDuration::from_secs(21));
    tui.news(vec![row], &BTreeSet::from([order.last().unwrap().to_string()]), false);
    let held: Vec<_> = tui.model().assets().iter().map(|place| place.id.clone()).collect();
    assert_eq!(held, order, "positions are kept while the user moves");
    tui.tick(now() + SignedDuration::from_secs(40));
    let model = tui.model();
    assert_eq!(model.selected_asset().unwrap().id(), selected);
    assert_eq!(model.assets()[0].id, *order.last().unwrap(), "then the failure moves to the top");
}

#[test]
fn enter_opens_and_esc_goes_back() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("enter");
    assert_eq!(tui.model().pane, Pane::Lanes);
    let effects = tui.press("enter");
    assert!(matches!(requests(&effects)[..], [Request::Detail(_)]), "{effects:?}");
    assert!(matches!(tui.model().mode, Mode::Detail(_)));
    tui.press("tab");
    assert!(matches!(&tui.model().mode, Mode::Detail(open) if open.tab == Tab::Headers));
    tui.press("?");
    tui.press("esc");
    assert!(matches!(tui.model().mode, Mode::Detail(_)), "help goes back to where it was opened");
    tui.press("q q");
    assert_eq!((tui.model().mode.clone(), tui.model().pane), (Mode::Normal, Pane::Assets));
    assert!(!tui.press("esc").contains(&Effect::Quit), "esc never ends the program");
    assert!(tui.press("q q").contains(&Effect::Quit));
}

#[test]
fn q_asks_once_before_it_ends_a_receiver() {
    let mut tui = TuiHarness::story(7, 60);
    for stays in ["esc", "n", "x", "4", "enter", "up", "z", "L"] {
        let before = tui.model().clone();
        assert_eq!(tui.press("q"), []);
        assert_eq!(tui.model().mode, Mode::Quit);
        let frame = rendered(&tui.frame((80, 24), COLOR));
        assert!(frame.contains("q or y: quit, any other key: cancel"), "{frame}");
        assert!(rendered(&tui.frame((40, 10), COLOR)).contains("q: yes, any other: no"));
        assert!(rendered(&tui.frame((20, 1), COLOR)).contains("Quit? q: yes"));
        assert_eq!(tui.press(stays), [], "{stays} does nothing else");
        assert_eq!(tui.model().mode, Mode::Normal);
        assert_eq!(
            (tui.model().screen, &tui.model().selection),
            (before.screen, &before.selection)
        );
    }
    for ends in ["q", "y", "ctrl-c"] {
        let mut tui = TuiHarness::of(tui.model.clone());
        tui.press("q");
        assert_eq!(tui.press(ends), [Effect::Quit], "{ends}");
    }
    // `q` goes one level back everywhere else.
    tui.press("3 q");
    assert_eq!((tui.model().mode.clone(), tui.model().screen), (Mode::Normal, Screen::Timeline));
    // Read-only dashboards and demos end at once.
    tui.model().run_info.confirm_quit = false;
    assert_eq!(tui.press("q"), [Effect::Quit]);
}

#[test]
fn escape_and_a_quick_key_are_both_handled() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("3 /");
    tui.press("f a i l alt-1");
    assert_eq!((tui.model().mode.clone(), tui.model().screen), (Mode::Normal, Screen::Timeline));
    assert_eq!(tui.model().filtering.text, "");
    assert_eq!(tui.press("4 ctrl-alt-c"), [Effect::Quit]);
}

#[test]
fn shift_is_ignored_if_only_some_terminals_report_it() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("shift-down");
    let moved = tui.model().selection.clone();
    let mut plain = TuiHarness::story(7, 60);
    plain.press("down");
    assert_eq!(moved, plain.model().selection);
    tui.press("tab shift-tab");
    assert_eq!(tui.model().pane, Pane::Assets, "shift-tab is a key of its own");
}

#[test]
fn keys_of_another_layout_work_by_position_or_show_one_warning() {
    let physical = |c, us| Msg::Key(Chord { physical: Some(us), ..Chord::char(c) });
    let mut tui = TuiHarness::story(7, 60);
    tui.send(physical('ц', 'w'));
    assert_eq!(tui.model().status_message, None, "nothing is bound to w, and the layout is known");
    tui.send(physical('Т', 'N'));
    tui.send(physical('.', '/'));
    assert_eq!(tui.model().mode, Mode::Normal, "a full stop is a full stop, wherever the key is");
    tui.send(physical('є', '\''));
    tui.send(physical('₴', '4'));
    assert_eq!(tui.model().screen, Screen::Health);
    tui.press("/");
    tui.send(physical('й', 'q'));
    assert_eq!(tui.model().filtering.text, "й", "a line takes what is typed");

    let mut tui = TuiHarness::story(7, 60);
    tui.press("й");
    let (message, _) = tui.model().status_message.clone().unwrap();
    assert!(message.contains("Latin letters") && message.contains('й'), "{message}");
    tui.press("θ");
    assert_eq!(tui.model().status_message, None, "once is enough");
    let mut tui = TuiHarness::story(7, 60);
    tui.press("é # w");
    assert_eq!(tui.model().status_message, None, "these are not letters of another script");
}

#[test]
fn control_l_redraws_from_everywhere() {
    for keys in ["1", "/", "L", "E", "y", "?", "3 enter", "q", "space"] {
        let mut tui = TuiHarness::story(7, 60);
        tui.press(keys);
        let mode = tui.model().mode.clone();
        assert_eq!(tui.press("ctrl-l"), [Effect::Repaint], "after {keys}");
        assert_eq!(tui.model().mode, mode);
    }
}

#[test]
fn the_cursor_is_in_the_line_being_typed() {
    let mut tui = TuiHarness::story(7, 60);
    let cursor = |tui: &mut TuiHarness, width, height| {
        view::cursor(tui.model(), Rect::new(0, 0, width, height)).map(|at| (at.x, at.y))
    };
    assert_eq!(cursor(&mut tui, 80, 24), None);
    tui.press("/ a b c left");
    assert_eq!(cursor(&mut tui, 80, 24), Some((5, 22)));
    tui.press("home");
    assert_eq!(cursor(&mut tui, 80, 24), Some((3, 22)));
    tui.press("end 漢");
    assert_eq!(cursor(&mut tui, 80, 24), Some((8, 22)));
    for _ in 0..120 {
        tui.press("x");
    }
    let (x, _) = cursor(&mut tui, 80, 24).unwrap();
    assert!(x < 80);
    assert_eq!(cursor(&mut tui, 20, 5), None, "too small to type in");
    tui.press("esc L");
    assert!(matches!(tui.model().mode, Mode::Name { .. }));
    let name = tui.model().mode.clone();
    let Mode::Name { line, .. } = name else { unreachable!() };
    let wide = u16::try_from(line.text().chars().count()).unwrap();
    assert_eq!(cursor(&mut tui, 80, 24), Some((7 + wide, 22)));
    tui.press("esc");
    assert_eq!(cursor(&mut tui, 80, 24), None);
}

#[test]
fn control_c_quits_from_everywhere() {
    for keys in ["1", "/", "L", "y", "?", "3 enter", "tab tab enter", "space", "!"] {
        let mut tui = TuiHarness::story(7, 60);
        tui.press(keys);
        assert_eq!(tui.press("ctrl-c"), [Effect::Quit], "after {keys}");
    }
}

#[test]
fn copying_names_and_copies_the_text() {
    let mut tui = TuiHarness::empty();
    let effects = tui.press("y u");
    assert_eq!(effects, [copied("the callback URL", "http://127.0.0.1:3829/callback")]);
    let effects = tui.press("y s");
    assert!(
        matches!(&effects[..], [Effect::Copy { text, .. }] if text.as_str().contains(" send ")),
        "{effects:?}"
    );
    let mut tui = TuiHarness::story(7, 60);
    let id = tui.model().selected_asset().unwrap().id().to_owned();
    assert!(tui.press("y i").contains(&copied("the asset's id", &id)));
}

#[test]
fn a_name_is_set_and_removed() {
    let mut tui = TuiHarness::story(7, 60);
    let id = tui.model().selected_asset().unwrap().id().to_owned();
    tui.press("L ctrl-u");
    tui.type_text("Night Ferry");
    let effects = tui.press("enter");
    let name = Some("Night Ferry".to_owned());
    assert_eq!(requests(&effects), [&Request::Name { asset_id: id.clone(), name }]);
    tui.press("L ctrl-u");
    let effects = tui.press("enter");
    assert_eq!(requests(&effects), [&Request::Name { asset_id: id, name: None }]);
}

#[test]
fn a_dashboard_without_changes_does_not_wake_up() {
    let tui = TuiHarness::empty();
    assert_eq!(next_change(&tui.model, None), None);
    let mut tui = TuiHarness::story(7, 60);
    // An asset with a generating version.
    while tui.model().selected_asset().unwrap().count(State::Generating) == 0 {
        tui.press("down");
    }
    tui.tick(now() + SignedDuration::from_secs(70));
    let next = next_change(&tui.model, None).unwrap();
    assert!(next <= now() + SignedDuration::from_secs(71), "a lane counts seconds: {next}");
    tui.press("space");
    tui.tick(now() + SignedDuration::from_secs(90));
    let next = next_change(&tui.model, None).unwrap();
    let minutes = next.duration_since(now()).as_mins();
    assert!((178..=182).contains(&minutes), "nothing changes until one is overdue: {next}");
}

/// Returns a version's callback.
fn about(asset: &str, version: &str, event: &str) -> Message {
    Message {
        event: format!("version_{event}"),
        asset_id: asset.to_owned(),
        version_id: Some(version.to_owned()),
        version_locale: Some("es-ES".to_owned()),
    }
}

fn deliver(tui: &mut TuiHarness, message: &Message, second: i64) {
    let at = now() + SignedDuration::from_secs(second);
    tui.tick(at);
    let row = tui.delivery(message, at);
    tui.news(vec![row], &BTreeSet::from([message.asset_id.clone()]), false);
}

#[test]
fn on_the_deliveries_x_and_l_are_about_the_selected_row() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_a", "v1", "failed"), 1);
    deliver(&mut tui, &about("ast_b", "v2", "failed"), 2);
    deliver(&mut tui, &about("ast_b", "v3", "ready"), 3);
    tui.press("3");
    assert!(requests(&tui.press("x")).is_empty(), "what is selected has not failed");
    tui.press("up");
    let effects = tui.press("x");
    assert!(
        matches!(&requests(&effects)[..], [Request::Acknowledge { asset_id, version_id, .. }]
            if asset_id == "ast_b" && version_id.as_deref() == Some("v2")),
        "{effects:?}"
    );
    tui.press("up up L");
    assert!(matches!(&tui.model().mode, Mode::Name { asset_id, .. } if asset_id == "ast_a"));
    tui.press("esc 4");
    assert!(requests(&tui.press("x")).is_empty(), "Health has nothing that failed");
}

#[test]
fn n_reaches_a_failure_that_arrives_while_positions_are_kept() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_a", "v1", "ready"), 1);
    deliver(&mut tui, &about("ast_b", "v1", "ready"), 2);
    tui.press("down");
    deliver(&mut tui, &about("ast_a", "v1", "failed"), 3);
    assert_eq!(tui.model().shown().asset_list.alerts().count(), 1);
    tui.press("n");
    assert_eq!(tui.model().selected_asset().unwrap().id(), "ast_a");
}

#[test]
fn older_rows_are_loaded_and_the_newest_again() {
    let mut tui = TuiHarness::empty();
    for number in 0..5_000 {
        deliver(&mut tui, &about("ast_a", &format!("v{}", number % 7), "ready"), number / 100);
    }
    tui.press("3");
    // The first of them is the first of the journal: there is nothing to read.
    assert_eq!(requests(&tui.press("g")), Vec::<&Request>::new());
    // The selected row stays, whatever arrives.
    let selected = tui.model().selection.row;
    deliver(&mut tui, &about("ast_a", "v1", "generating"), 60);
    assert_eq!(tui.model().selection.row, selected);
    assert_eq!(tui.model().selected_row(), Some(0));
    assert!(tui.model().shown().rows.is_behind());
    // A filter starts at the newest rows, and makes no claim about them before they have been
    // searched.
    tui.press("/");
    tui.type_text("ast_z");
    tui.press("enter");
    let text = crate::tui_harness::rendered(&tui.frame((120, 30), COLOR));
    assert!(text.contains(", no match yet"), "{text}");
    tui.press("esc");
    // Following again starts with the newest rows.
    let effects = tui.press("G");
    let search = searched(&effects).expect("the newest are asked for");
    assert_eq!(search.start, SearchStart::Newest);
    // A lost answer is requested again after a while.
    assert_eq!(searched(&tui.press("G")), None);
    tui.tick(now() + SignedDuration::from_secs(70));
    let search = searched(&tui.press("G")).expect("it is asked for again");
    let newest = tui.delivery(&about("ast_a", "v2", "generating"), now());
    tui.event(BackendEvent::Rows(Box::new(page(&search, 5_003, 5_002, vec![newest]))));
    let model = tui.model();
    assert!(!model.shown().rows.is_behind());
    assert_eq!(model.selected_row(), Some(0));
}

/// Returns the search that the dashboard requests, if any.
fn searched(effects: &[Effect]) -> Option<Search> {
    requests(effects).into_iter().find_map(|request| match request {
        Request::Rows(search) => Some((**search).clone()),
        _ => None,
    })
}

/// Returns the last page of a search.
fn page(search: &Search, begun: u64, reached: u64, rows: Vec<Row>) -> RowsPage {
    RowsPage {
        id: search.id,
        start: search.start,
        is_first: true,
        rows,
        begun,
        reached,
        is_end: false,
        goes_on: false,
        searched: 1,
        total: 5_002,
    }
}

#[test]
fn a_row_found_far_back_is_shown_among_its_neighbours() {
    let mut tui = TuiHarness::empty();
    let old: Vec<Row> = ["ast_z", "ast_b", "ast_c"]
        .map(|asset| tui.delivery(&about(asset, "v1", "ready"), now()))
        .into();
    deliver(&mut tui, &about("ast_a", "v1", "ready"), 1);
    tui.press("3 /");
    tui.type_text("ast_z");
    let search = searched(&tui.press("enter"));
    let found = tui.model().shown().results.clone().unwrap();
    let searching = found.rows.searching.expect("the journal is searched");
    let search = search.unwrap_or(Search {
        id: searching.id,
        query: found.query,
        start: searching.start,
        limit: 0,
        until: None,
    });
    let last = RowsPage { is_end: true, ..page(&search, 4, 1, vec![old[0].clone()]) };
    tui.event(BackendEvent::Rows(Box::new(last)));
    tui.press("g");
    assert_eq!(tui.model().selection.row, Some(Target::Delivery(1)));
    let search = searched(&tui.press("esc")).expect("its neighbours are read");
    assert_eq!(search.start, SearchStart::Around(1));
    tui.event(BackendEvent::Rows(Box::new(page(&search, 0, 4, old))));
    let model = tui.model();
    assert_eq!(model.selection.row, Some(Target::Delivery(1)));
    assert_eq!((model.selected_row(), model.row_count()), (Some(0), 3));
    assert!(model.shown().rows.is_behind(), "the newest are not among them");
}

#[test]
fn the_timeline_claims_no_match_only_for_the_rows_held() {
    let mut tui = TuiHarness::empty();
    for number in 0..501 {
        deliver(&mut tui, &about("ast_a", &format!("v{}", number % 7), "ready"), number / 100);
    }
    tui.press("/");
    tui.type_text("seq:1");
    tui.press("enter");
    let text = crate::tui_harness::rendered(&tui.frame((160, 40), COLOR));
    assert!(text.contains("no match in the newest 500; 3: search all"), "{text}");
}

#[test]
fn a_filter_claims_no_match_only_at_the_end_of_the_journal() {
    let mut tui = TuiHarness::empty();
    // The newest rows of a journal that holds more.
    for _ in 0..3 {
        drop(tui.delivery(&about("ast_a", "v1", "ready"), now()));
    }
    deliver(&mut tui, &about("ast_a", "v1", "ready"), 1);
    tui.press("3 /");
    tui.type_text("ast_z");
    tui.press("enter");
    let text = crate::tui_harness::rendered(&tui.frame((120, 30), COLOR));
    assert!(text.contains(", no match yet"), "{text}");
    let found = tui.model().shown().results.clone().unwrap();
    assert!(found.rows.is_empty() && found.rows.searching.is_some());
    let search = Search {
        id: tui.model().searches,
        query: found.query,
        start: SearchStart::Below(4),
        limit: 0,
        until: None,
    };
    let (goes_on, searched) = (true, 4_000);
    let next = RowsPage { goes_on, searched, ..page(&search, 4, 2, Vec::new()) };
    tui.event(BackendEvent::Rows(Box::new(next)));
    let text = crate::tui_harness::rendered(&tui.frame((120, 30), COLOR));
    assert!(text.contains("4,000 of 5,002, no match yet"), "{text}");
    let last = RowsPage { is_end: true, is_first: false, ..page(&search, 2, 1, Vec::new()) };
    tui.event(BackendEvent::Rows(Box::new(last)));
    let text = crate::tui_harness::rendered(&tui.frame((120, 30), COLOR));
    assert!(text.contains("No match in "), "{text}");
}

#[test]
fn a_filter_searches_local_names_of_rows_as_well() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("/");
    tui.type_text("keynote");
    tui.press("enter");
    let model = tui.model();
    model.settle();
    assert_eq!(model.assets().len(), 1);
    assert!(model.row_count() > 0);
}

#[test]
fn unsafe_ids_are_not_copied() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("a\nrm -rf ~\n", "v1", "ready"), 1);
    assert_eq!(tui.press("y i"), [], "an id with a line end in it is not for a shell");
    assert!(tui.model().status_message.is_some());
}

#[test]
fn the_matrix_keeps_its_column_and_opens_its_cell() {
    let mut tui = TuiHarness::empty();
    let with = |locale: &str, version: &str| Message {
        version_locale: Some(locale.to_owned()),
        ..about("ast_a", version, "ready")
    };
    deliver(&mut tui, &with("es-ES", "v1"), 1);
    deliver(&mut tui, &with("fr-FR", "v2"), 2);
    tui.press("2 right");
    assert_eq!(tui.model().selected_locale(), Some(Some("fr-FR")));
    deliver(&mut tui, &with("de-DE", "v3"), 3);
    assert_eq!(tui.model().selected_locale(), Some(Some("fr-FR")), "another came before it");
    tui.press("enter");
    assert_eq!(tui.model().selection.version.as_deref(), Some("v2"));
    assert_eq!(tui.model().screen, Screen::Timeline);
}

#[test]
fn enter_on_a_lane_opens_the_delivery_of_its_state() {
    let mut tui = TuiHarness::empty();
    deliver(&mut tui, &about("ast_a", "v1", "ready"), 1);
    deliver(&mut tui, &about("ast_a", "v1", "generating"), 2);
    deliver(&mut tui, &about("ast_a", "v1", "generating"), 3);
    let effects = tui.press("tab enter");
    assert!(requests(&effects).contains(&&Request::Detail(Target::Delivery(2))), "{effects:?}");
}

#[test]
fn a_clock_set_back_does_not_extend_holds_and_messages() {
    let mut tui = TuiHarness::story(7, 60);
    tui.press("down x");
    assert!(tui.model().is_held() && tui.model().status_message.is_some());
    tui.tick(now() - SignedDuration::from_hours(1));
    assert!(!tui.model().is_held() && tui.model().status_message.is_none());
}

#[test]
fn coalesced_refusals_are_counted_once_each() {
    let mut tui = TuiHarness::empty();
    let message = about("ast_a", "v1", "ready");
    let Row::Refusal { mut listed, claim } = tui.refusal(&message, Some(Tamper::Key), now()) else {
        panic!("a refusal was asked for")
    };
    for count in [3, 10] {
        listed.refusal.count = count;
        let row = Row::Refusal { listed: listed.clone(), claim: claim.clone() };
        tui.news(vec![row], &BTreeSet::new(), false);
    }
    assert_eq!(tui.model().live.received, 10);
    assert_eq!(tui.model().row_count(), 1);
}

/// Pseudo-random numbers, the same every time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % end
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

fn random_message(dice: &mut Dice) -> Message {
    let events: Vec<String> = State::ALL
        .iter()
        .map(|state| format!("version_{}", state.name()))
        .chain(["asset_failed".to_owned(), "version_published".to_owned(), String::new()])
        .collect();
    let ids = ["ast_a", "ast_b", "x", "", "\u{1b}[2J", "ast_漢字漢字漢字漢字", "b_same", "c_same"];
    let event = dice.pick(&events);
    let about_version = event != "asset_failed";
    Message {
        event,
        asset_id: dice.pick(&ids).to_owned(),
        version_id: about_version
            .then(|| dice.pick(&["v1", "v2", "v3", "\u{202e}v", ""]).to_owned()),
        version_locale: about_version.then(|| {
            dice.pick(&["es-ES", "fr-FR", "", "zz\u{9b}", "de-DE-1996-x-long-long"]).to_owned()
        }),
    }
}

#[test]
fn ten_thousand_random_keys_and_deliveries_do_no_harm() {
    let keys: Vec<&str> =
        KEYMAP.iter().flat_map(|row| row.keys).copied().chain(["a", "é", ":", "\"", "9"]).collect();
    let sizes =
        [(200, 50), (120, 30), (80, 24), (79, 24), (40, 10), (39, 9), (1, 1), (0, 0), (300, 3)];
    let mut dice = Dice(0x00d0_b0a7_c411);
    let mut tui = TuiHarness::story(7, 90);
    let mut size = (120, 30);
    let mut now = now() + SignedDuration::from_secs(90);
    for step in 0..10_000 {
        match dice.below(10) {
            0..6 => {
                let key = dice.pick(&keys);
                if let Ok(chord) = key.parse() {
                    let effects = tui.send(Msg::Key(chord));
                    for request in requests(&effects) {
                        answer(&mut tui, &mut dice, request, now);
                    }
                    follow_demo(&mut tui, &effects);
                }
            }
            6 => {
                let message = random_message(&mut dice);
                let row = tui.delivery(&message, now);
                let touched = match &row.callback().asset_id {
                    Some(id) if row.callback().unreadable.is_none() => BTreeSet::from([id.clone()]),
                    _ => BTreeSet::new(),
                };
                tui.news(vec![row], &touched, false);
            }
            7 => {
                let message = random_message(&mut dice);
                let tamper = dice.pick(&Tamper::ALL);
                let row = tui.refusal(&message, Some(tamper), now);
                tui.news(vec![row], &BTreeSet::new(), false);
            }
            8 => {
                now += SignedDuration::from_millis(dice.below(90_000).try_into().unwrap());
                tui.tick(now);
            }
            _ => {
                size = dice.pick(&sizes);
                tui.send(Msg::Paste("a\u{1b}b".to_owned()));
            }
        }
        if step % 3 == 0 {
            tui.frame(size, COLOR);
        }
        if step % 100 == 0 {
            assert!(leads_back(&tui), "stuck at step {step}: {:?}", tui.model.mode);
        }
    }
}

/// Answers a request as `app` might: with data, not at all, or with an error.
fn answer(tui: &mut TuiHarness, dice: &mut Dice, request: &Request, now: jiff::Timestamp) {
    if dice.below(4) == 0 {
        if dice.below(2) == 0 {
            tui.event(BackendEvent::Unanswered(request.clone(), "no answer".to_owned()));
        }
        return;
    }
    let event = match request {
        Request::Detail(target) => {
            let detail = Detail {
                row: tui.delivery(&about("ast_a", "v1", "ready"), now),
                committed_at: Some(now),
                request: "POST /callback".to_owned(),
                headers: Headers::default(),
                body: vec![b'['; dice.below(3_000)],
                truncated: dice.below(2) == 0,
                earlier: Vec::new(),
                verdict: Verdict::Missing,
                steps: Vec::new(),
                forwards: Vec::new(),
            };
            BackendEvent::Detail(*target, (dice.below(5) > 0).then(|| Box::new(detail)))
        }
        Request::Rows(search) => {
            let rows = (0..dice.below(3)).map(|_| tui.delivery(&random_message(dice), now));
            let rows = rows.collect();
            BackendEvent::Rows(Box::new(page(
                search,
                dice.below(9) as u64,
                dice.below(9) as u64,
                rows,
            )))
        }
        Request::EndSearch => return,
        Request::OfAsset(asset) => {
            let rows = (0..dice.below(3)).map(|_| tui.delivery(&about(asset, "v1", "ready"), now));
            BackendEvent::OfAsset(asset.clone(), rows.collect())
        }
        Request::Studio { version_id, then } => {
            BackendEvent::Studio(*then, format!("https://studio.panjaya.ai/{version_id}"))
        }
        Request::DownloadDirectory(target) => {
            BackendEvent::DownloadDirectory(target.clone(), "/tmp".to_owned())
        }
        Request::Download(order) => match (&order.host, dice.below(3)) {
            (None, _) => BackendEvent::DownloadHost(order.clone(), Printable::new("cdn.example")),
            (_, 0) => BackendEvent::DownloadEnded(Box::new(DownloadEnd::Failed("no".to_owned()))),
            _ => BackendEvent::Download(Some(Box::new(RunningDownload {
                version_id: order.target.version_id.clone(),
                name: Printable::new("The film.es-ES"),
                have: 1 << 20,
                total: (dice.below(2) == 0).then_some(3 << 20),
                rate: Some(1 << 19),
                waiting: vec!["v".to_owned(); dice.below(3)],
            }))),
        },
        Request::StopDownload { .. } => BackendEvent::Download(None),
        Request::Expect { asset_id, expected: Some(expected) }
            if tui.model().live.asset_list.get(asset_id).is_some() =>
        {
            tui.expected.insert(asset_id.clone(), expected.to_string());
            BackendEvent::Asset(Box::new(tui.asset(asset_id)))
        }
        Request::Name { asset_id, .. }
        | Request::Expect { asset_id, .. }
        | Request::Acknowledge { asset_id, .. } => BackendEvent::Gone(asset_id.clone()),
    };
    tui.event(event);
}

/// Starts or stops a demo if the dashboard requests it.
fn follow_demo(tui: &mut TuiHarness, effects: &[Effect]) {
    for effect in effects {
        match effect {
            Effect::StartDemo => tui.start_demo(),
            Effect::StopDemo => tui.stop_demo(),
            _ => {}
        }
    }
}

/// Returns whether `esc` leads from here to the Timeline with everything listed, and `q` ends it
/// there.
fn leads_back(tui: &TuiHarness) -> bool {
    let mut copy = tui.copy();
    for _ in 0..12 {
        let effects = copy.press("esc");
        follow_demo(&mut copy, &effects);
    }
    let model = copy.model();
    let home = model.mode == Mode::Normal
        && model.screen == Screen::Timeline
        && model.pane == Pane::Assets
        && model.frozen.is_none()
        && !model.is_narrowed();
    home && copy.press("q q").contains(&Effect::Quit)
}

#[test]
fn keys_are_spelled_out_in_ascii_mode() {
    for keys in ["1", "2", "3", "4", "/", "L", "?", "q", "y", "3 enter"] {
        let mut tui = TuiHarness::story(7, 60);
        tui.press(keys);
        let footer = rendered(&tui.frame((200, 24), ASCII)).lines().nth(23).unwrap().to_owned();
        for binding in keymap::footer(tui.model()) {
            let key = if binding.keys[0] == "up" { "up/down" } else { binding.keys[0] };
            let entry = format!(" {key} {}", binding.footer);
            // While confirming the end, the question replaces the keys.
            assert!(footer.contains(&entry) || keys == "q", "{entry:?} after {keys}: {footer}");
        }
    }
}
