//! Canonical JSON: UTF-8, LF, sorted keys, one array element a line.
//!
//! What machines write is written this way, so that equal values are equal
//! bytes and `git diff` reads well.

use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// The canonical text of a tree, with a final line end.
pub fn to_string(value: &Value) -> String {
    write_sorted(&Sorted(value))
}

/// The canonical text of a value whose members already come in the order of their names.
pub fn write_sorted(value: &impl Serialize) -> String {
    // Strings, numbers and maps with text for keys are all that is written: none can fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A tree whose members come sorted: whether the JSON crate's map sorts is one of its build options.
pub struct Sorted<'a>(pub &'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let sorted: BTreeMap<&String, Sorted<'_>> = members
                    .iter()
                    .map(|(key, value)| (key, Sorted(value)))
                    .collect();
                serializer.collect_map(sorted)
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            other => other.serialize(serializer),
        }
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
