//! Parser tests with the bytes of real terminals, whole and split.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// Parses bytes that arrive in these reads, followed by a timeout.
fn read(reads: &[&[u8]]) -> Vec<Input> {
    let (mut parser, mut inputs) = (Parser::default(), Vec::new());
    for bytes in reads {
        parser.feed(bytes, &mut inputs);
    }
    if parser.timeout().is_some() {
        parser.time_out(&mut inputs);
    }
    assert!(matches!(parser.state, ParserState::Ground | ParserState::Paste(_)));
    inputs
}

fn names(inputs: &[Input]) -> String {
    let names: Vec<String> = inputs
        .iter()
        .map(|input| match input {
            Input::Key(chord) => {
                assert_eq!(
                    chord.to_string().parse(),
                    Ok(Chord { physical: None, ..*chord }),
                    "reads back"
                );
                chord.to_string()
            }
            other => format!("{other:?}"),
        })
        .collect();
    names.join(" ")
}

#[rstest]
#[case::letters("gG+ж é漢", "g G + ж space é 漢")]
#[case::controls(
    "\u{3}\r\t\u{7f}\u{8}\n\u{0}\u{1c}",
    "ctrl-c enter tab backspace ctrl-h ctrl-j ctrl-space ctrl-4"
)]
#[case::escape("\u{1b}", "esc")]
#[case::escapes("\u{1b}\u{1b}\u{1b}[A", "esc esc up")]
#[case::alt("\u{1b}x\u{1b}X\u{1b}ж\u{1b}\r", "alt-x alt-X alt-ж alt-enter")]
#[case::alt_ctrl("\u{1b}\u{3}", "ctrl-alt-c")]
#[case::alt_of_what_begins_more("\u{1b}[", "alt-[")]
#[case::alt_o("\u{1b}O", "alt-O")]
#[case::alt_p("\u{1b}P", "alt-P")]
#[case::alt_bracket("\u{1b}]", "alt-]")]
#[case::alt_brackets("\u{1b}[[[", "alt-[ [ [")]
#[case::alt_bracket_and_more("\u{1b}]]j", "alt-] ] j")]
#[case::alt_p_and_more("\u{1b}Pjq", "alt-P j q")]
#[case::alt_underscore("\u{1b}_", "alt-_")]
#[case::arrows("\u{1b}[A\u{1b}OB\u{1b}[1;5C\u{1b}[D", "up down ctrl-right left")]
#[case::ends("\u{1b}[H\u{1b}[F\u{1b}[1~\u{1b}[4~\u{1b}[7~\u{1b}[8~", "home end home end home end")]
#[case::pages("\u{1b}[5~\u{1b}[6;2~\u{1b}[2~\u{1b}[3~", "pgup shift-pgdn ins del")]
#[case::functions("\u{1b}OP\u{1b}[15~\u{1b}[24~\u{1b}[[A\u{1b}[1;2P", "f1 f5 f12 f1 shift-f1")]
#[case::back_tab("\u{1b}[Z", "shift-tab")]
#[case::keypad("\u{1b}OM\u{1b}Ok\u{1b}Op", "enter + 0")]
#[case::other_keys("\u{1b}[27;5;105~", "ctrl-i")]
#[case::focus("\u{1b}[Ia\u{1b}[Ob", "a b")]
#[case::broken_character("\u{1b}", "esc")]
fn keys(#[case] bytes: &str, #[case] expected: &str) {
    assert_eq!(names(&read(&[bytes.as_bytes()])), expected);
    // However they are split, as long as they continue in time.
    let single: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
    assert_eq!(names(&read(&single)), expected);
}

#[rstest]
#[case::plain("\u{1b}[97u\u{1b}[97;2u\u{1b}[97:65;2u", "a A A")]
#[case::text("\u{1b}[97:65;2;65u\u{1b}[0;;233u", "A é")]
#[case::named(
    "\u{1b}[27u\u{1b}[13u\u{1b}[9;2u\u{1b}[127u\u{1b}[57417u\u{1b}[57400u",
    "esc enter shift-tab backspace left 1"
)]
#[case::ctrl("\u{1b}[99;5u\u{1b}[99;6u", "ctrl-c ctrl-c")]
#[case::the_same_as_ever("\u{1b}[105;5u\u{1b}[109;5u\u{1b}[91;5u", "tab enter esc")]
#[case::released("\u{1b}[97;1:3u\u{1b}[97;1:2u\u{1b}[1;1:3A", "a")]
#[case::modifiers_alone("\u{1b}[57441;2u\u{1b}[57358u", "")]
#[case::super_is_another_key("\u{1b}[113;9u\u{1b}[113;9;113u", "")]
#[case::caps_lock("\u{1b}[97;65;65u", "A")]
fn kitty_keys(#[case] bytes: &str, #[case] expected: &str) {
    assert_eq!(names(&read(&[bytes.as_bytes()])), expected);
}

#[rstest]
#[case::cyrillic("\u{1b}[1081::113;;1081u", "й", "q")]
#[case::shift("\u{1b}[1090:1058:110;2;1058u", "Т", "N")]
#[case::slash("\u{1b}[1102:1070:46;2;1070u", "Ю", ">")]
#[case::ctrl("\u{1b}[1089::99;5u", "ctrl-с", "ctrl-c")]
#[case::caps_lock("\u{1b}[1081::113;65;1049u", "Й", "Q")]
#[case::caps_lock_and_shift("\u{1b}[1081:1049:113;66;1081u", "й", "q")]
#[case::caps_lock_of_a_sign("\u{1b}[1102:1070:46;66;1102u", "ю", ">")]
#[case::greek("\u{1b}[947::103;;947u", "γ", "g")]
fn the_physical_key_is_parsed(#[case] bytes: &str, #[case] name: &str, #[case] us: &str) {
    let [Input::Key(chord)] = read(&[bytes.as_bytes()])[..] else { panic!("one key") };
    assert_eq!(chord.to_string(), name);
    assert_eq!(chord.on_us_layout().unwrap().to_string(), us);
}

/// Answers of terminals to us, or to a program that has ended.
const ANSWERS: [&str; 12] = [
    "\u{1b}]11;rgb:ffff/ffff/dddd\u{1b}\\",
    "\u{1b}]11;rgb:0000/0000/0000\u{7}",
    "\u{1b}]10;rgb:qqqq/q\u{1b}\\",
    "\u{1b}]52;c;cXVpdA==\u{7}",
    "\u{1b}P1+r544e=787465726d\u{1b}\\",
    "\u{1b}P>|xterm(390)\u{1b}\\",
    "\u{1b}_Gi=31;OK\u{1b}\\",
    "\u{1b}[?62;22;52c",
    "\u{1b}[>1;10;0c",
    "\u{1b}[24;80R",
    "\u{1b}[?2026;2$y",
    "\u{1b}[8;24;80t",
];

#[test]
fn no_answer_is_a_key_however_it_is_split() {
    for answer in ANSWERS {
        let bytes = answer.as_bytes();
        for at in 0..=bytes.len() {
            let inputs = read(&[b"a", &bytes[..at], &bytes[at..], b"b"]);
            let keys: Vec<Input> =
                inputs.into_iter().filter(|input| matches!(input, Input::Key(_))).collect();
            assert_eq!(names(&keys), "a b", "{answer:?} cut at {at}");
        }
    }
}

#[test]
fn an_endless_answer_blocks_nothing() {
    let endless = format!("\u{1b}]11;{}", "q".repeat(1_000_000));
    let mut parser = Parser::default();
    let mut inputs = Vec::new();
    parser.feed(endless.as_bytes(), &mut inputs);
    let ParserState::Answer { text, .. } = &parser.state else { panic!("{parser:?}") };
    assert!(text.len() <= LONGEST_ANSWER);
    assert_eq!(parser.timeout(), Some(ANSWER));
    parser.time_out(&mut inputs);
    parser.feed(b"x", &mut inputs);
    assert_eq!(names(&inputs), "x");
    // Keys pressed meanwhile work: no answer contains a control character.
    for (typed, keys) in
        [("\u{3}", "ctrl-c"), ("\r", "enter"), ("\u{1b}", "esc"), ("\u{1b}[A", "up")]
    {
        assert_eq!(names(&read(&[b"\x1b]11;rgb", typed.as_bytes()])), keys);
    }
    assert_eq!(names(&read(&[b"\x1b[", &b"1;".repeat(10_000), b"Ax"])), "up x");
}

#[rstest]
#[case("\u{1b}]11;rgb:ffff/ffff/ffff\u{1b}\\", Some(true))]
#[case("\u{1b}]11;rgb:fd/f6/e3\u{7}", Some(true))]
#[case("\u{1b}]11;rgba:0000/2b2b/3636/ffff\u{7}", Some(false))]
#[case("\u{1b}]11;#ffffff\u{7}", Some(true))]
#[case("\u{1b}]11;#000\u{7}", Some(false))]
#[case("\u{1b}]11;rgb:0/0/0\u{7}", Some(false))]
#[case("\u{1b}[?997;1n", Some(false))]
#[case("\u{1b}[?997;2n", Some(true))]
#[case("\u{1b}]11;rgb:ffff/ffff\u{7}", None)]
#[case("\u{1b}]11;rgb:fffff/0/0\u{7}", None)]
#[case("\u{1b}]11;#ééé\u{7}", None)]
#[case("\u{1b}]11;?\u{7}", None)]
#[case("\u{1b}]10;rgb:ffff/ffff/ffff\u{7}", None)]
fn the_background_is_reported(#[case] bytes: &str, #[case] is_light: Option<bool>) {
    let expected: Vec<Input> = is_light
        .map(|is_light| Input::Report(Report::Background { is_light }))
        .into_iter()
        .collect();
    assert_eq!(read(&[bytes.as_bytes()]), expected);
}

#[test]
fn the_mouse_presses_no_key() {
    assert_eq!(names(&read(&[b"\x1b[<64;5;7Mw\x1b[<0;5;7mx\x1b[M !!y"])), "w x y");
}

#[test]
fn a_paste_is_text_whatever_is_in_it() {
    let paste = |text: &str| read(&[b"\x1b[200~", text.as_bytes(), b"\x1b[201~", b"q"]);
    for text in ["a\r\nb", "q\u{1b}[A\u{3}", "\u{1b}[201", "", "\u{1b}\u{1b}[20"] {
        let key = Input::Key(Chord::char('q'));
        assert_eq!(paste(text), [Input::Paste(text.to_owned()), key], "{text:?}");
    }
    let long = "é".repeat(PASTE_LIMIT);
    let inputs = paste(&format!("x{long}"));
    let [Input::Paste(odd), Input::Key(_)] = &inputs[..] else { panic!("{}", inputs.len()) };
    assert_eq!(odd.len(), PASTE_LIMIT - 1);
}

proptest! {
    #[test]
    fn keys_work_again_after_any_bytes(
        reads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..8)
    ) {
        let (mut parser, mut inputs) = (Parser::default(), Vec::new());
        for bytes in reads {
            parser.feed(&bytes, &mut inputs);
        }
        parser.time_out(&mut inputs);
        // The end mark closes a paste that began by accident.
        parser.feed(b"\x1b[201~", &mut inputs);
        parser.time_out(&mut inputs);
        inputs.clear();
        parser.feed(b"n", &mut inputs);
        prop_assert_eq!(&inputs, &[Input::Key(Chord::char('n'))]);
    }
}
