//! One request at a time: the state behind a lock, and the way of a request through faults, routes and the log.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, State},
    http::{HeaderValue, Method, Request, header},
    response::Response,
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::{
    Error,
    call::{Answer, Call, Refusal},
    clock::{self, Clock},
    control,
    faults::{Faults, Fired},
    keys,
    line::Line,
    log::{Entry, RequestLog},
    routes,
    seed::Seed,
    store::Store,
    switches::Switches,
    world::World,
};

/// What all requests share.
pub(super) struct Server {
    pub(super) latency: Duration,
    pub(super) origin: Origin,
    inner: Mutex<Inner>,
}

/// What a reset goes back to.
pub(super) struct Origin {
    pub(super) seed: Seed,
    /// The administrative secret to use, whatever the seed says.
    pub(super) admin_key: Option<String>,
    /// The switches to use, whatever the seed says.
    pub(super) switches: Option<Switches>,
}

/// Everything that a request may change.
pub(super) struct Inner {
    pub(super) world: World,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    pub(super) log: RequestLog,
    /// So many reads of keys are yet to show the state before the latest write.
    pub(super) stale_reads: u32,
    store: Option<Store>,
}

impl Origin {
    /// The world and clock at the start, and the administrative secret.
    pub(super) fn build(&self) -> Result<(World, Clock, String), Error> {
        let clock = self.seed.clock.map(Clock::starting_at).unwrap_or_default();
        let mut world = self.seed.build(clock.now())?;
        let admin = self.finish(&mut world, clock.now())?;
        Ok((world, clock, admin))
    }

    /// Puts into the world what the caller of `start` decided. Returns the administrative secret.
    pub(super) fn finish(&self, world: &mut World, now: Timestamp) -> Result<String, Error> {
        world.switches = self.switches.unwrap_or(world.switches);
        world.ensure_admin(self.admin_key.as_deref(), clock::whole_second(now))
    }
}

impl Inner {
    pub(super) fn new(world: World, clock: Clock, store: Option<Store>) -> Self {
        Self { world, clock, faults: Faults::default(), log: RequestLog::default(), stale_reads: 0, store }
    }

    /// Puts what changed on disk, where there is a state file.
    pub(super) fn save(&self) -> Result<(), Error> {
        self.store.as_ref().map_or(Ok(()), |store| store.save(&self.world, self.clock))
    }
}

impl Server {
    pub(super) fn new(origin: Origin, latency: Duration, inner: Inner) -> Self {
        Self { latency, origin, inner: Mutex::new(inner) }
    }

    /// The state. Nothing awaits while holding it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles a request and makes its effect durable before there is an answer.
    fn handle(&self, call: &Call, fired: &Fired) -> (Answer, Timestamp) {
        let mut inner = self.lock();
        let now = inner.clock.now();
        inner.stale_reads = inner.stale_reads.saturating_add(fired.stale_reads());
        let mut changed = inner.world.catch_up(now);
        for edit in fired.edits() {
            changed |= keys::edit(&mut inner.world, edit, now);
        }
        let handled = match fired.answer() {
            Some(answer) => Ok(answer),
            None => routes::dispatch(&mut inner, call, now),
        };
        let wrote = handled.is_ok() && call.method != Method::GET;
        let saved = if wrote || changed { inner.save() } else { Ok(()) };
        let handled = saved.map_err(|error| Refusal::internal(error.to_string())).and(handled);
        let answer = handled.unwrap_or_else(|refusal| {
            tracing::info!(target: "emulator", reason = refusal.reason, "refused");
            refusal.into_answer()
        });
        (answer, now)
    }
}

/// The way of every request.
pub(super) async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request<Body>,
) -> Result<Response, Infallible> {
    let started = Instant::now();
    let Ok(call) = Call::read(request).await else {
        // The client went away, or its body has no end.
        line.cut();
        return Ok(Response::new(Body::empty()));
    };
    if call.path.starts_with("/_emulator/") {
        return Ok(whole(control::answer(&server, &call)));
    }
    let fired = server.lock().faults.fire(&call);
    let delay = server.latency + fired.delay();
    // Even a sleep of nothing lasts a millisecond.
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let answered = if fired.drops_before() {
        None
    } else {
        let (mut answer, now) = server.handle(&call, &fired);
        fired.disturb(&mut answer);
        (!fired.drops_after()).then_some((answer, now))
    };
    let status = answered.as_ref().map(|(answer, _)| answer.status.as_u16());
    let entry = Entry { method: call.method.to_string(), path: call.target, status, faults: fired.names() };
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "emulator", "{} {} {} {millis} ms", entry.method, entry.path, shown(status));
    server.lock().log.push(entry);
    Ok(match answered {
        None => {
            line.cut();
            Response::new(Body::empty())
        }
        Some((answer, now)) => match fired.truncates() {
            Some(bytes) => truncated(answer, now, bytes),
            None => whole((answer, now)),
        },
    })
}

fn shown(status: Option<u16>) -> String {
    status.map_or_else(|| "dropped".to_owned(), |status| status.to_string())
}

fn whole((answer, now): (Answer, Timestamp)) -> Response {
    let (head, bytes) = answer.into_parts(&clock::http_date(now));
    head.map(|()| Body::from(bytes))
}

/// Promises the whole body, sends the beginning, then ends the connection.
fn truncated(answer: Answer, now: Timestamp, keep: usize) -> Response {
    let (mut head, bytes) = answer.into_parts(&clock::http_date(now));
    head.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let beginning = bytes.slice(..keep.min(bytes.len().saturating_sub(1)));
    let beginning = stream::iter([Ok::<Bytes, io::Error>(beginning)]);
    let end = stream::once(async {
        // Lets the server flush what it has before it sees the error and closes.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    head.map(|()| Body::from_stream(beginning.chain(end)))
}
