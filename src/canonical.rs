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
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (index, (key, value)) in members.into_iter().enumerate() {
                begin_line(index, depth + 1, text);
                write_text(key, text);
                text.push_str(": ");
                write(value, depth + 1, text);
            }
            end_line(depth, text);
            text.push('}');
        }
        Value::String(own) => write_text(own, text),
        Value::Bool(own) => text.push_str(if *own { "true" } else { "false" }),
        Value::Null => text.push_str("null"),
        Value::Array(_) => text.push_str("[]"),
        Value::Object(_) => text.push_str("{}"),
        Value::Number(own) => text.push_str(&own.to_string()),
    }
}

/// Most texts need no escape; the rest is left to the JSON crate.
fn write_text(own: &str, text: &mut String) {
    let plain = own
        .bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if plain {
        text.push('"');
        text.push_str(own);
        text.push('"');
    } else {
        text.push_str(&Value::from(own).to_string());
    }
}

fn begin_line(index: usize, depth: usize, text: &mut String) {
    text.push_str(if index == 0 { "\n" } else { ",\n" });
    indent(depth, text);
}

fn end_line(depth: usize, text: &mut String) {
    text.push('\n');
    indent(depth, text);
}

fn indent(depth: usize, text: &mut String) {
    for _ in 0..depth {
        text.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::to_string;
    use serde_json::json;

    #[test]
    fn every_text_is_written_as_the_json_crate_reads_it() {
        let value = json!({ "a\"b": "\\ \n \u{1} \u{7f} é 😀", "n": [1, -2.5, 1e300], "t": [true, null, {}, []] });
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&to_string(&value)).ok(),
            Some(value)
        );
    }

    #[test]
    fn keys_are_sorted_and_each_element_has_its_line() {
        let value = json!({ "b": ["y", "x"], "a": {}, "c": [] });
        assert_eq!(
            to_string(&value),
            "{\n  \"a\": {},\n  \"b\": [\n    \"y\",\n    \"x\"\n  ],\n  \"c\": []\n}\n"
        );
    }
}
