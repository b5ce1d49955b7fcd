//! Captures read back, line by line. What a line says of its body is not relied on: only the body,
//! the headers and the circumstances are taken.

use std::io::{self, BufRead, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;

use super::capture::CaptureCounts;
use crate::callback::{
    BodySample, EarlierBody, Gap, Headers, NotedGap, Received, Refusal, RefusalEntry, RefusalKind,
    Source,
};
use crate::text::Printable;

/// Maximum length of a line, in bytes: the largest body that a listener accepts fits.
const MAX_LINE: u64 = 128 << 20;

/// The highest number of a delivery.
const MAX_SEQ: u64 = 1 << 53;

/// Why a capture cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("line {line}: {fault}")]
    Line { line: u64, fault: CaptureFault },
}

/// What is wrong with a line of a capture, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CaptureFault {
    #[error("this is not the beginning of a capture; `dubwatch export --format ndjson` makes one")]
    NotCapture,
    #[error("it is of a newer dubwatch; use that one")]
    Newer,
    #[error("the file ends in the middle of this line, so it was cut; get a whole copy")]
    Torn,
    #[error(
        "the file ends here and lacks the last line of a capture, so it was cut; get a whole copy"
    )]
    Cut,
    #[error(
        "the capture says that it has {said} deliveries, refusals and gaps, and {found} are there, so lines were lost or added; get a whole copy"
    )]
    Counts { said: u64, found: u64 },
    #[error("the capture has ended above, and there is more; split the file")]
    After,
    #[error("it has more than {} MiB", MAX_LINE >> 20)]
    TooLong,
    #[error("{0}")]
    Content(String),
}

/// An entry of a capture.
#[derive(Debug)]
pub enum CaptureEntry {
    /// A delivery, or an answer of the service's API.
    Delivery(Box<CapturedDelivery>),
    /// An entry of the log of refusals.
    Refusal(Box<RefusalEntry>),
    /// A gap.
    Gap(NotedGap),
}

/// A delivery as it was received, with what only its journal knew.
#[derive(Debug)]
pub struct CapturedDelivery {
    /// Its number there.
    pub seq: u64,
    /// When it was written there.
    pub committed_at: Timestamp,
    /// The request.
    pub request: Received,
    /// Whether it was accepted without a check of its signature.
    pub was_unchecked: bool,
    /// The name of its asset there.
    pub asset_name: Option<String>,
}

/// Reads a capture.
pub struct CaptureReader<R> {
    input: R,
    line: u64,
    is_redacted: bool,
    found: CaptureCounts,
    has_ended: bool,
    buffer: Vec<u8>,
}

#[derive(Deserialize)]
struct CaptureLineKind<'a> {
    v: u64,
    #[serde(borrow)]
    r#type: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct HeadLine {
    #[serde(default)]
    redacted: bool,
}

#[derive(Deserialize)]
struct DeliveryLine {
    seq: u64,
    received_at: Timestamp,
    committed_at: Timestamp,
    source: String,
    peer: String,
    verdict: String,
    #[serde(default)]
    asset_name: Option<String>,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    headers_latin1: Vec<usize>,
    body_b64: String,
}

#[derive(Deserialize)]
struct RefusalLine {
    id: u64,
    at: Timestamp,
    status: u16,
    kind: String,
    why: String,
    count: u64,
    method: String,
    path: String,
    peer: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    headers_latin1: Vec<usize>,
    body_b64: String,
    body_truncated: bool,
    #[serde(default)]
    earlier: Vec<EarlierLine>,
}

#[derive(Deserialize)]
struct EarlierLine {
    at: Timestamp,
    peer: String,
    body_b64: String,
    body_truncated: bool,
}

#[derive(Deserialize)]
struct GapLine {
    id: u64,
    at: Timestamp,
    callback_url: String,
    epoch: String,
    from: u64,
    to: u64,
    count: u64,
    reason: String,
}

impl<R: BufRead> CaptureReader<R> {
    /// Reads the first line.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut reader = Self {
            input,
            line: 0,
            is_redacted: false,
            found: CaptureCounts::default(),
            has_ended: false,
            buffer: Vec::new(),
        };
        let is_there = match reader.read_line() {
            // Another program's file can be anything.
            Err(CaptureError::Line { .. }) => false,
            read => read?,
        };
        let head = || -> Option<(CaptureLineKind<'_>, HeadLine)> {
            let kind: CaptureLineKind<'_> = serde_json::from_slice(&reader.buffer).ok()?;
            Some((kind, serde_json::from_slice(&reader.buffer).ok()?))
        };
        match head() {
            Some((kind, _)) if is_there && kind.r#type == "capture" && kind.v > 1 => {
                Err(reader.fault(CaptureFault::Newer))
            }
            Some((kind, head)) if is_there && kind.r#type == "capture" => {
                reader.is_redacted = head.redacted;
                Ok(reader)
            }
            _ => {
                reader.line = 1;
                Err(reader.fault(CaptureFault::NotCapture))
            }
        }
    }

    /// Returns whether ids are aliases, and headers and bodies are missing.
    pub const fn is_redacted(&self) -> bool {
        self.is_redacted
    }

    /// Returns the number of the line that was read last, from 1.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Returns the next entry; `None` at the end of a whole capture. Skips kinds of lines that it
    /// does not know.
    pub fn next_entry(&mut self) -> Result<Option<CaptureEntry>, CaptureError> {
        loop {
            if !self.read_line()? {
                return if self.has_ended { Ok(None) } else { Err(self.fault(CaptureFault::Cut)) };
            }
            if self.has_ended {
                return Err(self.fault(CaptureFault::After));
            }
            match self.entry() {
                Ok(Some(entry)) => return Ok(Some(entry)),
                Ok(None) => {}
                Err(fault) => return Err(self.fault(fault)),
            }
        }
    }

    fn fault(&self, fault: CaptureFault) -> CaptureError {
        CaptureError::Line { line: self.line, fault }
    }

    /// Reads a line into the buffer. Returns `false` at the end of the file.
    fn read_line(&mut self) -> Result<bool, CaptureError> {
        self.buffer.clear();
        let mut limited = (&mut self.input).take(MAX_LINE);
        let read = limited.read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(false);
        }
        self.line += 1;
        match self.buffer.pop() {
            Some(b'\n') => Ok(true),
            _ if read as u64 == MAX_LINE => Err(self.fault(CaptureFault::TooLong)),
            _ => Err(self.fault(CaptureFault::Torn)),
        }
    }

    fn entry(&mut self) -> Result<Option<CaptureEntry>, CaptureFault> {
        let kind: CaptureLineKind<'_> = parsed(&self.buffer)?;
        if kind.v != 1 {
            return Err(CaptureFault::Newer);
        }
        match kind.r#type.as_ref() {
            "delivery" => {
                self.found.deliveries += 1;
                let delivery = delivery(parsed(&self.buffer)?)?;
                Ok(Some(CaptureEntry::Delivery(Box::new(delivery))))
            }
            "refusal" => {
                self.found.refusals += 1;
                let refusal = refusal(parsed(&self.buffer)?)?;
                Ok(Some(CaptureEntry::Refusal(Box::new(refusal))))
            }
            "gap" => {
                self.found.gaps += 1;
                Ok(Some(CaptureEntry::Gap(gap(parsed(&self.buffer)?)?)))
            }
            "end" => {
                let said: CaptureCounts = parsed(&self.buffer)?;
                self.has_ended = true;
                if said == self.found {
                    return Ok(None);
                }
                let sum = |counts: CaptureCounts| {
                    let parts = [counts.deliveries, counts.refusals, counts.gaps];
                    parts.into_iter().fold(0, u64::saturating_add)
                };
                Err(CaptureFault::Counts { said: sum(said), found: sum(self.found) })
            }
            _ => Ok(None),
        }
    }
}

fn parsed<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, CaptureFault> {
    serde_json::from_slice(line).map_err(|error| {
        let why = Printable::new(&error.to_string()).cut(200);
        CaptureFault::Content(format!("it is no line of a capture: {why}"))
    })
}

fn bytes(base64: &str) -> Result<Vec<u8>, CaptureFault> {
    let decoded = STANDARD.decode(base64);
    decoded.map_err(|error| CaptureFault::Content(format!("body_b64 is no base64: {error}")))
}

/// Returns what a word of a field means.
fn known<T>(field: &str, word: &str, find: impl Fn(&str) -> Option<T>) -> Result<T, CaptureFault> {
    find(word).ok_or_else(|| {
        let word = Printable::new(word).cut(40);
        CaptureFault::Content(format!("{field} is {word}, which this dubwatch does not know"))
    })
}

fn delivery(line: DeliveryLine) -> Result<CapturedDelivery, CaptureFault> {
    if !(1..=MAX_SEQ).contains(&line.seq) {
        return Err(CaptureFault::Content(format!("seq is {}, out of range", line.seq)));
    }
    let source = match known("source", &line.source, Source::from_name)? {
        Source::Api => Source::Api,
        Source::Direct | Source::Relay | Source::Imported => Source::Imported,
    };
    Ok(CapturedDelivery {
        seq: line.seq,
        committed_at: line.committed_at,
        request: Received {
            received_at: line.received_at,
            source,
            peer: line.peer,
            method: line.method,
            path: line.path,
            headers: Headers::from_text(&line.headers, &line.headers_latin1),
            body: bytes(&line.body_b64)?,
        },
        was_unchecked: line.verdict == "unchecked",
        asset_name: line.asset_name,
    })
}

fn refusal(line: RefusalLine) -> Result<RefusalEntry, CaptureFault> {
    let sample = |base64: &str, truncated: bool| -> Result<BodySample, CaptureFault> {
        let sample = BodySample::of(&bytes(base64)?);
        Ok(BodySample { truncated: truncated || sample.truncated, ..sample })
    };
    let earlier = line.earlier.into_iter().map(|earlier| {
        let body = sample(&earlier.body_b64, earlier.body_truncated)?;
        Ok(EarlierBody::new(earlier.at, earlier.peer, body))
    });
    let refusal = Refusal {
        at: line.at,
        kind: known("kind", &line.kind, RefusalKind::from_name)?,
        status: line.status,
        why: line.why,
        count: line.count.min(MAX_SEQ),
        method: line.method,
        path: line.path,
        peer: line.peer,
        headers: Headers::from_text(&line.headers, &line.headers_latin1),
        body: sample(&line.body_b64, line.body_truncated)?,
    };
    let earlier = earlier.collect::<Result<Vec<_>, CaptureFault>>()?;
    Ok(RefusalEntry { id: line.id.min(MAX_SEQ), refusal: refusal.cut(), earlier })
}

fn gap(line: GapLine) -> Result<NotedGap, CaptureFault> {
    let epoch = known("epoch", &line.epoch, |text| u64::from_str_radix(text, 16).ok())?;
    let gap = Gap {
        at: line.at,
        inbox: line.callback_url,
        epoch,
        from: line.from.min(MAX_SEQ),
        to: line.to.min(MAX_SEQ),
        count: line.count.min(MAX_SEQ),
        reason: line.reason,
    };
    Ok(NotedGap { id: line.id.min(MAX_SEQ), gap })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"v":1,"type":"capture","redacted":false}"#;
    const DELIVERY: &str = r#"{"v":1,"type":"delivery","seq":7,"received_at":"2026-11-23T21:00:00Z","committed_at":"2026-11-23T21:00:01Z","source":"direct","peer":"192.0.2.7:1","verdict":"valid","method":"POST","path":"/callback","headers":[["x-signature","3045"]],"body_b64":"e30="}"#;
    const END: &str = r#"{"v":1,"type":"end","deliveries":1,"refusals":0,"gaps":0}"#;

    /// Reads all of a capture; returns the number of entries, or why it cannot be read.
    fn read(text: &str) -> Result<usize, String> {
        let all = || -> Result<usize, CaptureError> {
            let mut reader = CaptureReader::new(text.as_bytes())?;
            let mut count = 0;
            while reader.next_entry()?.is_some() {
                count += 1;
            }
            Ok(count)
        };
        all().map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_capture_is_read_and_lines_of_the_future_are_skipped() {
        assert_eq!(read(&format!("{HEAD}\n{DELIVERY}\n{END}\n")), Ok(1));
        let odd = r#"{"v":1,"type":"forward","seq":7}"#;
        assert_eq!(read(&format!("{HEAD}\n{odd}\n{DELIVERY}\n{END}\n")), Ok(1));
        let mut reader =
            CaptureReader::new(format!("{HEAD}\n{DELIVERY}\n{END}\n").leak().as_bytes()).unwrap();
        let Some(CaptureEntry::Delivery(delivery)) = reader.next_entry().unwrap() else { panic!() };
        assert_eq!((delivery.seq, delivery.request.body.as_slice()), (7, b"{}".as_slice()));
        assert_eq!(delivery.request.source, Source::Imported);
        assert_eq!(delivery.request.headers.all("x-signature").collect::<Vec<_>>(), ["3045"]);
    }

    #[test]
    fn each_fault_names_its_line() {
        let with =
            |old: &str, new: &str| format!("{HEAD}\n{}\n{END}\n", DELIVERY.replace(old, new));
        for (text, expected) in [
            (String::new(), "line 1: this is not the beginning of a capture"),
            ("hello\n".to_owned(), "line 1: this is not the beginning of a capture"),
            (format!("{DELIVERY}\n{END}\n"), "line 1: this is not the beginning of a capture"),
            (HEAD.replace("\"v\":1", "\"v\":2") + "\n", "line 1: it is of a newer dubwatch"),
            (format!("{HEAD}\n"), "line 1: the file ends here and lacks the last line"),
            (format!("{HEAD}\n{DELIVERY}\n"), "line 2: the file ends here and lacks the last line"),
            (format!("{HEAD}\n{}", &DELIVERY[..80]), "line 2: the file ends in the middle"),
            (
                format!("{HEAD}\n{END}\n"),
                "line 2: the capture says that it has 1 deliveries, refusals and gaps, and 0 are there",
            ),
            (format!("{HEAD}\n{DELIVERY}\n{END}\n{END}\n"), "line 4: the capture has ended above"),
            (format!("{HEAD}\n[]\n{END}\n"), "line 2: it is no line of a capture"),
            (with("\"seq\":7", "\"seq\":0"), "line 2: seq is 0"),
            (
                with("\"seq\":7", "\"seq\":18446744073709551615"),
                "line 2: seq is 18446744073709551615",
            ),
            (with("e30=", "e3"), "line 2: body_b64 is no base64"),
            (with("direct", "\u{1b}[2J"), "line 2: it is no line of a capture"),
            (with("direct", "pigeon"), "line 2: source is pigeon"),
            (with("\"v\":1", "\"v\":3"), "line 2: it is of a newer dubwatch"),
        ] {
            let why = read(&text).unwrap_err();
            assert!(why.starts_with(expected), "{text}: {why}");
            assert!(!why.contains(char::is_control), "{why:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>, cut in 0..400_usize) {
            let whole = format!("{HEAD}\n{DELIVERY}\n{END}\n");
            let cut = cut.min(whole.len());
            for bytes in [&text[..], &whole.as_bytes()[..cut], &[HEAD.as_bytes(), b"\n", &text].concat()] {
                if let Ok(mut reader) = CaptureReader::new(bytes) {
                    while let Ok(Some(_)) = reader.next_entry() {}
                }
            }
        }
    }
}
