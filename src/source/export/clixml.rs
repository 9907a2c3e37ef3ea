//! `Export-Clixml`: PowerShell's own form of objects, put into JSON that the one reader of records reads.
//!
//! Each property stays on its line, so that mistakes are named where they are.

use crate::document::{Problem, Source};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value as Json, json};

/// Objects do not lie deeper in each other.
const MOST_DEPTH: usize = 16;

/// An object that is being read: its properties, the elements where it is a list, and its text.
#[derive(Default)]
struct Open {
    name: Option<String>,
    members: Map<String, Json>,
    lines: Vec<(String, usize)>,
    items: Option<Vec<Json>>,
    text: Option<String>,
    line: usize,
}

/// The objects of a CLIXML document as JSON, each property on the line that it had.
///
/// # Errors
///
/// That it is no XML to its end.
pub fn as_json(source: Source<'_>) -> Result<String, Problem> {
    let mut reader = Reader::from_str(source.text);
    let mut open: Vec<Open> = Vec::new();
    let mut scalar: Option<(String, Option<String>, String)> = None;
    let mut done: Vec<Open> = Vec::new();
    let mut closed = false;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or_default();
        let wrong = |reason: String| {
            let end = source.text.len().min(at + 1);
            source
                .problem(
                    at.min(end)..end,
                    format!("this is no CLIXML from here on: {reason}"),
                )
                .help("export again: it may have been cut off")
        };
        match reader.read_event() {
            Err(error) => return Err(wrong(error.to_string())),
            Ok(Event::Eof) if open.is_empty() && closed => break,
            Ok(Event::Eof) => return Err(wrong("it ends in the middle".to_owned())),
            Ok(Event::Start(tag)) => {
                let line = line_at(source.text, at);
                match tag.local_name().as_ref() {
                    "Obj" if open.len() < MOST_DEPTH => open.push(Open {
                        name: name(&tag),
                        line,
                        ..Open::default()
                    }),
                    "Obj" => return Err(wrong("objects lie too deep in each other".to_owned())),
                    "LST" | "IE" | "STK" | "QUE" => {
                        if let Some(own) = open.last_mut() {
                            own.items = Some(Vec::new());
                        }
                    }
                    "Objs" | "Props" | "MS" | "TN" | "TNRef" | "DCT" | "En" => {}
                    kind => {
                        scalar = Some((kind.to_owned(), name(&tag), String::new()));
                    }
                }
            }
            Ok(Event::Empty(tag)) => {
                let line = line_at(source.text, at);
                match tag.local_name().as_ref() {
                    "Objs" => closed = true,
                    "LST" | "IE" => {
                        if let Some(own) = open.last_mut() {
                            own.items = Some(Vec::new());
                        }
                    }
                    "Nil" => put(open.last_mut(), name(&tag), Json::Null, line),
                    "S" => put(open.last_mut(), name(&tag), json!(""), line),
                    _ => {}
                }
            }
            Ok(Event::Text(text)) => {
                if let Some((_, _, own)) = &mut scalar {
                    own.push_str(&text);
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let Some((_, _, own)) = &mut scalar {
                    let name = &*reference;
                    let Some(text) = entity(name) else {
                        return Err(wrong(format!("there is no entity {name:?}")));
                    };
                    own.push_str(&text);
                }
            }
            Ok(Event::CData(text)) => {
                if let Some((_, _, own)) = &mut scalar {
                    own.push_str(&text);
                }
            }
            Ok(Event::End(tag)) => match tag.local_name().as_ref() {
                "Objs" => closed = true,
                "Obj" => {
                    if let Some(own) = open.pop() {
                        match open.last_mut() {
                            None => done.push(own),
                            Some(_) => {
                                let (name, line) = (own.name.clone(), own.line);
                                put(open.last_mut(), name, value(own), line);
                            }
                        }
                    }
                }
                kind => {
                    if let Some((own, name, text)) = scalar.take_if(|(own, ..)| own == kind) {
                        let text = unescaped(&text);
                        if own == "ToString" {
                            if let Some(open) = open.last_mut() {
                                open.text = Some(text);
                            }
                        } else {
                            let line = line_at(source.text, at);
                            put(open.last_mut(), name, of_kind(&own, text), line);
                        }
                    }
                }
            },
            Ok(_) => {}
        }
    }
    Ok(written(&done))
}

fn name(tag: &BytesStart<'_>) -> Option<String> {
    let attribute = tag.try_get_attribute("N").ok()??;
    Some(unescaped(&attribute.value))
}

/// Puts a value where it belongs: a property of the object, or an element of the list.
fn put(open: Option<&mut Open>, name: Option<String>, value: Json, line: usize) {
    let Some(open) = open else { return };
    match (name, &mut open.items) {
        (Some(name), _) => {
            // The same name twice: the extended property of PowerShell does not replace the object's own.
            if !open.members.contains_key(&name) {
                open.lines.push((name.clone(), line));
                open.members.insert(name, value);
            }
        }
        (None, Some(items)) => items.push(value),
        (None, None) => {}
    }
}

/// An object inside another: a list, else what it looks like as text.
fn value(open: Open) -> Json {
    match (open.items, open.text) {
        (Some(items), _) => Json::Array(items),
        (None, Some(text)) => Json::String(text),
        (None, None) => Json::Object(open.members),
    }
}

/// Scalars by PowerShell's names of their types.
fn of_kind(kind: &str, text: String) -> Json {
    match kind {
        "B" => match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => Json::String(text),
        },
        "I32" | "I64" | "U32" | "U64" | "I16" | "U16" | "By" | "SB" => {
            text.parse::<i64>().map_or(Json::String(text), Json::from)
        }
        _ => Json::String(text),
    }
}

fn entity(name: &str) -> Option<String> {
    let known = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            return char::from_u32(number).map(String::from);
        }
    };
    Some(known.to_owned())
}

/// PowerShell writes what XML cannot hold as `_x000D_`.
fn unescaped(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let code = rest
            .strip_prefix("_x")
            .and_then(|hex| Some((hex.get(..4)?, hex.get(4..)?)))
            .filter(|(_, after)| after.starts_with('_'))
            .and_then(|(hex, after)| Some((u16::from_str_radix(hex, 16).ok()?, after.get(1..)?)));
        match code {
            Some((unit, after)) => {
                units.push(unit);
                rest = after;
            }
            None => {
                let mut buffer = [0; 2];
                units.extend_from_slice(c.encode_utf16(&mut buffer));
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    String::from_utf16_lossy(&units)
}

fn line_at(text: &str, at: usize) -> usize {
    // The position before a tag is behind the text before it.
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The objects as a JSON array, with every property on its line.
fn written(objects: &[Open]) -> String {
    let mut text = "[".to_owned();
    let mut line = 1;
    let go_to = |text: &mut String, line: &mut usize, wanted: usize| {
        while *line < wanted {
            text.push('\n');
            *line += 1;
        }
    };
    for (index, object) in objects.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        go_to(&mut text, &mut line, object.line);
        text.push('{');
        for (index, (name, at)) in object.lines.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            go_to(&mut text, &mut line, *at);
            let value = object.members.get(name).unwrap_or(&Json::Null);
            text.push_str(&format!("{}:{value}", json!(name)));
        }
        text.push('}');
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_keep_values_and_lines() {
        let text = r#"<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">
  <Obj RefId="0">
    <TN RefId="0"><T>Deserialized.Microsoft.Exchange.Data.Directory.SystemConfiguration.TenantInboundConnector</T></TN>
    <ToString>Relay</ToString>
    <Props>
      <B N="Enabled">true</B>
      <Obj N="SenderIPAddresses" RefId="1">
        <TN RefId="1"><T>Deserialized.MultiValuedProperty</T></TN>
        <LST>
          <S>203.0.113.10</S>
          <S>203.0.113.48/28</S>
        </LST>
      </Obj>
      <Obj N="ConnectorType" RefId="2"><ToString>OnPremises</ToString><I32>2</I32></Obj>
      <Nil N="TlsSenderCertificateName" />
      <S N="Comment">a &amp; b_x000A_c</S>
      <S N="Name">Relay</S>
    </Props>
  </Obj>
</Objs>"#;
        let json = as_json(Source {
            path: "a.xml",
            text,
        })
        .unwrap();
        let rows: Json = serde_json::from_str(&json).unwrap();
        assert_eq!(
            rows,
            json!([{
                "Enabled": true,
                "SenderIPAddresses": ["203.0.113.10", "203.0.113.48/28"],
                "ConnectorType": "OnPremises",
                "TlsSenderCertificateName": null,
                "Comment": "a & b\nc",
                "Name": "Relay",
            }])
        );
        let line = |needle: &str, text: &str| text.lines().position(|line| line.contains(needle));
        for needle in ["Enabled", "Comment"] {
            assert_eq!(line(needle, &json), line(needle, text), "{needle}");
        }
    }

    #[test]
    fn what_is_cut_off_is_a_mistake() {
        let text = "<Objs><Obj RefId=\"0\"><Props><B N=\"Enabled\">tr";
        assert!(
            as_json(Source {
                path: "a.xml",
                text
            })
            .is_err()
        );
    }
}
