//! The OpenAPI document of the emulator beside the vendor's: every difference is one that docs/emulator-deviations.md
//! tells of, and every one that it tells of is there.
//!
//! `tests/contract/vendor.json` holds what the vendor's document says, place by place. With the document itself at hand,
//! `PORTKEY_OPENAPI=openapi.yaml cargo test --test contract` compares the two; `UPDATE=1` beside it writes the file anew.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use portkey_sync::emulator::openapi;
use serde_json::Value;

/// What stands at each place of a document: `PUT /api-keys/{} > usage_limits.type` is `string(cost tokens)`.
///
/// `?` is the query, `>` the body, `<` the answer to a success.
type Places = BTreeMap<String, String>;

struct Document<'a>(&'a Value);

impl Document<'_> {
    fn places(&self) -> Places {
        let mut places = Places::new();
        for (path, methods) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if ["get", "post", "put", "delete"].contains(&method.as_str()) {
                    let name = format!("{} {}", method.to_uppercase(), nameless(path));
                    self.add_operation(&name, operation, &mut places);
                }
            }
        }
        places
    }

    fn add_operation(&self, name: &str, operation: &Value, places: &mut Places) {
        places.insert(name.to_owned(), "served".to_owned());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "query" {
                let place = format!("{name} ? {}", parameter["name"].as_str().unwrap());
                self.add(&place, &parameter["schema"], Field::default(), places);
            }
        }
        let json = |content: &Value| content["content"]["application/json"]["schema"].clone();
        let body = json(&operation["requestBody"]);
        self.add(&format!("{name} >"), &body, Field { is_input: true, ..Field::default() }, places);
        self.add(&format!("{name} <"), &json(&operation["responses"]["200"]), Field::default(), places);
    }

    /// Adds a schema and everything within.
    fn add(&self, place: &str, schema: &Value, field: Field, places: &mut Places) {
        let schema = self.resolved(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            // The only choice here is between something and null.
            let something = choices.iter().find(|choice| choice["type"] != "null").unwrap();
            self.add(place, something, Field { is_nullable: true, ..field }, places);
            return;
        }
        let is_top = place.ends_with(['>', '<']);
        if !is_top {
            places.insert(place.to_owned(), described(schema, field));
        }
        let separator = if is_top { " " } else { "." };
        let parts = schema["allOf"].as_array().into_iter().flatten().map(|part| self.resolved(part));
        for part in parts.chain([schema]) {
            for (name, inner) in part["properties"].as_object().into_iter().flatten() {
                let is_named = |names: &Value| {
                    names.as_array().is_some_and(|names| names.contains(&Value::from(name.as_str())))
                };
                let is_required =
                    field.is_input && (is_named(&part["required"]) || is_named(&schema["required"]));
                let inner_field = Field { is_required, is_nullable: false, ..field };
                self.add(&format!("{place}{separator}{name}"), inner, inner_field, places);
            }
        }
        if schema["items"].is_object() {
            let inner_field = Field { is_required: false, is_nullable: false, ..field };
            self.add(&format!("{place}[]"), &schema["items"], inner_field, places);
        }
    }

    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.resolved(self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap()),
            None => schema,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Field {
    is_input: bool,
    is_required: bool,
    is_nullable: bool,
}

/// `/api-keys/{id}` is `/api-keys/{}`: documents name parameters as they like.
fn nameless(path: &str) -> String {
    let names = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    names.collect::<Vec<_>>().join("/")
}

fn described(schema: &Value, field: Field) -> String {
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(|name| name.as_str().unwrap()).collect(),
        Value::String(name) => vec![name.as_str()],
        _ if schema["const"].is_string() => vec!["string"],
        _ if schema["const"].is_boolean() => vec!["boolean"],
        _ => Vec::new(),
    };
    let is_nullable = field.is_nullable || schema["nullable"] == true || types.contains(&"null");
    let types: Vec<&str> = types.into_iter().filter(|name| *name != "null").collect();
    let mut text = if types.is_empty() { "anything".to_owned() } else { types.join(" or ") };
    let values: BTreeSet<String> = match (&schema["enum"], &schema["const"]) {
        (Value::Array(values), _) => values.iter().filter(|value| !value.is_null()).map(shown).collect(),
        (_, Value::Null) => BTreeSet::new(),
        (_, value) => BTreeSet::from([shown(value)]),
    };
    if values.len() > 10 {
        text += &format!("({} values)", values.len());
    } else if !values.is_empty() {
        text += &format!("({})", values.into_iter().collect::<Vec<_>>().join(" "));
    }
    if let Some(format) = schema["format"].as_str() {
        text += &format!(" {format}");
    }
    if is_nullable {
        text += " or null";
    }
    if field.is_required {
        text += ", required";
    }
    text
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One row of docs/emulator-deviations.md.
#[derive(Debug)]
struct Row {
    /// Several, each with `*` for anything.
    places: Vec<String>,
    vendor: String,
    ours: String,
}

impl Row {
    /// `T` stands for whatever the vendor says, `…` for whatever it is.
    fn tells_of(&self, place: &str, vendor: &str, ours: &str) -> bool {
        let given = |cell: &str| match cell.strip_prefix('T') {
            Some(rest) => format!("{vendor}{rest}"),
            None => cell.to_owned(),
        };
        self.places.iter().any(|pattern| fits(pattern, place))
            && (self.vendor == "…" || given(&self.vendor) == vendor)
            && (self.ours == "…" || given(&self.ours) == ours)
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|text| (0..=text.len()).filter_map(|n| text.get(n..)).any(|tail| fits(rest, tail))),
    }
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/emulator-deviations.md"))
        .unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect()
    };
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let [places, vendor, ours, source] = <[String; 4]>::try_from(cells(line)).expect(line);
        assert!(!source.is_empty(), "no source: {line}");
        Row { places: places.split("; ").map(str::to_owned).collect(), vendor, ours }
    })
    .collect()
}

fn vendor() -> Places {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/vendor.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_deviation_from_the_vendors_document_is_told_of_with_its_source() {
    let (vendor, ours, rows) = (vendor(), Document(&openapi()).places(), rows());
    let places: BTreeSet<&String> = vendor.keys().chain(ours.keys()).collect();
    let mut used = BTreeSet::new();
    let mut untold = Vec::new();
    for place in places {
        // What is within an operation that only one of them has needs no row of its own.
        let operation = place.split([' ']).take(2).collect::<Vec<_>>().join(" ");
        let is_within = *place != operation;
        if is_within && !(vendor.contains_key(&operation) && ours.contains_key(&operation)) {
            continue;
        }
        let nothing = "—".to_owned();
        let (theirs, own) = (vendor.get(place).unwrap_or(&nothing), ours.get(place).unwrap_or(&nothing));
        if theirs != own {
            match rows.iter().position(|row| row.tells_of(place, theirs, own)) {
                Some(n) => used.extend([n]),
                None => untold.push(format!("| `{place}` | {theirs} | {own} | |")),
            }
        }
    }
    assert!(untold.is_empty(), "{} are not told of:\n{}", untold.len(), untold.join("\n"));
    let unused: Vec<&Row> = (0..rows.len()).filter(|n| !used.contains(n)).map(|n| &rows[n]).collect();
    assert!(unused.is_empty(), "told of, but not there: {unused:#?}");
}

#[test]
fn what_is_kept_of_the_vendors_document_is_what_it_says() {
    let Some(path) = std::env::var_os("PORTKEY_OPENAPI") else {
        println!("PORTKEY_OPENAPI does not name the vendor's document: not compared");
        return;
    };
    let document: Value = serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let now = Document(&document).places();
    if std::env::var_os("UPDATE").is_some() {
        let text = format!("{}\n", serde_json::to_string_pretty(&now).unwrap());
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/vendor.json"), text).unwrap();
    }
    assert_eq!(vendor(), now, "UPDATE=1 writes it anew");
}
