
[CmdletBinding()]
param(
    # Make the changes. Without it every write only says what it would do.
    [switch] $Apply,
    # Where everything that happens is written down.
    [string] $Transcript = ('connguard-' + [DateTime]::UtcNow.ToString('yyyyMMdd-HHmmss') + '.log')
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$dry = -not $Apply

# One spelling for each value, as the plan has it: what differs in spelling only is no surprise.
function ConvertTo-Canonical([string] $Kind, $Value) {
    if ($Kind -eq 'boolean') { return [bool] $Value }
    if ($Kind -eq 'text') { return [string] $Value }
    if ($Kind -eq 'word') { return ([string] $Value).ToLowerInvariant() }
    $items = @($Value | Where-Object { $null -ne $_ -and ([string] $_) -ne '' } | ForEach-Object {
        $item = ([string] $_).Trim().ToLowerInvariant()
        if ($Kind -eq 'domains') {
            if ($item.StartsWith('smtp:')) { $item = $item.Substring(5) }
            if ($item.EndsWith(';1')) { $item = $item.Substring(0, $item.Length - 2) }
            $item = $item.TrimEnd('.')
        } elseif ($Kind -eq 'references') {
            $item = $item.TrimEnd('/', '\').Split('/', '\')[-1]
        } elseif ($Kind -eq 'addresses' -and $item -match '^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:/(\d{1,2}))?$') {
            # Host bits carry no meaning: a.b.c.d/24 is the block that holds a.b.c.d.
            $number = (([double] $Matches[1] * 256 + [double] $Matches[2]) * 256 + [double] $Matches[3]) * 256 + [double] $Matches[4]
            $length = 32
            if ($Matches.ContainsKey(5)) { $length = [int] $Matches[5] }
            $size = [Math]::Pow(2, 32 - $length)
            $number = [Math]::Floor($number / $size) * $size
            $octets = @(16777216, 65536, 256, 1) | ForEach-Object { [Math]::Floor($number / $_) % 256 }
            $item = $octets -join '.'
            if ($length -lt 32) { $item = $item + '/' + $length }
        }
        $item
    } | Sort-Object -Unique)
    return ($items -join ' ')
}

function Read-Connectors { $script:connectors = @(Get-InboundConnector -ResultSize Unlimited | Where-Object { $null -ne $_ }) }

# By its id among all of them: asking for one that is not there returns every connector.
function Find-Connector([string] $Id) {
    $same = @($script:connectors | Where-Object { [string] $_.ExchangeObjectId -eq $Id -or [string] $_.Guid -eq $Id })
    if ($same.Count -ne 1) { throw ('There are ' + $same.Count + ' connectors with the id ' + $Id + ', and there should be one. Nothing more is done: make a new plan.') }
    return $same[0]
}

# By its whole name, for one that a plan made: its id was not known before.
function Find-Named([string] $Name) {
    $same = @($script:connectors | Where-Object { [string] $_.Name -ceq $Name })
    if ($same.Count -ne 1) { throw ('There are ' + $same.Count + ' connectors of that name, and there should be one. Nothing more is done: make a new plan.') }
    return $same[0]
}

function Test-Setting([string] $Id, [string] $Property, [string] $Kind, $Expected) {
    $connector = Find-Connector $Id
    $member = $connector.PSObject.Properties[$Property]
    if ($null -eq $member) { return $false }
    if ($Kind -eq 'boolean' -and $null -eq $member.Value) { return $false }
    return (ConvertTo-Canonical $Kind $member.Value) -ceq (ConvertTo-Canonical $Kind $Expected)
}

# Stops at the first surprise.
function Assert-Setting([string] $Id, [string] $Property, [string] $Kind, $Expected) {
    if (-not (Test-Setting $Id $Property $Kind $Expected)) {
        throw ($Property + ' of ' + $Id + ' is not what the plan was made from. Nothing more is done: make a new plan.')
    }
}

# Looks again, right before a write. In a rehearsal the writes before it were not made.
function Assert-Now([string] $Id, [string] $Property, [string] $Kind, $Expected) {
    if (-not $dry) { Assert-Setting $Id $Property $Kind $Expected }
}

# What was written is seen by other servers a little later.
function Wait-Setting([string] $Id, [string] $Property, [string] $Kind, $Expected) {
    for ($try = 0; $try -lt 12; $try++) {
        if (Test-Setting $Id $Property $Kind $Expected) { return }
        Start-Sleep -Seconds 10
        Read-Connectors
    }
    $script:unseen = $true
    Write-Warning ($Property + ' of ' + $Id + ' was written and is not visible yet: look again later.')
}

function Start-Step([string] $Words) {
    Write-Host ''
    Write-Host $Words
    if (-not $dry) { Read-Connectors }
}

# What cannot be undone is done only for who types the id.
function Confirm-Step([string] $Id) {
    if ($dry) { return $true }
    $answer = Read-Host ('This cannot be undone. Type ' + $Id + ' to do it, anything else to leave it')
    return ($answer -eq $Id)
}

