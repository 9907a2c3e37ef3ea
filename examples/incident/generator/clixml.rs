//! `Get-InboundConnector | Export-Clixml`: PowerShell's own XML.

use super::connector::DateStyle;
use super::incident::Incident;
use super::json::Json;
use super::rng::Rng;

/// The connectors at the end of the period.
pub fn connectors(incident: &Incident, rng: &mut Rng) -> String {
    let mut out = String::from(
        "<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\n",
    );
    let mut writer = Writer { next: 0 };
    for (index, connector) in incident.after.connectors.iter().enumerate() {
        let properties = connector.properties(&incident.organization, DateStyle::Iso, rng);
        writer.object(&properties, &connector.name, index == 0, &mut out);
    }
    out.push_str("</Objs>\n");
    out
}

/// Counts the objects, each of which has a number of its own.
struct Writer {
    next: usize,
}

impl Writer {
    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn object(&mut self, properties: &Json, name: &str, first: bool, out: &mut String) {
        let number = self.number();
        out.push_str(&format!("  <Obj RefId=\"{number}\">\n"));
        // Type names are written once; later objects refer to them.
        if first {
            out.push_str("    <TN RefId=\"0\">\n      <T>Deserialized.Microsoft.Exchange.Management.SystemConfigurationTasks.TenantInboundConnector</T>\n      <T>Deserialized.System.Object</T>\n    </TN>\n");
        } else {
            out.push_str("    <TNRef RefId=\"0\" />\n");
        }
        out.push_str(&format!(
            "    <ToString>{}</ToString>\n    <Props>\n",
            escape(name)
        ));
        if let Json::Object(entries) = properties {
            for (key, value) in entries {
                self.property(key, value, first, out);
            }
        }
        out.push_str("    </Props>\n  </Obj>\n");
    }

    fn property(&mut self, key: &str, value: &Json, first: bool, out: &mut String) {
        let line = match value {
            Json::Bool(value) => format!("<B N=\"{key}\">{value}</B>"),
            Json::Text(value) if key.starts_with("When") => format!("<DT N=\"{key}\">{value}</DT>"),
            Json::Text(value) if key.ends_with("Guid") || key == "ExchangeObjectId" => {
                format!("<G N=\"{key}\">{value}</G>")
            }
            Json::Text(value) => format!("<S N=\"{key}\">{}</S>", escape(value)),
            Json::Number(value) => format!("<I32 N=\"{key}\">{value}</I32>"),
            Json::List(values) => self.list(key, values, first),
            Json::Null | Json::Object(_) => format!("<Nil N=\"{key}\" />"),
        };
        out.push_str(&format!("      {line}\n"));
    }

    fn list(&mut self, key: &str, values: &[Json], first: bool) -> String {
        let number = self.number();
        let kind = if first && key == "SenderIPAddresses" {
            "<TN RefId=\"1\"><T>Deserialized.System.Collections.ArrayList</T><T>Deserialized.System.Object</T></TN>"
        } else {
            "<TNRef RefId=\"1\" />"
        };
        let items: String = values
            .iter()
            .map(|value| match value {
                Json::Text(text) => format!("<S>{}</S>", escape(text)),
                _ => "<Nil />".into(),
            })
            .collect();
        format!("<Obj N=\"{key}\" RefId=\"{number}\">{kind}<LST>{items}</LST></Obj>")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
