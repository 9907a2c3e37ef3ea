
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

# A host name in letters that every mail server knows, where it is one.
function ConvertTo-Ascii([string] $Name) {
    $name = $Name.TrimEnd('.')
    try { return (New-Object Globalization.IdnMapping).GetAscii($name).ToLowerInvariant() } catch { return $name }
}

# An address or block as the plan has it: host bits carry no meaning, a.b.c.d/24 is the block that holds a.b.c.d.
function ConvertTo-Block([string] $Item) {
    if ($Item -match '^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:/(\d{1,2}))?$') {
        $number = (([double] $Matches[1] * 256 + [double] $Matches[2]) * 256 + [double] $Matches[3]) * 256 + [double] $Matches[4]
        $length = 32
        if ($Matches.ContainsKey(5)) { $length = [int] $Matches[5] }
        $size = [Math]::Pow(2, 32 - $length)
        $number = [Math]::Floor($number / $size) * $size
        $octets = @(16777216, 65536, 256, 1) | ForEach-Object { [Math]::Floor($number / $_) % 256 }
        if ($length -lt 32) { return ($octets -join '.') + '/' + $length }
        return ($octets -join '.')
    }
    $parts = @($Item -split '\s*-\s*')
    if ($parts.Count -eq 2) { return (ConvertTo-Block $parts[0]) + '-' + (ConvertTo-Block $parts[1]) }
    $parts = @($Item -split '/')
    $address = $null
    if ([Net.IPAddress]::TryParse($parts[0], [ref] $address)) {
        $parts[0] = $address.ToString().ToLowerInvariant()
        return ($parts -join '/')
    }
    return $Item
}

# One spelling for each value, as the plan has it: what differs in spelling only is no surprise.
function ConvertTo-Canonical([string] $Kind, $Value) {
    if ($Kind -eq 'boolean') { return [string] [bool] $Value }
    if ($Kind -eq 'text') { return [string] $Value }
    if ($Kind -eq 'word') { return ([string] $Value).Trim().ToLowerInvariant() }
    if ($Kind -eq 'certificate') {
        $name = ([string] $Value).Trim().ToLowerInvariant()
        if ($name.StartsWith('*.')) { return '*.' + (ConvertTo-Ascii $name.Substring(2)) }
        return (ConvertTo-Ascii $name)
    }
    $items = @($Value | Where-Object { $null -ne $_ -and ([string] $_) -ne '' } | ForEach-Object {
        $item = ([string] $_).Trim().ToLowerInvariant()
        if ($Kind -eq 'domains') {
            if ($item.StartsWith('smtp:')) { $item = $item.Substring(5) }
            $cost = ''
            if ($item -match '^(.*);(\d+)$') {
                $item = $Matches[1]
                if ($Matches[2] -ne '1') { $cost = ';' + $Matches[2] }
            }
            if ($item.StartsWith('*.')) { $item = '*.' + (ConvertTo-Ascii $item.Substring(2)) } elseif ($item -ne '*') { $item = ConvertTo-Ascii $item }
            $item = $item + $cost
        } elseif ($Kind -eq 'references') {
            $item = @($item.Trim('/\') -split '[/\\]')[-1]
        } elseif ($Kind -eq 'addresses') {
            $item = ConvertTo-Block $item
        }
        $item
    })
    # Compared character by character: by the rules of a language some characters count for nothing.
    $set = New-Object 'Collections.Generic.SortedSet[string]' ([StringComparer]::Ordinal)
    foreach ($item in $items) { $set.Add($item) | Out-Null }
    return ([string[]] @($set) -join ' ')
}

function Read-Connectors { $script:connectors = @(Get-InboundConnector -ResultSize Unlimited -ErrorAction Stop | Where-Object { $null -ne $_ }) }

# By its id among all of them: asking for one that is not there returns every connector.
function Find-Connector([string] $Id) {
    $same = @($script:connectors | Where-Object { [string] $_.ExchangeObjectId -eq $Id -or [string] $_.Guid -eq $Id })
    if ($same.Count -ne 1) { throw ('There are ' + $same.Count + ' connectors with the id ' + $Id + ', and there should be one. Nothing more is done: make a new plan.') }
    return $same[0]
}

# By its whole name, for one that a plan made: its id was not known before.
function Find-Named([string] $Name) {
    $same = @($script:connectors | Where-Object { [string]::Equals([string] $_.Name, $Name, [StringComparison]::Ordinal) })
    if ($same.Count -ne 1) { throw ('There are ' + $same.Count + ' connectors of that name, and there should be one. Nothing more is done: make a new plan.') }
    return $same[0]
}

function Test-Setting([string] $Id, [string] $Property, [string] $Kind, $Expected) {
    $same = @($script:connectors | Where-Object { [string] $_.ExchangeObjectId -eq $Id -or [string] $_.Guid -eq $Id })
    if ($same.Count -ne 1) { return $false }
    $member = $same[0].PSObject.Properties[$Property]
    if ($null -eq $member) { return $false }
    if ($Kind -eq 'boolean' -and $null -eq $member.Value) { return $false }
    return [string]::Equals((ConvertTo-Canonical $Kind $member.Value), (ConvertTo-Canonical $Kind $Expected), [StringComparison]::Ordinal)
}

# Stops at the first surprise.
function Assert-Setting([string] $Id, [string] $Property, [string] $Kind, $Expected) {
    Find-Connector $Id | Out-Null
    if (-not (Test-Setting $Id $Property $Kind $Expected)) {
        throw ($Property + ' of ' + $Id + ' is not what the plan was made from. Nothing more is done: make a new plan.')
    }
}

# Looks again, right before a write. In a rehearsal the writes before it were not made.
function Assert-Now([string] $Id, [string] $Property, [string] $Kind, $Expected) {
    if ($dry) { return }
    # What this script wrote itself is seen by other servers a little later.
    for ($try = 0; ($script:written -contains $Id) -and ($try -lt 12); $try++) {
        if (Test-Setting $Id $Property $Kind $Expected) { return }
        Start-Sleep -Seconds 10
        Read-Connectors
    }
    Assert-Setting $Id $Property $Kind $Expected
}

# Nothing was made or removed since.
function Assert-Connectors([string[]] $Ids) {
    $there = @($script:connectors | ForEach-Object {
        if ($Ids -contains [string] $_.ExchangeObjectId) { [string] $_.ExchangeObjectId } else { [string] $_.Guid }
    })
    $same = ($there.Count -eq $Ids.Count) -and (@($there | Where-Object { $Ids -notcontains $_ }).Count -eq 0)
    if (-not $same) { throw 'There are other connectors than the plan was made from. Nothing is done: make a new plan.' }
}

# What was written is seen by other servers a little later.
function Wait-Setting([string] $Id, [string] $Property, [string] $Kind, $Expected) {
    if ($script:left -contains $Id) { return }
    for ($try = 0; $try -lt 12; $try++) {
        if (Test-Setting $Id $Property $Kind $Expected) { return }
        Start-Sleep -Seconds 10
        Read-Connectors
    }
    $script:unseen = $true
    Write-Warning ($Property + ' of ' + $Id + ' was written and is not visible yet: look again later.')
}

function Wait-Gone([string] $Id) {
    if ($script:left -contains $Id) { return }
    for ($try = 0; $try -lt 12; $try++) {
        if (@($script:connectors | Where-Object { [string] $_.ExchangeObjectId -eq $Id -or [string] $_.Guid -eq $Id }).Count -eq 0) { return }
        Start-Sleep -Seconds 10
        Read-Connectors
    }
    $script:unseen = $true
    Write-Warning ($Id + ' was removed and is still to be seen: look again later.')
}

function Start-Step([string] $Words) {
    Write-Host ''
    Write-Host $Words
    if (-not $dry) { Read-Connectors }
}

# What cannot be undone, or opens something, is done only for who types the id.
function Confirm-Step([string] $Id, [string] $Why) {
    if ($dry) { return $true }
    $answer = Read-Host ($Why + ' Type ' + $Id + ' to do it, anything else to leave it')
    return ($answer -eq $Id)
}

