//! The state file: the world and its clock as JSON, written whole and atomically.

use std::{
    fs::{File, TryLockError},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{Error, clock::Clock, world::World};

const FORMAT: u32 = 1;

/// Another emulator that is ending gets this long to let go of the state.
const PATIENCE: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(10);

/// Where the state lies. It belongs to one emulator at a time.
pub(super) struct Store {
    path: PathBuf,
    folder: PathBuf,
    /// Locked until this is dropped. The state file itself is replaced at each write, so it cannot carry the lock.
    _lock: File,
}

#[derive(Serialize)]
struct Saved<'a> {
    format: u32,
    clock: Clock,
    world: &'a World,
}

#[derive(Deserialize)]
struct Loaded {
    clock: Clock,
    world: World,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Store {
    /// A store at this path, locked; its folder is created.
    pub(super) async fn at(path: &Path) -> Result<Self, Error> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let unwritable = |source| Error::StateUnwritable { path: path.to_owned(), source };
        std::fs::create_dir_all(&folder).map_err(unwritable)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = File::create(Path::new(&name)).map_err(unwritable)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), folder, _lock: lock }),
                Err(TryLockError::Error(source)) => return Err(unwritable(source)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    tokio::time::sleep(GLANCE).await;
                }
                Err(TryLockError::WouldBlock) => return Err(Error::StateInUse { path: path.to_owned() }),
            }
        }
    }

    /// The saved state, if there is any. A file that cannot be understood is an error and stays as it is.
    pub(super) fn load(&self) -> Result<Option<(World, Clock)>, Error> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::StateUnreadable { path: self.path.clone(), source }),
        };
        let invalid = |source| Error::StateInvalid { path: self.path.clone(), source };
        let Format { format } = serde_json::from_slice(&text).map_err(invalid)?;
        if format != FORMAT {
            return Err(Error::StateFormat { path: self.path.clone(), format });
        }
        let Loaded { clock, world } = serde_json::from_slice(&text).map_err(invalid)?;
        Ok(Some((world, clock)))
    }

    /// Replaces the file in one step; it holds secrets, so only its owner can read it.
    pub(super) fn save(&self, world: &World, clock: Clock) -> Result<(), Error> {
        self.write(world, clock).map_err(|source| Error::StateUnwritable { path: self.path.clone(), source })
    }

    /// The file that is to replace the state. It has one name, so that what a killed emulator leaves of it, with
    /// secrets in it, is gone with the next write; whoever has the lock is the only one to write.
    fn fresh(&self) -> io::Result<tempfile::NamedTempFile> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        match std::fs::remove_file(self.folder.join(&name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        tempfile::Builder::new().prefix(&name).rand_bytes(0).tempfile_in(&self.folder)
    }

    fn write(&self, world: &World, clock: Clock) -> io::Result<()> {
        // A temporary file is created readable by its owner alone, and keeps that when renamed.
        let mut file = BufWriter::new(self.fresh()?);
        serde_json::to_writer(&mut file, &Saved { format: FORMAT, clock, world })?;
        file.write_all(b"\n")?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        // The rename is durable once the folder is; only Unix can open one.
        if cfg!(unix) {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }
}
