//! The public URL: posts a signed request to it, as the service would, and looks at what arrives.
//!
//! It is signed with a key that was made for it, so a dubwatch that is running refuses it, and no
//! state changes.

use http::Uri;
use http::header::{SERVER, VIA};

use super::super::outbound::outbound_to;
use super::Finding;
use super::arrival::{Arrivals, ProbeMark};
use super::listener::Doors;
use super::way::{ABOUT, Posted, judge};
use crate::callback::{Encoding, SIGNATURE_HEADER};
use crate::config::Config;
use crate::outbound::destination;
use crate::signature::PrivateKey;
use crate::simulate::{Answer, SendError, Sender, sign};
use crate::text::Printable;

pub(super) async fn check(config: &Config, doors: Doors) -> Vec<Finding> {
    let Some(url) = &config.public_url else { return Vec::new() };
    let Some(arrivals) = Arrivals::at(config, doors) else {
        let what = format!("{url} was not tried: nothing listens here that it could lead to");
        let todo = "see above; then run `dubwatch doctor` again";
        return vec![Finding::note(ABOUT, what, todo)];
    };
    let posted = match post(config, url).await {
        Ok(posted) => posted,
        Err(finding) => return vec![finding],
    };
    let arrived = arrivals.wait_for(&posted.mark).await;
    judge(url, &config.path, &posted, arrived.as_ref())
}

/// Posts the probe. Returns a finding if there was no response.
async fn post(config: &Config, url: &str) -> Result<Posted, Finding> {
    let unusable = |why: String| {
        Finding::bad(ABOUT, why, "correct --public-url: it is what the service has to call")
    };
    let to: Uri = url.parse().map_err(|_| unusable(format!("{url} is no URL")))?;
    let target = destination(&to).ok_or_else(|| unusable(format!("{url} has no host")))?;
    let outbound = outbound_to(config, &target).map_err(|error| unusable(error.to_string()))?;
    let broken = |error: &dyn std::fmt::Display| unusable(error.to_string());
    let key = PrivateKey::generate().map_err(|error| broken(&error))?;
    let nonce = format!("probe-{:016x}", crate::outbound::chance());
    let body = body(&nonce);
    let public = key.public("probe");
    let sender = Sender::new(to, key.clone(), Encoding::Der, outbound);
    let signed = sign(&key, Encoding::Der, body.clone(), None);
    let signed = signed.map_err(|error| broken(&error))?;
    let signature = signed.headers().find(|(name, _)| *name == SIGNATURE_HEADER);
    let mark = ProbeMark {
        nonce,
        signature: signature.map(|(_, value)| value.to_owned()).unwrap_or_default(),
    };
    match sender.post(sender.to(), signed).await {
        Ok(Answer { status, headers, .. }) => {
            let text = |name| {
                let value = headers.get(name).map(http::HeaderValue::as_bytes)?;
                Some(Printable::from_bytes(value).cut(60))
            };
            let server = text(VIA).or_else(|| text(SERVER));
            Ok(Posted { mark, body, key: public, status, server })
        }
        Err(error) => {
            let todo = match &error {
                SendError::Unreachable { .. } => {
                    "start the tunnel or proxy, or correct --public-url"
                }
                SendError::TimedOut { .. } => {
                    "look whether a firewall drops what comes from outside"
                }
                _ => "look at the name, the certificate and the proxy of that URL",
            };
            Err(Finding::bad(ABOUT, error.to_string(), todo))
        }
    }
}

/// A body that whoever reads and writes JSON anew would change: blanks, escapes, a number with a
/// fraction of zero, the order of the fields.
fn body(nonce: &str) -> Vec<u8> {
    format!(
        "{{ \"event\" : \"dubwatch_probe\", \"title\": \"caf\\u00e9 \u{e9} \\/\", \"n\": 1.0, \"asset_id\":\"{nonce}\" }}\n"
    )
    .into_bytes()
}
