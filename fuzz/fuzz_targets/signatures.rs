//! Keys and signatures, read before anything is trusted.
#![no_main]

use connguard::document::Source;
use connguard::trust::allowed_signers::AllowedSigners;
use connguard::trust::signature::{Signature, Touch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signature) = Signature::parse(bytes) {
        assert!(signature.verify("connguard-baseline", b"never signed by anybody", Touch::Required).is_err());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = AllowedSigners::parse(Source { path: "allowed_signers", text });
    }
});
