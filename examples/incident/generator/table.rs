//! Comma-separated tables, and the encodings in which Windows tools write text.

/// When a CSV writer puts a field into quotes.
#[derive(Clone, Copy)]
pub enum Quoting {
    /// Always: `Export-Csv` of Windows PowerShell 5.1.
    Always,
    /// When it must.
    Needed,
}

/// Adds one row to a table.
pub fn row(out: &mut String, fields: &[&str], quoting: Quoting) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let needed = field.contains([',', '"', '\r', '\n']);
        if needed || matches!(quoting, Quoting::Always) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push_str("\r\n");
}

/// How text becomes bytes.
#[derive(Clone, Copy)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-8 with a byte order mark: portals, for the sake of Excel.
    Utf8Mark,
    /// UTF-16, little endian, with a byte order mark: `Out-File` of Windows PowerShell 5.1.
    Utf16Mark,
    /// UTF-16, little endian, without any mark: historical search.
    Utf16,
}

impl Encoding {
    /// The text in this encoding.
    pub fn bytes(self, text: String) -> Vec<u8> {
        let wide = || text.encode_utf16().flat_map(u16::to_le_bytes);
        match self {
            Encoding::Utf8 => text.into_bytes(),
            Encoding::Utf8Mark => [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat(),
            Encoding::Utf16Mark => [0xff, 0xfe].into_iter().chain(wide()).collect(),
            Encoding::Utf16 => wide().collect(),
        }
    }
}
