//! Rows of JSON traces: `Get-MessageTraceV2`, the REST service with its side keys, Graph, the old reporting
//! service, and `EmailEvents` as hunting and as streaming write them.

use super::table::bare;
use super::{Columns, Field, Mail, Part, Reject, fate, from_ip};
use crate::evidence::date::Clock;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Hands on the mail of a row.
///
/// # Errors
///
/// Why the row is not counted.
pub fn read(row: &[u8], clock: &mut Clock, each: impl FnOnce(Mail<'_>)) -> Result<(), Reject> {
    let row: Row<'_> = serde_json::from_slice(row).map_err(|_| Reject::Malformed)?;
    let field = |field: Field| {
        let value = row.fields.get(field as usize);
        value.and_then(|value| value.as_deref()).map(str::as_bytes)
    };
    let time = field(Field::Time).unwrap_or_default();
    let seconds = clock.seconds(time).ok_or(Reject::Time)?;
    let recipient = field(Field::Recipient).unwrap_or_default().trim_ascii();
    if recipient.is_empty() {
        return Err(Reject::Recipient);
    }
    // A streamed row says `"Connectors": null` for none; a trace without the column says nothing.
    let connector = row
        .names_connectors
        .then(|| field(Field::Connector).unwrap_or_default());
    each(Mail {
        seconds,
        sender: bare(field(Field::Sender).unwrap_or_default()),
        header_sender: field(Field::HeaderSender),
        recipient,
        from_ip: from_ip(field),
        fate: fate(field),
        connector,
        id: field(Field::Id).unwrap_or_default(),
        part: Part::Whole,
    });
    Ok(())
}

/// The texts of a row that mean something here, by what they hold.
#[derive(Default)]
struct Row<'r> {
    fields: [Option<Cow<'r, str>>; 13],
    names_connectors: bool,
}

impl<'de> serde::Deserialize<'de> for Row<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Rows)
    }
}

struct Rows;

impl<'de> Visitor<'de> for Rows {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of a message trace")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<'de>, A::Error> {
        let mut row = Row::default();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            // Streaming puts the row into an envelope.
            if key == "properties" {
                let inner: Row<'de> = map.next_value()?;
                row = inner;
                continue;
            }
            let Some(field) = Columns::field(&key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            row.names_connectors |= field == Field::Connector;
            let Text(text) = map.next_value()?;
            if let Some(slot) = row.fields.get_mut(field as usize)
                && (slot.is_none() || key == "MessageTraceId")
            {
                *slot = text;
            }
        }
        Ok(row)
    }
}

struct Key<'r>(Cow<'r, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(Texts)? {
            Text(Some(text)) => Ok(Self(text)),
            Text(None) => Ok(Self(Cow::Borrowed(""))),
        }
    }
}

/// A text, borrowed where it holds no escapes; of a list the texts joined; anything else is none.
struct Text<'r>(Option<Cow<'r, str>>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Texts)
    }
}

struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut joined = String::new();
        while let Some(Text(item)) = list.next_element::<Text<'de>>()? {
            if let Some(item) = item {
                if !joined.is_empty() {
                    joined.push(';');
                }
                joined.push_str(&item);
            }
        }
        Ok(Text(Some(Cow::Owned(joined))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}
