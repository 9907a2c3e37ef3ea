//! As much of DER as it takes to find the public key in a certificate.

/// The public key inside a certificate's SubjectPublicKeyInfo, without its wrapping.
pub fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut rest, _) = expect(SEQUENCE, certificate)?;
    if let Some((VERSION, _, after)) = element(rest) {
        rest = after;
    }
    // Serial number, signature algorithm, issuer, validity and subject come before the key.
    for _ in 0..5 {
        rest = element(rest)?.2;
    }
    let (info, _) = expect(SEQUENCE, rest)?;
    let (_, info) = expect(SEQUENCE, info)?;
    let (bits, _) = expect(BIT_STRING, info)?;
    bits.strip_prefix(&[0])
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const VERSION: u8 = 0xa0;

fn expect(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(input)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and what follows.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = input.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if *first >= 0x80 {
        let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        rest = after;
        length = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_certificate_is_found() {
        let made = rcgen::generate_simple_self_signed(vec!["example.com".to_owned()]).unwrap();
        assert_eq!(
            public_key(made.cert.der()).unwrap(),
            rcgen::PublicKeyData::der_bytes(&made.signing_key)
        );
    }

    #[test]
    fn a_cut_certificate_has_none() {
        let made = rcgen::generate_simple_self_signed(vec!["example.com".to_owned()]).unwrap();
        let der = made.cert.der();
        for end in 0..der.len() {
            assert!(public_key(&der[..end]).is_none());
        }
    }
}
