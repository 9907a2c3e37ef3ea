//! Canonical JSON: UTF-8, LF, sorted keys, one array element a line.
//!
//! What machines write is written this way, so that equal values are equal
//! bytes and `git diff` reads well.

use serde_json::Value;

/// The canonical text of a value, with a final line end.
pub fn to_string(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.push('\n');
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                begin_line(index, depth + 1, text);
                write(item, depth + 1, text);
            }
            end_line(depth, text);
            text.push(']');
        }
        Value::Object(members) if !members.is_empty() => {
            // Sorted here and not by the map: whether the map sorts is a build option of its crate.
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                begin_line(index, depth + 1, text);
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push_str(": ");
                write(members.get(key).unwrap_or(&Value::Null), depth + 1, text);
            }
            end_line(depth, text);
            text.push('}');
        }
        scalar_or_empty => text.push_str(&scalar_or_empty.to_string()),
    }
}

fn begin_line(index: usize, depth: usize, text: &mut String) {
    text.push_str(if index == 0 { "\n" } else { ",\n" });
    text.push_str(&"  ".repeat(depth));
}

fn end_line(depth: usize, text: &mut String) {
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use super::to_string;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_each_element_has_its_line() {
        let value = json!({ "b": ["y", "x"], "a": {}, "c": [] });
        assert_eq!(
            to_string(&value),
            "{\n  \"a\": {},\n  \"b\": [\n    \"y\",\n    \"x\"\n  ],\n  \"c\": []\n}\n"
        );
    }
}
