//! What happened to a probe on its way.

use http::StatusCode;

use super::Finding;
use super::arrival::{Arrived, ProbeMark};
use crate::callback::Verdict;
use crate::signature::{PublicKey, TrustedKeys};
use crate::text::Printable;

pub(super) const ABOUT: &str = "public URL";

/// What was posted, and the response.
pub(super) struct Posted {
    /// How it is known again.
    pub(super) mark: ProbeMark,
    pub(super) body: Vec<u8>,
    /// The key that signed it.
    pub(super) key: PublicKey,
    pub(super) status: StatusCode,
    /// What the response names as its server or proxy.
    pub(super) server: Option<Printable>,
}

/// Compares what was posted with what arrived; `None` if nothing did.
pub(super) fn judge(
    url: &str,
    path: &str,
    posted: &Posted,
    arrived: Option<&Arrived>,
) -> Vec<Finding> {
    let status = posted.status.as_u16();
    let Some(arrived) = arrived else {
        let who = posted.server.as_ref().map_or_else(String::new, |who| format!(" ({who})"));
        return vec![Finding::bad(
            ABOUT,
            format!(
                "a request to {url} was answered {status} on its way{who}, and did not arrive here"
            ),
            "let the tunnel or proxy there lead to this listener: the last hop that answers is the one to correct",
        )];
    };
    let mut findings = Vec::new();
    let hops = match &arrived.hops[..] {
        [] => String::new(),
        hops => {
            format!(" (it passed a proxy that added {})", Printable::new(&hops.join(", ")).cut(120))
        }
    };
    if arrived.method != "POST" {
        findings.push(Finding::bad(
            ABOUT,
            format!("a POST arrives as {}{hops}", Printable::new(&arrived.method).cut(20)),
            "name the URL that is redirected to: a redirect turns POST into GET",
        ));
    }
    if arrived.path != path {
        let came = Printable::new(&arrived.path).cut(80);
        findings.push(Finding::bad(
            ABOUT,
            format!("it arrives at {came}, and callbacks are taken at {path}{hops}"),
            format!("start with --path {came}, or let the proxy keep the path"),
        ));
    }
    // A running dubwatch keeps no body of a request to another path.
    if arrived.body != posted.body && (arrived.path == path || !arrived.body.is_empty()) {
        findings.push(Finding::bad(
            ABOUT,
            format!(
                "the body arrives changed: {} bytes of {}{hops}",
                arrived.body.len(),
                posted.body.len()
            ),
            "let the proxy pass the body on byte for byte: no signature holds over a changed one",
        ));
    }
    let signatures: Vec<&str> = arrived.signatures.iter().map(String::as_str).collect();
    let verdict = TrustedKeys::new(posted.key.clone()).check(&signatures, &posted.body);
    if !matches!(verdict, Verdict::Valid { .. }) {
        let what = match signatures.len() {
            0 => "X-Signature is lost",
            1 => "X-Signature arrives changed",
            _ => "X-Signature arrives more than once",
        };
        findings.push(Finding::bad(
            ABOUT,
            format!("{what}{hops}"),
            "let the proxy pass all headers on unchanged",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            ABOUT,
            format!("{url} leads here; body and signature arrive unchanged{hops}"),
        ));
    }
    findings
}
