//! An honest Portkey Admin API on loopback: for the quickstart, for tests, and to rehearse a change.
//!
//! It follows what is known of the live service, quirks included, and misbehaves on demand. `docs/emulator.md` is the
//! page for users.
//!
//! Invariants: it uses nothing from the rest of the crate, so that a misread field cannot be wrong on both sides;
//! requests are handled one at a time; nothing is acknowledged before it is in the state file; no secret is logged.

mod audit;
mod call;
mod clock;
mod configs;
mod control;
mod directory;
mod effect;
mod faults;
mod gateway;
mod keys;
mod line;
mod log;
mod openapi;
mod paging;
mod patch;
mod permissions;
mod rate_windows;
mod routes;
mod rules;
mod secret;
mod seed;
mod server;
mod show;
mod store;
mod switches;
mod users;
mod validate;
mod workers;
mod workspaces;
mod world;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub use faults::FaultScript;
pub use openapi::openapi;
pub use seed::Seed;
pub use switches::*;

use faults::Faults;
use line::{Line, Lines};
use server::{Inner, Origin, Server};
use store::Store;

/// How to start an emulator.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Listen on an address that other machines can reach. The control routes have no authentication.
    pub allow_non_loopback: bool,
    /// What there is at the start; none: one workspace and one user.
    pub seed: Option<Seed>,
    /// Where the state outlives the process. If the file exists, the seed is ignored.
    pub state: Option<PathBuf>,
    /// Do not read the state file: start from the seed, and write the state anew.
    pub discard_state: bool,
    /// The secret of the administrative key.
    pub admin_key: Option<String>,
    /// How long each request waits before it is handled.
    pub latency: Duration,
    /// Faults from the start, and again after a reset.
    pub faults: FaultScript,
    /// How it answers where the live service is not known; none: as the state or the seed says.
    pub switches: Option<Switches>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_non_loopback: false,
            seed: None,
            state: None,
            discard_state: false,
            admin_key: None,
            latency: Duration::ZERO,
            faults: FaultScript::default(),
            switches: None,
        }
    }
}

/// Why an emulator did not start, or did not save.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not loopback.
    #[error("`{address}` is not a loopback address")]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address could not be bound.
    #[error("could not listen on `{address}`")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The seed file could not be read.
    #[error("could not read the seed `{}`", path.display())]
    SeedUnreadable {
        /// The seed file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The seed is not YAML of the right form.
    #[error("the seed is not valid")]
    SeedSyntax(#[source] serde_yaml::Error),
    /// The seed contradicts itself.
    #[error("the seed is not valid: {0}")]
    Seed(String),
    /// The fault script could not be read.
    #[error("could not read the faults `{}`", path.display())]
    FaultsUnreadable {
        /// The script.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The fault script is not what one looks like.
    #[error("the faults are not valid: {0}")]
    Faults(String),
    /// The administrative secret that was given belongs to another key than the one marked so.
    #[error("the administrative secret is that of key `{name}`, which is not the one marked `admin`")]
    AdminKeyTaken {
        /// The key that has the secret.
        name: String,
    },
    /// The state file could not be read.
    #[error("could not read the state `{}`", path.display())]
    StateUnreadable {
        /// The state file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state file holds something else. It is left alone.
    #[error("`{}` is not a state file of this emulator", path.display())]
    StateInvalid {
        /// The state file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The state file was written by another version. It is left alone.
    #[error("the state `{}` has format {format}, which this version does not read", path.display())]
    StateFormat {
        /// The state file.
        path: PathBuf,
        /// The format it says.
        format: u32,
    },
    /// Another emulator has the state file.
    #[error("the state `{}` is in use by another emulator", path.display())]
    StateInUse {
        /// The state file.
        path: PathBuf,
    },
    /// The state file could not be written.
    #[error("could not write the state `{}`", path.display())]
    StateUnwritable {
        /// The state file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Starts an emulator on the current Tokio runtime.
pub async fn start(options: Options) -> Result<Running, Error> {
    let Options {
        listen,
        allow_non_loopback,
        seed,
        state,
        discard_state,
        admin_key,
        latency,
        faults,
        switches,
    } = options;
    if !listen.ip().is_loopback() && !allow_non_loopback {
        return Err(Error::NotLoopback { address: listen });
    }
    let store = match &state {
        Some(path) => Some(Store::at(path).await?),
        None => None,
    };
    let mut seed = seed.unwrap_or_else(Seed::unseeded);
    // What the seed leaves out can depend on them.
    seed.switches = switches.unwrap_or(seed.switches);
    let mut origin = Origin { seed, admin_key, switches, faults };
    let readable = store.as_ref().filter(|_| !discard_state);
    let saved = readable.map(Store::load).transpose()?.flatten();
    let was_restored = saved.is_some();
    let (world, clock, admin_key) = match saved {
        Some((mut world, clock)) => {
            let admin_key = origin.finish(&mut world, clock.now())?;
            (world, clock, admin_key)
        }
        None => origin.build()?,
    };
    // A reset must not lock out who holds the key.
    origin.admin_key = Some(admin_key.clone());
    let inner = Inner::new(world, clock, Faults::of(&origin.faults), store);
    inner.save()?;
    let server = Arc::new(Server::new(origin, latency, inner));

    let could_not_listen = |source| Error::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(could_not_listen)?;
    let local_addr = listener.local_addr().map_err(could_not_listen)?;
    let (stop, mut stopped) = watch::channel(());
    let router = Router::new().fallback(server::answer).with_state(Arc::clone(&server));
    let service = router.into_make_service_with_connect_info::<Line>();
    let serve = axum::serve(Lines::of(listener, server.refused_connections()), service)
        .with_graceful_shutdown(async move {
            // Closed or told: both end the server.
            stopped.changed().await.ok();
        });
    let task = tokio::spawn(async move {
        if let Err(error) = serve.await {
            tracing::error!(target: "emulator", %error, "the server ended");
        }
    });
    Ok(Running { local_addr, admin_key, was_restored, server, stop, task })
}

/// An emulator at work. It ends when this is dropped.
pub struct Running {
    local_addr: SocketAddr,
    admin_key: String,
    was_restored: bool,
    server: Arc<Server>,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Where a client finds the Admin API: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.local_addr)
    }

    /// The secret of a live organisation-service key with every scope, unless the seed marks another key.
    pub fn admin_key(&self) -> &str {
        &self.admin_key
    }

    /// Whether it goes on from a state file, and the seed was not used.
    pub fn was_restored(&self) -> bool {
        self.was_restored
    }

    /// How many workspaces, users and keys it holds.
    pub fn counts(&self) -> [usize; 3] {
        let inner = self.server.lock();
        [inner.world.workspaces.len(), inner.world.users.len(), inner.world.keys.len()]
    }

    /// The address that is listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers what is under way, then ends and saves the state.
    pub async fn stop(mut self) -> Result<(), Error> {
        // Fails only if the server has ended by itself.
        self.stop.send(()).ok();
        self.wait().await;
        self.server.lock().save()
    }

    /// Waits until the server ends by itself, which it does only on a failure of the system.
    pub async fn wait(&mut self) {
        // A task may be awaited only once.
        if !self.task.is_finished() {
            (&mut self.task).await.ok();
        }
    }
}
