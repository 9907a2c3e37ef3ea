//! The PowerShell that exports an organization completely, for who has no other access.

/// The script. It is pure ASCII and takes nothing from a tenant into its text.
pub const TEXT: &str = include_str!("export.ps1");
