//! A task or thread with a result, which can be stopped and waited for.

use std::future::Future;

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// A task or thread that runs until it is done or stopped. Dropping the worker cancels the work
/// without waiting for its end.
pub(super) struct Worker<T> {
    name: &'static str,
    stop: CancellationToken,
    /// `None` once the result has been returned.
    result: Option<oneshot::Receiver<T>>,
}

/// Waits for `work`. Waits forever if it is `None`.
pub(super) async fn or_never<F: Future>(work: Option<F>) -> F::Output {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

impl<T: Send + 'static> Worker<T> {
    /// Spawns a task, which must return soon after its token is cancelled. Must be called inside a
    /// Tokio runtime.
    pub(super) fn task<F>(name: &'static str, work: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (worker, done) = Self::new(name);
        let work = work(worker.stop.clone());
        tokio::spawn(async move {
            let _ = done.send(work.await);
        });
        worker
    }

    /// Starts a thread for blocking work, which must return soon after its token is cancelled.
    /// Returns an error if the thread cannot be started.
    pub(super) fn thread(
        name: &'static str,
        work: impl FnOnce(CancellationToken) -> T + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (worker, done) = Self::new(name);
        let stop = worker.stop.clone();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _ = done.send(work(stop));
            })
            .with_context(|| format!("cannot start the {name} thread"))?;
        Ok(worker)
    }

    fn new(name: &'static str) -> (Self, oneshot::Sender<T>) {
        let (done, result) = oneshot::channel();
        (Self { name, stop: CancellationToken::new(), result: Some(result) }, done)
    }

    /// Waits for the end and returns the result, or an error if the work panicked. Waits forever if
    /// the result has been returned before. Cancel safe.
    pub(super) async fn ended(&mut self) -> anyhow::Result<T> {
        let ended = or_never(self.result.as_mut()).await;
        self.result = None;
        ended.map_err(|_| anyhow::anyhow!("the {} ended unexpectedly", self.name))
    }

    /// Waits for the end of work that should run until it is stopped, and returns an error. Cancel
    /// safe.
    pub(super) async fn failed(&mut self) -> anyhow::Error {
        let unexpected = anyhow::anyhow!("the {} ended unexpectedly", self.name);
        self.ended().await.err().unwrap_or(unexpected)
    }

    /// Stops the work and waits for its end. Returns the result, unless it has been returned
    /// before.
    pub(super) async fn stop(mut self) -> Option<T> {
        self.stop.cancel();
        match self.result.take() {
            Some(result) => result.await.ok(),
            None => None,
        }
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_result_is_returned_once_and_a_panic_is_an_error() {
        let mut done = Worker::task("sum", |_| async { 1 + 1 });
        assert_eq!(done.ended().await.unwrap(), 2);
        assert!(timeout(Duration::from_millis(10), done.ended()).await.is_err(), "only once");
        assert_eq!(done.stop().await, None);
        let mut thread = Worker::thread("sum", |_| 3).unwrap();
        assert_eq!(thread.ended().await.unwrap(), 3);
        let mut broken: Worker<()> = Worker::thread("part", |_| panic!("on purpose")).unwrap();
        assert_eq!(broken.ended().await.unwrap_err().to_string(), "the part ended unexpectedly");
    }

    #[tokio::test]
    async fn stopping_waits_for_the_end_and_dropping_does_not() {
        let worker = Worker::task("part", |stop| async move {
            stop.cancelled().await;
            "stopped"
        });
        assert_eq!(worker.stop().await, Some("stopped"));
        let (stopped, done) = oneshot::channel();
        drop(Worker::task("part", |stop| async move {
            stop.cancelled().await;
            let _ = stopped.send(());
        }));
        done.await.unwrap();
    }
}
