//! Bytes of a foreign file as text, whatever PowerShell encoded it in.

use crate::document::Problem;

/// Decodes UTF-8 or UTF-16, with or without a byte order mark.
///
/// Windows PowerShell 5.1 writes UTF-16LE with a mark from `>` and `Out-File`,
/// PowerShell 7 UTF-8 without one. UTF-16 without a mark is told by the NUL
/// byte beside the first character, which no JSON begins with.
pub fn decode(path: &str, bytes: &[u8]) -> Result<String, Problem> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(path, rest),
        [0xFF, 0xFE, rest @ ..] => utf16(path, rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(path, rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => utf16(path, bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(path, bytes, u16::from_be_bytes),
        _ => utf8(path, bytes),
    }
}

fn utf8(path: &str, bytes: &[u8]) -> Result<String, Problem> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|error| {
            not_text(
                path,
                bytes.get(..error.valid_up_to()).unwrap_or_default(),
                "UTF-8",
            )
        })
}

fn utf16(path: &str, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Problem> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(
            Problem::of_file(path, "the file is UTF-16 with an odd number of bytes")
                .help("it was cut off: export or copy it again"),
        );
    }
    let mut text = String::with_capacity(pairs.len());
    for unit in char::decode_utf16(pairs.iter().copied().map(unit)) {
        match unit {
            Ok(c) => text.push(c),
            Err(_) => return Err(not_text(path, text.as_bytes(), "UTF-16")),
        }
    }
    Ok(text)
}

fn not_text(path: &str, valid: &[u8], encoding: &str) -> Problem {
    let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let line_start = valid
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(valid.get(line_start..).unwrap_or_default())
        .chars()
        .count()
        + 1;
    let mut problem = Problem::of_file(
        path,
        format!("the file is not {encoding} text at this place"),
    )
    .help("save it as UTF-8, for example with `Out-File -Encoding utf8`");
    problem.location = Some(crate::finding::Location {
        path: path.to_owned(),
        line,
        column,
    });
    problem
}
