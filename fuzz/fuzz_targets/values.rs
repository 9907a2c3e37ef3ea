//! Values of settings: reading what was written gives the same value.
#![no_main]

use connguard::connector::property::{Kind, Property};
use connguard::connector::value::{Raw, Value};
use connguard::hostile_text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((index, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let Some(property) = Property::settings().nth(usize::from(*index)) else { return };
    let items = text.split('\n').map(|item| Raw::Text(item.to_owned())).collect();
    for raw in [Raw::List(items), Raw::Text(text.to_owned())] {
        if let Ok(Some(value)) = Value::read(property, &raw) {
            // What a history keeps of it is the same value again, whatever it looks like.
            assert_eq!(Value::from_json(property, &value.to_json()), Some(value.clone()));
            let again = Raw::List(value.elements().into_iter().map(Raw::Text).collect());
            if property.kind().is_list() {
                match Value::read(property, &again) {
                    // The last element of a path can look cut off where the path did not.
                    Err(_) if property.kind() == Kind::References => {}
                    read => assert_eq!(read, Ok(Some(value))),
                }
            }
        }
    }
    let shown = hostile_text::visible(text);
    assert!(!shown.chars().any(hostile_text::is_dangerous));
    let _ = hostile_text::deception(text);
});
