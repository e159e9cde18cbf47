//! One request at a time: the state behind a lock, and the way of a request through faults, routes and the log.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
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
    effect::{Cut, Fired},
    faults::{FaultScript, Faults},
    keys,
    line::Line,
    log::{self, Entry, RequestLog},
    routes,
    seed::Seed,
    store::Store,
    switches::Switches,
    world::{Keys, World},
};

/// What all requests share.
pub(super) struct Server {
    pub(super) latency: Duration,
    pub(super) origin: Origin,
    refused_connections: Arc<AtomicU32>,
    inner: Mutex<Inner>,
}

/// What a reset goes back to.
pub(super) struct Origin {
    pub(super) seed: Seed,
    /// The administrative secret to use, whatever the seed says.
    pub(super) admin_key: Option<String>,
    /// The switches to use, whatever the seed says.
    pub(super) switches: Option<Switches>,
    pub(super) faults: FaultScript,
}

/// Everything that a request may change.
pub(super) struct Inner {
    pub(super) world: World,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    pub(super) log: RequestLog,
    pub(super) stale: Stale,
    store: Option<Store>,
}

/// What reads of keys show that is no longer so.
#[derive(Default)]
pub(super) struct Stale {
    /// So many reads are yet to show the state before the latest write.
    reads: u32,
    /// Until then, reads show these.
    keys: Option<(Timestamp, Keys)>,
}

impl Stale {
    /// Has the keys as a read is to see them, while `read` looks at them.
    pub(super) fn shown<T>(
        &mut self,
        world: &mut World,
        now: Timestamp,
        read: impl FnOnce(&mut World) -> T,
    ) -> T {
        if self.keys.as_ref().is_some_and(|(until, _)| *until <= now) {
            self.keys = None;
        }
        if let Some((_, keys)) = &mut self.keys {
            std::mem::swap(&mut world.keys, keys);
            let result = read(world);
            std::mem::swap(&mut world.keys, keys);
            return result;
        }
        if self.reads == 0 {
            return read(world);
        }
        self.reads -= 1;
        world.keys.swap_latest();
        let result = read(world);
        world.keys.swap_latest();
        result
    }

    fn begin(&mut self, fired: &Fired, world: &World, now: Timestamp) {
        self.reads = self.reads.saturating_add(fired.stale_reads());
        if let Some(until) = fired.stale_for().and_then(|duration| now.saturating_add(duration).ok()) {
            self.keys = Some((until, world.keys.clone()));
        }
    }
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
    pub(super) fn new(world: World, clock: Clock, faults: Faults, store: Option<Store>) -> Self {
        Self { world, clock, faults, log: RequestLog::default(), stale: Stale::default(), store }
    }

    /// Puts what changed on disk, where there is a state file.
    pub(super) fn save(&self) -> Result<(), Error> {
        self.store.as_ref().map_or(Ok(()), |store| store.save(&self.world, self.clock))
    }
}

impl Server {
    pub(super) fn new(origin: Origin, latency: Duration, inner: Inner) -> Self {
        Self { latency, origin, refused_connections: Arc::default(), inner: Mutex::new(inner) }
    }

    /// Counts the connections that are yet to be refused.
    pub(super) fn refused_connections(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.refused_connections)
    }

    /// Forgets the connections that are yet to be refused.
    pub(super) fn accept_all_connections(&self) {
        self.refused_connections.store(0, Ordering::SeqCst);
    }

    /// The state. Nothing awaits while holding it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles a request and makes its effect durable before there is an answer.
    fn handle(&self, call: &Call, fired: &Fired) -> Handled {
        let mut inner = self.lock();
        let now = inner.clock.now();
        let mut changed = inner.world.catch_up(now);
        let Inner { stale, world, .. } = &mut *inner;
        stale.begin(fired, world, now);
        for edit in fired.edits() {
            changed |= keys::edit(&mut inner.world, edit, now);
        }
        let by = call.secret.as_deref().and_then(|secret| inner.world.keys.by_secret(secret));
        let by = by.map(|key| key.name.clone());
        let handled = match fired.answer() {
            Some(answer) => Ok(answer),
            None => routes::dispatch(&mut inner, call, now),
        };
        let wrote = handled.is_ok() && call.method != Method::GET;
        let saved = if wrote || changed { inner.save() } else { Ok(()) };
        let handled = saved.map_err(|error| Refusal::internal(error.to_string())).and(handled);
        let (answer, reason) = match handled {
            Ok(answer) => (answer, None),
            Err(refusal) => {
                let reason = refusal.reason.clone();
                (refusal.into_answer(), Some(reason))
            }
        };
        Handled { answer, now, by, reason }
    }
}

/// What came of a request.
struct Handled {
    answer: Answer,
    now: Timestamp,
    /// The name of the key that called.
    by: Option<String>,
    /// Why it was refused, which the answer does not say.
    reason: Option<String>,
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
        line.cut(Cut::Close);
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
    server.refused_connections.fetch_add(fired.refused_connections(), Ordering::SeqCst);
    let (mut caller, mut refused) = (None, None);
    let answered = match fired.cuts_before() {
        Some(cut) => Err(cut),
        None => {
            let Handled { mut answer, now, by, reason } = server.handle(&call, &fired);
            fired.disturb(&mut answer);
            caller = by;
            refused = reason;
            fired.cuts_after().map_or(Ok((answer, now)), Err)
        }
    };
    let status = answered.as_ref().ok().map(|(answer, _)| answer.status.as_u16());
    let entry = Entry { method: call.method.to_string(), path: call.target, status, faults: fired.names() };
    let mut inner = server.lock();
    log::say(&log::Line {
        now: inner.clock.now(),
        entry: &entry,
        code: answered.as_ref().ok().and_then(|(answer, _)| answer.code()),
        by: caller.as_deref(),
        refused: refused.as_deref(),
        took: started.elapsed(),
    });
    inner.log.push(entry);
    drop(inner);
    Ok(match answered {
        Err(cut) => {
            line.cut(cut);
            Response::new(Body::empty())
        }
        Ok((answer, now)) => match fired.truncates() {
            Some(bytes) => truncated(answer, now, bytes),
            None if !fired.slowness().is_zero() => slow(answer, now, fired.slowness()),
            None => whole((answer, now)),
        },
    })
}

fn whole((answer, now): (Answer, Timestamp)) -> Response {
    let (head, bytes) = answer.into_parts(&clock::http_date(now));
    head.map(|()| Body::from(bytes))
}

/// In how many pieces a slow body comes.
const PIECES: usize = 10;

/// Sends the body in pieces over so long.
fn slow(answer: Answer, now: Timestamp, over: Duration) -> Response {
    let (mut head, bytes) = answer.into_parts(&clock::http_date(now));
    head.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let size = bytes.len().div_ceil(PIECES).max(1);
    let pieces: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    let pause = over / u32::try_from(pieces.len().max(1)).unwrap_or(u32::MAX);
    let pieces = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<Bytes, Infallible>(piece)
    });
    head.map(|()| Body::from_stream(pieces))
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
