//! The JSON Schema of keys.yaml, from the table of fields.

use serde_json::{Map, Value, json};

use super::fields::ROOT;
use super::key_fields::KEY;
use super::rules::POLICY_FILE;
use super::table::{Field, Shape, Table};

/// The schema (draft 2020-12) that editors check and complete a keys file with.
pub fn schema() -> Value {
    let mut schema = table(&ROOT);
    if let Value::Object(fields) = &mut schema {
        let mut whole = Map::new();
        whole.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        whole.insert("title".to_owned(), json!("portkey-sync keys file, version 1"));
        whole.append(fields);
        // An included file has no version, and one schema serves both.
        whole.remove("required");
        let mut definitions = Map::new();
        definitions.insert("key".to_owned(), table(&KEY));
        whole.insert("$defs".to_owned(), Value::Object(definitions));
        schema = Value::Object(whole);
    }
    schema
}

/// The schema of the file that `--policy` names.
pub fn policy_schema() -> Value {
    let mut schema = table(&POLICY_FILE);
    if let Value::Object(fields) = &mut schema {
        let mut whole = Map::new();
        whole.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        whole.insert("title".to_owned(), json!("portkey-sync policy file, version 1"));
        whole.append(fields);
        schema = Value::Object(whole);
    }
    schema
}

fn table(table: &Table) -> Value {
    let properties: Map<String, Value> =
        table.allowed().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<&str> = table
        .allowed()
        .filter(|field| field.required && !table.heritable_only)
        .map(|field| field.name)
        .collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !required.is_empty()
        && let Value::Object(schema) = &mut schema
    {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut fields = Map::new();
    fields.insert("description".to_owned(), json!(field.doc));
    if let Value::Object(mut rest) = shape(&field.shape) {
        rest.remove("description");
        fields.append(&mut rest);
    }
    if let Ok(example) = serde_json::from_str::<Value>(field.example) {
        fields.insert("examples".to_owned(), json!([example]));
    }
    Value::Object(fields)
}

fn shape(wanted: &Shape) -> Value {
    match wanted {
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Text(format) => format.schema(),
        Shape::Integer(min, max) if min == max => json!({"const": min}),
        Shape::Integer(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Amount => json!({"type": "number", "minimum": 1}),
        Shape::Choice(words) => json!({"enum": words}),
        Shape::Instant => json!({
            "type": "string",
            "pattern": "^\\d{4}-\\d{2}-\\d{2}([Tt ].*([Zz]|[+-]\\d{2}(:?\\d{2})?))?$",
            "examples": ["2027-06-30T00:00:00Z", "2027-06-30"],
        }),
        Shape::Duration => json!({
            "type": "string",
            "pattern": "^(\\d+(ms|[smhdw]))+$",
            "examples": ["30m", "24h", "90d"],
        }),
        Shape::List(item) => json!({"type": "array", "items": shape(item)}),
        Shape::OneOrMore(item) => json!({"anyOf": [shape(item), {"type": "array", "items": shape(item)}]}),
        Shape::Fields(fields) => table(fields),
        Shape::MapOf(name, value) => {
            json!({"type": "object", "propertyNames": name.schema(), "additionalProperties": shape(value)})
        }
        Shape::OrNull(inner) => json!({"anyOf": [shape(inner), {"type": "null"}]}),
        Shape::WordOr(words, fields) => json!({"anyOf": [{"enum": words}, table(fields)]}),
        Shape::Keys => json!({"type": "array", "items": {"$ref": "#/$defs/key"}}),
    }
}
