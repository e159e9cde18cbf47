//! `kill -9` while a client writes without pause: what was acknowledged is on disk.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::chance::{Chance, asked};
use crate::line::Line;
use crate::model::mask;

const SEED: u64 = 0x5eed_0002;
/// Unless the environment asks for another number.
const KILLS: usize = 100;
const ROOT: &str = "root-secret-000000000000root";
/// More are deleted again: the state file should not grow for ever.
const MOST_KEYS: usize = 25;
const NOT_STARTED_AFTER: Duration = Duration::from_secs(30);

/// Name and masked secret of each key, by id.
type Known = BTreeMap<String, (String, String)>;

/// What a request would have changed.
#[derive(Debug)]
enum Write {
    Create(String),
    Rename(String, String),
    Rotate(String),
    Delete(String),
}

struct Emulator {
    process: Child,
    address: SocketAddr,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // SIGKILL: nothing in the process gets a chance to tidy up.
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Emulator {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(assert_cmd::cargo::cargo_bin!("portkey-sync"))
            .env_clear()
            .current_dir(folder)
            .args(["emulator", "--listen", "127.0.0.1:0", "--state", "state.json", "--admin-key", ROOT])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            tell.send(line).unwrap();
        });
        let line = told.recv_timeout(NOT_STARTED_AFTER).unwrap();
        let address =
            line.trim().strip_prefix("listening on http://").and_then(|url| url.strip_suffix("/v1"));
        let address = address.unwrap_or_else(|| panic!("it does not start again: {line:?}")).parse().unwrap();
        Self { process, address }
    }

    fn keys(&self) -> Known {
        let mut line = Line::to(self.address).unwrap();
        let reply = line.call(ROOT, "GET", "/v1/api-keys?page_size=100", &Value::Null).unwrap();
        assert_eq!(reply.status, 200);
        let rows = reply.json["data"].as_array().unwrap().clone();
        assert_eq!(reply.json["total"], rows.len());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rows = rows.iter().filter(|row| row["name"] != "admin");
        rows.map(|row| (text(&row["id"]), (text(&row["name"]), text(&row["key"])))).collect()
    }
}

/// Writes until the line breaks. Returns the write that got no answer.
fn write_on(line: &mut Line, known: &mut Known, chance: &mut Chance, names: &mut u64) -> Write {
    loop {
        let write = choose(known, chance, names);
        let (method, path, body) = match &write {
            Write::Create(name) => {
                let body =
                    json!({"name": name, "workspace_id": "ws-main-5eed00", "scopes": ["completions.write"]});
                ("POST", "/v1/api-keys/workspace/service".to_owned(), body)
            }
            Write::Rename(id, name) => ("PUT", format!("/v1/api-keys/{id}"), json!({"name": name})),
            Write::Rotate(id) => ("POST", format!("/v1/api-keys/{id}/rotate"), Value::Null),
            Write::Delete(id) => ("DELETE", format!("/v1/api-keys/{id}"), Value::Null),
        };
        let Ok(reply) = line.call(ROOT, method, &path, &body) else { return write };
        let secret = || mask(reply.json["key"].as_str().unwrap());
        match &write {
            // One of the two that the server never has at once.
            Write::Rotate(_) if reply.status == 400 => {}
            _ => assert_eq!(reply.status, 200, "{write:?}: {}", reply.json),
        }
        match write {
            Write::Create(name) => {
                known.insert(reply.json["id"].as_str().unwrap().to_owned(), (name, secret()));
            }
            Write::Rename(id, name) => known.get_mut(&id).unwrap().0 = name,
            Write::Rotate(id) if reply.status == 200 => known.get_mut(&id).unwrap().1 = secret(),
            Write::Rotate(_) => {}
            Write::Delete(id) => {
                known.remove(&id);
            }
        }
    }
}

fn choose(known: &Known, chance: &mut Chance, names: &mut u64) -> Write {
    *names += 1;
    let name = format!("key {names}");
    let ids: Vec<&String> = known.keys().collect();
    if ids.is_empty() {
        return Write::Create(name);
    }
    let id = (*chance.one_of(&ids)).clone();
    match chance.below(4) {
        _ if ids.len() >= MOST_KEYS => Write::Delete(id),
        0 | 1 => Write::Create(name),
        2 => Write::Rename(id, name),
        _ => Write::Rotate(id),
    }
}

/// What is there is what was acknowledged, with the write in flight or without it.
fn check(known: &Known, found: &Known, in_flight: &Write, round: usize) {
    let context = format!("seed {SEED:#x}, kill {round}, in flight {in_flight:?}");
    let mut without = known.clone();
    let mut seen = found.clone();
    match in_flight {
        Write::Create(name) => seen.retain(|id, (found, _)| known.contains_key(id) || found != name),
        Write::Rename(id, name) => {
            if seen.get(id).is_some_and(|(found, _)| found == name) {
                without.get_mut(id).unwrap().0.clone_from(name);
            }
        }
        Write::Rotate(id) => {
            let (name, _) = &known[id];
            assert_eq!(&seen[id].0, name, "{context}");
            without.insert(id.clone(), seen[id].clone());
        }
        Write::Delete(id) => {
            if !seen.contains_key(id) {
                without.remove(id);
            }
        }
    }
    assert!(found.len() <= seen.len() + 1, "{context}: one create at most");
    assert_eq!(seen, without, "{context}");
}

#[test]
fn an_emulator_killed_while_it_writes_has_every_acknowledged_write_and_at_most_one_more() {
    let kills = asked("PORTKEY_SYNC_KILLS", KILLS);
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance::of(SEED);
    let (mut known, mut names, mut acknowledged) = (Known::new(), 0, 0);
    let mut emulator = Emulator::start(folder.path());
    for round in 0..kills {
        let mut line = Line::to(emulator.address).unwrap();
        let patience = Duration::from_micros(chance.below(120_000).try_into().unwrap());
        let (tell, told) = mpsc::channel::<()>();
        let began = names;
        let in_flight = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let in_flight = write_on(&mut line, &mut known, &mut chance, &mut names);
                drop(tell);
                in_flight
            });
            // Nobody tells anything while the emulator lives.
            assert_eq!(told.recv_timeout(patience), Err(mpsc::RecvTimeoutError::Timeout), "it died alone");
            drop(emulator);
            writer.join().unwrap()
        });
        acknowledged += names - began - 1;
        emulator = Emulator::start(folder.path());
        let found = emulator.keys();
        check(&known, &found, &in_flight, round);
        known = found;
    }
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // Of a write that was cut short one file may be left, which the next write replaces.
        let expected = ["state.json", "state.json.lock", "state.json.new"];
        assert!(expected.contains(&name.as_str()), "{name} is left behind");
    }
    println!("{acknowledged} acknowledged writes are on disk after {kills} kills");
    assert!(acknowledged > u64::try_from(kills).unwrap(), "only {acknowledged} writes in {kills} rounds");
}
