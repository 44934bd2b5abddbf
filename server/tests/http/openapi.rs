//! The description of the addresses, compared with real answers.

use hashget_words::digest::Digest;
use serde_json::{Value, json};

use crate::support::{TestServer, digest, package};

/// Whether a value is what a schema says; only what our schemas use is known.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                check(document, document.pointer(pointer).unwrap(), value, place);
            }
            "anyOf" => {
                let is_null = value.is_null();
                let null = json!({"type": "null"});
                let mut rules = rule.as_array().unwrap().iter();
                let one = rules.find(|rule| (**rule == null) == is_null);
                check(document, one.unwrap(), value, place);
            }
            "type" => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let is_kind = |rule: &Value| rule == kind;
                let fits = rule
                    .as_array()
                    .map_or(is_kind(rule), |any| any.iter().any(is_kind));
                assert!(fits, "{place}: {value} is no {rule}");
            }
            "required" => {
                for member in rule.as_array().unwrap() {
                    let there = value.get(member.as_str().unwrap());
                    assert!(there.is_some(), "{place}: {member} is missing");
                }
            }
            "properties" => {
                for (name, member) in value.as_object().unwrap() {
                    let known = rule.get(name);
                    let known = known.unwrap_or_else(|| panic!("{place}: {name} is unknown"));
                    check(document, known, member, &format!("{place}.{name}"));
                }
            }
            "items" => {
                for item in value.as_array().unwrap() {
                    check(document, rule, item, place);
                }
            }
            "prefixItems" => {
                let rules = rule.as_array().unwrap();
                for (rule, item) in rules.iter().zip(value.as_array().unwrap()) {
                    check(document, rule, item, place);
                }
            }
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{place}: {value}"),
            "minItems" | "maxItems" => {
                assert_eq!(rule, value.as_array().unwrap().len(), "{place}");
            }
            "additionalProperties"
            | "description"
            | "pattern"
            | "minLength"
            | "minimum"
            | "maximum" => {}
            word => panic!("{place}: the test does not know {word}"),
        }
    }
}

/// Method, path, the path as documented, and body of requests whose answers are checked.
fn requests(
    id: u64,
    anchor: &str,
    file: &Digest,
) -> Vec<(&'static str, String, &'static str, Value)> {
    vec![
        ("GET", "readyz".to_owned(), "/readyz", Value::Null),
        ("GET", "config.json".to_owned(), "/config.json", Value::Null),
        (
            "GET",
            "api/v1/status".to_owned(),
            "/api/v1/status",
            Value::Null,
        ),
        (
            "POST",
            "api/v1/lookup".to_owned(),
            "/api/v1/lookup",
            json!({"digests": [file], "signatures": ["deb:a_1.0+b~1_amd64"]}),
        ),
        (
            "GET",
            "api/v1/packages?limit=1".to_owned(),
            "/api/v1/packages",
            Value::Null,
        ),
        (
            "GET",
            format!("api/v1/packages/{id}"),
            "/api/v1/packages/{id}",
            Value::Null,
        ),
        (
            "POST",
            "api/v1/packages".to_owned(),
            "/api/v1/packages",
            json!({"project": "p", "packages": [package("a")]}),
        ),
        (
            "PATCH",
            "api/v1/packages".to_owned(),
            "/api/v1/packages",
            json!({"spec": "name:b", "set": {"note": "x"}}),
        ),
        (
            "POST",
            "api/v1/pool/have".to_owned(),
            "/api/v1/pool/have",
            json!({"digests": [file]}),
        ),
        (
            "POST",
            "api/v1/range".to_owned(),
            "/api/v1/range",
            json!({"bits": 8, "prefixes": [1, 2]}),
        ),
        (
            "GET",
            format!("a/{anchor}"),
            "/a/{a}/{b}/{c}/{rest}",
            Value::Null,
        ),
        (
            "PUT",
            "api/v1/projects/q".to_owned(),
            "/api/v1/projects/{name}",
            Value::Null,
        ),
        (
            "DELETE",
            "api/v1/projects/q".to_owned(),
            "/api/v1/projects/{name}",
            Value::Null,
        ),
        (
            "DELETE",
            "api/v1/packages?spec=name:b".to_owned(),
            "/api/v1/packages",
            Value::Null,
        ),
        (
            "DELETE",
            "api/v1/projects/none".to_owned(),
            "/api/v1/projects/{name}",
            Value::Null,
        ),
        (
            "POST",
            "api/v1/lookup".to_owned(),
            "/api/v1/lookup",
            json!([]),
        ),
    ]
}

#[test]
fn real_answers_are_as_described() {
    let server = TestServer::start();
    let document: Value = server.get("openapi.json").json_value();
    assert_eq!(document["openapi"], "3.1.0");
    let id = server.publish("p", &[package("a"), package("b")])[0].0;
    let anchor = digest("a anchor").sharded_path();
    let file = digest("a file");
    for (method, path, route, body) in requests(id, &anchor, &file) {
        let answer = server.as_admin(method, &path, &body);
        let status = answer.status().as_u16().to_string();
        let responses = &document["paths"][route][method.to_lowercase()]["responses"];
        let described = responses.get(&status).unwrap_or(&responses["default"]);
        let schema = &described["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {route} {status}");
        check(
            &document,
            schema,
            &answer.json_value(),
            &format!("{method} {route}"),
        );
    }
}

trait JsonValue {
    fn json_value(self) -> Value;
}

impl JsonValue for reqwest::blocking::Response {
    fn json_value(self) -> Value {
        serde_json::from_slice(&self.bytes().unwrap()).unwrap()
    }
}
