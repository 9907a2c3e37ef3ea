#!/usr/bin/env bash
# Signs the example's root, policy and baselines again, as alice and bob, with plain ssh-keygen.
# Run it after a change to one of those files. allowed_signers and its digest in the root are made new as well.
set -euo pipefail
cd "$(dirname "$0")/../.."

{
    echo '# The people of the example and their throw-away keys; see tests/keys/README.md.'
    for person in alice bob carol ci; do
        printf '%s@contoso.com %s\n' "$person" "$(cut -d' ' -f1,2 "tests/keys/$person.pub")"
    done
} >trust/allowed_signers
digest=$(sha256sum trust/allowed_signers | cut -d' ' -f1)
sed -i "s/^allowed_signers: .*/allowed_signers: sha256:$digest/" trust/root.yaml

sign() {
    local namespace=$1 file=$2 person copy
    mkdir -p "${file%.yaml}.sigs"
    for person in alice bob; do
        copy=$(mktemp)
        chmod 600 "$copy"
        cp "tests/keys/$person" "$copy" && chmod 600 "$copy"
        ssh-keygen -q -Y sign -n "$namespace" -f "$copy" <"$file" >"${file%.yaml}.sigs/$person@contoso.com.sig" 2>/dev/null
        rm -f "$copy"
    done
}

sign connguard-root trust/root.yaml
# The rehearsal has the same people, and a policy that lets it read the live service.
cp trust/allowed_signers trust/root.yaml examples/rehearsal/trust/
cp trust/root.sigs/*.sig examples/rehearsal/trust/root.sigs/
sign connguard-policy policies/policy.yaml
sign connguard-policy examples/rehearsal/policies/policy.yaml
for file in baselines/*.yaml examples/rehearsal/baselines/*.yaml; do
    sign connguard-baseline "$file"
done
