//! The JSON Schema of the playbook language (draft-07, which editors' YAML servers support best).

use super::written;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The schema as the program itself uses it.
pub fn value() -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<written::Playbook>();
    schema.insert("title".to_owned(), json!("rollbook playbook, version 1"));
    schema.to_value()
}

/// The text of `schemas/playbook.schema.json`.
pub fn text() -> String {
    format!("{:#}\n", value())
}

/// Takes `null` out of an object's properties, but for the named ones.
pub(super) fn without_nulls(schema: &mut Schema, but: &[&str]) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties {
        // An empty list or map as a default says nothing to a reader.
        property.as_object_mut().map(|property| property.remove("default"));
        if !but.contains(&name.as_str()) {
            no_null(property);
        } else if let Some(inner) = only_branch(property) {
            // A kind's own type says whether it may stand alone.
            *property = inner;
        }
    }
}

/// Exactly one of the keys, each with a value.
pub(super) fn exactly_one(schema: &mut Schema, keys: &[&str]) {
    without_nulls(schema, &[]);
    one_of(schema, keys.iter().map(std::slice::from_ref));
}

/// Exactly one of these sets of keys.
pub(super) fn one_of<'a>(schema: &mut Schema, sets: impl IntoIterator<Item = &'a [&'a str]>) {
    let one_of: Vec<_> = sets.into_iter().map(|keys| json!({ "required": keys })).collect();
    schema.insert("oneOf".to_owned(), one_of.into());
}

fn no_null(property: &mut Value) {
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [single] = &types[..] {
            property["type"] = single.clone();
        }
    }
    if let Some(Value::Array(values)) = property.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(inner) = only_branch(property) {
        *property = inner;
    }
}

/// `anyOf: [X, null]` → X, with the description that stood beside it.
fn only_branch(property: &Value) -> Option<Value> {
    let branches = property.get("anyOf")?.as_array()?;
    let null = json!({ "type": "null" });
    let mut rest = branches.iter().filter(|branch| **branch != null);
    let (Some(inner), None) = (rest.next(), rest.next()) else { return None };
    let Some(description) = property.get("description") else { return Some(inner.clone()) };
    // Beside a `$ref` draft-07 ignores everything.
    Some(json!({ "description": description, "allOf": [inner] }))
}
