# Exports what connguard needs of one Exchange Online organization into one file.
# Reads only. Needs the module ExchangeOnlineManagement and the role Global Reader.
#
#   connguard fetch --script > export.ps1
#   pwsh ./export.ps1 -Path contoso.json          (or: powershell -File export.ps1 -Path contoso.json)
#   connguard check --from contoso.json

param(
    [Parameter(Mandatory = $true)]
    [string] $Path
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# A session is taken over if there is one, so that the person chooses how to sign in.
$connection = Get-ConnectionInformation -ErrorAction Stop | Where-Object { $_.State -eq 'Connected' } | Select-Object -First 1
if (-not $connection) {
    Connect-ExchangeOnline -ShowBanner:$false -ErrorAction Stop
    $connection = Get-ConnectionInformation -ErrorAction Stop | Where-Object { $_.State -eq 'Connected' } | Select-Object -First 1
}

$complete = [ordered] @{}

# Each part says for itself whether it was read: a failed read must never look empty. Cmdlets of a module do not
# see this script's preferences, so each call says by itself that an error stops it.
function Read-Part([string] $Name, [scriptblock] $Read) {
    $warnings = @()
    try {
        # Dot-sourced, so that the warnings arrive in this function's variable.
        $rows = @(. $Read)
        if ($warnings.Count -gt 0) {
            $script:complete[$Name] = [string] $warnings[0]
        } else {
            $script:complete[$Name] = $true
        }
        return , $rows
    } catch {
        $script:complete[$Name] = [string] $_.Exception.Message
        return , @()
    }
}

$takenAt = [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ', [Globalization.CultureInfo]::InvariantCulture)
$connectors = Read-Part 'inbound_connectors' { Get-InboundConnector -ResultSize Unlimited -ErrorAction Stop -WarningVariable +warnings -WarningAction SilentlyContinue }
$domains = Read-Part 'accepted_domains' { Get-AcceptedDomain -ResultSize Unlimited -ErrorAction Stop -WarningVariable +warnings -WarningAction SilentlyContinue }
# What an attacker changes together with a connector; no verdict rests on it.
$organization = Read-Part 'organization_settings' { Get-OrganizationConfig -ErrorAction Stop -WarningVariable +warnings -WarningAction SilentlyContinue | Select-Object AuditDisabled, HybridConfigurationStatus, IsDehydrated, RejectDirectSend }
$audit = Read-Part 'audit_log_settings' { Get-AdminAuditLogConfig -ErrorAction Stop -WarningVariable +warnings -WarningAction SilentlyContinue | Select-Object AdminAuditLogEnabled, UnifiedAuditLogIngestionEnabled }
$rules = Read-Part 'transport_rules' { Get-TransportRule -ResultSize Unlimited -ErrorAction Stop -WarningVariable +warnings -WarningAction SilentlyContinue | Select-Object Actions, BlindCopyTo, Conditions, DeleteMessage, Exceptions, Guid, Mode, Name, Priority, RedirectMessageTo, RemoveHeader, RouteMessageOutboundConnector, SenderIpRanges, SetHeaderName, SetHeaderValue, SetSCL, State }
$blocked = Read-Part 'blocked_connectors' { Get-BlockedConnector -ErrorAction Stop -WarningVariable +warnings -WarningAction SilentlyContinue }

# The organization, as the service and not the person names it.
$initial = $domains | Where-Object { $_.InitialDomain } | Select-Object -First 1
$domain = $null
if ($initial) { $domain = [string] $initial.DomainName }

$export = [ordered] @{
    connguard          = 'export/v1'
    taken_at           = $takenAt
    organization       = [ordered] @{ tenant_id = [string] $connection.TenantID; domain = $domain }
    complete           = $complete
    inbound_connectors = $connectors
    accepted_domains   = $domains
    blocked_connectors = $blocked
    organization_settings = $organization
    audit_log_settings = $audit
    transport_rules    = $rules
}

# Written as UTF-8 without a mark by every version of PowerShell.
$json = ConvertTo-Json -InputObject $export -Depth 6
$full = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
[IO.File]::WriteAllText($full, $json, (New-Object Text.UTF8Encoding $false))

foreach ($name in $complete.Keys) {
    if ($complete[$name] -is [string]) { Write-Warning ('{0} was not read completely: {1}' -f $name, $complete[$name]) }
}
