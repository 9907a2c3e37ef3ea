//! Tokens: what the emulator issues, and what is presented to it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

/// A token taken apart; nothing of it is verified.
pub struct Parts<'a> {
    /// The header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// What the signature is over.
    pub signed: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Parts<'_> {
    /// A claim that is text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// A claim that is a list of texts.
    pub fn texts(&self, claim: &str) -> Vec<&str> {
        let values = self.claims.get(claim).and_then(Value::as_array);
        let values = values.map(Vec::as_slice).unwrap_or_default();
        values.iter().filter_map(Value::as_str).collect()
    }

    /// A claim that is a time in seconds.
    pub fn seconds(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim).and_then(Value::as_i64)
    }
}

/// Takes a token apart.
pub fn parts(token: &str) -> Option<Parts<'_>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let object = |part: &str| {
        let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
        value.is_object().then_some(value)
    };
    Some(Parts {
        header: object(header)?,
        claims: object(claims)?,
        signed,
        signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
    })
}

/// The key of this run: what an earlier run issued is worth nothing.
pub struct Key(hmac::Key);

impl Key {
    /// A key from unpredictable bytes.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A token with these claims. It says RS256, as the real ones do, and is as opaque as they are.
    pub fn issue(&self, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": "exchange-emulator"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let tag = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// The token's parts, if this key issued it.
    pub fn verified<'a>(&self, token: &'a str) -> Option<Parts<'a>> {
        let parts = parts(token)?;
        hmac::verify(&self.0, parts.signed.as_bytes(), &parts.signature).ok()?;
        Some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_run_issued_is_verified() {
        let key = Key::new(b"one");
        let token = key.issue(&json!({"tid": "t", "exp": 5}));
        let parts = key.verified(&token).unwrap();
        assert_eq!(parts.text("tid"), Some("t"));
        assert_eq!(parts.seconds("exp"), Some(5));
        assert!(Key::new(b"two").verified(&token).is_none());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert!(key.verified(&format!("{signed}e30.{signature}")).is_none());
    }

    #[test]
    fn what_is_no_token_has_no_parts() {
        for token in ["", ".", "..", "a.b.c", "e30.W10.", "e30.e30"] {
            assert!(parts(token).is_none(), "{token}");
        }
        assert!(parts("e30.e30.").is_some());
    }
}
