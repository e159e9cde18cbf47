//! The OpenAPI document of what is served: the operations of `routes.rs`, the shapes of `openapi.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    permissions,
    routes::{Body, OPERATIONS, Operation},
};

/// What `openapi.yaml` holds.
#[derive(Default, Deserialize)]
struct Shapes {
    parameters: BTreeMap<String, Parameter>,
    schemas: Map<String, Value>,
}

#[derive(Default, Deserialize)]
struct Parameter {
    description: String,
    schema: Value,
}

impl Shapes {
    /// The file, with the scopes that exist.
    fn read() -> Self {
        // Never anything else: a test reads the file that is built in.
        let mut shapes: Self = serde_yaml::from_str(include_str!("openapi.yaml")).unwrap_or_default();
        let scopes = json!({"type": "string", "enum": permissions::all_scopes()});
        shapes.schemas.insert("Scope".to_owned(), scopes);
        shapes
    }
}

/// The OpenAPI 3.1 document of what an emulator serves under `/v1`.
pub fn openapi() -> Value {
    let shapes = Shapes::read();
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = methods {
            let method = operation.method.as_str().to_ascii_lowercase();
            methods.insert(method, describe(operation, &shapes));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Portkey Admin API, as emulated",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the emulator of portkey-sync serves. It is written from docs/portkey-api.md and follows \
                            what was seen of the live service, also where the vendor's own document says otherwise.",
        },
        "servers": [{"url": "http://127.0.0.1:8787/v1"}],
        "security": [{"Portkey-Key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"Portkey-Key": {"type": "apiKey", "in": "header", "name": "x-portkey-api-key"}},
            "schemas": shapes.schemas,
        },
    })
}

fn describe(operation: &Operation, shapes: &Shapes) -> Value {
    let mut described = Map::new();
    described.insert("operationId".into(), operation.id.into());
    described.insert("summary".into(), operation.summary.into());
    described.insert("parameters".into(), parameters(operation, shapes).into());
    let body = match operation.body {
        Body::None => None,
        Body::Optional(schema) => Some((schema, false)),
        Body::Required(schema) => Some((schema, true)),
    };
    if let Some((schema, required)) = body {
        let content = json!({"application/json": {"schema": reference(schema)}});
        described.insert("requestBody".into(), json!({"required": required, "content": content}));
    }
    described.insert("responses".into(), responses(operation).into());
    described.into()
}

fn parameters(operation: &Operation, shapes: &Shapes) -> Vec<Value> {
    let in_path =
        operation.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| (name, "path"));
    let in_query = operation.query.iter().map(|name| (*name, "query"));
    let described = |(name, place): (&str, &str)| {
        let Parameter { description, schema } = shapes.parameters.get(name)?;
        let required = place == "path";
        Some(
            json!({"name": name, "in": place, "required": required, "description": description, "schema": schema}),
        )
    };
    in_path.chain(in_query).filter_map(described).collect()
}

fn responses(operation: &Operation) -> Map<String, Value> {
    let mut responses = Map::new();
    responses.insert("200".to_owned(), answer("Done", operation.answer));
    let envelope = if operation.is_data_plane() { "GatewayError" } else { "Error" };
    for status in [401].iter().chain(operation.refusals) {
        let described = match status {
            502 => json!({
                "description": "What missing scopes give, as was seen",
                "content": {"text/html": {"schema": {"type": "string"}}},
            }),
            _ => answer(meaning(*status), envelope),
        };
        responses.insert(status.to_string(), described);
    }
    responses
}

fn answer(description: &str, schema: &str) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": reference(schema)}}})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "Not valid; the message names no field",
        401 => "No key, or one that is not accepted",
        403 => "Not allowed",
        404 => "Not there",
        409 => "In conflict with what is there",
        412 => "The usage limit is reached",
        429 => "Too many requests",
        _ => "Refused",
    }
}
