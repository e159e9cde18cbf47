//! A year of the virtual clock, a day at a time, always looked at in the morning.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use portkey_sync::emulator::{self, Options, Running, Seed};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::line::Line;
use crate::model::{mask, written};

const ROOT: &str = "root-secret-000000000000root";
const DAYS: i64 = 365;

/// Sunday, 08:00; so the first morning is a Monday.
const SEED: &str = r"
organisation: {name: Acme}
clock: 2026-11-22T08:00:00Z
workspaces: [{slug: ws-prod-1a2b3c, name: Production}]
keys:
  - {name: root, type: organisation-service, admin: true, secret: root-secret-000000000000root,
     scopes: [workspace_service_api_keys.create, workspace_service_api_keys.list, workspace_service_api_keys.read]}
  - {name: weekly, type: workspace-service, workspace: ws-prod-1a2b3c, scopes: [completions.write],
     usage_limits: {credit_limit: 10, periodic_reset: weekly}, usage: 10,
     secret: secret-of-weekly-0000000}
  - {name: monthly, type: workspace-service, workspace: ws-prod-1a2b3c, scopes: [completions.write],
     usage_limits: {credit_limit: 10, periodic_reset: monthly}, usage: 10,
     secret: secret-of-monthly-0000000}
  - {name: every 20 days, type: workspace-service, workspace: ws-prod-1a2b3c, scopes: [completions.write],
     usage_limits: {credit_limit: 10, periodic_reset_days: 20}, usage: 10,
     secret: secret-of-every-20-days-0000000}
";

struct Year {
    line: Line,
    running: Running,
    runtime: Runtime,
    /// The morning that it is: 08:00.
    today: Date,
}

fn start() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned_datetime(TimeZone::UTC).unwrap().timestamp()
}

impl Year {
    fn begin() -> Self {
        let runtime = Runtime::new().unwrap();
        let options = Options { seed: Some(Seed::from_yaml_str(SEED).unwrap()), ..Options::default() };
        let running = runtime.block_on(emulator::start(options)).unwrap();
        let address: SocketAddr = running.local_addr();
        let today = start().to_zoned_datetime(TimeZone::UTC).date();
        Self { line: Line::to(address).unwrap(), running, runtime, today }
    }

    fn end(self) {
        self.runtime.block_on(self.running.stop()).unwrap();
    }

    /// Sleeps a night.
    fn next_morning(&mut self) {
        let reply = self.line.call("", "POST", "/_emulator/clock", &json!({"advance": "1d"})).unwrap();
        assert_eq!(reply.status, 200);
        self.today = self.today.tomorrow().unwrap();
    }

    fn create(&mut self, name: &str, field: &str, value: &Value) -> (String, String) {
        let mut body =
            json!({"name": name, "workspace_id": "ws-prod-1a2b3c", "scopes": ["completions.write"]});
        body[field] = value.clone();
        let reply = self.line.call(ROOT, "POST", "/v1/api-keys/workspace/service", &body).unwrap();
        assert_eq!(reply.status, 200, "{name}: {}", reply.json);
        let text = |field: &str| reply.json[field].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    }

    fn read(&mut self, id: &str) -> Value {
        let reply = self.line.call(ROOT, "GET", &format!("/v1/api-keys/{id}"), &Value::Null).unwrap();
        assert_eq!(reply.status, 200, "{id}: {}", reply.json);
        reply.json
    }

    /// The rows of all keys, by name.
    fn rows(&mut self) -> BTreeMap<String, Value> {
        let reply = self.line.call(ROOT, "GET", "/v1/api-keys?page_size=100", &Value::Null).unwrap();
        let rows = reply.json["data"].as_array().unwrap().iter();
        rows.map(|row| (row["name"].as_str().unwrap().to_owned(), row.clone())).collect()
    }

    /// What the data plane says to a secret: the status, and the code of an error.
    fn use_secret(&mut self, secret: &str) -> (u16, String) {
        let reply = self.line.call(secret, "GET", "/v1/models", &Value::Null).unwrap();
        (reply.status, reply.json["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Every secret of a key, oldest first.
    fn secrets_of(&mut self, id: &str) -> Vec<String> {
        let reply = self.line.call("", "GET", "/_emulator/secrets", &Value::Null).unwrap();
        let issued = reply.json["secrets"].as_array().unwrap().iter().filter(|issued| issued["key_id"] == id);
        issued.map(|issued| issued["secret"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn over_a_year_each_key_is_marked_expired_ten_minutes_late_and_never_before() {
    let mut year = Year::begin();
    let mut expiring = Vec::new();
    for day in (1..DAYS).step_by(30) {
        // At 07:00 the mark is there by the morning; at 07:55 the key is past its date and not marked.
        for minutes in [-60, -5] {
            let at = start() + SignedDuration::from_hours(24 * day) + SignedDuration::from_mins(minutes);
            let (id, secret) = year.create(&format!("until {at}"), "expires_at", &written(at));
            expiring.push((at, id, secret));
        }
    }
    let mut marked = 0;
    for day in 1..=DAYS {
        year.next_morning();
        let now = start() + SignedDuration::from_hours(24 * day);
        let rows = year.rows();
        for (at, id, secret) in &expiring {
            let row = &rows[&format!("until {at}")];
            let mark = *at + SignedDuration::from_mins(10);
            let expect = if mark <= now { "expired" } else { "active" };
            assert_eq!(row["status"], expect, "{at} on {}", year.today);
            if mark <= now {
                assert_eq!(row["last_updated_at"], written(mark), "the mark moves the date");
                assert_eq!(row["usage_limits"], json!({"is_expired_alerts_sent": true}));
            } else {
                assert_eq!(row["last_updated_at"], row["created_at"]);
            }
            if year.today == at.to_zoned_datetime(TimeZone::UTC).date() {
                assert_eq!(year.use_secret(secret), (401, "01".to_owned()), "by the date, marked or not");
                assert_eq!(year.read(id)["expires_at"], written(*at), "an expired key stays");
                marked += 1;
            }
        }
    }
    assert_eq!(marked, 26);
    year.end();
}

#[test]
fn over_a_year_usage_is_reset_on_sundays_on_the_first_and_every_n_days() {
    let mut year = Year::begin();
    let first = year.today;
    let since = |day: Date| (day - first).get_days();
    let suits = |name: &str, day: Date| match name {
        "weekly" => day.weekday() == Weekday::Sunday,
        "monthly" => day.day() == 1,
        _ => since(day) % 20 == 0,
    };
    let mut resets: BTreeMap<&str, u32> = BTreeMap::new();
    let ids: BTreeMap<&str, String> = ["weekly", "monthly", "every 20 days"]
        .map(|name| (name, year.rows()[name]["id"].as_str().unwrap().to_owned()))
        .into();
    let mut last: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, id) in &ids {
        let key = year.read(id);
        assert_eq!((&key["status"], &key["last_reset_at"]), (&json!("exhausted"), &Value::Null), "{name}");
    }
    for _ in 0..DAYS {
        year.next_morning();
        for (name, id) in &ids {
            let key = year.read(id);
            let today = written(midnight(year.today));
            if suits(name, year.today) {
                *resets.entry(name).or_default() += 1;
                last.insert(name, today.clone());
                assert_eq!(key["last_updated_at"], today, "{name}: the reset moves the date");
            }
            let expect = last.get(name).cloned().unwrap_or_default();
            assert_eq!(key["last_reset_at"], expect, "{name} on {}", year.today);
            // Each time it lives again, all of it is spent the same morning.
            let lives = suits(name, year.today);
            assert_eq!(key["status"], if lives { "active" } else { "exhausted" }, "{name} on {}", year.today);
            let secret = format!("secret-of-{}-0000000", name.replace(' ', "-"));
            let all = json!({"messages": [], "max_tokens": 1_000});
            let mut spend = || year.line.call(&secret, "POST", "/v1/chat/completions", &all).unwrap().status;
            if lives {
                assert_eq!(spend(), 200, "{name} on {}", year.today);
            }
            assert_eq!(spend(), 412, "{name} on {}", year.today);
            let mut next = year.today.tomorrow().unwrap();
            while !suits(name, next) {
                next = next.tomorrow().unwrap();
            }
            assert_eq!(key["next_usage_reset_at"], written(midnight(next)), "{name} on {}", year.today);
        }
    }
    assert_eq!(resets, [("weekly", 52), ("monthly", 12), ("every 20 days", 18)].into());
    year.end();
}

#[test]
fn over_a_year_secrets_rotate_on_mondays_on_the_first_every_n_days_and_on_the_date_and_old_ones_die() {
    let mut year = Year::begin();
    let first = year.today;
    let hours = |hours: i64| hours * 3_600_000;
    // A transition of half an hour is over by the morning; one of nine hours ends after it.
    let policies = [
        ("weekly", json!({"rotation_period": "weekly", "key_transition_period_ms": hours(9)})),
        ("monthly", json!({"rotation_period": "monthly"})),
        ("every 20 days", json!({"rotation_period_days": 20, "key_transition_period_ms": hours(9)})),
        ("daily", json!({"rotation_period_days": 1, "key_transition_period_ms": hours(23)})),
        ("once", json!({"next_rotation_at": "2027-03-10T15:30:00Z"})),
        ("at first", json!({"rotation_period": "monthly", "next_rotation_at": "2027-03-10T00:00:00Z"})),
    ];
    let date: Date = "2027-03-10".parse().unwrap();
    let suits = |name: &str, day: Date| match name {
        "weekly" => day.weekday() == Weekday::Monday,
        "monthly" => day.day() == 1,
        "every 20 days" => (day - first).get_days() % 20 == 0,
        "daily" => true,
        "once" => day == date,
        _ => day == date || (day > date && day.day() == 1),
    };
    let mut known: BTreeMap<&str, (String, Vec<String>)> = BTreeMap::new();
    for (name, policy) in &policies {
        let (id, secret) = year.create(&format!("rotating {name}"), "rotation_policy", policy);
        known.insert(name, (id, vec![secret]));
    }
    for _ in 0..DAYS {
        year.next_morning();
        let rows = year.rows();
        for (name, policy) in &policies {
            let (id, secrets) = known.get_mut(name).unwrap();
            let row = &rows[&format!("rotating {name}")];
            let due = suits(name, year.today);
            let overlaps = !policy["key_transition_period_ms"].is_null();
            let before = secrets.clone();
            if due {
                *secrets = year.secrets_of(id);
                assert_eq!(secrets.len(), before.len() + 1, "{name} on {}", year.today);
                assert_eq!(secrets[..before.len()], before, "{name}");
                assert_eq!(row["last_updated_at"], written(midnight(year.today)), "{name}");
            }
            let current = secrets.last().unwrap().clone();
            assert_eq!(row["key"], mask(&current), "{name} on {}", year.today);
            assert_eq!(year.use_secret(&current).0, 200, "{name} on {}: the current secret", year.today);
            if let Some(previous) = secrets.iter().rev().nth(1) {
                let expect = if due && overlaps { 200 } else { 401 };
                let seen = year.use_secret(previous).0;
                assert_eq!(seen, expect, "{name} on {}: the secret before", year.today);
            }
            if let Some(older) = secrets.iter().rev().nth(2) {
                assert_eq!(year.use_secret(older).0, 401, "{name} on {}: an older secret", year.today);
            }
        }
    }
    let counts: BTreeMap<&str, usize> = known.iter().map(|(name, (_, all))| (*name, all.len() - 1)).collect();
    let expect = [
        ("weekly", 53),
        ("monthly", 12),
        ("every 20 days", 18),
        ("daily", 365),
        ("once", 1),
        ("at first", 9),
    ];
    assert_eq!(counts, expect.into());
    let (id, _) = &known["once"];
    assert_eq!(year.read(id)["rotation_policy"]["next_rotation_at"], Value::Null, "the date counts once");
    year.end();
}
