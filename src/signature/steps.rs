//! The check as a list of steps for people; decides nothing that `check` does not.

use crate::callback::Encoding;

use super::{HeaderFault, TrustedKeys, header};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// The step succeeded.
    Passed,
    /// The check ended here, or this key did not make the signature.
    Failed,
    /// Not reached.
    Skipped,
}

/// One step of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckStep {
    /// What is examined: `header`, `hex`, `encoding`, `range`, or `key` and its name.
    pub name: String,
    /// How it ended.
    pub result: StepResult,
    /// The finding, and what to do if the step failed; empty if it was not reached.
    pub note: String,
}

/// Returns the steps that lead to the verdict of [`TrustedKeys::check`] on the same arguments.
///
/// The verdict is valid exactly when the result of some key is [`StepResult::Passed`].
pub fn steps(keys: &TrustedKeys, signature_headers: &[&str], body: &[u8]) -> Vec<CheckStep> {
    let parsed = header::parse(signature_headers);
    let stages = ["header", "hex", "encoding", "range"];
    let (failed, why) = match &parsed {
        Ok(_) => (stages.len(), String::new()),
        Err(fault) => (stage(fault), fault.to_string()),
    };
    let digits = signature_headers.first().map_or(0, |value| value.trim_ascii().len());
    let passed = |place: usize| match (place, parsed.as_ref().map(super::Signature::encoding)) {
        (0, _) => format!("one X-Signature header of {digits} characters"),
        (1, _) => format!("hex of {} bytes", digits / 2),
        (2, Ok(Encoding::Raw)) => "64 bytes of r‖s".to_owned(),
        (2, _) => "a signature by its form".to_owned(),
        _ => "r and s are in the range of the curve".to_owned(),
    };
    let mut steps: Vec<CheckStep> = stages
        .iter()
        .enumerate()
        .map(|(place, name)| match place.cmp(&failed) {
            std::cmp::Ordering::Less => step(name, StepResult::Passed, passed(place)),
            std::cmp::Ordering::Equal => step(name, StepResult::Failed, why.clone()),
            std::cmp::Ordering::Greater => step(name, StepResult::Skipped, String::new()),
        })
        .collect();

    let over = match body.len() {
        0 => "an empty body".to_owned(),
        1 => "this one byte".to_owned(),
        count => format!("these {count} bytes"),
    };
    let mut maker = None;
    for key in keys.iter() {
        let name = format!("key {}", key.name());
        steps.push(match &parsed {
            Ok(signature) if maker.is_none() => {
                if key.made(signature, body) {
                    maker = Some(key);
                    step(&name, StepResult::Passed, format!("made it over {over}"))
                } else {
                    step(&name, StepResult::Failed, format!("did not make it over {over}"))
                }
            }
            _ => step(&name, StepResult::Skipped, String::new()),
        });
    }
    steps
}

fn stage(fault: &HeaderFault) -> usize {
    match fault {
        HeaderFault::Missing | HeaderFault::Value(_) => 0,
        HeaderFault::Hex(_) => 1,
        HeaderFault::Encoding(_) => 2,
        HeaderFault::Range(_) => 3,
    }
}

fn step(name: &str, result: StepResult, note: String) -> CheckStep {
    CheckStep { name: name.to_owned(), result, note }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::signature::{PrivateKey, PublicKey};

    /// Steps as lines, for comparison.
    fn lines(keys: &TrustedKeys, headers: &[&str], body: &[u8]) -> Vec<String> {
        let steps = steps(keys, headers, body);
        let valid = keys.check(headers, body).is_valid();
        let made =
            steps.iter().any(|s| s.name.starts_with("key ") && s.result == StepResult::Passed);
        assert_eq!(valid, made, "the steps tell what the check says");
        let glyph = |result| match result {
            StepResult::Passed => '+',
            StepResult::Failed => 'x',
            StepResult::Skipped => '-',
        };
        steps.iter().map(|s| format!("{} {}: {}", glyph(s.result), s.name, s.note)).collect()
    }

    #[test]
    fn a_valid_one_passes_every_step() {
        let key = PrivateKey::generate().unwrap();
        let keys = TrustedKeys::new(PublicKey::vendor())
            .and(key.public("dev"))
            .and(PrivateKey::generate().unwrap().public("later"));
        let value = hex::encode(key.sign(b"{}", Encoding::Raw).unwrap());
        assert_eq!(
            lines(&keys, &[&value], b"{}"),
            [
                "+ header: one X-Signature header of 128 characters",
                "+ hex: hex of 64 bytes",
                "+ encoding: 64 bytes of r‖s",
                "+ range: r and s are in the range of the curve",
                "x key panjaya: did not make it over these 2 bytes",
                "+ key dev: made it over these 2 bytes",
                "- key later: ",
            ]
        );
        assert_eq!(
            lines(&keys, &[&value], b"").last().unwrap(),
            "x key later: did not make it over an empty body"
        );
        assert!(
            lines(&keys, &[&value], b"{ }").iter().skip(4).all(|line| line.starts_with("x key"))
        );
    }

    #[rstest]
    #[case::missing(&[], "x---- no X-Signature header")]
    #[case::two(&["30", "30"], "x---- two X-Signature headers, one expected")]
    #[case::not_hex(&["zz"], "+x--- not hex: character 1 is 'z'")]
    #[case::short(&["00"], "++x-- hex of one byte: neither strict DER nor the 64 bytes of r‖s")]
    #[case::zero(
        &["3006020100020101"],
        "+++x- hex is fine, DER is fine, but r is zero: no key makes such a signature"
    )]
    fn the_first_failure_is_explained_and_the_rest_not_reached(
        #[case] headers: &[&str],
        #[case] expected: &str,
    ) {
        let keys = TrustedKeys::new(PublicKey::vendor());
        let lines = lines(&keys, headers, b"{}");
        let marks: String = lines.iter().filter_map(|line| line.chars().next()).collect();
        let failed = lines.iter().find_map(|line| line.strip_prefix("x ")?.split_once(": "));
        assert_eq!(format!("{marks} {}", failed.unwrap().1), expected);
    }
}
