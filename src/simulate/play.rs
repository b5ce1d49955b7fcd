//! Plays a story: posts its scenes at their times over real HTTP; decides nothing about the story.

use http::{StatusCode, Uri};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::message::Message;
use super::sender::{SendError, Sender};
use super::speed::Speed;
use super::story::{RequestKind, Scene, Story};
use super::tamper::Signed;

/// The counts of a played story.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Played {
    /// Requests that were answered.
    pub posted: u64,
    /// Those of them with an unexpected response.
    pub astonishing: u64,
}

/// Posts the scenes of each story in turn, until there are no more or `stop` is cancelled.
///
/// Sends one request at a time, so that they arrive in the story's order; if the receiver takes
/// longer than the story allows, overdue requests follow at once. Waits for a request that is in
/// flight at the end. Gives up at the first request without a response.
///
/// Calls `observe` with each scene before its request is sent, also with those that send none.
///
/// # Errors
///
/// The [`SendError`] of that request.
pub async fn play(
    rounds: impl Iterator<Item = Story>,
    sender: &Sender,
    speed: Speed,
    stop: &CancellationToken,
    mut observe: impl FnMut(&Scene),
) -> Result<Played, SendError> {
    let astray = astray(sender.to())?;
    let mut played = Played::default();
    for story in rounds {
        let begun = Instant::now();
        // Requests that may be sent again; no more than the story has scenes.
        let mut sent = Vec::new();
        for scene in story.scenes() {
            if !reached(begun + speed.pace(scene.at), stop).await {
                return Ok(played);
            }
            observe(scene);
            let Some(wanted) = deserved(scene.kind) else { continue };
            let signed = prepare(scene, sender, &mut sent)?;
            let to = if scene.kind == RequestKind::Astray { &astray } else { sender.to() };
            let answer = sender.post(to, signed).await?;
            played.posted += 1;
            if answer.status != wanted {
                tracing::warn!(status = %answer.status, ?scene, "an astonishing answer");
                played.astonishing += 1;
            }
        }
        if !reached(begun + speed.pace(Story::LENGTH), stop).await {
            return Ok(played);
        }
    }
    Ok(played)
}

/// Waits for a moment; returns `false` if it is cancelled before.
async fn reached(moment: Instant, stop: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = sleep_until(moment) => true,
    }
}

/// Returns the request of a scene; remembers a sound one for its retries.
fn prepare(
    scene: &Scene,
    sender: &Sender,
    sent: &mut Vec<(Message, Signed)>,
) -> Result<Signed, SendError> {
    let message = &scene.message;
    let tamper = match scene.kind {
        RequestKind::Spoiled(tamper) => Some(tamper),
        RequestKind::Sound | RequestKind::Again | RequestKind::Astray | RequestKind::Lost => None,
    };
    if scene.kind == RequestKind::Again
        && let Some((_, signed)) = sent.iter().rfind(|(earlier, _)| earlier == message)
    {
        return Ok(signed.clone());
    }
    let signed = sender.sign(message, tamper)?;
    if scene.kind == RequestKind::Sound {
        sent.push((message.clone(), signed.clone()));
    }
    Ok(signed)
}

/// Returns the status that a receiver should answer; `None` if nothing is sent.
const fn deserved(kind: RequestKind) -> Option<StatusCode> {
    match kind {
        RequestKind::Sound | RequestKind::Again => Some(StatusCode::OK),
        RequestKind::Spoiled(_) => Some(StatusCode::UNAUTHORIZED),
        RequestKind::Astray => Some(StatusCode::NOT_FOUND),
        RequestKind::Lost => None,
    }
}

/// Returns a path that is one letter off, as if mistyped in the service's settings.
fn astray(to: &Uri) -> Result<Uri, SendError> {
    let mut parts = to.clone().into_parts();
    let path = format!("{}s", to.path());
    let request = |cause| SendError::Request { to: to.clone(), cause };
    parts.path_and_query =
        Some(path.parse().map_err(|e: http::uri::InvalidUri| request(e.into()))?);
    Uri::from_parts(parts).map_err(|e| request(e.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::Encoding;
    use crate::signature::PrivateKey;

    fn sender(to: &str) -> Sender {
        let key = PrivateKey::generate().unwrap();
        let outbound = crate::outbound::Outbound::default();
        Sender::new(to.parse().unwrap(), key, Encoding::Der, outbound)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_receiver_that_is_not_there_is_an_error_and_a_stop_is_none() {
        run(async {
            // Bound and let go: nobody listens there.
            let port = {
                let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                socket.local_addr().unwrap().port()
            };
            let sender = sender(&format!("http://127.0.0.1:{port}/callback"));
            let stop = CancellationToken::new();
            let speed = Speed::new(1000.0).unwrap();
            let found = play(Story::rounds(1), &sender, speed, &stop, |_| {}).await;
            assert!(matches!(found, Err(SendError::Unreachable { .. })), "{found:?}");
            stop.cancel();
            let found = play(Story::rounds(1), &sender, speed, &stop, |_| {}).await;
            assert_eq!(found.unwrap(), Played::default());
        });
    }

    #[test]
    fn a_retry_has_the_same_bytes_and_nothing_else_has() {
        let sender = sender("http://127.0.0.1:1/callback");
        let story = Story::new(7);
        let mut sent = Vec::new();
        let mut retries = 0;
        let mut seen: Vec<Signed> = Vec::new();
        for scene in story.scenes() {
            let signed = prepare(scene, &sender, &mut sent).unwrap();
            let known = seen.contains(&signed);
            assert_eq!(known, scene.kind == RequestKind::Again, "{scene:?}");
            retries += usize::from(known);
            seen.push(signed);
        }
        assert!(retries > 0);
    }

    #[test]
    fn astray_is_one_letter_off() {
        let to = |uri: &str| astray(&uri.parse().unwrap()).unwrap().to_string();
        assert_eq!(to("http://127.0.0.1:3829/callback"), "http://127.0.0.1:3829/callbacks");
        assert_eq!(to("http://127.0.0.1:3829/"), "http://127.0.0.1:3829/s");
    }
}
