//! The sender's contract and our record of a request: event types, delivery, verdict, refusal.
//!
//! Pure: no clock, no files, no sockets. The contract is the vendor's public documentation; where
//! it is silent (retries, order, identity) the [fold](crate::timeline) decides, not this module.

mod answer;
mod body;
mod compressed;
mod delivery;
mod event;
mod gap;
mod headers;
mod outcome;
mod refusal;
mod verdict;

pub use answer::{AssetReport, Basis, ReportedName, VersionReport, VersionStatus};
pub use body::{Callback, MAX_ID, Subject, without_mark};
pub use compressed::{Compression, decompress};
pub use delivery::{
    Accepted, Delivery, DeliverySummary, Fingerprint, ImportedDelivery, Received, Source,
};
pub use event::{Event, State};
pub use gap::{Gap, MessagePosition, NotedGap};
pub use headers::{Headers, REDACTED, SIGNATURE_HEADER};
pub use outcome::{Ambiguity, DeliveryEffect, Outcome};
pub use refusal::{
    BODY_SAMPLE, BodySample, EarlierBody, MAX_BODIES, Refusal, RefusalEntry, RefusalKind,
};
pub use verdict::{Encoding, Provenance, Verdict};
