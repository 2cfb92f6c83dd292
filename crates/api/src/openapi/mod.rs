//! The OpenAPI 3.1 document, made from the table of actions and the table of
//! errors.
//!
//! All actions share `POST /`; what tells them apart is the query, which
//! OpenAPI does not let paths differ by. So each action stands under the path
//! `/?Action=NAME&Version=2022-01-01`, written out: tools that put the path
//! behind the server's URL, as most do, send just what is needed.

mod schema;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::action::{Action, Permission, VERSION};
use crate::actions::ACTIONS;
use crate::error::{ERROR_TABLE, ErrorCode};

const DESCRIPTION: &str = "Privacy numbers: A and B talk through a number X and never see each \
    other's. Every action is `POST /?Action=NAME&Version=2022-01-01` with a JSON object (or a \
    urlencoded form) as its body, signed with HMAC-SHA256 by an access key; `GET` with the \
    parameters in the query works as well. Here each action has a path of its own with that query \
    written out. Every answer, failures included, is an envelope of `ResponseMetadata` and \
    `Result`; a failure has `ResponseMetadata.Error` and no `Result`. Refusals of the business \
    travel with status 200 unless the server's setting `business_error_status` is 400.";

const SIGNATURE: &str = "`HMAC-SHA256 Credential=<access key>/<YYYYMMDD>/<region>/vms/request, \
    SignedHeaders=<names>, Signature=<hex>`, with the time of signing in `X-Date`. Any official \
    client of the vendor's signs this way.";

const PRESIGNED: &str = "The same signature in the query, beside `X-Algorithm`, `X-Credential`, \
    `X-Date`, `X-SignedHeaders` and `X-SignedQueries`. It does not cover the body, so parameters \
    must be in the query.";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    // A tree of texts and numbers can always be written.
    serde_json::to_string_pretty(&document()).unwrap_or_default()
});

/// The document, as text.
#[must_use]
pub fn openapi_json() -> String {
    text().to_owned()
}

/// The document, made once.
pub(crate) fn text() -> &'static str {
    &DOCUMENT
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "axbridge",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This server"}],
        "security": [{"signature": []}, {"presigned": []}],
        "tags": [
            {"name": "vms", "description": "Actions of the vendor's API, version 2022-01-01."},
            {"name": "extension", "description":
                "axbridge extensions; they need an access key with the operator role."},
        ],
        "paths": paths(),
        "components": {
            "securitySchemes": {
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": SIGNATURE,
                },
                "presigned": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "X-Signature",
                    "description": PRESIGNED,
                },
            },
            "schemas": schemas(),
            "responses": {
                "Failure": {
                    "description": "Any other failure; the reference of errors lists all codes.",
                    "content": {"application/json": {"schema": reference("Failure")}},
                },
            },
        },
    })
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn paths() -> Map<String, Value> {
    let mut paths: Map<String, Value> = ACTIONS
        .iter()
        .map(|action| {
            let path = format!("/?Action={}&Version={VERSION}", action.name);
            (path, json!({"post": operation(action)}))
        })
        .collect();
    let probes = [
        ("/healthz", "alive", "Whether the server is alive"),
        ("/readyz", "ready", "Whether the server can do work"),
        ("/openapi.json", "openapi", "This document"),
    ];
    for (path, id, summary) in probes {
        let operation = json!({
            "operationId": id,
            "summary": summary,
            "security": [],
            "responses": {"200": {
                "description": "Yes.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }},
        });
        paths.insert(path.to_owned(), json!({"get": operation}));
    }
    paths
}

fn operation(action: &Action) -> Value {
    let request = reference(&request_name(action));
    let is_needed = action.parameters.iter().any(|it| it.required);
    let mut operation = json!({
        "operationId": action.name,
        "summary": action.summary,
        "description": action.description,
        "tags": [if action.extension { "extension" } else { "vms" }],
        "requestBody": {
            "required": is_needed,
            "content": {
                "application/json": {"schema": request},
                "application/x-www-form-urlencoded": {"schema": request},
            },
        },
        "responses": responses(action),
    });
    if action.extension {
        operation["x-axbridge-extension"] = json!(true);
    }
    if action.permission == Permission::Operator {
        operation["x-axbridge-permission"] = json!("operator");
    }
    operation
}

fn responses(action: &Action) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::from([(200, Vec::new())]);
    for code in action.all_errors() {
        let status = code.entry().http_status;
        by_status.entry(status).or_default().push(code);
    }
    let mut responses: Map<String, Value> = by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), response(action, status, &codes)))
        .collect();
    responses.insert(
        "default".to_owned(),
        json!({"$ref": "#/components/responses/Failure"}),
    );
    responses
}

fn response(action: &Action, status: u16, codes: &[ErrorCode]) -> Value {
    let names: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`", code.name()))
        .collect();
    let names = names.join(", ");
    let (description, schema) = match status {
        200 if codes.is_empty() => (
            "Success.".to_owned(),
            reference(&format!("{}Answer", action.name)),
        ),
        200 => (
            format!("Success; or a refusal of the business: {names}."),
            json!({"oneOf": [
                reference(&format!("{}Answer", action.name)),
                reference("Failure"),
            ]}),
        ),
        _ => (format!("{names}."), reference("Failure")),
    };
    json!({
        "description": description,
        "headers": {"X-Tt-Logid": {
            "description": "The request id.",
            "schema": {"type": "string"},
        }},
        "content": {"application/json": {"schema": schema}},
    })
}

fn request_name(action: &Action) -> String {
    format!("{}Request", action.name)
}

fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    schemas.insert("ResponseMetadata".to_owned(), metadata());
    schemas.insert("Error".to_owned(), error());
    schemas.insert("Failure".to_owned(), failure());
    for action in ACTIONS {
        schemas.insert(request_name(action), schema::request(action.parameters));
        schemas.insert(
            format!("{}Answer", action.name),
            json!({
                "type": "object",
                "required": ["ResponseMetadata", "Result"],
                "properties": {
                    "ResponseMetadata": reference("ResponseMetadata"),
                    "Result": schema::result(action.result),
                },
            }),
        );
    }
    schemas
}

fn metadata() -> Value {
    json!({
        "type": "object",
        "required": ["RequestId"],
        "properties": {
            "RequestId": {"type": "string", "description": "Names the request in the logs."},
            "Action": {"type": "string"},
            "Version": {"type": "string"},
            "Service": {"type": "string", "const": "vms"},
            "Region": {"type": "string", "description": "The region of the credential."},
        },
    })
}

fn error() -> Value {
    let known = ERROR_TABLE.iter().filter(|entry| !entry.reserved);
    let codes: Vec<&str> = known.map(|entry| entry.name).collect();
    json!({
        "type": "object",
        "required": ["Code", "Message"],
        "properties": {
            "CodeN": {
                "type": "integer",
                "description": "The gateway's number for the code; absent for business codes.",
            },
            "Code": {"type": "string", "enum": codes},
            "Message": {"type": "string", "description": "What is wrong and what to do."},
        },
    })
}

fn failure() -> Value {
    json!({
        "type": "object",
        "required": ["ResponseMetadata"],
        "properties": {
            "ResponseMetadata": {
                "allOf": [reference("ResponseMetadata")],
                "required": ["Error"],
                "properties": {"Error": reference("Error")},
            },
        },
    })
}

#[cfg(test)]
mod tests;
