//! Numbers of audit records and the names that Microsoft Graph has for them.

/// Types of records, as a request names them. Those above 50 have no name here.
const RECORD_TYPES: &[(u64, &str)] = &[
    (1, "exchangeAdmin"),
    (2, "exchangeItem"),
    (3, "exchangeItemGroup"),
    (4, "sharePoint"),
    (6, "sharePointFileOperation"),
    (7, "oneDrive"),
    (8, "azureActiveDirectory"),
    (9, "azureActiveDirectoryAccountLogon"),
    (10, "dataCenterSecurityCmdlet"),
    (11, "complianceDLPSharePoint"),
    (13, "complianceDLPExchange"),
    (14, "sharePointSharingOperation"),
    (15, "azureActiveDirectoryStsLogon"),
    (18, "securityComplianceCenterEOPCmdlet"),
    (19, "exchangeAggregatedOperation"),
    (20, "powerBIAudit"),
    (21, "crm"),
    (22, "yammer"),
    (23, "skypeForBusinessCmdlets"),
    (24, "discovery"),
    (25, "microsoftTeams"),
    (28, "threatIntelligence"),
    (29, "mailSubmission"),
    (30, "microsoftFlow"),
    (40, "securityComplianceAlerts"),
    (41, "threatIntelligenceUrl"),
    (50, "exchangeItemAggregated"),
];

const USER_TYPES: &[&str] = &[
    "Regular",
    "Reserved",
    "Admin",
    "DcAdmin",
    "System",
    "Application",
    "ServicePrincipal",
    "CustomPolicy",
    "SystemPolicy",
    "PartnerTechnician",
    "Guest",
];

/// The number of a type of record, from its name in a request.
pub fn record_type(name: &str) -> Option<u64> {
    let mut all = RECORD_TYPES.iter();
    all.find(|(_, other)| *other == name)
        .map(|(number, _)| *number)
}

/// The name of a type of record in an answer, which begins with a capital there.
pub fn record_type_name(number: u64) -> String {
    let mut all = RECORD_TYPES.iter();
    match all.find(|(other, _)| *other == number) {
        Some((_, name)) => {
            let mut letters = name.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
        None => number.to_string(),
    }
}

/// The name of a type of user.
pub fn user_type_name(number: u64) -> &'static str {
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    USER_TYPES.get(number).copied().unwrap_or("Regular")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_name_types_differently() {
        assert_eq!(record_type("exchangeAdmin"), Some(1));
        assert_eq!(record_type("ExchangeAdmin"), None);
        assert_eq!(record_type_name(1), "ExchangeAdmin");
        assert_eq!(record_type_name(15), "AzureActiveDirectoryStsLogon");
        assert_eq!(record_type_name(4711), "4711");
        assert_eq!(user_type_name(6), "ServicePrincipal");
    }
}
