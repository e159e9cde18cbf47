//! Ctrl-C and SIGTERM: from the first change on they are a request to stop.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::apply::Stop;

use super::exit::Exit;

/// How often a wait looks whether it is to end.
const POLL: Duration = Duration::from_millis(200);

/// Until [`Interrupts::listen`] they end the program at once, as nothing has been done.
#[derive(Default)]
pub(super) struct Interrupts {
    stop: Stop,
    listener: Option<JoinHandle<()>>,
}

impl Interrupts {
    /// From now on they let calls in flight finish.
    pub(super) fn listen(&mut self) -> Stop {
        self.listener.get_or_insert_with(|| tokio::spawn(listen(self.stop.clone())));
        self.stop.clone()
    }

    /// Whether there was one since.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_requested()
    }

    /// Waits; less if there is one.
    pub(super) async fn sleep(&self, duration: Duration) {
        let deadline = Instant::now() + duration;
        while !self.is_stopped() && Instant::now() < deadline {
            tokio::time::sleep(POLL.min(deadline.saturating_duration_since(Instant::now()))).await;
        }
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

/// The first Ctrl-C (or SIGTERM, which CI systems send) lets calls in flight finish; the second ends at once.
async fn listen(stop: Stop) {
    loop {
        interrupt().await;
        if stop.is_requested() {
            #[expect(clippy::exit, reason = "asked twice; secrets on their way lie in the escrow")]
            std::process::exit(i32::from(Exit::Partial.code()));
        }
        stop.request();
        tracing::warn!(
            "interrupted: calls in flight are finished, nothing new is begun; once more ends at once"
        );
    }
}

#[cfg(unix)]
async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn interrupt() {
    drop(tokio::signal::ctrl_c().await);
}
