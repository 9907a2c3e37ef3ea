//! Lists as Microsoft Graph shows them, which a fault may still spoil.

use super::{fault::Kind, record::Record};
use serde_json::Value;

/// Rows within a body.
pub struct Listing {
    /// The members before the rows.
    pub head: Record,
    /// The member that has the rows.
    pub member: &'static str,
    /// The rows.
    pub rows: Vec<Value>,
    /// Where this list is, for a link that a fault makes up.
    pub place: String,
}

/// The member that says where the next page is.
pub const NEXT: &str = "@odata.nextLink";

impl Listing {
    /// Its JSON. Graph has no warnings: that fault does nothing here.
    pub fn render(mut self, fault: Option<Kind>) -> String {
        self.spoil(fault);
        let mut body = self.head;
        match fault {
            Some(Kind::NoValue) => {}
            Some(Kind::NullValue) => {
                body.insert(self.member.to_owned(), Value::Null);
            }
            Some(Kind::NullRows) => {
                body.insert(self.member.to_owned(), vec![Value::Null].into());
            }
            _ => {
                body.insert(self.member.to_owned(), self.rows.into());
            }
        }
        Value::Object(body).to_string()
    }

    fn spoil(&mut self, fault: Option<Kind>) {
        match fault {
            Some(Kind::NextPage) => {
                self.rows.truncate(self.rows.len() / 2);
                let link = format!("{}?$skiptoken=expired", self.place);
                self.head.insert(NEXT.to_owned(), link.into());
            }
            Some(Kind::DuplicateRow) => self.rows.extend(self.rows.first().cloned()),
            Some(Kind::OtherTenant) => self.rows.iter_mut().for_each(move_away),
            _ => {}
        }
    }
}

/// Makes a row, and what is inside it, say that it is another organization's.
fn move_away(row: &mut Value) {
    let Value::Object(row) = row else { return };
    for (key, value) in row {
        match key.to_ascii_lowercase().as_str() {
            "organizationid" => *value = "00000000-0000-4000-8000-0000000000ff".into(),
            "organizationname" => *value = "example.onmicrosoft.com".into(),
            "auditdata" => move_away(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn faults_spoil_lists() {
        let spoiled = |fault| -> Value {
            let listing = Listing {
                head: Record::default(),
                member: "value",
                rows: vec![
                    json!({"organizationId": "a", "auditData": {"OrganizationId": "a"}}),
                    json!({}),
                ],
                place: "http://127.0.0.1/records".to_owned(),
            };
            serde_json::from_str(&listing.render(fault)).unwrap()
        };
        let rows = |body: &Value| body["value"].as_array().map(Vec::len);
        assert_eq!(rows(&spoiled(None)), Some(2));
        assert_eq!(rows(&spoiled(Some(Kind::Warning))), Some(2));
        assert_eq!(rows(&spoiled(Some(Kind::DuplicateRow))), Some(3));
        assert_eq!(spoiled(Some(Kind::NullRows)), json!({"value": [null]}));
        assert_eq!(spoiled(Some(Kind::NullValue)), json!({"value": null}));
        assert_eq!(spoiled(Some(Kind::NoValue)), json!({}));
        let half = spoiled(Some(Kind::NextPage));
        assert_eq!(rows(&half), Some(1));
        assert_eq!(half[NEXT], "http://127.0.0.1/records?$skiptoken=expired");
        let moved = spoiled(Some(Kind::OtherTenant));
        assert_ne!(moved["value"][0]["organizationId"], "a");
        assert_ne!(moved["value"][0]["auditData"]["OrganizationId"], "a");
    }
}
